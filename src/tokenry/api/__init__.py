"""The server: the engine on the wire."""

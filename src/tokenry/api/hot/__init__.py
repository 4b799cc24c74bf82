"""The hot routes: answered inside the parser of the connection, without a framework and without management."""

"""Floor 4: integrations of Tokenry with frameworks and tools."""

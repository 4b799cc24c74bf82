"""Floor 4: what fits Tokenry into other people's frameworks and tools."""

"""Floor 1: the use cases. Imports core only and reaches the store through `core.ports`."""

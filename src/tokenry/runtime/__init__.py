"""Floor 2: what a process remembers and what runs beside its requests. Imports core only."""

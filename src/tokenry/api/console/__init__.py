"""The console: the pages of operators at `/console`, which call `/v1` and nothing else."""

from .app import Console, is_of_console

__all__ = ["Console", "is_of_console"]

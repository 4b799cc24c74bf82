"""The management API: every operation of the table, as one ASGI application."""

from .app import Management
from .callers import Callers

__all__ = ["Callers", "Management"]

"""The management API: every operation of the table, as one ASGI application."""

from .app import Management
from .arrivals import Arrivals
from .callers import Callers, SignedIn

__all__ = ["Arrivals", "Callers", "Management", "SignedIn"]

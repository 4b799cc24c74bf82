"""Every operation of the management API, each written once.

The server takes its routes, its policy, the types of its requests and its reference from here, the client its calls.
"""

from ..core.deprecation import Deprecated
from .operation import Operation, Reach, Rule
from .table import NOUNS, OPERATIONS

__all__ = ["NOUNS", "OPERATIONS", "Deprecated", "Operation", "Reach", "Rule"]

"""What an edge needs to put a verification on HTTP: the credential, the client, and how an answer looks."""

from .core.presented import Presented, cookie_counts, is_too_long, of_authorization, read_presented
from .core.proxies import Proxies
from .core.statuses import challenge, limit_fields, status_of

__all__ = [
    "Presented",
    "Proxies",
    "challenge",
    "cookie_counts",
    "is_too_long",
    "limit_fields",
    "of_authorization",
    "read_presented",
    "status_of",
]

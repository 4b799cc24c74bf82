"""The paths that are not in the table of operations, and the largest body of a request."""

from __future__ import annotations

from typing import Final

VERIFY: Final = "/v1/verify"
BATCH: Final = "/v1/verify/batch"
AUTH: Final = "/v1/auth"
TOKEN: Final = "/oauth/token"
REVOKE: Final = "/oauth/revoke"
INTROSPECT: Final = "/oauth/introspect"
JWKS: Final = "/.well-known/jwks.json"
METADATA: Final = "/.well-known/oauth-authorization-server"
DEFAULT: Final = "default"
BODY_MAX: Final = 1 << 20
SMALL_MAX: Final = 1 << 16
"""How much of a body is read before the caller is known, and the size up to which it is read on the event loop."""

_OAUTH: Final = frozenset((TOKEN, REVOKE, INTROSPECT, JWKS, METADATA))


def place_of(path: str) -> tuple[str, str] | None:
    """Return the OAuth endpoint that a path means, and its tenant; None for any other path."""
    slug = DEFAULT
    if path.startswith("/t/"):
        slug, slash, rest = path[3:].partition("/")
        path = slash + rest
    elif path.startswith(METADATA + "/t/"):  # RFC 8414 puts the tenant behind the name
        path, slug = METADATA, path[len(METADATA) + 3 :]
    return (path, slug) if path in _OAUTH and slug and "/" not in slug else None

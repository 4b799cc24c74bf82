"""The table of the routes that are no management operations, and the largest body of a request.

The hot path reads it, so it imports no management code. `reference/` holds the requests and answers of these routes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tokenry.core.deprecation import Deprecated

VERIFY: Final = "/v1/verify"
BATCH: Final = "/v1/verify/batch"
AUTH: Final = "/v1/auth"
TOKEN: Final = "/oauth/token"
REVOKE: Final = "/oauth/revoke"
INTROSPECT: Final = "/oauth/introspect"
JWKS: Final = "/.well-known/jwks.json"
METADATA: Final = "/.well-known/oauth-authorization-server"
GITHUB: Final = "/v1/leaks/github"
DEFAULT: Final = "default"
BODY_MAX: Final = 1 << 20
SMALL_MAX: Final = 1 << 16
"""How much of a body is read before the caller is known, and the size up to which it is read on the event loop."""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: its id, its method and path, the scope that its caller needs (None: none), and its summary."""

    id: str
    verb: str
    path: str
    scope: str | None
    about: str
    deprecated: Deprecated | None = None

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """The header fields of every answer that say that this operation is deprecated."""
        return [] if self.deprecated is None else self.deprecated.fields


VERIFY_SCOPE: Final = "tokenry:verify"
ROUTES: Final = {
    one.path: one
    for one in (
        Route("verify", "POST", VERIFY, VERIFY_SCOPE, "Answer whether a credential holds."),
        Route("verify.batch", "POST", BATCH, VERIFY_SCOPE, "Answer several questions in their order."),
        Route("auth", "GET", AUTH, None, "Answer a proxy that asks whether to let a request through."),
        Route("leaks.github", "POST", GITHUB, None, "Report what GitHub's secret scanning has found and signed."),
        Route("oauth.token", "POST", TOKEN, None, "Get tokens for a refresh token, or for a key."),
        Route("oauth.introspect", "POST", INTROSPECT, VERIFY_SCOPE, "Say whether a token is active, with its claims."),
        Route("oauth.revoke", "POST", REVOKE, None, "End the session of a token."),
        Route("oauth.jwks", "GET", JWKS, None, "The public keys of the issuer."),
        Route("oauth.metadata", "GET", METADATA, None, "Where the endpoints of the issuer are."),
    )
}
"""Every route by its path. The OAuth endpoints of a tenant are below `/t/{slug}` as well."""

_OAUTH: Final = frozenset((TOKEN, REVOKE, INTROSPECT, JWKS, METADATA))


def place_of(path: str) -> tuple[str, str] | None:
    """Return the OAuth endpoint of a path, and its tenant; None for any other path."""
    slug = DEFAULT
    if path.startswith("/t/"):
        slug, slash, rest = path[3:].partition("/")
        path = slash + rest
    elif path.startswith(METADATA + "/t/"):  # RFC 8414 puts the tenant behind the name
        path, slug = METADATA, path[len(METADATA) + 3 :]
    return (path, slug) if path in _OAUTH and slug and "/" not in slug else None

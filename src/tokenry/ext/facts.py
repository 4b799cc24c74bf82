"""What is read of a request, the same whether a WSGI or an ASGI server received it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, NamedTuple

_ENVIRON = (
    ("authorization", "HTTP_AUTHORIZATION"),
    ("x-api-key", "HTTP_X_API_KEY"),
    ("x-api-token", "HTTP_X_API_TOKEN"),
)
_FIELDS = {name.encode(): name for name, _ in _ENVIRON}


class Facts(NamedTuple):
    """One request: every header that may hold a credential, and who seems to have sent it."""

    method: str
    credentials: tuple[tuple[str, str], ...]
    cookies: str
    peer: str | None
    forwarded: tuple[str, ...]
    fetch_site: str | None
    origin: str | None

    def __repr__(self) -> str:
        return f"Facts({self.method!r}, …)"

    def cookie(self, name: str) -> str | None:
        """Return the value of a cookie."""
        if name not in self.cookies:
            return None
        for pair in self.cookies.split(";"):
            found, _, value = pair.partition("=")
            if found.strip(" \t") == name:
                return value.strip(' \t"')
        return None


def of_environ(environ: Mapping[str, Any]) -> Facts:
    """Read the environ of a WSGI server; Django's `request.META` is one, too."""
    credentials: list[tuple[str, str]] = []
    for name, variable in _ENVIRON:
        value = environ.get(variable)
        if value is not None:  # servers join fields of one name by commas, which no credential holds
            credentials += [(name, part) for part in value.split(",")] if "," in value else [(name, value)]
    forwarded = environ.get("HTTP_X_FORWARDED_FOR")
    return Facts(
        environ.get("REQUEST_METHOD", ""),
        tuple(credentials),
        environ.get("HTTP_COOKIE", ""),
        address(environ.get("REMOTE_ADDR") or ""),
        (forwarded,) if forwarded is not None else (),
        environ.get("HTTP_SEC_FETCH_SITE"),
        environ.get("HTTP_ORIGIN"),
    )


def of_scope(scope: Mapping[str, Any]) -> Facts:
    """Read the scope of an ASGI server, of a request or of a WebSocket.

    The handshake of a WebSocket may carry cookies from anywhere, and no method tells: it counts as one that changes.
    """
    credentials: list[tuple[str, str]] = []
    cookies: list[str] = []
    forwarded: list[str] = []
    fetch_site = origin = None
    for name, value in scope["headers"]:
        if name in _FIELDS:
            credentials.append((_FIELDS[name], value.decode("latin-1")))
        elif name == b"cookie":
            cookies.append(value.decode("latin-1"))
        elif name == b"x-forwarded-for":
            forwarded.append(value.decode("latin-1"))
        elif name == b"sec-fetch-site":
            fetch_site = value.decode("latin-1")
        elif name == b"origin":
            origin = value.decode("latin-1")
    client = scope.get("client")
    return Facts(
        scope.get("method", "CONNECT"),
        tuple(credentials),
        "; ".join(cookies),
        address(client[0]) if client else None,
        tuple(forwarded),
        fetch_site,
        origin,
    )


@lru_cache(maxsize=4096)
def address(host: str) -> str | None:
    """Return a peer's address; what a server names otherwise, such as a unix socket, has none."""
    try:
        return str(ip_address(host))
    except ValueError:
        return None

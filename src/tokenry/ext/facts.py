"""The facts of a request, the same for WSGI and ASGI servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec

from tokenry.edge import address_of, is_too_long

_ENVIRON = (
    ("authorization", "HTTP_AUTHORIZATION"),
    ("x-api-key", "HTTP_X_API_KEY"),
    ("x-api-token", "HTTP_X_API_TOKEN"),
)
_FIELDS = {name.encode(): name for name, _ in _ENVIRON}
_OTHERS = frozenset((b"cookie", b"x-forwarded-for", b"sec-fetch-site", b"origin", b"host"))
_WEBSOCKET = "CONNECT"
"""Stands for the method of a WebSocket's handshake: a GET that any page can cause, to change things afterwards."""


Seen: TypeAlias = tuple[str, str | None, tuple[str, ...]]
"""The credential, the peer, and `X-Forwarded-For` of a request that holds one key in plain form."""


class Facts(NamedTuple):
    """One request: every header that may hold a credential, and the claimed client address."""

    method: str
    credentials: tuple[tuple[str, str], ...]
    cookies: str
    peer: str | None
    forwarded: tuple[str, ...]
    fetch_site: str | None
    origin: str | None
    scheme: str
    host: str
    root: str
    """Where the application is mounted, without a slash at the end."""

    def __repr__(self) -> str:
        return f"Facts({self.method!r}, …)"

    def changing(self) -> Facts:
        """Return the same request as one that changes something, by whatever method it came."""
        return self._replace(method="POST")

    def own_origins(self) -> tuple[str, ...]:
        """Return the origins that a page of this application may have.

        A proxy may have ended TLS without saying so. So https always counts, and http where no TLS is known of.
        """
        host = self.host.lower()
        return (f"https://{host}", f"{self.scheme}://{host}")


def seen_in_environ(environ: Mapping[str, Any]) -> Seen | None:
    """Return the key that is all a request presents; None for a request that has to be read in full."""
    value = environ.get("HTTP_AUTHORIZATION")
    if value is None or "HTTP_X_API_KEY" in environ or "HTTP_X_API_TOKEN" in environ:
        return None
    text = _bearer(value)
    if text is None:
        return None
    forwarded = environ.get("HTTP_X_FORWARDED_FOR")
    peer = address_of(environ.get("REMOTE_ADDR") or "")
    return text, peer, (forwarded,) if forwarded is not None else ()


def seen_in_scope(scope: Mapping[str, Any]) -> Seen | None:
    """Return the same of a request that an ASGI server received."""
    text: str | None = None
    forwarded: tuple[str, ...] = ()
    for name, value in scope["headers"]:
        if name in _FIELDS:
            if text is not None or name != b"authorization":
                return None
            text = _bearer(value.decode("latin-1"))
            if text is None:
                return None
        elif name == b"x-forwarded-for":
            forwarded = (*forwarded, value.decode("latin-1"))
    if text is None:
        return None
    client = scope.get("client")
    return text, address_of(client[0]) if client else None, forwarded


def _bearer(value: str) -> str | None:
    """Return the credential in the plainest form of `Authorization`, which nearly all programs send."""
    text = value[7:]
    return text if value.startswith("Bearer ") and text.isidentifier() and not is_too_long(text) else None


def of_environ(environ: Mapping[str, Any]) -> Facts:
    """Read the environ of a WSGI server; Django's `request.META` is one, too."""
    credentials: list[tuple[str, str]] = []
    for name, variable in _ENVIRON:
        value = environ.get(variable)
        if value is not None:  # servers join fields of one name by commas; credentials hold no comma
            credentials += [(name, part) for part in value.split(",")] if "," in value else [(name, value)]
    forwarded = environ.get("HTTP_X_FORWARDED_FOR")
    return Facts(
        _WEBSOCKET if environ.get("HTTP_UPGRADE", "").lower() == "websocket" else environ.get("REQUEST_METHOD", ""),
        tuple(credentials),
        environ.get("HTTP_COOKIE", ""),
        address_of(environ.get("REMOTE_ADDR") or ""),
        (forwarded,) if forwarded is not None else (),
        environ.get("HTTP_SEC_FETCH_SITE"),
        environ.get("HTTP_ORIGIN"),
        environ.get("wsgi.url_scheme", "http"),
        environ.get("HTTP_HOST", ""),
        environ.get("SCRIPT_NAME", "").encode("latin-1").decode(errors="replace").rstrip("/"),
    )


def of_scope(scope: Mapping[str, Any]) -> Facts:
    """Read the scope of an ASGI server, of a request or of a WebSocket."""
    found: dict[bytes, list[str]] = {}
    credentials: list[tuple[str, str]] = []
    for name, value in scope["headers"]:
        if name in _FIELDS:
            credentials.append((_FIELDS[name], value.decode("latin-1")))
        elif name in _OTHERS:
            found.setdefault(name, []).append(value.decode("latin-1"))
    client = scope.get("client")
    scheme = scope.get("scheme", "http")
    return Facts(
        _WEBSOCKET if scope["type"] == "websocket" else scope["method"],
        tuple(credentials),
        "; ".join(found.get(b"cookie", ())),
        address_of(client[0]) if client else None,
        tuple(found.get(b"x-forwarded-for", ())),
        _joined(found.get(b"sec-fetch-site")),
        _joined(found.get(b"origin")),
        {"ws": "http", "wss": "https"}.get(scheme, scheme),
        ", ".join(found.get(b"host", ())),
        scope.get("root_path", "").rstrip("/"),
    )


def _joined(values: list[str] | None) -> str | None:
    """Return the values of a field as WSGI servers do: joined, so that two never pass for one of them."""
    return ", ".join(values) if values else None


class _Body(msgspec.Struct):
    refresh_token: str | None = None


def token_of(body: bytes) -> str | None:
    """Return the refresh token that an application without cookies sends as JSON."""
    try:
        return _read_body(body).refresh_token
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


_read_body = msgspec.json.Decoder(_Body).decode

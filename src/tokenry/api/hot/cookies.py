"""The access cookie of a signed-in browser, in a request that a proxy asks about.

A browser sends a cookie with every request, even if another site caused the request. So on a method that changes
something, the cookie counts only when the browser says that the same origin, or a listed one, caused the request. The
proxy has to forward the method: many proxies ask with GET for every method, so GET alone proves nothing.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from tokenry.edge import cookie_counts
from tokenry.edge import read_cookie as read
from tokenry.edge.asgi import Fields
from tokenry.edge.problems import Failed, problem

_METHOD_FIELDS: Final = (b"x-forwarded-method", b"x-original-method")
_SAFE: Final = frozenset((b"GET", b"HEAD", b"OPTIONS"))


def read_cookie(method: bytes, fields: Fields, name: str, allowed_origins: Container[str]) -> str | None:
    """Return the credential in the cookie of a request, or None.

    Raise Failed for two different credentials, and if another site may have caused the request.
    """
    found = read(_joined(fields, b"cookie", "; ") or "", name)
    if found is None:
        return None
    if found == "ambiguous":
        raise Failed(problem("credential_ambiguous"))
    fetch_site, origin = _joined(fields, b"sec-fetch-site"), _joined(fields, b"origin")
    if not cookie_counts(_method_of(method, fields), fetch_site, origin, allowed_origins):
        raise Failed(problem("cross_site"))
    return found.text


def _method_of(method: bytes, fields: Fields) -> str:
    """Return the method of the original request: an unsafe one if several are named, nothing if none is.

    The handshake of a WebSocket is a GET that any page can cause, and the open socket may change things.
    """
    if any(field == b"upgrade" and value.strip(b" \t").lower() == b"websocket" for field, value in fields):
        return "CONNECT"
    items = [value.strip(b" \t") for field, value in fields if field in _METHOD_FIELDS]
    unsafe = [one for one in [*items, method] if one not in _SAFE]
    return (unsafe or items or [b""])[0].decode("latin-1")


def _joined(fields: Fields, name: bytes, comma: str = ", ") -> str | None:
    """Return the value of a field; several values are joined, so that two never pass for one of them."""
    found = [value.decode("latin-1") for field, value in fields if field == name]
    return comma.join(found) if found else None

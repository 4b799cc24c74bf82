"""The access cookie of a signed-in browser, in a request that a proxy asks about.

A browser sends a cookie along for whoever makes it send a request. So on a method that changes something the cookie
counts only when the browser says that the same origin caused it, or an origin that is listed. Which method it was, the
proxy has to tell: many of them ask with GET whatever it was, so GET alone says nothing.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final

from tokenry.edge import cookie_counts

from .problems import Failed, problem

Fields = list[tuple[bytes, bytes]]

_METHOD_FIELDS: Final = (b"x-forwarded-method", b"x-original-method")
_SAFE: Final = frozenset((b"GET", b"HEAD", b"OPTIONS"))


def read_cookie(method: bytes, fields: Fields, name: bytes, allowed_origins: Container[str]) -> str | None:
    """Return the credential in the cookie of a request, if there is one.

    Raise Failed for two that differ, and where another site may have caused the request.
    """
    found = set(_values(fields, name))
    if not found:
        return None
    if len(found) > 1:
        raise Failed(problem("credential_ambiguous"))
    if not cookie_counts(
        _told_method(method, fields), _only(fields, b"sec-fetch-site"), _only(fields, b"origin"), allowed_origins
    ):
        raise Failed(problem("cross_site"))
    return found.pop().decode("latin-1")


def _values(fields: Fields, name: bytes) -> Iterable[bytes]:
    for field, value in fields:
        if field == b"cookie" and name in value:
            for pair in value.split(b";"):
                found, equals, text = pair.strip(b" \t").partition(b"=")
                if found == name and equals and text:
                    yield text


def _told_method(method: bytes, fields: Fields) -> str:
    """Return the method of the request in question: of several an unsafe one, and nothing when nobody tells it."""
    told = [value.strip(b" \t") for field, value in fields if field in _METHOD_FIELDS]
    unsafe = [one for one in [*told, method] if one not in _SAFE]
    return (unsafe or told or [b""])[0].decode("latin-1")


def _only(fields: Fields, name: bytes) -> str | None:
    found = [value.decode("latin-1") for field, value in fields if field == name]
    return found[0] if len(found) == 1 else None

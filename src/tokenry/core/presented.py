"""Which credential a request presents, if any. Header names and values come in as the texts that were received."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

_SCHEMES = ("bearer", "token")
_NAMED = ("x-api-key", "x-api-token")
_COOKIE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
LENGTH_MAX: Final = 512
TOKEN_LENGTH_MAX: Final = 8192
"""How long a credential may be: a key, and a JWT with its two dots."""


class Presented(NamedTuple):
    """A credential that a request presents, good or bad. One from a cookie still needs `cookie_counts`."""

    text: str
    by_cookie: bool = False

    def __repr__(self) -> str:
        return f"Presented(…, by_cookie={self.by_cookie})"


Found: TypeAlias = Presented | Literal["ambiguous"] | None
"""A credential, None for none, and "ambiguous" (400) for two that differ."""


def read_presented(headers: Iterable[tuple[str, str]], cookie: Found = None) -> Found:
    """Return the credential in a request's headers, or else its `cookie`, as `read_cookie` returned it.

    `headers` are all of a request, in any case. Schemes that are not ours, such as Basic, are no credentials. Neither
    are names with an underscore, which some servers take for the same.
    """
    found: str | None = None
    for name, value in headers:
        name = name.lower()
        if name == "authorization":
            text = of_authorization(value)
        elif name in _NAMED:
            text = value.strip(" \t")
        else:
            continue
        if text is None or text == found:
            continue
        if found is not None:
            return "ambiguous"
        found = text
    return Presented(found) if found is not None else cookie


def read_cookie(header: str, name: str) -> Found:
    """Return the credential in the cookies of one name, from the whole `Cookie` header.

    A sibling subdomain can set a cookie for this host, with a longer path so that browsers send it first. So the order
    of two cookies says nothing, and two that differ are ambiguous. Names are compared exactly: a name in another case
    or behind other white space than blanks has no prefix that a browser protects.
    """
    if name not in header:
        return None
    values = set()
    for pair in header.split(";"):
        found, equals, value = pair.partition("=")
        if equals and found.strip(" \t") == name:
            value = value.strip(" \t")
            quoted = len(value) > 1 and value[0] == value[-1] == '"'
            values.add(value[1:-1] if quoted else value)
    if len(values) > 1:
        return "ambiguous"
    value = values.pop() if values else ""
    # WSGI servers join two Cookie headers with a comma, which no credential holds.
    return "ambiguous" if "," in value else Presented(value, True) if value else None


def of_authorization(value: str) -> str | None:
    """Return the credential in the value of `Authorization`, or None when its scheme is not ours."""
    scheme, _, text = value.strip(" \t").partition(" ")
    return text.strip(" \t") if scheme.lower() in _SCHEMES else None


def is_too_long(text: str) -> bool:
    """Tell whether a text is longer than any credential: nothing needs to be computed to refuse it."""
    return len(text) > LENGTH_MAX and (len(text) > TOKEN_LENGTH_MAX or text.count(".") != 2)


def bounded(text: str) -> str:
    """Return a credential, or an empty text for one that is too long, which is then refused at no cost."""
    return text if len(text) <= LENGTH_MAX or not is_too_long(text) else ""


def is_cookie_name(text: str) -> bool:
    """Tell whether a setting can be the name of a cookie."""
    return _COOKIE_NAME.fullmatch(text) is not None


def is_origin(text: str) -> bool:
    """Tell whether a browser could send a text as `Origin`."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and text == f"{parts.scheme}://{parts.netloc}".lower()


def cookie_counts(
    method: str,
    fetch_site: str | None,
    origin: str | None,
    allowed_origins: Container[str] = (),
    own_origins: Container[str] | None = None,
) -> bool:
    """Tell whether the cookie of a request may speak for its sender (a browser sends it along for anybody).

    On a safe method always; otherwise only with `Sec-Fetch-Site: same-origin`, or with an `Origin` that is listed.
    """
    if method in _SAFE_METHODS or origin in allowed_origins:
        return True
    return fetch_site == "same-origin" and not is_foreign(method, fetch_site, origin, allowed_origins, own_origins)


def is_foreign(
    method: str,
    fetch_site: str | None,
    origin: str | None,
    allowed_origins: Container[str] = (),
    own_origins: Container[str] | None = None,
) -> bool:
    """Tell whether the browser says that a page of another origin caused a request.

    Old browsers, and all of them over plain HTTP, send no `Sec-Fetch-Site`; then `Origin` decides. Where both are sent
    both must be ours. A browser that follows a link sends no `Origin`, and may come from anywhere: on a safe method
    `Sec-Fetch-Site` does not count. `own_origins` is None where the name of the page's host is unknown.
    """
    if origin is not None and origin in allowed_origins:
        return False
    if origin is not None and (origin == "null" or (own_origins is not None and origin not in own_origins)):
        return True
    return method not in _SAFE_METHODS and fetch_site not in (None, "same-origin", "none")

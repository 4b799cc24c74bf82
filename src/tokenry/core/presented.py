"""Which credential a request presents, if any. Header names and values come in as the texts that were received."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final, Literal, NamedTuple

_SCHEMES = ("bearer", "token")
_NAMED = ("x-api-key", "x-api-token")
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


def read_presented(
    headers: Iterable[tuple[str, str]], cookie: str | None = None
) -> Presented | Literal["ambiguous"] | None:
    """Return what a request presents, None for nothing, and "ambiguous" (400) for two headers that differ.

    `headers` are all of a request, in any case. A header beats the cookie. Schemes that are not ours, such as Basic,
    are no credentials; neither are names with an underscore, which some servers take for the same.
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
    if found is not None:
        return Presented(found)
    return Presented(cookie, True) if cookie is not None else None


def of_authorization(value: str) -> str | None:
    """Return the credential in the value of `Authorization`, or None when its scheme is not ours."""
    scheme, _, text = value.strip(" \t").partition(" ")
    return text.strip(" \t") if scheme.lower() in _SCHEMES else None


def is_too_long(text: str) -> bool:
    """Tell whether a text is longer than any credential: nothing needs to be computed to refuse it."""
    return len(text) > LENGTH_MAX and (len(text) > TOKEN_LENGTH_MAX or text.count(".") != 2)


def cookie_counts(
    method: str, fetch_site: str | None, origin: str | None, allowed_origins: Container[str] = ()
) -> bool:
    """Tell whether the cookie of a request may speak for its sender (a browser sends it along for anybody).

    On a safe method always; otherwise only with `Sec-Fetch-Site: same-origin`, or with an `Origin` that is listed.
    """
    if method in _SAFE_METHODS:
        return True
    return fetch_site == "same-origin" or (origin is not None and origin in allowed_origins)

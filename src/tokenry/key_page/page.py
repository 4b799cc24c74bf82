"""One page: its files, who may call it, and its answers. Frameworks hand requests to it and take answers from it."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs
from uuid import uuid4

from ..core.presented import is_foreign
from ..edge import encode, is_json
from ..edge.asgi import Fields, raw
from ..edge.failures import of as problem_of
from ..edge.files import File, file_of, read_file
from ..edge.problems import Failed, Problem, problem
from . import calls
from .options import read_key_page

MARKER: Final = "tokenry-page"
"""A header field that a page of another origin cannot send without asking the host first."""

BODY_MAX: Final = 16 * 1024
_SCRIPT: Final = "tokenry-keys.js"
_STYLE: Final = "key-page.css"
_SAFE: Final = ("GET", "HEAD")
_FRAGMENT: Final = f'<script type="module" src="{_SCRIPT}"></script>\n<tokenry-keys src="./"></tokenry-keys>\n'
_DOCUMENT: Final = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API keys</title>
<link rel="stylesheet" href="{_STYLE}">
<body>
<main>
{_FRAGMENT.replace("<tokenry-keys", "<tokenry-keys whole-page")}</main>
"""
_PRIVATE: Final = (("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Vary", "Cookie"))


class Fragment(str):
    """The page as HTML for a template of the host's: template engines put it in as it stands."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


class Answer(NamedTuple):
    """A response, which each framework turns into its own type."""

    status: int
    body: bytes
    fields: Fields


class Visitor(NamedTuple):
    """A request in the form of every framework. `path` is relative to the page, without a leading slash."""

    method: str
    path: str
    headers: Fields
    query: str = ""
    body: bytes = b""
    own_origins: Collection[str] | None = None
    allowed_origins: Collection[str] = ()

    def header(self, name: str) -> str | None:
        """Return a header field; several of one name are joined, so that two never pass for one of them."""
        found = [value.decode("latin-1") for field, value in self.headers if field == name.encode()]
        return ", ".join(found) if found else None


class KeyPage:
    """The page of one host."""

    fragment: Final = Fragment(_FRAGMENT)

    def __init__(self, given: Any, *, by_link: bool = False) -> None:
        """Read the options of a page; raise ConfigError. With `by_link` its document takes the code of a link."""
        self.options = read_key_page(given)
        self._document = _DOCUMENT.replace("whole-page", "whole-page by-link") if by_link else _DOCUMENT

    @cached_property
    def _files(self) -> dict[str, File]:
        files = {name: read_file(str(__package__), name) for name in (_SCRIPT, _STYLE)}
        return {**files, "": file_of(self._document.encode(), "html")}

    def file(self, visitor: Visitor) -> Answer | None:
        """Return a file of the page, which everybody may read; None for any other request. The page itself is ''."""
        file = self._files.get(visitor.path)
        if file is None or visitor.method not in _SAFE:
            return None
        return Answer(*file.answer(visitor.headers))

    def refuse(self, visitor: Visitor) -> Answer | None:
        """Return why a call is refused (another origin, or a body that is not JSON); None for an admitted call."""
        found = _refusal(visitor)
        return None if found is None else failed(found)

    def call(self, visitor: Visitor, visit: calls.Visit) -> Answer:
        """Answer a call of the page for the owner who is signed in. This may wait for the database."""
        refused = self.refuse(visitor)
        if refused is not None:
            return refused
        path = visitor.path.removeprefix("api/")
        cursor = parse_qs(visitor.query[:2048]).get("cursor", [""])[0]
        method = "GET" if visitor.method == "HEAD" else visitor.method
        try:
            return Answer(200, calls.answer(visit, method, path, cursor, visitor.body), raw(_PRIVATE))
        except Exception as error:
            return failed(problem_of(error))


def failed(found: Problem) -> Answer:
    """Return a problem as an answer, with an id that the log of the host may name, too."""
    return Answer(found.status, found.body(uuid4().hex), raw(found.fields()))


def signed_out(refresh_path: str | None = None) -> Answer:
    """Return the answer to a call without a signed-in owner; with a path, the page refreshes the session there once."""
    found = problem("credential_missing", "Sign in first.")
    if refresh_path is None:
        return failed(found)
    body = encode(found.document(uuid4().hex) | {"refresh_path": refresh_path})
    return Answer(found.status, body, raw(found.fields()))


def _refusal(visitor: Visitor) -> Problem | None:
    if not visitor.path.startswith("api/"):
        return problem("not_found", "There is no such page.")
    if visitor.method not in (*_SAFE, "POST"):
        return problem("method_not_allowed", headers=[("Allow", "GET, HEAD, POST")])
    if visitor.header(MARKER) != "1" or not is_same_origin(visitor):
        return problem("cross_site", "Only the key page itself may ask this.")
    if visitor.method == "POST" and not is_json(visitor.header("content-type")):
        return problem("not_json")
    if len(visitor.body) > BODY_MAX:
        return problem("body_too_large", f"The body is larger than {BODY_MAX // 1024} KiB.")
    return None


def is_same_origin(visitor: Visitor) -> bool:
    """Tell whether the browser says that a page of this origin made a call.

    `Sec-Fetch-Site` is the browser's own comparison, and so holds behind a proxy that changes `Host`. Where it is not
    sent (plain http) `Origin` has to be ours or listed. A browser sends none with a GET of the same origin.
    """
    origin, site = visitor.header("origin"), visitor.header("sec-fetch-site")
    if origin is not None and origin in visitor.allowed_origins:
        return True
    if site is not None:
        return site == "same-origin" and origin != "null"
    if origin is None:
        return visitor.method in _SAFE
    return not is_foreign(visitor.method, None, origin, (), visitor.own_origins)


__all__ = ["BODY_MAX", "Answer", "Failed", "Fragment", "KeyPage", "Visitor", "failed", "signed_out"]

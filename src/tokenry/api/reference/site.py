"""`/`, `/docs`, `/docs/problems/{code}` and `/openapi.json`: pages without another host and without inline code."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any, Final, NamedTuple

from tokenry.edge import encode
from tokenry.edge.problems import KINDS

from . import pages

_FIELDS: Final = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; "
        b"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
)
_HTML: Final = b"text/html; charset=utf-8"
LARGE: Final = frozenset(("/openapi.json", "/docs"))
"""The pages that take tens of milliseconds to make."""

_FILES: Final = {
    "/docs/reference.css": b"text/css; charset=utf-8",
    "/docs/reference.js": b"text/javascript; charset=utf-8",
}
_PROBLEM: Final = "/docs/problems/"


class Page(NamedTuple):
    """One page."""

    kind: bytes
    body: bytes
    fields: tuple[tuple[bytes, bytes], ...] = _FIELDS


class Site:
    """The pages of the reference, each made at its first request."""

    def __init__(self, document: Callable[[], dict[str, Any]], *, console: bool) -> None:
        self._document = document
        self._console = console
        self._pages: dict[str, Page] = {}

    def has(self, path: str) -> bool:
        """Return whether a page is made already."""
        return path in self._pages

    def find(self, path: str) -> Page | None:
        """Return the page of a path; None when there is none."""
        page = self._pages.get(path)
        if page is None and (path in ("/", "/openapi.json", "/docs") or path.startswith("/docs/")):
            page = self._made(path)
            if page is not None:
                self._pages[path] = page
        return page

    def _made(self, path: str) -> Page | None:
        if path == "/":
            return Page(_HTML, pages.landing(self._console).encode())
        if path == "/openapi.json":
            return Page(b"application/json", encode(self._document()))
        if path == "/docs":
            return Page(_HTML, pages.reference(self._document()).encode())
        if path in _FILES:
            return Page(_FILES[path], files(__package__).joinpath(path.removeprefix("/docs/")).read_bytes())
        if path == "/docs/problems":
            return Page(_HTML, pages.problems().encode())
        code = path.removeprefix(_PROBLEM)
        return Page(_HTML, pages.problem(code).encode()) if code in KINDS else None

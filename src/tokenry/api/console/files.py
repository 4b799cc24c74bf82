"""The built files of the console, which `make web` writes, and the policy that their pages live under."""

from __future__ import annotations

import gzip
from hashlib import sha256
from importlib.resources import files
from typing import Final, NamedTuple

from tokenry.edge.asgi import Fields

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""No inline code or style, no other host, no frame, and no text that a script turns into code."""

_KINDS: Final = {"js": "text/javascript", "css": "text/css", "html": "text/html", "svg": "image/svg+xml"}
_FIELDS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
    (b"vary", b"accept-encoding"),
)
_PAGE: Final = "index.html"
_ASSETS: Final = ("console.js", "console.css", "icon.svg")


class File(NamedTuple):
    """One file, plain and compressed."""

    kind: bytes
    tag: bytes
    plain: bytes
    small: bytes


class Files:
    """The files as they are sent, read once."""

    def __init__(self) -> None:
        self._files = {name: _read(name) for name in (_PAGE, *_ASSETS)}

    def answer(self, path: str, headers: Fields) -> tuple[int, bytes, Fields]:
        """Return the status, the body and the fields for a path below `/console`: an asset, or else the page."""
        name = path.removeprefix("/console/")
        file = self._files[name if name in _ASSETS else _PAGE]
        asked = dict(headers)
        fields = [*_FIELDS, (b"etag", file.tag), (b"content-type", file.kind)]
        if file.tag in asked.get(b"if-none-match", b""):
            return 304, b"", fields
        if b"gzip" in asked.get(b"accept-encoding", b""):
            return 200, file.small, [*fields, (b"content-encoding", b"gzip")]
        return 200, file.plain, fields


def _read(name: str) -> File:
    plain = files(__package__).joinpath("static", name).read_bytes()
    tag = b'"%b"' % sha256(plain).hexdigest()[:32].encode()
    kind = f"{_KINDS[name.rpartition('.')[2]]}; charset=utf-8"
    return File(kind.encode(), tag, plain, gzip.compress(plain, mtime=0))

"""The built files of `web/`, which ship in the package, and the policy that our pages live under."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from hashlib import sha256
from importlib.resources import files
from typing import Final, NamedTuple

from .asgi import Fields

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


class File(NamedTuple):
    """One file, plain and compressed."""

    kind: bytes
    tag: bytes
    plain: bytes
    small: bytes

    def answer(self, headers: Iterable[tuple[bytes, bytes]]) -> tuple[int, bytes, Fields]:
        """Return the status, the body and the fields for a request with these header fields."""
        asked = dict(headers)
        fields = [*_FIELDS, (b"etag", self.tag), (b"content-type", self.kind)]
        if self.tag in asked.get(b"if-none-match", b""):
            return 304, b"", fields
        if b"gzip" in asked.get(b"accept-encoding", b""):
            return 200, self.small, [*fields, (b"content-encoding", b"gzip")]
        return 200, self.plain, fields


def read_file(package: str, name: str) -> File:
    """Read one file of the folder `static` of a package."""
    plain = files(package).joinpath("static", name).read_bytes()
    return file_of(plain, name.rpartition(".")[2])


def file_of(plain: bytes, kind: str) -> File:
    """Return a file that is ready to send, of a kind: `html`, `js`, `css` or `svg`."""
    tag = b'"%b"' % sha256(plain).hexdigest()[:32].encode()
    return File(f"{_KINDS[kind]}; charset=utf-8".encode(), tag, plain, gzip.compress(plain, mtime=0))

"""Reading bodies with every limit there is: their kind, their size, their depth."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request

from tokenry.edge import is_json
from tokenry.types import FieldError

from .problems import Failed, problem

BYTES_MAX: Final = 1 << 20
DEPTH_MAX: Final = 32
_decoder = msgspec.json.Decoder()


class BoundedRequest(Request):
    """A request whose body is read and decoded once, by `load`."""

    _body: bytes
    _json: Any

    async def load(self) -> None:
        """Read the body; raise Failed for one that is too large, no JSON, or too deep."""
        body = self._body = await self._read()
        if not body:
            return
        if not is_json(self.headers.get("content-type")):
            raise Failed(problem("not_json"))
        try:
            self._json = _decoder.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Failed(problem("bad_request", f"The body is not JSON: {error}")) from None
        if body.count(b"[") + body.count(b"{") > DEPTH_MAX and _depth(self._json) > DEPTH_MAX:
            raise Failed(problem("bad_request", f"The body is nested more than {DEPTH_MAX} levels deep."))

    @property
    def told(self) -> Any:
        """What the body says; None for no body."""
        return getattr(self, "_json", None)

    async def json(self) -> Any:
        """Return what the body says."""
        return self._json

    def stray(self) -> list[FieldError]:
        """Name what stands in a body where none is read: it would silently not happen."""
        if isinstance(self.told, dict):
            what = "is not a field of this request"
            return [FieldError(str(name)[:100], "unknown_field", what) for name in self.told]
        return [] if self.told is None else [FieldError("body", "not_empty", "this request has no body")]

    async def _read(self) -> bytes:
        length = self.headers.get("content-length", "0")
        if length.isdigit() and int(length) > BYTES_MAX:
            raise Failed(problem("body_too_large"))
        chunks, size = [], 0
        try:
            async for chunk in self.stream():
                size += len(chunk)
                if size > BYTES_MAX:
                    raise Failed(problem("body_too_large"))
                chunks.append(chunk)
        except ClientDisconnect:
            raise Failed(problem("bad_request", "The connection ended before the body.")) from None
        return b"".join(chunks)


def _depth(value: Any) -> int:
    """Return how deep a value is nested, level by level."""
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth - 1

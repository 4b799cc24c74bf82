"""Reads the text of a credential without a database, a keyring or the network."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from .core.secret import KID, PREFIX_MAX, SCAN_PATTERN, TAIL, VERSION, is_prefix, parse

__all__ = ["SCAN_PATTERN", "Found", "Told", "find", "tell"]

Kind = Literal["key", "operator key", "refresh token", "access token", "unknown"]
_TAIL = re.compile(rb"_%b[0-9A-Za-z]{%d}(?![0-9A-Za-z_])" % (VERSION.encode(), TAIL - 1))
_SHAPE = re.compile(SCAN_PATTERN, re.ASCII)
_KINDS: Mapping[str, Kind] = {"op": "operator key", "rt": "refresh token"}


@dataclass(frozen=True, slots=True)
class Told:
    """The parts of a text. `checksum` is None if there is none; `header` and `claims` of a JWT are unverified."""

    kind: Kind
    prefix: str = ""
    environment: str = ""
    version: str = ""
    kid: str = ""
    checksum: bool | None = None
    header: Mapping[str, Any] = field(default_factory=dict, hash=False)
    claims: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __bool__(self) -> bool:
        """Tell whether it looks like a credential of Tokenry's that was copied whole."""
        return self.kind != "unknown" and self.checksum is not False


class Found(NamedTuple):
    """A native credential in some bytes: where it begins, and what of it may be shown."""

    offset: int
    prefix: str
    kid: str

    @property
    def redacted(self) -> str:
        """The credential without what is secret of it."""
        return f"{self.prefix}_{VERSION}{self.kid}…"


def tell(text: str) -> Told:
    """Return the kind of a credential and its public parts."""
    if _SHAPE.fullmatch(text):
        cut = len(text) - TAIL
        prefix, kid = text[: cut - 1], text[cut + 1 : cut + 1 + KID]
        if is_prefix(prefix):
            environment = prefix.rpartition("_")[2]
            return Told(
                _KINDS.get(environment, "key"), prefix, environment, VERSION, kid, checksum=parse(text) is not None
            )
    parts = [_object(part) for part in text.split(".")[:2]] if text.count(".") == 2 else []
    if len(parts) == 2 and parts[0] and parts[1] is not None and "alg" in parts[0]:
        return Told("access token", kid=str(parts[0].get("kid", "")), header=parts[0], claims=parts[1])
    return Told("unknown")


def find(data: bytes) -> Iterator[Found]:
    """Yield every native credential whose checksum is right.

    It looks for the end, which is rare in any text, and then for the beginning that the checksum confirms: also behind
    letters that belong to something else, such as the `n` of an escaped line break.
    """
    for match in _TAIL.finditer(data):
        end = match.start()
        for start in range(max(0, end - PREFIX_MAX), end):
            text = data[start : match.end()].decode("latin-1")
            parsed = parse(text) if data[start] in _LOWER else None
            if parsed is not None:
                yield Found(start, parsed.prefix, parsed.kid)
                break


_LOWER = frozenset(b"abcdefghijklmnopqrstuvwxyz")


def _object(part: str) -> dict[str, Any] | None:
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None

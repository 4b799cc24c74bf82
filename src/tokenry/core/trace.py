"""The trace that a request belongs to, as its `traceparent` says (W3C Trace Context)."""

from __future__ import annotations

import re
from typing import NamedTuple

# Later versions may say more behind a further dash, and are read as far as this one goes.
_FIELD = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


class Trace(NamedTuple):
    """The trace, the span of the caller in it, and whether the caller records it."""

    trace_id: str
    span_id: str
    is_sampled: bool


def read_trace(field: object) -> Trace | None:
    """Return the trace of a `traceparent` header; None for a malformed one, which is ignored."""
    found = _FIELD.fullmatch(field) if isinstance(field, str) else None
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more is not None) or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return Trace(trace_id, span_id, bool(int(flags, 16) & 1))

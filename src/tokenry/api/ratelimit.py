"""How the limits of a key stand, as the `RateLimit-Policy` and `RateLimit` fields of an answer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from tokenry.types import LimitState


def limit_fields(limits: Sequence[LimitState]) -> Iterator[tuple[str, str]]:
    """Yield the two header fields, or nothing when there are no limits."""
    if not limits:
        return
    now = datetime.now(UTC)
    yield "RateLimit-Policy", ", ".join(f'"{one.name}";q={one.limit};w={one.window_seconds}' for one in limits)
    yield "RateLimit", ", ".join(f'"{one.name}";r={one.remaining};t={_seconds_left(one, now)}' for one in limits)


def _seconds_left(limit: LimitState, now: datetime) -> int:
    left = math.ceil((limit.reset_at - now).total_seconds())
    return min(max(left, 0), limit.window_seconds)

"""Verdicts on HTTP: the status, the challenge of a refusal, and the fields about limits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from .credits import CreditState
from .limits import LimitState, limit_name

_FORBIDDEN = ("ip_not_allowed", "insufficient_scope")
_TOO_MANY = ("quota_exceeded", "rate_limited", "throttled")


def status_of(code: str) -> int:
    """Return the status of a protected API's answer to a verdict of this code."""
    if code == "valid":
        return 200
    if code in _TOO_MANY:
        return 429
    if code == "too_early":
        return 409
    return 403 if code in _FORBIDDEN else 401


def challenge(code: str | None, scopes: Iterable[str] = ()) -> str:
    """Return the value of `WWW-Authenticate` (RFC 6750); None means a request without a credential."""
    if code is None:
        return "Bearer"
    if code == "insufficient_scope":
        asked = " ".join(scopes)
        return 'Bearer error="insufficient_scope"' + (f', scope="{asked}"' if asked else "")
    return 'Bearer error="invalid_token"'


def limit_fields(limits: Iterable[LimitState], now: datetime) -> list[tuple[str, str]]:
    """Return the fields `RateLimit-Policy` and `RateLimit`; none without limits."""
    limits = tuple(limits)
    if not limits:
        return []
    policy = ", ".join(f'"{limit_name(limit)}";q={limit.limit};w={limit.window_seconds}' for limit in limits)
    left = ", ".join(f'"{limit_name(one)}";r={one.remaining};t={_seconds(one.reset_at, now)}' for one in limits)
    return [("RateLimit-Policy", policy), ("RateLimit", left)]


def credit_fields(credits: CreditState | None, now: datetime) -> list[tuple[str, str]]:
    """Return the fields `Credits-Remaining` and, with a refill, `Credits-Reset` in seconds; none without credits."""
    if credits is None:
        return []
    fields = [("Credits-Remaining", str(credits.remaining))]
    if credits.reset_at is not None:
        fields.append(("Credits-Reset", str(_seconds(credits.reset_at, now))))
    return fields


def _seconds(moment: datetime, now: datetime) -> int:
    return max(0, -int((now - moment).total_seconds() // 1))

"""Lengths and moments as people write them: `30d`, `12h`, `1d12h`, `never`, `2026-12-31T00:00:00Z`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import typer

from tokenry.types import shown

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART = re.compile(r"(\d{1,12})([wdhms])", re.ASCII)
_WHOLE = re.compile(r"(?:\d{1,12}[wdhms])+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Lasting:
    """A length, or None for `never`."""

    value: timedelta | None


@dataclass(frozen=True, slots=True)
class When:
    """A moment, or None for `none`."""

    value: datetime | None


def length(text: str) -> timedelta:
    """Read `30d`, `12h`, `90m`, `45s`, `2w` or several of them in a row."""
    if not _WHOLE.fullmatch(text.strip().lower()):
        raise typer.BadParameter(f"{shown(text)} is not a length: write 30d, 12h, 90m, 45s or 1d12h")
    seconds = sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(text.lower()))
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise typer.BadParameter(f"{shown(text)} is longer than anything") from None


def lasting(text: str) -> Lasting:
    """Read a length or `never`."""
    return Lasting(None if text.strip().lower() == "never" else length(text))


def moment(text: str) -> datetime:
    """Read an ISO moment; a day alone is its first instant in UTC."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(f"{shown(text)} is not a moment: write 2026-12-31 or 2026-12-31T18:00:00Z") from None
    if found.tzinfo is None:
        if len(text.strip()) > len("2026-12-31"):
            raise typer.BadParameter(f"{shown(text)} has no time zone: end it with Z or an offset such as +02:00")
        return found.replace(tzinfo=UTC)
    return found


def when(text: str) -> When:
    """Read a moment or `none`."""
    return When(None if text.strip().lower() == "none" else moment(text))


def past(text: str) -> datetime:
    """Read a moment, or a length that means so long ago."""
    if _WHOLE.fullmatch(text.strip().lower()):
        try:
            return datetime.now(UTC) - length(text)
        except OverflowError:
            raise typer.BadParameter(f"{shown(text)} ago is before all time") from None
    return moment(text)


def length_text(length: timedelta) -> str:
    """Say a length in its two largest units."""
    seconds, parts = max(0, round(length.total_seconds())), []
    for unit, size in list(_UNITS.items())[1:]:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"

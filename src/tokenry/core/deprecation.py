"""When an operation became deprecated and how long it is still answered, in every form in which that is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from typing import Final

NOTICE: Final = timedelta(days=365)
"""The shortest time between the two dates. `docs/versioning.md` promises it."""


@dataclass(frozen=True, slots=True)
class Deprecated:
    """A deprecated operation is answered until `sunset`, which is a year or more after `since`.

    `instead` names what to call in its place: an operation id, or a sentence.
    """

    since: date
    sunset: date
    instead: str

    def __post_init__(self) -> None:
        if self.sunset - self.since < NOTICE:
            raise ValueError(f"an operation deprecated on {self.since} is answered for {NOTICE.days} days or more")

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """The header fields of every answer: `Deprecation` (RFC 9745) and `Sunset` (RFC 8594)."""
        since, sunset = _midnight(self.since), _midnight(self.sunset)
        return [
            (b"deprecation", b"@%d" % since.timestamp()),
            (b"sunset", format_datetime(sunset, usegmt=True).encode()),
        ]

    @property
    def sentence(self) -> str:
        """The sentence in the reference of the operation."""
        return f"Deprecated since {self.since}, answered until {self.sunset} at least; use {self.instead} instead."


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

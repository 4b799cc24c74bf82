"""The refusals of keys since the last flush, of which a flood leaves a few."""

from __future__ import annotations

from itertools import islice

from tokenry.core.refusals import SCOPES_MAX, NotedRefusal
from tokenry.core.scopes import Requirement

_EACH = 4
_ALL = 200


class NotedRefusals:
    """At most 4 refusals of a secret and 200 of all, since the last flush. Its owner has a lock."""

    __slots__ = ("_count", "_noted")

    def __init__(self) -> None:
        self._noted: dict[str, list[_Noted | NotedRefusal]] = {}
        self._count = 0

    def note(self, kid: str, code: str, now: int, ip: str | None, asked: Requirement | None) -> _Noted | None:
        """Note a refusal, unless there are enough already."""
        noted = self._noted.get(kid)
        if self._count >= _ALL or (noted is not None and len(noted) >= _EACH):
            return None
        self._count += 1
        one = _Noted(code, now, ip, asked)
        self._noted.setdefault(kid, []).append(one)
        return one

    def drain(self) -> list[NotedRefusal]:
        """Take them out."""
        noted, self._noted, self._count = self._noted, {}, 0
        return [
            one if isinstance(one, NotedRefusal) else one.to_record(kid) for kid, some in noted.items() for one in some
        ]

    def put_back(self, refused: list[NotedRefusal]) -> None:
        """Keep refusals that could not be written, as many as there is room for."""
        for one in reversed(refused):
            noted = self._noted.get(one.kid, [])
            if self._count < _ALL and len(noted) < _EACH:
                self._count += 1
                self._noted[one.kid] = [one, *noted]


class _Noted:
    __slots__ = ("asked", "at", "code", "ip", "request_id")

    def __init__(self, code: str, at: int, ip: str | None, asked: Requirement | None) -> None:
        self.code, self.at, self.ip, self.asked = code, at, ip, asked
        self.request_id: str | None = None

    def to_record(self, kid: str) -> NotedRefusal:
        scopes = () if self.asked is None else tuple(islice(self.asked.names(), SCOPES_MAX))
        return NotedRefusal(kid, self.at, self.code, self.ip, scopes, self.request_id)

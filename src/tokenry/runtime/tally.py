"""Counts that verifications make in memory and that are written later, in batches: usage, failures, newer peppers."""

from __future__ import annotations

import threading
from itertools import chain

from tokenry.core.grant import Grant
from tokenry.core.ports import Pepper, Spent
from tokenry.core.refusals import NotedRefusal
from tokenry.core.scopes import Requirement
from tokenry.core.verdict import Noted

from .refusals import NotedRefusals

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
_ASKED_MAX = 8
_UNWRITTEN_MAX = 256
_NOTED_MAX = 200_000
_SHARDS = 64
"""Parts of a collection that may hold many entries. One that grows, or is freed, stops every thread meanwhile: a whole
dictionary of 100,000 for 5 ms."""
_PLACE = 32
_FORGED_MAX = 4096
_MISSING_MAX = 1024
_PLACES_MAX = 16


class Tally:
    """Counts since the last flush. One lock keeps them exact; nothing is written here."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork: the parent writes the earlier counts."""
        self._lock = threading.Lock()
        self._open: list[dict[str, Spent]] = [{} for _ in range(_SHARDS)]
        self._closed: list[Spent] = []
        self._peppers: dict[str, Pepper] = {}
        self._failed: dict[tuple[str, str], int] = {}
        self._forged: dict[str, bool] = {}
        self._missing: dict[str, dict[str | None, int]] = {}
        self._refusals = NotedRefusals()
        self._noted: list[set[int]] = [set() for _ in range(_SHARDS)]

    @property
    def size(self) -> int:
        """Return of how many secrets and hours counts wait to be written."""
        return sum(map(len, self._open)) + len(self._closed)

    def count(
        self, grant: Grant, code: str, now: int, ip: str | None, asked: Requirement | None = None
    ) -> Noted | None:
        """Count one verdict about a known key, which was `asked` for scopes.

        Return the note of a refusal, unless there are enough of them: it takes the id of the request.
        """
        with self._lock:
            kid = grant.kid
            spent = self._open[hash(kid) % _SHARDS].get(kid)
            if spent is None or not 0 <= now - spent.hour < _HOUR:
                spent = self._begin(grant, now, spent)
            if code == "valid":
                spent.valid += 1
                spent.last_used_at = now
                spent.last_used_ip = ip
                if asked not in spent.asked:
                    self._note_asked(grant, spent, asked, now)
            else:
                if spent.refused is None:
                    spent.refused = {}
                spent.refused[code] = spent.refused.get(code, 0) + 1
                failed = (grant.tenant, code)
                self._failed[failed] = self._failed.get(failed, 0) + 1
                return self._refusals.note(kid, code, now, ip, asked)
        return None

    def drain_refusals(self) -> list[NotedRefusal]:
        """Take the refusals out that were noted since the last flush."""
        with self._lock:
            return self._refusals.drain()

    def put_back_refusals(self, refused: list[NotedRefusal]) -> None:
        """Keep refusals that could not be written for the next flush."""
        with self._lock:
            self._refusals.put_back(refused)

    def count_unknown(self, code: str) -> None:
        """Count one refusal of a credential that belongs to nobody we know."""
        with self._lock:
            self._failed["system", code] = self._failed.get(("system", code), 0) + 1

    def count_missing(self, kid: str, ip: str | None, count: int = 1) -> None:
        """Count one refusal of a secret that was made here and is not known: it is gone, or it is a decoy.

        Which of the two is found out later, so that both are refused in the same time.
        """
        with self._lock:
            self._failed["system", "not_found"] = self._failed.get(("system", "not_found"), 0) + count
            self._note_missing(kid, ip, count)

    def _note_missing(self, kid: str, ip: str | None, count: int) -> None:
        places = self._missing.get(kid)
        if places is None:
            if len(self._missing) >= _MISSING_MAX:
                return
            places = self._missing[kid] = {}
        if ip in places or len(places) < _PLACES_MAX:
            places[ip] = places.get(ip, 0) + count

    def drain_missing(self) -> dict[str, dict[str | None, int]]:
        """Take out how often missing secrets were presented, by kid and address."""
        with self._lock:
            missing, self._missing = self._missing, {}
        return missing

    def put_back_missing(self, missing: dict[str, dict[str | None, int]]) -> None:
        """Keep what could not be looked up for the next flush."""
        with self._lock:
            for kid, places in missing.items():
                for ip, count in places.items():
                    self._note_missing(kid, ip, count)

    def note_pepper(self, pepper: Pepper) -> None:
        """Note that a digest should be written under a newer pepper."""
        with self._lock:
            self._peppers[pepper.kid] = pepper

    def note_forged(self, kid: str) -> None:
        """Note that the document of a secret was not written by us. It is told once, of at most so many secrets."""
        with self._lock:
            if len(self._forged) < _FORGED_MAX:
                self._forged.setdefault(kid, True)

    def drain_forged(self) -> list[str]:
        """Take the secrets out whose forged documents were not told yet."""
        with self._lock:
            new = [kid for kid, is_new in self._forged.items() if is_new]
            self._forged |= dict.fromkeys(new, False)
        return new

    def put_back_forged(self, kids: list[str]) -> None:
        """Keep the secrets of forged documents that were not recorded, in this order, for the next flush."""
        with self._lock:
            for kid in kids:
                self._forged.pop(kid, None)
                self._forged[kid] = True

    def drain(self) -> tuple[list[Spent], list[Pepper]]:
        """Take everything that was counted out, to be written."""
        with self._lock:
            closed, self._closed = self._closed, []
            opened, self._open = self._open, [{} for _ in range(_SHARDS)]
            peppers, self._peppers = self._peppers, {}
        spent = [*closed, *chain.from_iterable(map(dict.values, opened))]
        return spent, list(peppers.values())

    def drain_failed(self) -> dict[tuple[str, str], int]:
        """Take the counts of failures out: (tenant, code) to a number."""
        with self._lock:
            failed, self._failed = self._failed, {}
        return failed

    def put_back_failed(self, failed: dict[tuple[str, str], int]) -> None:
        """Keep counts of failures that were not recorded, for the next upkeep."""
        with self._lock:
            for place, count in failed.items():
                self._failed[place] = self._failed.get(place, 0) + count

    def put_back(self, spent: list[Spent], peppers: list[Pepper]) -> None:
        """Keep what could not be written for the next flush."""
        with self._lock:
            self._closed.extend(spent)
            for pepper in peppers:
                self._peppers.setdefault(pepper.kid, pepper)

    def _begin(self, grant: Grant, now: int, before: Spent | None) -> Spent:
        if before is not None:
            self._closed.append(before)
        spent = Spent(grant.kid, now - now % _HOUR, grant.key_record[:_PLACE])
        self._open[hash(grant.kid) % _SHARDS][grant.kid] = spent
        return spent

    def _note_asked(self, grant: Grant, spent: Spent, asked: Requirement | None, now: int) -> None:
        """Note a question about scopes, unless it was noted for this key today, and an old secret once an hour."""
        if len(spent.asked) < _ASKED_MAX:
            spent.asked.append(asked)
        if grant.unused:
            grant.unused, spent.unused = False, True
        if grant.ends_at is not None and self._is_new((grant.kid, spent.hour), now):
            spent.is_old = True
        if not grant.own_scopes or len(spent.unwritten) >= _UNWRITTEN_MAX:  # the rest is noted after the flush
            return
        if self._is_new((grant.kid, None if asked is None else asked.stamp()), now):
            spent.own_scopes = grant.own_scopes
            spent.unwritten.append(asked)

    def _is_new(self, what: tuple[str, int | None], now: int) -> bool:
        """Tell whether something was not noted today. Too many notes are forgotten, and written twice."""
        place = hash((what, now // _DAY))
        shard = self._noted[place % _SHARDS]
        if place in shard:
            return False
        if len(shard) >= _NOTED_MAX // _SHARDS:
            shard.clear()  # the notes of earlier days among them
        shard.add(place)
        return True

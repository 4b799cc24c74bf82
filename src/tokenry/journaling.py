"""The revocation journal of an instance: written with every change, followed by its ticks, compared at its start."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .core.errors import ConfigError, StoreUnavailable
from .core.model import NOT_GIVEN
from .core.revocations import KEPT, Revocation, needed, revocations
from .core.upkeep_ports import JournalPlace
from .runtime.journal import Journal, JournalError
from .service import restoring
from .service.context import SYSTEM
from .store import open as stores

if TYPE_CHECKING:
    from .config import Settings
    from .core.ports import Rows
    from .service.context import Context, Done

_log = logging.getLogger("tokenry.journal")
_SLICE = 500
_NOWHERE = JournalPlace(None, 0, 0)


class Behind(NamedTuple):
    """The journal entries that a database has lost, and the changes that a replay would make."""

    lost: Sequence[restoring.Lost]
    steps: Sequence[restoring.Step]

    def message(self, journal: Path) -> str:
        return (
            f"the database is behind its revocation journal {journal}: it was restored from a backup, and credentials "
            f"that were revoked since are valid in it again. To be done again: {len(self.steps)}. Look at them with "
            "`tokenry db replay-journal --dry-run`, then run `tokenry db replay-journal` (or set "
            "TOKENRY_JOURNAL_ON_RESTORE=replay)"
        )


class Journaling:
    """The part of `Tokenry` that keeps the journal."""

    settings: Settings
    _context: Context
    _database: Any
    _memory: Any
    _now: Callable[[], int]
    _journal: Journal | None
    _journal_broken = False
    _journal_seen: tuple[object, JournalPlace] = (None, _NOWHERE)
    _waiting = False
    _replaying: int | None = None
    """The thread that replays the journal now."""

    def _make_journal(self, keyring: Path | None) -> Journal | None:
        """Return the journal that is configured, or the one beside the keyring; None without either."""
        named = self.settings.journal
        if named == "off" or (keyring is None and not named):
            return None
        path = Path(named) if named or keyring is None else keyring.with_name(keyring.name + ".journal")
        return Journal(path, self._now)

    def _write_journal(self, all_done: Sequence[Done]) -> None:
        """Append the revocations of committed changes to the journal, before the call that made them returns.

        The revocations are committed even if the journal cannot be written. A later tick appends them then, as it does
        after a crash.
        """
        if self._journal is None:
            return
        records = [record for done in all_done for record in revocations(done.tenant_id, done.events)]
        if records:
            self._append(self._journal, records)
        elif any(not done.events and done.kids != () for done in all_done):
            # A repeated call changes nothing, but the first one may have crashed before it wrote its records.
            self._follow_journal()

    def _append(self, journal: Journal, records: Sequence[Revocation]) -> bool:
        try:
            journal.append(records)
        except JournalError as error:
            self._complain("written", error)
            return False
        if self._journal_broken:
            _log.warning("the revocation journal %s can be used again", journal.path)
        self._journal_broken = False
        return True

    def _complain(self, use: str, error: JournalError) -> None:
        if not self._journal_broken:
            _log.error(
                "the revocation journal %s cannot be %s: %s. Revocations stand, but a backup that is restored now "
                "would revive them. What it lacks is added once it can be used",
                self._journal and self._journal.path,
                use,
                error,
            )
        self._journal_broken = True

    def _tick_journal(self) -> None:
        """Follow the journal if it has grown, or if the database has gone back to an earlier place."""
        if self._journal is None:
            return
        stamp, place = self._journal_seen
        if self._waiting or self._journal_broken or self._journal.stamp() != stamp:
            self._follow_journal()
            return
        with self._database.read() as rows:
            found = self._place(rows)
        if found[1:] < place[1:]:
            self._follow_journal()

    def _follow_journal(self, *, start: bool = False) -> None:
        """Compare database and journal, and add to the journal what it lacks.

        A database that is behind is brought up to the journal, or refused until the operator has done that.
        """
        if self._journal is None or self._replaying == threading.get_ident():  # a tick inside of a replay
            return
        try:
            behind = self._compare_journal(self._journal)
            if behind is not None and behind.steps:
                if self.settings.journal_on_restore == "wait":
                    return self._wait_for_replay(behind.message(self._journal.path), start=start)
                self._replay(behind)
            if self._waiting:
                self._waiting = False
                stores.allow(self._database)
            self._add_missing(self._journal)
            self._compact(self._journal)
        except JournalError as error:
            self._complain("read", error)

    def _compact(self, journal: Journal) -> None:
        since = self._now() - self.settings.journal_retention // timedelta(microseconds=1)
        sessions = max(since, self._now() - self.settings.session_life // timedelta(microseconds=1))
        journal.compact(lambda records: needed(records, since=since, sessions_since=sessions), since)

    def _compare_journal(self, journal: Journal) -> Behind | None:
        """Return the lost entries; None if nothing is lost."""
        with self._reading() as rows:
            place = self._place(rows)
        contents = journal.read(place.last)  # before the database: what stands here is committed there
        if not contents.records:
            return None
        with self._reading() as rows:
            lost = restoring.lost(rows, contents.records)
            return Behind(lost, restoring.plan(self._context, rows, lost)) if lost else None

    def _replay(self, behind: Behind) -> Sequence[restoring.Step]:
        """Repeat the lost changes, and record that in the audit log."""
        assert self._journal is not None
        _log.warning(
            "the database is behind its revocation journal %s, as after restoring a backup: doing %s changes again",
            self._journal.path,
            len(behind.steps),
        )
        self._replaying = threading.get_ident()
        try:
            steps = restoring.replay(self._context, behind.lost)
        finally:
            self._replaying = None
        with self._context.changing(SYSTEM, NOT_GIVEN) as change:
            change.record("journal.replayed", SYSTEM, None, {"count": len(steps)})
        return steps

    def _wait_for_replay(self, message: str, *, start: bool) -> None:
        if start:
            raise ConfigError(message)
        if not self._waiting:
            _log.error(message)
        self._waiting = True
        stores.refuse(self._database, StoreUnavailable(message, cause="behind"), for_now=True)
        self._memory.clear()

    def _reading(self) -> AbstractContextManager[Rows]:
        """Read the database, also while it refuses every other call because it is behind."""
        found: AbstractContextManager[Rows] = type(self._database).read(self._database)
        return found

    def _place(self, rows: Rows) -> JournalPlace:
        assert self._journal is not None
        head = self._journal.head()
        return (head and rows.upkeep.journal_place(head.journal)) or _NOWHERE

    def _add_missing(self, journal: Journal) -> None:
        """Add the revocations of the outbox that the journal lacks, and note in the database how far the two agree."""
        stamp = journal.stamp()
        if stamp is None:
            self._begin_journal(journal)
        head = journal.head()
        while head is not None:
            with self._database.read() as rows:
                place = self._place(rows)
                found = rows.upkeep.events_behind(place.txid, place.sequence, tuple(KEPT), _SLICE)
            contents = journal.read(place.last)
            known = {record.id for record in contents.records}
            records = [one for tenant_id, _, event in found for one in revocations(tenant_id, [event])]
            missing = [record for record in records if record.id not in known]
            if missing and not self._append(journal, missing):
                return
            last = [*contents.records, *missing][-1].id if contents.records or missing else place.last
            reached = JournalPlace(last, *((found[-1][1], found[-1][2].sequence) if found else place[1:]))
            if reached != place:
                with self._database.change(durable=False) as rows:
                    rows.upkeep.put_journal_place(head.journal, reached, self._now())
            self._journal_seen = (stamp, reached)
            if len(found) < _SLICE:
                return

    def _begin_journal(self, journal: Journal) -> None:
        with self._database.read() as rows:
            had_one = rows.upkeep.has_journal()
        if self._append(journal, []) and had_one:
            _log.error(
                "the revocation journal %s was gone: a new one begins with the events that are left. A backup from "
                "before those would revive what was revoked before them",
                journal.path,
            )

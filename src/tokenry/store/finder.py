"""The connection to an SQLite file that looks keys up inline, and hears of commits by others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from tokenry.core.breaker import Breaker
from tokenry.core.document import Seals
from tokenry.core.errors import StoreUnavailable
from tokenry.core.grant import Row

from .commits import commits, is_open
from .failures import unavailable
from .known import Known
from .lookup import SECRET_ALONE, is_session, lookup_sql, read, read_session, session_sql
from .place import Place

_FIND = lookup_sql("sqlite", "= ?")
_FIND_SESSION = session_sql("sqlite", "= ?")
_FENCE = "SELECT counter FROM tokenry_fence WHERE id = 1"
_BUSY = (5, 6)  # SQLITE_BUSY, SQLITE_LOCKED: the errors at the end of a wait in vain
_PROBE_SECONDS = 0.05
_now = time.monotonic


class Finder:
    """One connection that only reads, opened when it is needed. `failure` is the parent of its driver's errors.

    A database in memory has one connection for everything: `lock` is the one that its writer takes, too.
    """

    def __init__(
        self,
        place: Place,
        connect: Callable[[], Any],
        failure: type[Exception],
        timeout: float,
        seals: Seals,
        lock: Any = None,
    ) -> None:
        self.place = place
        self._seals = seals
        self._connect = connect
        self._failure = failure
        self._timeout = timeout
        self._breaker = Breaker(timeout, _PROBE_SECONDS, _now)
        self._epoch = 0
        self.lock = lock or threading.Lock()
        self._connection: Any = None
        self._commits: Callable[[], bytes] | None = None
        self._known = Known(None, seals, self._first)

    def find(self, kid: str) -> Row | None:
        """Look one secret (or session) up, inline: about 10 microseconds, a hop to a thread would cost more."""
        if is_session(kid):
            return read_session(self._first(_FIND_SESSION, (kid,)))
        commits, known = self._commits, self._known
        if commits is not None:
            version = commits()
            if version == known.version:
                row = known.complete(self._secret(kid))
                if commits() == version:  # so all that was read is of one moment
                    return row
            else:
                self._known = Known(version, self._seals, self._first)
        return read(self._first(_FIND, (kid,)), self._seals)

    def version(self) -> object:
        """Return a value that changes with every commit to the file."""
        commits = self._commits
        if commits is None:
            epoch, row = self._ask("PRAGMA data_version", ())
            return epoch + int(row[0])
        if _now() >= self.place.look_at:
            self.place.check()
        return commits()

    def fence(self) -> int:
        """Return the count of changes that may turn verdicts."""
        return int(self._first(_FENCE, ())[0])

    def check(self, *, changed: bool = False) -> None:
        """Raise StoreUnavailable when what is written now would be lost, or what was just written may be."""
        if self._commits is None and self.place.path:
            self._acquire(self._timeout)
            try:
                self._open()
            finally:
                self.lock.release()
        self.place.check(changed=changed)

    def look(self) -> None:
        """Raise StoreUnavailable when the files are others than a few milliseconds ago, before something is read."""
        if self._commits is None or _now() >= self.place.look_at:
            self.check()

    def close(self) -> None:
        """Close the connection. Not if other files have its names by now: SQLite would remove those as its own."""
        if self.place.is_taken():
            self.place.abandon(self._connection)
            return
        self._commits = None  # before the connection that lets it be read
        self.place.forget_index()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> None:
        """Open the connection if there is none, and listen for commits once there is something that tells of them.

        The lock is held. A host may turn WAL on later, with a connection of its own.
        """
        if self._commits is not None or (self._connection is not None and not self.place.has_index()):
            return
        self.place.check()
        try:
            connection = self._connection or self._connect()
            if self.place.path:
                self._commits = commits(self.place.path, connection)
        except self._failure as error:
            raise unavailable(error) from None
        if self._commits is None and self.place.has_index() and not is_open(self.place.path + "-shm"):
            raise self.place.lost_index()
        if self._connection is None:
            self._epoch += 1 << 40  # every connection counts versions in its own way
        self._connection = connection
        self.place.note_index(self._commits)
        self.place.check()

    def _secret(self, kid: str) -> Any:
        """Return the row of a secret: at once where nothing has to be looked after, as nearly always."""
        connection = self._connection
        if connection is None or self._breaker.is_open or _now() >= self.place.look_at or not self.lock.acquire(False):
            return self._first(SECRET_ALONE, (kid,))
        try:
            if connection is self._connection:
                return connection.execute(SECRET_ALONE, (kid,)).fetchone()
        except self._failure as error:
            raise self._failed(error) from None
        finally:
            self.lock.release()
        return self._first(SECRET_ALONE, (kid,))

    def _first(self, statement: str, parameters: tuple[str, ...]) -> Any:
        return self._ask(statement, parameters)[1]

    def _ask(self, statement: str, parameters: tuple[str, ...]) -> tuple[int, Any]:
        if _now() >= self.place.look_at:
            self.place.check()
        if not self._breaker.is_open:
            return self._execute(statement, parameters, self._timeout)
        with self._breaker.attempt() as seconds:
            return self._execute(statement, parameters, seconds)

    def _execute(self, statement: str, parameters: tuple[str, ...], seconds: float) -> tuple[int, Any]:
        self._acquire(seconds)
        try:
            if self._connection is None or self._commits is None:
                self._open()
            if seconds < self._timeout:
                return self._epoch, self._impatiently(statement, parameters, seconds)
            return self._epoch, self._connection.execute(statement, parameters).fetchone()
        except self._failure as error:
            raise self._failed(error) from None
        finally:
            self.lock.release()

    def _failed(self, error: Exception) -> StoreUnavailable:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY:
            self._breaker.open()
        return unavailable(error)

    def _impatiently(self, statement: str, parameters: tuple[str, ...], seconds: float) -> Any:
        self._connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
        try:
            return self._connection.execute(statement, parameters).fetchone()
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {int(self._timeout * 1000)}")

    def _acquire(self, seconds: float) -> None:
        if not self.lock.acquire(timeout=seconds):
            raise StoreUnavailable(f"another lookup has been waiting for the database for {seconds:g} s; try again")

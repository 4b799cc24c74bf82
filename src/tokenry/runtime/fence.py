"""The fence on PostgreSQL: why a process may trust its memory, and how a change waits until all others have followed.

A change leaves a turn. A process hears of turns, forgets what they name, and says which ones it has applied. It trusts
its memory for one lease from the moment at which it *asked* for turns. A change returns when every process has said its
turn, or after more than a lease, when whoever has not heard of it trusts nothing any more. `docs/decisions/0039` tells
why each step is where it is; `tests/model` tries every order of them.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from tokenry.core.errors import TokenryError
from tokenry.core.turns import FenceState, Heard, Turn

_log = logging.getLogger("tokenry.fence")

LEASE: Final = 3.0
"""How many seconds a process trusts its memory after it has asked."""
_LONGER: Final = 1.1
"""Clocks of two machines run at different speeds."""
_BEAT: Final = 1.0
_GAP: Final = 0.002
_HEARS_A_SECOND: Final = 5000
"""How often all processes together follow changes, each of which costs two statements: `docs/decisions/0043`."""
_RETRY: Final = (0.05, 1.0)
_POLL: Final = (0.001, 0.05)
_BOOT: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while the machine sleeps

_gettime: Final = time.clock_gettime


def clock() -> float:
    """Return the time since the machine was started, suspensions included."""
    return _gettime(_BOOT)


class Link(Protocol):
    """A connection that a process keeps for itself."""

    def listen(self) -> None: ...
    def join(self) -> int: ...
    def hear(self, node: int, known: frozenset[int]) -> Heard | None: ...
    def say(self, node: int, turns: frozenset[int]) -> None: ...
    def leave(self, node: int) -> None: ...
    def wait(self, seconds: float, wakes: int) -> None: ...
    def close(self) -> None: ...


class Store(Protocol):
    """The calls that work on any connection."""

    def link(self) -> Link: ...
    def lagging(self, turns: Sequence[int], own: int) -> dict[int, bool]: ...
    def hint(self) -> None: ...
    def evict(self, turns: Sequence[int], marked: Sequence[int], late: Sequence[int]) -> None: ...
    def prune(self) -> None: ...


class Fence:
    """Vouches for the memory of one process: for nothing until it is started. Changes can always wait."""

    def __init__(self, store: Store, drop: Callable[[tuple[str, ...]], None], clear: Callable[[], None]) -> None:
        self._store = store
        self._drop = drop
        self._clear = clear
        self._link: Link | None = None
        self._pipe: tuple[int, ...] = ()
        self._evictions = self._turns = 0
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork: without a lease, a node and a thread, which all stayed with the parent."""
        if self._link is not None:
            _inherited.append(self._link)
        self._link = None
        self._until = self._asked = 0.0
        self._node = 0
        self._known: frozenset[int] = frozenset()
        self._applied: frozenset[int] = frozenset()
        self._server = ""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._close_pipe()

    def holds(self) -> bool:
        """Tell whether what is remembered is true right now. A timer must not tell that: it could be late."""
        # Every verification does this, so it calls nothing else.
        return _gettime(_BOOT) < self._until

    def moved(self, turn: Turn) -> None:
        """Do nothing: a process hears of its own turns, too."""

    def state(self) -> FenceState:
        """Return how well this process hears of changes."""
        lag = clock() - self._asked if self._asked else 0.0
        return FenceState(lag, not self.holds(), self._turns, self._evictions)

    def start(self) -> None:
        """Take part from now on, in a thread of its own: others may wait for the database, and this one must not."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                self._pipe = os.pipe()
                thread = threading.Thread(target=self._run, name="tokenry-fence", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is ending
                    self._close_pipe()
                    return
                self._thread = thread

    def stop(self) -> None:
        """Trust nothing any more, and let nobody wait for this process."""
        with self._lock:  # `start` has either started the thread, or does not any more
            self._stopping.set()
        if self._thread is not None and self._pipe:
            os.write(self._pipe[1], b".")
            self._thread.join(timeout=LEASE)
            if not self._thread.is_alive():
                self._close_pipe()
        self._until = 0.0

    def _close_pipe(self) -> None:
        ends, self._pipe = self._pipe, ()
        for end in ends:
            os.close(end)

    def waiting(self, turns: Sequence[int]) -> Iterator[float]:
        """Wait until every process has applied some turns that are committed; yield how many seconds to pause.

        Call this after this process has dropped the keys of those turns: it does not wait for itself. Nothing is held
        during a pause.

        A process that does not answer is waited for until its lease is over, and then marked as gone. A live process
        learns of the mark and joins anew. A process that was marked before this began is removed. No change waits for
        it again.
        """
        lagging, pause = self._lagging(turns, hint=True), _POLL[0]
        marked = [node for node, gone in (lagging or {}).items() if gone]
        # Nodes that are marked now will have been marked for a lease then. That must not be believed of others.
        over = clock() + LEASE * _LONGER
        while not (late := clock() >= over) and lagging != {}:
            yield max(0.0, min(pause, over - clock()))
            pause = min(pause * 1.5, _POLL[1])
            lagging = self._lagging(turns, hint=lagging is None)
        self._tidy(turns, marked, lagging if late else None)

    def _lagging(self, turns: Sequence[int], *, hint: bool) -> dict[int, bool] | None:
        """Return who has not applied some turns; None if that cannot be told, and only time helps."""
        try:
            lagging = self._store.lagging(turns, self._node)
            if lagging and hint:
                self._store.hint()
            return lagging
        except TokenryError:
            return None

    def _tidy(self, turns: Sequence[int], marked: Sequence[int], lagging: dict[int, bool] | None) -> None:
        try:
            if lagging:  # also those that are marked have trusted nothing for a lease by now
                late = [node for node in lagging if node not in marked]
                self._store.evict(turns, marked, late)
                _log.warning("waited %.1f s for %d processes that do not answer", LEASE * _LONGER, len(lagging))
            self._store.prune()
        except TokenryError:
            pass  # the next change does it

    def _run(self) -> None:
        pause = _RETRY[0]
        while not self._stopping.is_set():
            try:
                self._link = self._store.link()
                self._link.listen()
                self._applied = frozenset()  # messages on a broken connection may be lost
                while not self._stopping.is_set():
                    self._beat(self._link)
                    pause = _RETRY[0]
                self._until = 0.0  # before nobody waits for this process any more
                self._link.leave(self._node)
            except Exception as error:
                if self.holds():
                    _log.warning("changes by other processes cannot be heard of: %s", error)
                self._stopping.wait(pause)
                pause = min(2 * pause, _RETRY[1])
            finally:
                if self._link is not None:
                    self._link.close()
                    self._link = None

    def _beat(self, link: Link) -> None:
        if not self._node:
            self._node, self._known, self._applied = link.join(), frozenset(), frozenset()
            self._clear()  # earlier lookups may be older than the node
        asked = clock()
        heard = link.hear(self._node, self._known)
        if heard is None:
            self._lose(link)
            return
        self._apply(heard)
        if self._until < asked and self._asked:
            _log.warning("no changes were heard of for %.1f s; meanwhile the database was asked", asked - self._asked)
        if not self._stopping.is_set():
            self._until, self._asked = asked + LEASE, asked
        if not self._known <= self._applied:
            link.say(self._node, self._known)
            self._applied = self._known
        gap = max(_GAP, heard.nodes / _HEARS_A_SECOND) if heard.news else _GAP
        self._stopping.wait(gap)
        link.wait(_BEAT - min(gap, _BEAT), self._pipe[0])

    def _apply(self, heard: Heard) -> None:
        """Forget what turns name. Only then may the lease grow, and others hear that it is done."""
        if self._server not in ("", heard.server):
            self._clear()  # another or a restarted server may lack commits that memory holds
        self._server = heard.server
        for kids in heard.news.values():
            self._turns += 1
            if kids is None:
                self._clear()
            else:
                self._drop(tuple(kids))
        self._known = heard.turns

    def _lose(self, link: Link) -> None:
        """Join anew: others did not hear of this process for too long, or the server has become a standby."""
        self._until, node, self._node = 0.0, self._node, 0
        self._evictions += 1
        _log.warning("this process was counted out, since it did not answer: it forgets everything and joins anew")
        link.leave(node)  # the next change need not wait for a process that trusts nothing


_inherited: list[object] = []
"""The parent's connections, which a forked child must neither use nor close."""

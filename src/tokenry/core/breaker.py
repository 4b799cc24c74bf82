"""A breaker: after one caller has waited in vain for the database, the others are answered at once until it is back."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .errors import StoreUnavailable

NOT_ANSWERING = "not_answering"
"""The cause of a StoreUnavailable that the breaker raised, without asking the database."""

_PROBE_EVERY = 0.25
_WAITED = 0.5


class Breaker:
    """Lets every call through while the database answers, and one probe at a time while it does not.

    A call that fails after at least half of `patience` opens the breaker; a call that fails at once does not, since
    refusing it early would save no time. The next call then is a probe: it is let through, but may wait for
    `probe_patience` seconds only. All other calls are refused at once, and 0.25 s after a failed probe the next one is
    due. The first call that succeeds closes the breaker. `clock` returns seconds.
    """

    def __init__(self, patience: float, probe_patience: float, clock: Callable[[], float]) -> None:
        self.patience = patience
        self.probe_patience = min(patience, probe_patience)
        self.clock = clock
        self.forget()

    def forget(self) -> None:
        """Start closed again, as in a forked child."""
        self._lock = threading.Lock()
        self.is_open = False
        self._probe_at = 0.0

    def attempt(self) -> Attempt:
        """Enter with how many seconds this call may wait; raise StoreUnavailable at once while the breaker is open."""
        return Attempt(self)

    def open(self) -> None:
        """Answer at once from now on."""
        with self._lock:
            if not self.is_open:
                self.is_open, self._probe_at = True, 0.0

    def close(self) -> None:
        """Let every call through again."""
        self.is_open = False

    def begin_probe(self) -> bool:
        """Tell whether the caller is to probe now.

        The next probe is due a little after `end_probe`, or when this one must be over although nobody has said so.
        """
        with self._lock:
            now = self.clock()
            if now < self._probe_at:
                return False
            self._probe_at = now + self.patience + _PROBE_EVERY
            return True

    def end_probe(self, *, succeeded: bool) -> None:
        """Close the breaker after a successful probe; after any other the next one is due a little later."""
        with self._lock:
            self._probe_at = self.clock() + _PROBE_EVERY
            if succeeded:
                self.is_open = False

    def refusal(self) -> StoreUnavailable:
        """Return the error of a call that is not let through."""
        return StoreUnavailable(
            f"the database did not answer within {self.patience:g} s, and is asked again until it does; nothing was "
            "changed. Try again, and see the log of `tokenry.store`",
            cause=NOT_ANSWERING,
        )


class Attempt:
    """One call of the database, as a context that yields how many seconds it may wait."""

    __slots__ = ("_began", "_breaker", "_is_probe")

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._is_probe = False
        self._began = 0.0

    def __enter__(self) -> float:
        breaker = self._breaker
        if breaker.is_open:
            self._is_probe = breaker.begin_probe()
            if breaker.is_open and not self._is_probe:
                raise breaker.refusal()
        self._began = breaker.clock()
        return breaker.probe_patience if self._is_probe else breaker.patience

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        breaker = self._breaker
        if isinstance(error, StoreUnavailable) and breaker.clock() - self._began >= _WAITED * breaker.patience:
            breaker.open()
        if self._is_probe:
            breaker.end_probe(succeeded=error is None)
        elif breaker.is_open and error is None:
            breaker.close()

"""Verifications that wait for a lookup without a task: the rest of each runs as soon as its row is there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from ..core.secret import Parsed
from ..service.verify import NOT_FOUND, Find, Steps, Verifying, is_token

if TYPE_CHECKING:
    from ..aio import AsyncTokenry
    from ..core.decide import Ask
    from ..core.grant import Row
    from ..core.verdict import Verdict

_log = logging.getLogger("tokenry.verify")

Then: TypeAlias = "Callable[[Verdict | None, Exception | None], None]"
"""The callback for the verdict, or for the error in its place."""


class Lookup:
    """A lookup that is under way. The store ends it as it ends a future; then its caller goes on at once."""

    __slots__ = ("_error", "_is_done", "_row", "_then", "ahead")

    def __init__(self, ahead: tuple[int, Parsed] | None = None) -> None:
        """Begin; `ahead` is the drop counter of memory before it, and whose row it is, if nobody has asked yet."""
        self.ahead = ahead
        self._is_done = False
        self._row: Row | None = None
        self._error: Exception | None = None
        self._then: Callable[[Row | None, Exception | None], None] | None = None

    def done(self) -> bool:
        """Tell whether the lookup has ended."""
        return self._is_done

    def set_result(self, row: Row | None) -> None:
        """End with what was found."""
        self._row = row
        self._end()

    def set_exception(self, error: Exception) -> None:
        """End with an error."""
        self._error = error
        self._end()

    def then(self, then: Callable[[Row | None, Exception | None], None]) -> None:
        """Call this with the row, or the error, when the lookup has ended."""
        self._then = then
        if self._is_done:
            then(self._row, self._error)

    def _end(self) -> None:
        self._is_done = True
        if self._then is not None:
            try:
                self._then(self._row, self._error)
            # An error of one caller must not keep the rows from the other callers of the batch.
            except Exception:
                _log.exception("a verification could not be ended")


class Direct:
    """One verification of a key of our own, which waits for its row and, nearly always, for nothing else."""

    __slots__ = ("_ask", "_lookup", "_text", "_then", "_tk")

    def __init__(self, tk: AsyncTokenry, text: str, ask: Ask, then: Then, lookup: Lookup) -> None:
        self._tk = tk
        self._text = text
        self._ask = ask
        self._then = then
        self._lookup = lookup
        lookup.then(self._go_on)

    def _go_on(self, row: Row | None, error: Exception | None) -> None:
        verdict: Verdict | None = None
        if error is None:
            try:
                verdict = self._found(row)
            except Exception as raised:
                error = raised
        if verdict is not None or error is not None:
            self._then(verdict, error)

    def _found(self, row: Row | None) -> Verdict | None:
        """Return the verdict; None where it has to wait for limits or credits, and is told later."""
        tk, ahead = self._tk, self._lookup.ahead
        assert ahead is not None
        verifying, now = tk._verifying, tk._sync._now()
        grant = verifying.remembered(row, ahead[1], self._text, ahead[0], self._ask.ip, now)
        if grant is None:
            return NOT_FOUND
        verdict = verifying.decide(grant, self._ask, now)
        if verdict is None:
            Pursuit(tk, verifying.decide_steps(grant, self._ask), self._then).go_on()
        return verdict


class Pursuit:
    """One verification whose lookups are gathered with those of others."""

    __slots__ = ("_steps", "_then", "_tk")

    def __init__(self, tk: AsyncTokenry, steps: Steps, then: Then) -> None:
        self._tk = tk
        self._steps = steps
        self._then = then

    def go_on(self, row: Row | None = None, error: Exception | None = None) -> None:
        """Go on with the row that was wished for, up to the next wish or the end."""
        verdict: Verdict | None = None
        try:
            wish = self._steps.send(row) if error is None else self._steps.throw(error)
        except StopIteration as end:
            verdict, error = end.value, None
        except Exception as raised:
            error = raised
        else:
            self._wait_for(wish)
            return
        self._then(verdict, error)

    def _wait_for(self, wish: Any) -> None:
        if wish.__class__ is not Find:
            task = asyncio.create_task(self._drive(wish))
            _driven.add(task)
            task.add_done_callback(_driven.discard)
            return
        lookup = Lookup()
        try:
            find: Any = self._tk._find
            find(wish.kid, lookup)
        except Exception as error:  # the instance was closed
            self.go_on(None, error)
            return
        lookup.then(self.go_on)

    async def _drive(self, wish: Any) -> None:
        """Await what is no lookup, such as a lease, and everything after it."""
        verdict: Verdict | None = None
        error: Exception | None = None
        try:
            verdict = await self._tk._drive(self._steps, wish)
        except Exception as raised:
            error = raised
        self._then(verdict, error)


def may_be_direct(verifying: Verifying, text: str) -> bool:
    """Tell whether a text may be a key of our own that memory does not know."""
    return verifying.is_direct and not is_token(text) and verifying.known(text[-73:-57]) is None


def begin(tk: AsyncTokenry, text: str, ask: Ask, then: Then, lookup: Lookup | None) -> None:
    """Begin to verify; `lookup` is what was begun ahead for this text."""
    if lookup is None:
        Pursuit(tk, tk._verifying.steps(text, ask), then).go_on()
    else:
        Direct(tk, text, ask, then, lookup)


_driven: set[asyncio.Task[None]] = set()

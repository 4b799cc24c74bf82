"""Concurrent requests share a transaction: new keys, refreshed sessions, and changes of keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from tokenry.edge import Refreshing, changes_together, refresh_together
from tokenry.groups import Groups
from tokenry.types import Issued, Refused, SessionTokens

from .batches import Batches

if TYPE_CHECKING:
    from tokenry.tokenry import Tokenry

    from .callers import Call

Change: TypeAlias = Callable[[Groups], Any]
Lane: TypeAlias = tuple[str, str]
"""Requests that may share a transaction: same tenant, same calling key."""


class Wanted(NamedTuple):
    """One requested key."""

    call: Call
    tenant: str
    asked: dict[str, Any]


class Gatherer:
    """Issues keys, those of one lane together."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, Batches[Wanted, Issued]] = {}

    async def issue(self, call: Call, tenant: str, asked: dict[str, Any]) -> Issued:
        """Issue one key; raises the errors of `keys.issue`."""
        lane = (tenant, call.key_id)
        batches = self._lanes.get(lane)
        if batches is None:
            self._lanes = {lane: batches for lane, batches in self._lanes.items() if not batches.is_idle}
            batches = self._lanes[lane] = Batches(_issue)
        return await batches.do(Wanted(call, tenant, asked))


class Refresher:
    """Refreshes sessions: requests that arrive while one batch commits form the next batch."""

    def __init__(self, tk: Tokenry) -> None:
        self._batches: Batches[Refreshing, SessionTokens | Refused] = Batches(lambda asks: refresh_together(tk, asks))

    async def refresh(self, asked: Refreshing) -> SessionTokens | Refused:
        """Refresh one session; raises the errors of `sessions.refresh`."""
        return await self._batches.do(asked)


class Writer:
    """Makes changes one after another in one thread; requests that arrive while one batch commits form the next batch.

    Each change is answered after the commit, and a failed change does not affect the others.
    """

    def __init__(self, tk: Tokenry) -> None:
        self._tk = tk
        self._batches: Batches[Change, Any] = Batches(self._make)

    async def change(self, do: Change) -> Any:
        """Run a change with the groups of its batch; return its result or raise its error."""
        here = copy_context()
        return await self._batches.do(lambda groups: here.run(do, groups))

    def _make(self, changes: Sequence[Change]) -> list[Any]:
        if len(changes) == 1:
            return [changes[0](self._tk)]
        with changes_together(self._tk) as groups:
            return [_result(change, groups) for change in changes]


def _result(change: Change, groups: Groups) -> Any:
    try:
        return change(groups)
    except Exception as error:
        return error


def _issue(batch: Sequence[Wanted]) -> list[Issued | Exception]:
    """Issue a batch, each key with the address and the id of its own request in the audit log."""
    groups = batch[0].call.groups(batch[0].tenant)
    if len(batch) == 1:
        return [groups.keys.issue(**batch[0].asked)]
    origins = [(one.call.ip, one.call.request_id, one.call.traceparent) for one in batch]
    results: Sequence[Issued | Exception] = groups.keys.issue_many([one.asked for one in batch], origins=origins)
    return list(results)

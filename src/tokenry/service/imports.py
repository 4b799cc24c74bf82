"""Importing keys of other systems, in batches of a transaction each, with a result for each row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Final, Generic

from tokenry.core import fields
from tokenry.core.errors import FieldError
from tokenry.core.foreign import ImportResult, ImportSummary, LearningStatus
from tokenry.core.leaks import read_source
from tokenry.core.model import NOT_GIVEN, NotGiven
from tokenry.core.ports import Clash

from .context import B, Context
from .importing import Batch, Given, id_of

BATCH: Final = 500
REFUSED_SHOWN: Final = 1000


class Imports(Generic[B]):
    """Bringing the keys of other systems along. They go on working, and their owners notice nothing."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def run(
        self,
        rows: Iterable[Given],
        *,
        source: str = "import",
        dry_run: bool = False,
        each: Callable[[ImportResult], object] | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> ImportSummary:
        """Import keys, 500 in a transaction, and return how many of them were imported.

        `each` is called with the result of every row, once that is certain. A row whose `id` was imported from the same
        `source` before changes nothing, so repeat a call that was interrupted. With `dry_run` nothing is written.
        """
        fields.check_bool("dry_run", dry_run)
        errors: list[FieldError] = []
        source = read_source(source, errors)
        fields.refuse(errors)
        counts = {"imported": 0, "exists": 0, "refused": 0}
        refused: list[ImportResult] = []
        waiting = iter(fields.rows_listed(rows))
        while batch := list(islice(waiting, BATCH)):
            for result in self._batch(batch, source, dry_run, tenant, by):
                counts[result.status] += 1
                if result.status == "refused" and len(refused) < REFUSED_SHOWN:
                    refused.append(result)
                if each is not None:
                    each(result)
        return ImportSummary(counts["imported"], counts["exists"], counts["refused"], tuple(refused), dry_run)

    def learn(
        self,
        name: str,
        *,
        matches: str,
        ask: Callable[[str], Mapping[str, object] | None] | str,
        until: datetime | None = None,
        unknown_statuses: Collection[int] | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
    ) -> None:
        """Ask an old system, in this process and from now on, for keys that match a pattern and are unknown here.

        `ask(key)` returns the fields of an `ImportRow` but `id` and `hash`, with the owner at least, or None for a key
        that the old system does not know. A URL gets a POST of `{"key": …}` and answers with the same as JSON, or with
        one of `unknown_statuses`: by default every 4xx but 408, 425 and 429. A key that is known there is kept with a
        digest of ours, and never asked for again. While the old system does not answer, verifying such a key raises
        StoreUnavailable.
        """
        self._context.learning.add(name, matches, ask, until, unknown_statuses, self._context.slug_of(tenant))

    def learning(self) -> tuple[LearningStatus, ...]:
        """Return the counts of keys learned from old systems. Turn a system off when its count stops growing."""
        found: tuple[LearningStatus, ...] = self._context.learning.status()
        return found

    def _batch(
        self, batch: list[Given], source: str, dry_run: bool, tenant: str | NotGiven, by: B | NotGiven
    ) -> Iterator[ImportResult]:
        try:
            yield from self._written(batch, source, dry_run, tenant, by)
        except Clash:  # with a name, an owner or a key of somebody else at this very moment: find out whose
            if len(batch) == 1:
                error = FieldError("hash", "taken", "this key, or its name, was taken by another one meanwhile")
                yield ImportResult(id_of(batch[0]), "refused", errors=(error,))
                return
            for one in batch:
                yield from self._batch([one], source, dry_run, tenant, by)

    def _written(
        self, batch: list[Given], source: str, dry_run: bool, tenant: str | NotGiven, by: B | NotGiven
    ) -> list[ImportResult]:
        try:
            with self._context.changing(tenant, by) as change:
                change.actor.must_mint()
                change.actor.must("tokenry:keys:write", "importing keys")
                results = Batch(change, source).read(batch)
                if dry_run:
                    raise _DryRun(results)
            return results
        except _DryRun as end:
            return end.results


class _DryRun(Exception):
    """Ends a transaction that was only tried."""

    def __init__(self, results: list[ImportResult]) -> None:
        super().__init__()
        self.results = results

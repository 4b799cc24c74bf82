"""The audit log: reading it, sealing it, and finding out whether anybody has touched it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime

from tokenry.core import fields
from tokenry.core.chain import chain_link, entry_mac, head_signature, same
from tokenry.core.errors import FieldError, NotFound
from tokenry.core.keyring import Generation
from tokenry.core.model import NOT_GIVEN, AuditReport, Entry, Head, NotGiven, Page, micros
from tokenry.core.ports import Clash, HeadRow, Rows, Sealed

from .context import By, Context, Scene
from .paging import page, place_of

_log = logging.getLogger("tokenry.audit")
_READ = "tokenry:audit:read"
_BATCH = 1000
_PROBLEMS_MAX = 100


class Audit:
    """What was done in a tenant, by whom, and the proof that the record of it is whole."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(
        self,
        *,
        subject: str | NotGiven = NOT_GIVEN,
        actor: str | NotGiven = NOT_GIVEN,
        action: str | NotGiven = NOT_GIVEN,
        limit: int = 50,
        cursor: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: By = NOT_GIVEN,
    ) -> Page[Entry]:
        """Return one page of entries, the newest first."""
        limit, before = fields.limit_of_page(limit), place_of("entry", cursor)
        asked = {"subject": subject, "actor": actor, "action": action}
        which = {name: str(value) for name, value in asked.items() if value is not NOT_GIVEN}
        with self._context.reading(tenant, by) as scene:
            scene.actor.must(_READ, "reading the audit log")
            found = scene.rows.audit.list(scene.tenant, which, before=before, limit=limit + 1)
        return page("entry", found, limit, lambda entry: entry.id)

    def head(self, *, tenant: str | NotGiven = NOT_GIVEN, by: By = NOT_GIVEN) -> Head:
        """Return the signed end of the chain, everything written so far included. Keep it where the database is not."""
        self.seal(tenant=tenant)
        with self._context.reading(tenant, by) as scene:
            scene.actor.must(_READ, "reading the audit log")
            row = scene.rows.audit.head(scene.tenant.id)
            if row is None:
                raise NotFound("nothing was ever written to this audit log")
            return _head(scene.tenant.slug, row)

    def check(self, *, head: Head | None = None, tenant: str | NotGiven = NOT_GIVEN, by: By = NOT_GIVEN) -> AuditReport:
        """Check every entry, the chain over them, and that `head`, kept from earlier, still lies on it.

        Finds editing, deleting, swapping and inserting; a tail cut off together with the head in the database is found
        with a head from outside: by default the one that is kept in a file beside the keyring, if that is a file.
        Falsy when something is wrong; `problems` says what.
        """
        self.seal(tenant=tenant)
        with self._context.reading(tenant, by) as scene:
            scene.actor.must(_READ, "checking the audit log")
            return _Checking(scene, head or self._context.heads.get(scene.tenant.id)).report()

    def cut(self, *, before: datetime, tenant: str | NotGiven = NOT_GIVEN, by: By = NOT_GIVEN) -> int:
        """Remove entries older than a moment, up to a signed checkpoint that `check` begins at; return how many."""
        errors: list[FieldError] = []
        moment = fields.moment("before", before, errors)
        if moment is None and not errors:
            errors.append(FieldError("before", "not_a_moment", "must be a datetime with a time zone"))
        fields.refuse(errors)
        assert moment is not None
        self.seal(tenant=tenant)
        with self._context.changing(tenant, by) as change:
            change.actor.must_operate(_READ, "cutting the audit log")
            rows, tenant_id = change.rows.audit, change.tenant.id
            row, last = rows.head(tenant_id, lock=True), rows.last_before(tenant_id, moment)
            if row is None or last is None or last.entry.position is None or last.chain is None:
                return 0
            signature = head_signature(self._signing(), tenant_id, last.entry.position, "cut:" + last.chain, 0)
            rows.put_head(tenant_id, _replaced(row, last.entry.position, last.chain, signature))
            count = rows.cut(tenant_id, last.entry.position)
            change.record("audit.cut", change.tenant.slug, None, {"up_to": last.entry.position, "count": count})
            return count

    def seal(self, *, tenant: str | NotGiven = NOT_GIVEN) -> None:
        """Chain what was committed since the last time. Runs by itself within a second."""
        with self._context.reading(tenant, NOT_GIVEN) as scene:
            tenant_id = scene.tenant.id
        while self._seal(tenant_id) == _BATCH:
            pass

    def seal_all(self) -> None:
        """Chain what was committed since the last time, in every tenant."""
        with self._context.store.read() as rows:
            waiting = rows.audit.unsealed_tenants()
        for tenant_id in waiting:
            while self._seal(tenant_id) == _BATCH:
                pass

    def _seal(self, tenant_id: str) -> int:
        with self._context.store.read() as rows:
            if not rows.audit.unsealed(tenant_id, 1):
                return 0
        try:
            with self._context.store.change(durable=False) as rows:
                count, head = self._seal_batch(rows, tenant_id)
        except Clash:  # another process has begun this chain at the same moment: go on behind it
            return _BATCH
        if count:  # only what is committed may be kept outside: a head that is ahead would be a false alarm
            self._context.heads.keep(tenant_id, _head("", head))
        return count

    def _seal_batch(self, rows: Rows, tenant_id: str) -> tuple[int, HeadRow]:
        row = rows.audit.head(tenant_id, lock=True)
        generation = self._signing()
        if row is None:
            row = HeadRow(0, "", self._context.now(), generation.id, "")
            rows.audit.put_head(tenant_id, row)
        waiting = rows.audit.unsealed(tenant_id, _BATCH)
        position, chain, links = row.position, row.chain, []
        for sealed in waiting:
            position += 1
            chain = chain_link(generation, chain, position, sealed.mac)
            links.append((sealed.entry.id, position, f"{generation.id}:{chain}"))
            chain = links[-1][2]
        if links:
            rows.audit.seal(tenant_id, links)
            now = self._context.now()
            signature = head_signature(generation, tenant_id, position, chain, micros(now))
            row = HeadRow(
                position,
                chain,
                now,
                generation.id,
                signature,
                row.cut_position,
                row.cut_chain,
                row.cut_signature,
            )
            rows.audit.put_head(tenant_id, row)
        return len(waiting), row

    def _signing(self) -> Generation:
        return self._context.keyring().signing(self._context.clock())


class _Checking:
    """One walk along the chain of a tenant."""

    def __init__(self, scene: Scene, kept: Head | None) -> None:
        self._scene = scene
        self._kept = kept
        self._keyring = scene.context.keyring()
        self._problems: list[str] = []
        self._count = 0

    def report(self) -> AuditReport:
        tenant_id = self._scene.tenant.id
        row = self._scene.rows.audit.head(tenant_id)
        position, chain = (row.cut_position, row.cut_chain) if row else (0, "")
        if row is not None and position and not self._signed(row.cut_signature, position, "cut:" + chain, 0):
            self._problem("the checkpoint at which old entries were cut is forged")
        start = position
        for sealed in self._sealed():
            position, chain = self._step(sealed, position, chain)
        self._check_head(row, start, position, chain)
        for sealed in self._scene.rows.audit.unsealed(tenant_id, _BATCH):
            self._count += 1
            self._check_entry(sealed)
        return AuditReport(self._count, tuple(self._problems[:_PROBLEMS_MAX]))

    def _step(self, sealed: Sealed, position: int, chain: str) -> tuple[int, str]:
        self._count += 1
        self._check_entry(sealed)
        here = sealed.entry.position or 0
        if here != position + 1:
            self._problem(f"entries are missing in front of position {here} ({sealed.entry.id})")
        generation = self._generation((sealed.chain or "").partition(":")[0])
        expected = f"{generation.id}:{chain_link(generation, chain, here, sealed.mac)}" if generation else ""
        if not same(expected, sealed.chain or "") and here == position + 1:
            self._problem(f"the chain is broken at position {here} ({sealed.entry.id})")
        kept = self._kept
        if kept is not None and kept.position == here and not same(kept.chain, sealed.chain or ""):
            self._problem(f"the kept head does not lie on this chain (position {here})")
        return here, sealed.chain or ""

    def _check_entry(self, sealed: Sealed) -> None:
        generation = self._generation(sealed.generation)
        if generation is None or not same(entry_mac(generation, self._scene.tenant.id, sealed.entry), sealed.mac):
            self._problem(f"entry {sealed.entry.id} was changed or forged")

    def _check_head(self, row: HeadRow | None, start: int, position: int, chain: str) -> None:
        if row is None:
            if position:
                self._problem("the head of the chain is missing")
        elif not self._signed(row.signature, row.position, row.chain, micros(row.at)):
            self._problem("the head of the chain is forged")
        elif (row.position, row.chain) != (position, chain):
            self._problem(f"the chain ends at position {position}, its head says {row.position}")
        kept = self._kept
        if kept is None:
            return
        if not self._signed(kept.signature, kept.position, kept.chain, micros(kept.at)):
            self._problem("the kept head was not signed by this installation for this tenant")
        elif kept.position > position:
            self._problem(
                f"the tail was cut: the kept head was at position {kept.position}, the chain ends at {position}"
            )
        elif kept.position < start:
            self._problem(f"the kept head (position {kept.position}) is older than what was cut; keep a newer one")

    def _sealed(self) -> Iterator[Sealed]:
        after = -1
        while True:
            batch = self._scene.rows.audit.chain(self._scene.tenant.id, after, _BATCH)
            yield from batch
            if len(batch) < _BATCH:
                return
            after = batch[-1].entry.position or 0

    def _signed(self, signature: str, position: int, chain: str, at: int) -> bool:
        generation = self._generation(signature.partition(":")[0])
        expected = head_signature(generation, self._scene.tenant.id, position, chain, at) if generation else ""
        return bool(expected) and same(expected, signature)

    def _generation(self, id: str) -> Generation | None:
        return self._keyring.get(id)

    def _problem(self, text: str) -> None:
        self._problems.append(text)


def _head(tenant: str, row: HeadRow) -> Head:
    return Head(tenant, row.position, row.chain, row.at, row.signature)


def _replaced(row: HeadRow, position: int, chain: str, signature: str) -> HeadRow:
    return HeadRow(row.position, row.chain, row.at, row.generation, row.signature, position, chain, signature)

"""The audit log: reading it, sealing it, and finding out whether anybody has touched it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Generic
from uuid import UUID

from tokenry.core import fields
from tokenry.core.audit_ports import HeadRow
from tokenry.core.chain import cut_signature
from tokenry.core.errors import Conflict, FieldError, Invalid, NotFound, missing
from tokenry.core.ids import is_id
from tokenry.core.model import NOT_GIVEN, AuditReport, Entry, Head, NotGiven, Page, Tenant
from tokenry.core.walking import walked

from .checking import Checking
from .context import SYSTEM, B, By, Change, Context, Scene
from .paging import page, place_of
from .sealing import Sealing, head_of
from .seeing import given

_READ = "tokenry:audit:read"
LEAST = 100
"""So many old entries are worth a checkpoint: each cut is an entry itself."""
_SLICE = 500
"""So many entries upkeep looks at, and a cut removes in one transaction."""


class Audit(Generic[B]):
    """The audit log of a tenant: each change, its actor, and the proof that the log is complete.

    For operators and the program `tenant` may also be a tenant's id (`ten_…`), to read the log of a deleted tenant.
    Inside `using` nothing is sealed, since the host may roll its transaction back.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sealing = Sealing(context)

    def list(
        self,
        *,
        subject: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Page[Entry]:
        """Return one page of entries, the newest first."""
        limit, before = fields.limit_of_page(limit), place_of("entry", cursor)
        asked = given({"subject": subject, "actor": actor, "action": action})
        which: dict[str, Any] = {name: str(one) if isinstance(one, (int, UUID)) else one for name, one in asked.items()}
        fields.check_texts(**which)
        with self._reading(tenant, by, "reading the audit log") as scene:
            if not all(map(str.isprintable, which.values())):  # no entry holds such a text, nor does every database
                return Page(())
            until = scene.rows.audit.reach(scene.tenant, which, before=before)
            found = scene.rows.audit.list(scene.tenant, which, before=before, until=until, limit=limit + 1)
        return page("entry", found, limit, lambda entry: entry.id, until)

    iterate = walked(list)

    def head(self, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> Head:
        """Return the signed end of the chain, everything written so far included. Keep it where the database is not.

        Inside `using` it is the end of what was sealed before. Raise NotFound when nothing was.
        """
        what = "reading the audit log"
        with self._reading(tenant, by, what) as scene:
            tenant_id = scene.tenant.id
        self._sealing.seal(tenant_id)
        with self._reading(tenant, by, what) as scene:
            row = scene.rows.audit.head(tenant_id)
            if row is None:
                raise NotFound("nothing was ever sealed in this audit log")
            return head_of(scene.tenant.slug, row)

    def check(
        self, *, head: Head | None = None, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN
    ) -> AuditReport:
        """Check every entry, the chain over them, and that `head`, kept from earlier, still lies on the chain.

        Finds edited, deleted, swapped and inserted entries. To find a tail that was cut off together with the head in
        the database, the check needs a head from outside: by default the head in a file beside a keyring file.
        The report is falsy when something is wrong; `problems` lists the mistakes.
        """
        if head is not None and not isinstance(head, Head):
            message = "head is what `audit.head` returned earlier: Head(tenant, position, chain, at, signature)"
            raise Invalid.one("head", "bad_type", message)
        return self._check(head, tenant, by)

    def _check(
        self, head: Head | None, tenant: str | NotGiven, by: B | NotGiven, most: int | None = None
    ) -> AuditReport:
        """Check a log as `check` does, or with `most` only so many of the newest entries."""
        while True:
            with self._reading(tenant, by, "checking the audit log") as scene:
                tenant_id, row = scene.tenant.id, scene.rows.audit.head(scene.tenant.id)
            self._sealing.seal(tenant_id)
            kept = head or self._context.heads.get(tenant_id)  # before the walk: a snapshot may be older than a file
            with self._reading(tenant, by, "checking the audit log") as scene:
                checking = Checking(scene, kept, most)
                report = checking.report()
            if report or checking.cut_position == (row.cut_position if row else 0):
                return report
            # Entries were cut while this walk ran: check again.

    def cut(
        self,
        *,
        before: datetime,
        limit: int | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> int:
        """Remove entries older than a moment, up to a signed checkpoint that `check` begins at; return how many.

        Entries go in batches of 500, each in a transaction with a checkpoint and an entry of its own; repeat a call
        that was interrupted. With `limit` remove at most so many, 1 to 1,000. When fewer were removed, none is left.
        Raise Conflict when the end of the log is not as it was left: a checkpoint would vouch for it.
        """
        limit = fields.limit_of_bulk(limit, "entry")
        errors: list[FieldError] = []
        moment = fields.moment("before", before, errors)
        if moment is None and not errors:
            errors.append(FieldError("before", "not_a_moment", "must be a datetime with a time zone"))
        fields.refuse(errors)
        assert moment is not None
        with self._reading(tenant, by, "cutting the audit log", operators=True) as scene:
            tenant_id = scene.tenant.id
        self._sealing.seal(tenant_id)
        count = 0
        while True:
            size = _SLICE if limit is None else min(_SLICE, limit - count)
            with self._cutting(tenant, by) as change:
                row, flaw = self._sealing.end(change.rows, tenant_id)
                if flaw:
                    raise Conflict(f"this audit log was tampered with and cannot be cut: {flaw}", field="head")
                gone = _cut(change, tenant_id, row, moment, size)
            count += gone
            if gone < size or count == limit:
                return count

    def seal(self, *, tenant: str | NotGiven = NOT_GIVEN) -> None:
        """Chain what was committed since the last time. Runs by itself within a second, and never inside `using`."""
        with self._reading(tenant, NOT_GIVEN, "sealing the audit log") as scene:
            tenant_id = scene.tenant.id
        self._sealing.seal(tenant_id)

    def seal_all(self) -> None:
        """Chain what was committed since the last time, in every tenant."""
        with self._context.store.read() as rows:
            waiting = rows.audit.unsealed_tenants()
        for tenant_id in waiting:
            self._sealing.seal(tenant_id)

    @contextmanager
    def _reading(self, tenant: str | NotGiven, by: By, what: str, *, operators: bool = False) -> Iterator[Scene]:
        """Open a scene for who may read the log. With an id for a slug, operators stand outside of any tenant."""
        named = self._context.tenant if tenant is NOT_GIVEN else tenant
        by_id = is_id("ten", named)
        with self._context.reading(SYSTEM if by_id else named, by) as scene:
            (scene.actor.must_operate if by_id or operators else scene.actor.must)(_READ, what)
            if by_id:
                scene.tenant = _found(scene, str(named))
            yield scene

    @contextmanager
    def _cutting(self, tenant: str | NotGiven, by: By) -> Iterator[Change]:
        named = self._context.tenant if tenant is NOT_GIVEN else tenant
        by_id = is_id("ten", named)
        with self._context.changing(SYSTEM if by_id else named, by) as change:
            change.actor.must_equal_admins(SYSTEM, "cutting the audit log")
            if by_id:
                change.tenant = _found(change, str(named))
            yield change


def trim(context: Context, tenant_id: str, before: datetime) -> bool:
    """Cut some of the entries of a log that are older than a moment; return whether there were enough of them.

    A log that was tampered with is left as it is.
    """
    with suppress(NotFound), context.changing(SYSTEM, NOT_GIVEN) as change:
        change.tenant = _found(change, tenant_id)
        row, flaw = Sealing(context).end(change.rows, tenant_id)
        return not flaw and _cut(change, tenant_id, row, before, _SLICE, least=LEAST) > 0
    return False


def _cut(change: Change, tenant_id: str, row: HeadRow | None, before: datetime, size: int, least: int = 1) -> int:
    """Remove the oldest entries of a log, if enough are old, and leave a signed checkpoint; return how many."""
    oldest = change.rows.audit.chain(tenant_id, row.cut_position, size) if row else ()
    old = list(takewhile(lambda sealed: sealed.entry.at < before, oldest))
    if row is None or len(old) < least:
        return 0
    position, chain = old[-1].entry.position, old[-1].chain
    assert position is not None
    assert chain is not None
    signing = change.context.keyring().signing(change.context.clock())
    signature = cut_signature(signing, tenant_id, position, chain)
    change.rows.audit.put_head(tenant_id, replace(row, cut_position=position, cut_chain=chain, cut_signature=signature))
    count = change.rows.audit.cut(tenant_id, row.cut_position, position)
    change.record("audit.cut", change.tenant.slug, None, {"up_to": position, "count": count})
    return count


def _found(scene: Scene, id: str) -> Tenant:
    """Return the tenant of an id. Of a deleted one nothing is left but its log: the rest of the record is empty."""
    tenant = scene.rows.tenants.by_id(id)
    if tenant is not None:
        return tenant
    gone = Tenant(
        id=id,
        slug=id,
        name="",
        prefix="",
        status="suspended",
        expires_in_default=timedelta(0),
        expires_in_max=timedelta(0),
        never_allowed=False,
        self_rotation_allowed=False,
        created_at=scene.now,
    )
    if not scene.rows.audit.list(gone, {}, before=None, limit=1) and scene.rows.audit.head(id) is None:
        raise missing("audit log of a tenant", id)
    return gone

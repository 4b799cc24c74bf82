"""Replay revocations that a restored database has lost.

A record of the journal whose event is not in the database was lost, since a record is written after the commit of its
change. Lost records are grouped by subject, and the last record says how the subject should be. A replay only takes
power away. Where the database grants less than the journal says, the database stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

from tokenry.core import signing
from tokenry.core.errors import NotFound
from tokenry.core.fields import folded
from tokenry.core.key_filter import KeyFilter
from tokenry.core.model import NOT_GIVEN, Key, Owner, Role, Tenant, micros, moment
from tokenry.core.ports import Rows
from tokenry.core.revocations import Revocation
from tokenry.core.signing import SHARED

from . import ending, signing_keys
from .context import SYSTEM, Change, Context

_BATCH = 200
_REASON = "replayed from the revocation journal"
_ALONE = ("tenant", "role", "signing_key")

Action: TypeAlias = tuple[str, Callable[[], object]]


class Lost(NamedTuple):
    """The records of one subject that the journal has and the database lacks, in their order."""

    tenant_id: str
    kind: str
    subject: str
    records: tuple[Revocation, ...]

    def has(self, *types: str) -> bool:
        return any(record.type in types for record in self.records)

    def last(self, *types: str) -> str | None:
        return next((record.type for record in reversed(self.records) if record.type in types), None)

    def value(self, name: str) -> Any:
        """Return the last value of a field; NOT_GIVEN when no record says any."""
        found = [record.data[name] for record in self.records if name in record.data]
        return found[-1] if found else NOT_GIVEN


class Step(NamedTuple):
    """The action of a replay on one subject."""

    tenant: str
    subject: str
    action: str


def lost(rows: Rows, records: Sequence[Revocation]) -> list[Lost]:
    """Return the records of the journal that are missing from the database, by subject."""
    known = rows.upkeep.committed([record.id for record in records])
    found: dict[tuple[str, str, str], dict[str, Revocation]] = {}
    for record in records:
        if record.id not in known:
            place = (record.tenant_id, record.type.partition(".")[0], record.subject)
            found.setdefault(place, {})[record.id] = record
    return [Lost(*place, tuple(of[id] for id in sorted(of))) for place, of in sorted(found.items())]


def plan(context: Context, rows: Rows, all_lost: Iterable[Lost]) -> list[Step]:
    """Return the steps of a replay without taking them."""
    steps: list[Step] = []
    for tenant, one in _with_tenants(rows, all_lost):
        scene = context.recording(rows, tenant)
        steps += [Step(tenant.slug, one.subject, action) for action, _ in _actions(scene, one, lock=False)]
    return steps


def replay(context: Context, all_lost: Sequence[Lost]) -> list[Step]:
    """Repeat the lost changes in batches, and return them. Call it again after an interruption."""
    steps: list[Step] = []
    with context.store.read() as rows:
        with_tenants = list(_with_tenants(rows, all_lost))
    for (slug, kind), group in groupby(with_tenants, key=lambda pair: (pair[0].slug, pair[1].kind)):
        of_group = [one for _, one in group]
        for begin in range(0, len(of_group), _BATCH):
            with suppress(NotFound), context.changing(slug, NOT_GIVEN, alone=kind in _ALONE) as change:
                for one in of_group[begin : begin + _BATCH]:
                    for action, do in _actions(change, one, lock=True):
                        do()
                        steps.append(Step(slug, one.subject, action))
    return steps


def _with_tenants(rows: Rows, all_lost: Iterable[Lost]) -> Iterator[tuple[Tenant, Lost]]:
    tenants: dict[str, Tenant | None] = {}
    for one in all_lost:
        if one.tenant_id not in tenants:
            tenants[one.tenant_id] = rows.tenants.by_id(one.tenant_id)
        tenant = tenants[one.tenant_id]
        if tenant is not None:
            yield tenant, one


def _actions(change: Change, one: Lost, *, lock: bool) -> Sequence[Action]:
    return list(_KINDS[one.kind](change, one, lock))


def _key(change: Change, one: Lost, lock: bool) -> Iterator[Action]:
    key = change.rows.keys.get(change.tenant, one.subject, change.now, lock=lock)
    if key is None or key.status == "revoked":
        return
    if one.has("key.revoked", "key.deleted"):
        given = one.value("reason")
        reason = f"{given} ({_REASON})"[:500] if given and given is not NOT_GIVEN else _REASON
        yield "revoke", lambda: ending.end(change, KeyFilter(), [key], reason)
        return
    values = _narrowed(key, one)
    if values:
        yield f"narrow {', '.join(values)}", lambda: _update_key(change, key, values, "key.updated", values)
    owner = one.value("owner")
    if owner is not NOT_GIVEN and owner != key.owner:
        yield "hand over", lambda: _hand_over(change, key, owner)
    if one.last("key.disabled", "key.enabled") == "key.disabled" and key.status != "disabled":
        off = {"disabled_at": change.now}
        yield "disable", lambda: _update_key(change, key, off, "key.disabled", None)
    older, current = _ended(key, one)
    if current is not None:
        yield "end the replaced secret", lambda: _end_secret(change, key, current)
    elif older:
        yield "end the leaked secret", lambda: _end_secret(change, key, None)


def _narrowed(key: Key, one: Lost) -> dict[str, Any]:
    """Return the fields of a key that grant more than the journal says, with their narrower values."""
    values: dict[str, Any] = {}
    for name in ("scopes", "roles"):
        value = one.value(name)
        if value is not NOT_GIVEN and set(getattr(key, name)) - set(value):
            values[name] = tuple(value)
    ips = one.value("allowed_ips")
    if ips is not NOT_GIVEN and ips and (not key.allowed_ips or set(key.allowed_ips) - set(ips)):
        values["allowed_ips"] = tuple(ips)
    expires = one.value("expires_at")
    if expires is not NOT_GIVEN and expires is not None:
        at = datetime.fromisoformat(expires)
        if key.expires_at is None or key.expires_at > at:
            values["expires_at"] = at
    begins = one.value("not_before")
    if begins is not NOT_GIVEN and begins is not None:
        at = datetime.fromisoformat(begins)
        if key.not_before is None or key.not_before < at:
            values["not_before"] = at
    return values


def _update_key(change: Change, key: Key, values: Mapping[str, Any], type: str, data: Mapping[str, Any] | None) -> None:
    change.rows.keys.update(change.tenant, key, values, change.now, version=None)
    change.record(type, key.id, None, data, owner=key.owner)
    change.invalidate_keys(key.id)


def _hand_over(change: Change, key: Key, owner: str) -> None:
    """Hand a key over as it was; disable it where the new owner is not here, or has another key of that name."""
    to = change.rows.owners.get(change.tenant, owner, lock=True)
    if to is None or change.rows.keys.taken(change.tenant, [(to.id, folded(key.name))]):
        _update_key(change, key, {"disabled_at": change.now}, "key.disabled", None)
        return
    change.rows.keys.update(change.tenant, key, {"owner_id": to.id}, change.now, version=None)
    data = {"owner": owner, "previous_owner": key.owner}
    change.record("key.handed_over", key.id, {"owner": key.owner}, data, owner=owner)
    change.invalidate_keys(key.id)


def _ended(key: Key, one: Lost) -> tuple[bool, datetime | None]:
    """Tell whether an older secret of a key has leaked, and when its current one ends: None when nothing ends it."""
    current = next((info.kid for info in key.secrets if info.ends_at is None), None)
    older = [info.kid for info in key.secrets if info.ends_at is not None]
    ends, leaked = [], set()
    for record in one.records:
        if record.type == "key.rotated" and current in record.data.get("replaces", ()):
            ends.append(moment(record.at) + timedelta(seconds=record.data.get("grace_seconds", 0)))
        if record.type == "key.leaked" and record.data.get("policy") == "revoke":
            leaked.add(record.data.get("kid"))
    if ends and current in leaked:
        ends.append(moment(0))
    return not leaked.isdisjoint(older), min(ends, default=None)


def _end_secret(change: Change, key: Key, ends_at: datetime | None) -> None:
    """End the older secrets of a key, and the current one at a moment unless that is None."""
    _update_key(change, key, {}, "key.updated", {"ends_at": ends_at})
    until = None if ends_at is None else max(ends_at, change.now)
    change.rows.secrets.end(change.tenant, key.id, change.now, until)


def _session(change: Change, one: Lost, lock: bool) -> Iterator[Action]:
    session = change.rows.sessions.get(change.tenant, one.subject, change.now)
    if session is not None and session.status == "active":
        yield "end", lambda: _end_session(change, session.id, session.owner)


def _end_session(change: Change, id: str, owner: str) -> None:
    if change.rows.sessions.revoke(change.tenant, id, change.now, _REASON):
        data = {"status": "revoked", "reason": _REASON, "owner": owner}
        change.record("session.revoked", id, {"status": "active"}, data, owner=owner)
    change.invalidate((id,))


def _owner(change: Change, one: Lost, lock: bool) -> Iterator[Action]:
    owner = change.rows.owners.get(change.tenant, one.subject, lock=lock)
    if owner is None:
        return
    # Another owner may have had the name before.
    since = micros(owner.created_at)
    one = one._replace(records=tuple(record for record in one.records if record.at >= since))

    if one.has("owner.deleted"):
        gone = {"status": "deleted", "name": "", "email": None, "roles": (), "admin": False}
        yield "delete", lambda: _update_owner(change, owner, "owner.deleted", gone, None)
        return
    if one.last("owner.disabled", "owner.enabled") == "owner.disabled" and owner.status != "disabled":
        yield "disable", lambda: _update_owner(change, owner, "owner.disabled", {"status": "disabled"}, None)
    values: dict[str, Any] = {}
    roles = one.value("roles")
    if roles is not NOT_GIVEN and set(owner.roles) - set(roles):
        values["roles"] = tuple(roles)
    if owner.admin and one.value("admin") is False:
        values["admin"] = False
    if values:
        yield f"narrow {', '.join(values)}", lambda: _update_owner(change, owner, "owner.updated", values, values)


def _update_owner(
    change: Change, owner: Owner, type: str, values: Mapping[str, Any], data: Mapping[str, Any] | None
) -> None:
    ended = type == "owner.updated"
    while not ended:
        if type == "owner.deleted":
            ended = ending.end_owner_batch(change, owner, _REASON)
        else:
            ended = ending.end_sessions(change, _REASON, owner=owner).last
    change.rows.owners.update(change.tenant, owner, values, change.now)
    change.record(type, owner.external_id, None, data)
    change.invalidate_owner(owner.id)


def _tenant(change: Change, one: Lost, lock: bool) -> Iterator[Action]:
    tenant = change.tenant
    last = one.last("tenant.suspended", "tenant.resumed", "tenant.deleted")
    if last != "tenant.resumed" and tenant.status == "active" and tenant.slug != SYSTEM:
        yield "suspend", lambda: _suspend(change)


def _suspend(change: Change) -> None:
    change.rows.tenants.update(change.tenant.id, {"status": "suspended"})
    change.record("tenant.suspended", change.tenant.slug)
    change.invalidate_all()


def _role(change: Change, one: Lost, lock: bool) -> Iterator[Action]:
    role = next(iter(change.rows.roles.get(change.tenant, [one.subject])), None)
    if role is None:
        return
    scopes = one.value("scopes")
    if one.last("role.updated", "role.deleted") == "role.deleted":
        yield "delete", lambda: _delete_role(change, role)
    elif scopes is not NOT_GIVEN and set(role.scopes) - set(scopes):
        yield "narrow scopes", lambda: _narrow_role(change, role, tuple(scopes))


def _delete_role(change: Change, role: Role) -> None:
    change.rows.roles.mark_deleted(change.tenant, role.name, change.now)
    change.record("role.deleted", role.name, {"scopes": role.scopes}, None)
    change.invalidate_all()


def _narrow_role(change: Change, role: Role, scopes: tuple[str, ...]) -> None:
    change.rows.roles.put(change.tenant, Role(tenant=role.tenant, name=role.name, scopes=scopes))
    change.record("role.updated", role.name, {"scopes": role.scopes}, {"scopes": scopes})
    change.invalidate_all()


def _signing_key(change: Change, one: Lost, lock: bool) -> Iterator[Action]:
    now, rows = change.context.clock(), change.rows.signing_keys.list(change.tenant)
    row = next((row for row in rows if row.kid == one.subject), None)
    status = "removed" if row is None else signing.status(row, now)
    if row is None or status == "removed":
        return
    if one.has("signing_key.removed"):
        yield "remove", lambda: signing_keys.remove(change, row)
    elif status == "active" and row.algorithm != SHARED:
        yield "retire", lambda: signing_keys.rotate(change, row.algorithm)


_KINDS: Mapping[str, Callable[[Change, Lost, bool], Iterator[Action]]] = {
    "key": _key,
    "session": _session,
    "owner": _owner,
    "tenant": _tenant,
    "role": _role,
    "signing_key": _signing_key,
}

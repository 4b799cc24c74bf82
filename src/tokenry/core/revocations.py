"""Revocations: the changes that take power away, as the journal beside the keyring keeps them.

A record is an event of the outbox, cut down to what a replay needs. Some types give power back (`key.enabled`): the
last record of a subject says how it should be.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from .model import Event, micros

KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "key.revoked": ("reason",),
    "key.deleted": (),
    "key.disabled": (),
    "key.enabled": (),
    "key.updated": ("scopes", "roles", "allowed_ips", "expires_at", "not_before"),
    "key.rotated": ("replaces", "grace_seconds"),
    "key.handed_over": ("owner",),
    "key.leaked": ("kid", "policy"),
    "session.revoked": ("reason",),
    "session.reuse_detected": ("reason",),
    "owner.disabled": (),
    "owner.enabled": (),
    "owner.deleted": (),
    "owner.updated": ("roles", "admin"),
    "tenant.suspended": (),
    "tenant.resumed": (),
    "tenant.deleted": (),
    "role.updated": ("scopes",),
    "role.deleted": (),
    "signing_key.retired": (),
    "signing_key.removed": (),
}
"""The types of events that revoke, or take a revocation back, and the fields of their data that a replay needs."""
_ONLY_WITH_DATA: Final = ("key.updated", "key.leaked", "owner.updated")
_FINAL: Final = ("key.revoked", "key.deleted")
_EXCLUDING: Final[Mapping[str, tuple[str, ...]]] = {
    "key": _FINAL,
    "key switched": ("key.disabled", "key.enabled"),
    "owner switched": ("owner.disabled", "owner.enabled"),
    "tenant": ("tenant.suspended", "tenant.resumed", "tenant.deleted"),
    "role": ("role.updated", "role.deleted"),
}
"""Types of which the last one says how their subject is."""
_CHECKSUM: Final = b"%08x "

T = TypeVar("T")


class Revocation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record of the journal. `id` is that of its event."""

    id: str
    type: str
    tenant_id: str
    subject: str
    at: int
    data: dict[str, Any] = {}


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first line of a journal: which one it is, since when it is complete, and its size when it was compacted."""

    journal: str
    since: int
    size: int = 0


def revocations(tenant_id: str, events: Iterable[Event]) -> list[Revocation]:
    """Return the records of those events that are revocations."""
    found = []
    for event in events:
        kept = KEPT.get(event.type)
        if kept is None:
            continue
        data = {name: event.data[name] for name in kept if name in event.data}
        if data or event.type not in _ONLY_WITH_DATA:
            found.append(Revocation(event.id, event.type, tenant_id, event.subject, micros(event.at), data))
    return found


def needed(records: Sequence[Revocation], *, since: int, sessions_since: int) -> list[Revocation]:
    """Return the records that a replay still needs.

    That is nothing older than `since` (sessions: `sessions_since`), nothing of a key that was revoked later, and of
    several changes of the same kind the last one. The newest record stays: databases refer to it.
    """
    # An owner may be named as a key is: the name alone does not say what was revoked.
    revoked = {(record.tenant_id, record.subject) for record in records if record.type in _FINAL}
    kept: dict[object, Revocation] = {}
    for record in records:
        is_over = record.at < (sessions_since if record.type.startswith("session.") else since)
        is_of_key = record.type.startswith("key.") and record.type not in _FINAL
        is_moot = is_of_key and (record.tenant_id, record.subject) in revoked
        if not (is_over or is_moot):
            place = _place(record)
            kept.pop(place, None)
            kept[place] = record
    found = list(kept.values())
    return found if not records or found[-1:] == [records[-1]] else [*found, records[-1]]


def _place(record: Revocation) -> object:
    """Return the key under which a later record replaces an earlier one."""
    if record.type in ("key.rotated", "key.leaked"):
        return record.id
    kind = next((kind for kind, types in _EXCLUDING.items() if record.type in types), record.type)
    names = tuple(record.data) if record.type in _ONLY_WITH_DATA else ()
    return record.tenant_id, kind, record.subject, names


def line(record: Revocation | Head) -> bytes:
    """Return a record as a line of the file: a checksum, and JSON."""
    raw = msgspec.json.encode(record, enc_hook=str.__str__)  # an external id may be of a class derived from `str`
    return _CHECKSUM % zlib.crc32(raw) + raw + b"\n"


def read_head(raw: bytes) -> Head | None:
    """Return the first line of a journal, or None when it is none."""
    return _read(raw, Head)


def read_record(raw: bytes) -> Revocation | None:
    """Return the record of a line without its end, or None when it was damaged."""
    return _read(raw, Revocation)


def _read(raw: bytes, kind: type[T]) -> T | None:
    try:
        body = raw[len(_CHECKSUM % 0) :]
        return msgspec.json.decode(body, type=kind) if raw == _CHECKSUM % zlib.crc32(body) + body else None
    except (ValueError, msgspec.MsgspecError):
        return None

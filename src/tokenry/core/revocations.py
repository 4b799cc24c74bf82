"""Revocations: the changes that take power away, as the journal beside the keyring keeps them.

A record is an event of the outbox, cut down to what a replay needs. Some types give power back (`key.enabled`): the
last record of a subject says how it should be.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from .model import Event, micros

KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "key.revoked": ("reason",),
    "key.deleted": (),
    "key.disabled": (),
    "key.enabled": (),
    "key.updated": ("scopes", "roles", "allowed_ips", "expires_at"),
    "key.rotated": ("replaces", "grace_seconds"),
    "session.revoked": ("reason",),
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
"""The types of events that are revocations, or take one back, and what of their data a replay needs."""
_ONLY_WITH_DATA: Final = ("key.updated", "owner.updated")
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


class Head(msgspec.Struct, frozen=True):
    """The first line of a journal: which one it is, and since when it has been kept."""

    journal: str
    since: int


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

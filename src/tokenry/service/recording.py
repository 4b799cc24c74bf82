"""Audit entries and events: many of one kind are made together, since each of an import needs both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tokenry.core.chain import entry_mac
from tokenry.core.events import OWNED
from tokenry.core.model import Entry, Event, micros
from tokenry.core.ports import Sealed

from .plain import plain

if TYPE_CHECKING:
    from .context import Scene


class Record(NamedTuple):
    """One subject of an audit entry and an event, its values before and after, and the owner of a key or session."""

    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    owner: str | None

    def plain(self) -> Record:
        """Return the same with values as JSON can hold them."""
        return Record(self.subject, plain(self.before), plain(self.after), self.owner)


def entries(scene: Scene, type: str, records: Sequence[Record]) -> Iterator[Sealed]:
    """Yield an audit entry for each subject."""
    context, at, tenant, actor = scene.context, scene.now, scene.tenant, scene.actor.name
    generation = context.keyring().signing(micros(at))
    trace_id = context.trace.trace_id if context.trace is not None else context.spans.trace_id()
    for id, (subject, before, after, _) in zip(context.new_ids("aud", len(records)), records, strict=True):
        entry = Entry(
            id=id,
            at=at,
            tenant=tenant.slug,
            actor=actor,
            action=type,
            subject=subject,
            before=before,
            after=after,
            ip=context.ip,
            request_id=context.request_id,
            position=None,
            trace_id=trace_id,
        )
        yield Sealed(entry, generation.id, entry_mac(generation, tenant.id, entry), None)


def events(scene: Scene, type: str, records: Sequence[Record]) -> Iterator[Event]:
    """Yield an event for each subject, with its values afterwards. Those of keys and sessions name the owner."""
    at, tenant, actor, is_owned = scene.now, scene.tenant.slug, scene.actor.name, type.startswith(OWNED)
    for id, (subject, _, data, owner) in zip(scene.context.new_ids("evt", len(records)), records, strict=True):
        assert owner is not None or not is_owned, type
        yield Event(
            sequence=0,
            id=id,
            type=type,
            at=at,
            tenant=tenant,
            subject=subject,
            actor=actor,
            data={"owner": owner, **(data or {})} if is_owned else data or {},
        )

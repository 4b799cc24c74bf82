"""What every use case stands on: who asks, in which tenant, and a change that leaves its audit entry and its event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from tokenry.core.actors import OPERATOR_SCOPES, PROGRAM, Actor
from tokenry.core.chain import entry_mac
from tokenry.core.decide import OPERATOR_ENVIRONMENT
from tokenry.core.errors import Invalid, NotFound
from tokenry.core.ids import Ids
from tokenry.core.keyring import Keyring
from tokenry.core.limits import Limit
from tokenry.core.model import NOT_GIVEN, Entry, Event, Head, NotGiven, Owner, Tenant, micros, moment
from tokenry.core.ports import Rows, Sealed, Store
from tokenry.core.scopes import granted
from tokenry.core.verdict import Valid

By: TypeAlias = str | int | UUID | Owner | Valid | NotGiven | None
SYSTEM = "system"


@dataclass(slots=True)
class Done:
    """What must happen once a change is committed: memory is corrected, subscribers hear of it."""

    events: list[Event] = field(default_factory=list)
    kids: tuple[str, ...] | None = ()
    fence: int = 0
    tenant_id: str = ""


class Heads(Protocol):
    """Where the ends of audit chains are kept outside the database."""

    def keep(self, tenant_id: str, head: Head) -> None: ...
    def get(self, tenant_id: str) -> Head | None: ...


class NoHeads:
    """Nowhere: the keyring is not a file, so there is no place beside it."""

    def keep(self, tenant_id: str, head: Head) -> None:
        """Keep nothing."""

    def get(self, tenant_id: str) -> Head | None:
        """Return None."""
        return None


@dataclass(frozen=True, slots=True)
class Context:
    """What one instance (or one `scoped` or `using` view of it) works with."""

    store: Store
    keyring: Callable[[], Keyring]
    clock: Callable[[], int]
    entropy: Callable[[int], bytes]
    announce: Callable[[Done], None]
    tenant: str = "default"
    by: By = NOT_GIVEN
    ip: str | None = None
    request_id: str | None = None
    owner_loader: Callable[[], Callable[[str, str], object] | None] = lambda: None
    held: Callable[[str, Limit, int], int] = lambda key_id, limit, window: 0
    heads: Heads = field(default_factory=lambda: NoHeads())
    ids: Ids = field(default_factory=Ids)

    def scoped(self, **defaults: Any) -> Context:
        """Return this context with other defaults."""
        return replace(self, **defaults)

    def now(self) -> datetime:
        """Return the present moment."""
        return moment(self.clock())

    def new_id(self, kind: str) -> str:
        """Return a new id."""
        return self.ids.make(kind, self.clock(), self.entropy(10))

    @contextmanager
    def reading(self, tenant: str | NotGiven, by: By | NotGiven) -> Iterator[Scene]:
        """Open a scene that only reads."""
        slug, by = self._slug(tenant), self.by if by is NOT_GIVEN else by
        _check_actor(by)
        with self.store.read() as rows:
            yield self._scene(rows, slug, by, None)

    @contextmanager
    def changing(self, tenant: str | NotGiven, by: By | NotGiven, *, alone: bool = False) -> Iterator[Change]:
        """Open a change: what is recorded commits with it, and is announced after it.

        The tenant stays as it is until the end; with `alone` nobody else changes anything in it meanwhile.
        """
        slug, by = self._slug(tenant), self.by if by is NOT_GIVEN else by
        _check_actor(by)
        with self.store.change() as rows:
            change = self._scene(rows, slug, by, "alone" if alone else "shared", change=True)
            assert isinstance(change, Change)
            yield change
            done = change.finish()
        self.announce(done)

    def recording(self, rows: Rows, tenant: Tenant) -> Change:
        """Open a change of the program itself inside a transaction that is already open; `finish` it before its end."""
        return Change(self, rows, tenant, PROGRAM, self.now())

    def _slug(self, tenant: str | NotGiven) -> str:
        slug = self.tenant if tenant is NOT_GIVEN else tenant
        if not slug or not isinstance(slug, str):
            raise Invalid.one("tenant", "not_a_text", "tenant is the slug of a tenant, such as 'default'")
        return slug

    def _scene(self, rows: Rows, slug: str, by: By, lock: str | None, *, change: bool = False) -> Scene:
        tenant = rows.tenants.get(slug, lock=lock)
        if tenant is None:
            raise NotFound(f"there is no tenant {slug[:64]!r}")
        now = self.now()
        actor = _actor(rows, tenant, by, now)
        kind = Change if change else Scene
        return kind(self, rows, tenant, actor, now)


@dataclass(slots=True)
class Scene:
    """One transaction, seen by one actor in one tenant."""

    context: Context
    rows: Rows
    tenant: Tenant
    actor: Actor
    now: datetime

    def owner(self, external_id: object, *, lock: bool = False) -> Owner:
        """Return an owner that the actor may see; raise NotFound."""
        owner = self.rows.owners.get(self.tenant, external(external_id), lock=lock)
        if owner is None or not self.actor.sees(owner.external_id, "tokenry:owners:read"):
            raise NotFound("there is no such owner here")
        return owner


@dataclass(slots=True)
class Change(Scene):
    """A transaction that writes, and what it leaves behind for audit, readers and memory."""

    _entries: list[Sealed] = field(default_factory=list)
    _done: Done = field(default_factory=Done)

    def record(
        self,
        type: str,
        subject: str,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Write down what happened: one audit entry and one event, in this transaction."""
        context, keyring = self.context, self.context.keyring()
        before, after = _told(before), _told(after)
        entry = Entry(
            id=context.new_id("aud"),
            at=self.now,
            tenant=self.tenant.slug,
            actor=self.actor.name,
            action=type,
            subject=subject,
            before=before,
            after=after,
            ip=context.ip,
            request_id=context.request_id,
            position=None,
        )
        generation = keyring.signing(micros(self.now))
        self._entries.append(Sealed(entry, generation.id, entry_mac(generation, self.tenant.id, entry), None))
        self._done.events.append(
            Event(
                sequence=0,
                id=context.new_id("evt"),
                type=type,
                at=self.now,
                tenant=self.tenant.slug,
                subject=subject,
                actor=self.actor.name,
                data=after or {},
            )
        )

    def turns(self, kids: tuple[str, ...]) -> None:
        """Say that verdicts about some secrets may change with this transaction."""
        if self._done.kids is not None:
            self._done.kids += kids
        self._done.fence = -1

    def turns_all(self) -> None:
        """Say that any verdict may change with this transaction."""
        self._done.kids = None
        self._done.fence = -1

    def turns_keys(self, *key_ids: str) -> None:
        """Say that verdicts about some keys may change with this transaction."""
        self.turns(tuple(self.rows.secrets.kids(self.tenant, key_ids)))

    def finish(self) -> Done:
        """Write entries and events, and move the fence, as the last statements of the transaction."""
        if self._entries:
            self.rows.audit.insert(self.tenant, self._entries)
            self.rows.events.insert(self.tenant, self._done.events)
        if self._done.fence:
            self._done.fence = self.rows.advance_fence()
        self._done.tenant_id = self.tenant.id
        return self._done


def external(value: object) -> str:
    """Return an external id as text; raise Invalid."""
    if isinstance(value, Owner):
        value = value.external_id
    if isinstance(value, (int, UUID)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 1 <= len(value) <= 255 or not value.isprintable():
        message = "an owner is named by its external id: a text of 1 to 255 printable characters, a number or a UUID"
        raise Invalid.one("owner", "bad_external_id", message)
    return value


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it, for audit entries and events."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    if hasattr(value, "window_seconds"):
        return {"name": value.name, "limit": value.limit, "window_seconds": value.window_seconds}
    return value


def _told(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if values is None else {name: plain(value) for name, value in values.items()}


def _check_actor(by: object) -> None:
    if by is None:
        message = "by=None is not an actor: pass who asks, or leave `by` out when the program itself does"
        raise Invalid.one("by", "missing", message)
    if not isinstance(by, (str, int, UUID, Owner, Valid, NotGiven)):
        raise Invalid.one("by", "bad_actor", "by= takes an external id, an Owner or a Valid verdict")


def _actor(rows: Rows, tenant: Tenant, by: By, now: datetime) -> Actor:
    if by is NOT_GIVEN:
        return PROGRAM
    if isinstance(by, Valid):
        return _actor_of_key(rows, tenant, by, now)
    home = by.tenant if isinstance(by, Owner) else tenant.slug
    external_id = external(by)
    if home not in (tenant.slug, SYSTEM):
        return Actor(external_id)
    place = tenant if home == tenant.slug else rows.tenants.get(home)
    owner = rows.owners.get(place, external_id) if place else None
    if owner is None or owner.status != "active":
        return Actor(external_id)
    if home == SYSTEM and owner.admin:
        return Actor(external_id, owner, operator=granted(OPERATOR_SCOPES), everywhere=True)
    if home != tenant.slug:  # an ordinary owner of the operators' tenant, whose namesake may live here
        return Actor(external_id)
    return _actor_of_owner(rows, tenant, owner)


def _actor_of_owner(rows: Rows, tenant: Tenant, owner: Owner, name: str = "", *, by_key: bool = False) -> Actor:
    roles = rows.roles.get(tenant, owner.roles)
    holds = granted(tuple(dict.fromkeys(scope for role in roles for scope in role.scopes)))
    return Actor(name or owner.external_id, owner, admin=owner.admin, holds=holds, by_key=by_key)


def _actor_of_key(rows: Rows, tenant: Tenant, by: Valid, now: datetime) -> Actor:
    """Return the actor behind a verdict, as its key and owner are now: a verdict may have been kept for a while."""
    name, home = by.key.id, rows.tenants.get(by.tenant.slug)
    key = rows.keys.get(home, name, now) if home else None
    owner = rows.owners.get(home, key.owner) if home and key else None
    if home is None or key is None or owner is None:
        return Actor(name, by_key=True)
    if key.status != "active" or owner.status != "active" or home.status != "active":
        return Actor(name, by_key=True)
    if key.environment == OPERATOR_ENVIRONMENT and home.slug in (SYSTEM, tenant.slug):
        return Actor(name, operator=granted(key.scopes), everywhere=home.slug == SYSTEM, by_key=True)
    if key.environment == OPERATOR_ENVIRONMENT or home.slug != tenant.slug:
        return Actor(name, by_key=True)
    return _actor_of_owner(rows, tenant, owner, name, by_key=True)

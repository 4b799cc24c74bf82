"""The base of every use case: the actor, the tenant, and a change that writes its audit entry and its event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import msgspec

from tokenry.core.actors import PROGRAM, Actor
from tokenry.core.actors import SYSTEM as SYSTEM
from tokenry.core.counters import Subject
from tokenry.core.errors import ConfigError, Invalid, missing
from tokenry.core.grant import Grant
from tokenry.core.ids import Ids
from tokenry.core.keyring import Keyring
from tokenry.core.limits import Limit
from tokenry.core.mail import MAILED, Mail
from tokenry.core.model import NOT_GIVEN, Event, Head, NotGiven, Owner, Tenant, micros, moment
from tokenry.core.policy import Retention
from tokenry.core.ports import DROPPED, Rows, Sealed, Store
from tokenry.core.trace import Trace
from tokenry.core.turns import Turn
from tokenry.core.verdict import Refused, Taken

from .acting import Acting, check_by
from .acting import B as B
from .acting import By as By
from .acting import external as external
from .recording import Record, entries, events
from .sharing import Shared
from .spans import NoSpans, Spans

if TYPE_CHECKING:
    from .signing_keys import Signers

T = TypeVar("T")


@dataclass(slots=True)
class Done:
    """The work after the commit of a change: correct memory, notify subscribers."""

    events: list[Event] = field(default_factory=list)
    kids: tuple[str, ...] | None = ()
    invalidates: bool = False
    turn: Turn | None = None
    others: tuple[int, ...] = ()
    """Turns of calls that this one has repeated."""
    tenant_id: str = ""
    tenant: str = ""
    actions: tuple[str, ...] = ()


class Heads(Protocol):
    """Where the ends of audit chains are kept outside the database."""

    def keep(self, tenant_id: str, head: Head, *, after: Head | None) -> bool: ...
    def get(self, tenant_id: str) -> Head | None: ...


class KnownTenants(Protocol):
    """The tenants that a process remembers (`runtime.tenants`)."""

    def mark(self) -> int | None: ...
    def get(self, slug: str, mark: int | None) -> Tenant | None: ...
    def keep(self, tenant: Tenant, mark: int | None) -> Tenant: ...


_NOTHING_KNOWN: Final[Mapping[str, Any]] = {"known": lambda kid: None, "tenants": None}
"""The knowledge of a transaction that sees more than memory does."""


class NoHeads:
    """Nowhere: the keyring is not a file, so there is no place beside it."""

    def keep(self, tenant_id: str, head: Head, *, after: Head | None) -> bool:
        """Keep nothing, which always succeeds."""
        return True

    def get(self, tenant_id: str) -> Head | None:
        """Return None."""
        return None


class Context(msgspec.Struct, frozen=True):
    """The dependencies of one instance, or of one `scoped` or `using` view of it."""

    store: Store
    keyring: Callable[[], Keyring]
    clock: Callable[[], int]
    entropy: Callable[[int], bytes]
    announce: Callable[[Done], None]
    tenant: str = "default"
    by: By = NOT_GIVEN
    ip: str | None = None
    request_id: str | None = None
    trace: Trace | None = None
    owner_loader: Callable[[], Callable[[str, str], object] | None] = lambda: None
    held: Callable[[str, Limit, int], int] = lambda key_id, limit, window: 0
    take: Callable[[Subject, int], Taken | Refused] | None = None
    heads: Heads = msgspec.field(default_factory=NoHeads)
    seals: bool = True
    signers: Signers | None = None
    ids: Ids = msgspec.field(default_factory=Ids)
    spans: Spans = msgspec.field(default_factory=NoSpans)
    known: Callable[[str], Grant | None] = lambda kid: None
    """Returns the cached grant of a secret, or None. Only reads use it to find the actor; changes read the database."""
    renew_keyring: Callable[[], None] = lambda: None
    """Take a rotated keyring over: a process that was idle must not write under a generation that is gone by now."""
    tenants: KnownTenants | None = None
    """The tenants that memory knows, for reads."""
    shared: Shared | None = None
    meet: Callable[[str, str | None], None] = lambda text, ip: None
    """Makes an imported key known by its text: the key, and the address that shows it."""
    missing: Callable[[str, str | None], None] = lambda kid, ip: None
    """Takes note of an unknown secret, which may be a decoy: its kid, and the address it came from."""
    github_keys: Callable[[str], Mapping[str, Any]] = lambda identifier: {}
    """Returns the document of GitHub's public keys that names one of them (`runtime.github_keys`)."""
    retention: Retention = Retention()
    examine: Callable[[], tuple[Any, ...]] = tuple  # makes the checks of the installation (`examining.Examiner`)
    learning: Any = None  # the old systems that this process learns keys from (`learning.Learning`)
    public_url: str = ""
    networks: tuple[Any, ...] = ()  # that webhooks may go to beside public addresses

    @property
    def is_joined(self) -> bool:
        """Whether this is inside a transaction of the host, whose database nobody has checked."""
        return not self.seals

    def scoped(self, **defaults: Any) -> Context:
        """Return this context with other defaults."""
        return msgspec.structs.replace(self, **defaults)

    def joined(self, store: Store, announce: Callable[[Done], None]) -> Context:
        """Return this context inside a transaction of the host. Memory knows nothing of what is not committed yet."""
        return self.scoped(store=store, announce=announce, heads=NoHeads(), seals=False, **_NOTHING_KNOWN)

    def together(self, store: Store) -> tuple[Context, list[Done]]:
        """Return this context inside a transaction shared with other changes of keys, and a list for announcements."""
        shared = Shared(store.find)
        values: dict[str, Any] = {"known": shared.grant, "renew_keyring": lambda: None, "announce": shared.announce}
        return self.scoped(store=store, shared=shared, **{**_NOTHING_KNOWN, **values}), shared.done

    def now(self) -> datetime:
        """Return the present moment."""
        return moment(self.clock())

    def new_id(self, kind: str) -> str:
        """Return a new id."""
        return self.new_ids(kind, 1)[0]

    def new_ids(self, kind: str, count: int) -> list[str]:
        """Return some new ids, in the order in which they sort."""
        now, entropy = self.clock(), self.entropy(10 * count)
        return [self.ids.make(kind, now, entropy[at : at + 10]) for at in range(0, 10 * count, 10)]

    @contextmanager
    def reading(
        self, tenant: str | NotGiven, by: By | NotGiven, *, home: str | None = None, actor: Actor | None = None
    ) -> Iterator[Scene]:
        """Open a scene that only reads. An external id as actor names an owner of `home`, by default of the tenant.

        A call of several transactions passes the `actor` of its first one, which may have ended itself.
        """
        slug, by = self.slug_of(tenant), self.by if by is NOT_GIVEN else by
        check_by(by)
        self.renew_keyring()
        mark = None if self.tenants is None else self.tenants.mark()
        with self.store.read() as rows:
            if self.is_joined:
                _check_generation(rows, self.keyring().signing(self.clock()).id)
            found = self._known_tenant(rows, slug, mark)
            acting = Acting(rows, found, self.now(), self.owner_loader(), self.known)
            actor = actor or acting.actor(by, found.slug if home is None else home)
            yield Scene(self, rows, found, actor, acting.now)

    @contextmanager
    def changing(
        self,
        tenant: str | NotGiven,
        by: By | NotGiven,
        *,
        alone: bool = False,
        home: str | None = None,
        actor: Actor | None = None,
    ) -> Iterator[Change]:
        """Open a change. Its events commit with it and are announced after the commit.

        The tenant stays as it is until the end; with `alone` nobody else changes anything in it meanwhile. `home` and
        `actor` are as for `reading`.
        """
        slug, by = self.slug_of(tenant), self.by if by is NOT_GIVEN else by
        check_by(by)
        self.renew_keyring()
        with self.spans.change(self.trace) as span:
            with self.store.change() as rows:
                found = self._tenant(rows, slug, "alone" if alone else "shared")
                acting = Acting(
                    rows, found, self.now(), self.owner_loader(), None if self.shared is None else self.shared.grant
                )
                actor = actor or acting.actor(by, found.slug if home is None else home)
                change = Change(self, rows, found, actor, acting.now)
                yield change
                done = change.finish()
            self.announce(done)
            span.done(done)

    def in_batches(
        self, tenant: str | NotGiven, by: By | NotGiven, step: Callable[[Change], T | None], *, alone: bool = False
    ) -> T:
        """Run a step in one transaction after another until it returns a result, and return that.

        Others write between two transactions. The actor of the first one asks for all, even if it has ended itself.
        """
        actor = None
        while True:
            with self.changing(tenant, by, alone=alone, actor=actor) as change:
                actor, result = change.actor, step(change)
            if result is not None:
                return result

    def recording(self, rows: Rows, tenant: Tenant) -> Change:
        """Open a change of the program itself inside a transaction that is already open; `finish` it before its end."""
        return Change(self, rows, tenant, PROGRAM, self.now())

    def slug_of(self, tenant: str | NotGiven) -> str:
        """Return the slug of the tenant that is meant; raise Invalid."""
        slug = self.tenant if tenant is NOT_GIVEN else tenant
        if not slug or not isinstance(slug, str):
            raise Invalid.one("tenant", "not_a_text", "tenant is the slug of a tenant, such as 'default'")
        return slug

    def _known_tenant(self, rows: Rows, slug: str, mark: int | None) -> Tenant:
        if self.tenants is None:
            return self._tenant(rows, slug, None)
        return self.tenants.get(slug, mark) or self.tenants.keep(self._tenant(rows, slug, None), mark)

    def _tenant(self, rows: Rows, slug: str, lock: str | None) -> Tenant:
        tenant = self.shared.tenants.get(slug) if self.shared is not None else None
        tenant = tenant or rows.tenants.get(slug, lock=lock)
        if tenant is None:
            raise missing("tenant", slug)
        if self.shared is not None:
            self.shared.tenants[slug] = tenant
        return tenant


@dataclass(slots=True)
class Scene:
    """One transaction, seen by one actor in one tenant."""

    context: Context
    rows: Rows
    tenant: Tenant
    actor: Actor
    now: datetime

    def owner(self, external_id: object, scope: str, *, lock: bool = False) -> Owner:
        """Return an owner, if what a scope speaks of is open to the actor for it; raise NotFound."""
        owner = self.rows.owners.get(self.tenant, external(external_id), lock=lock)
        if owner is None or not self.actor.sees(owner.external_id, scope):
            raise missing("owner", external_id, self.tenant.slug)
        return owner


@dataclass(slots=True)
class Change(Scene):
    """A transaction that writes, with its records for the audit log, readers and memory."""

    _entries: list[Sealed] = field(default_factory=list)
    _done: Done = field(default_factory=Done)

    def record(
        self,
        type: str,
        subject: str,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        *,
        owner: str | None = None,
    ) -> None:
        """Write one audit entry and one event in this transaction. `owner` is whose key or session it is about."""
        self.record_each(type, [Record(subject, before, after, owner)])

    def record_each(self, type: str, records: Sequence[Record]) -> None:
        """Do the same for many subjects at once."""
        records = [one.plain() for one in records]
        self._entries += entries(self, type, records)
        self._done.events += events(self, type, records)

    def tell(self, type: str, subject: str, data: Mapping[str, Any] | None = None, *, owner: str | None = None) -> None:
        """Write an event without an audit entry, for what nobody did. Events of keys and sessions name the owner."""
        self._done.events += events(self, type, [Record(subject, None, data, owner)])

    def invalidate(self, kids: tuple[str, ...]) -> None:
        """Say that verdicts about some secrets may change with this transaction."""
        self.drop_cached(kids)
        self._done.invalidates = True

    def invalidate_all(self) -> None:
        """Say that any verdict may change with this transaction."""
        self.drop_cached(None)
        self._done.invalidates = True

    def invalidate_keys(self, *key_ids: str) -> None:
        """Say that verdicts about some keys may change with this transaction."""
        self.invalidate(tuple(self.rows.secrets.kids(self.tenant, key_ids)))

    def invalidate_owner(self, owner_id: str) -> None:
        """Say that verdicts about an owner's credentials may change with this transaction."""
        self.drop_cached_owner(owner_id)
        self._done.invalidates = True

    def drop_cached_owner(self, owner_id: str) -> None:
        """Drop cached grants of an owner's credentials after this transaction, even if it changes nothing."""
        kids = self.rows.secrets.kids_of_owner(self.tenant, owner_id)
        self.drop_cached(None if kids is None else tuple(kids))

    def drop_cached(self, kids: tuple[str, ...] | None) -> None:
        """Drop cached grants of some secrets (None: of all) after this transaction, even if it changes nothing.

        A repeated call makes the same promise as the first one, which may not have returned yet. So it waits, too.
        """
        self._done.kids = None if kids is None or self._done.kids is None else self._done.kids + kids

    def take(self, other: Change) -> None:
        """Write down with this change what another one has done in the same tenant and the same transaction."""
        self._entries += other._entries
        self._done.events += other._done.events
        self.drop_cached(other._done.kids)
        self._done.invalidates |= other._done.invalidates

    def finish(self) -> Done:
        """Write entries, events and the turn, as the last statements of the transaction."""
        if self._entries:
            known = self.context.shared.generations if self.context.shared is not None else set()
            for id in {sealed.generation for sealed in self._entries} - known:
                _check_generation(self.rows, id)
                known.add(id)
        with self.rows.ahead(len(self._entries)):
            if self._entries:
                self.rows.audit.insert(self.tenant, self._entries)
            if self._done.events:
                self.rows.events.insert(self.tenant, self._done.events)
                self.rows.mail.insert(self._mails())
        if self._done.invalidates:
            self._done.turn = self.rows.turn(self._done.kids)
        elif self._done.kids != ():
            self._done.others = self.rows.turns_of(self._done.kids)
        self._done.tenant_id, self._done.tenant = self.tenant.id, self.tenant.slug
        self._done.actions = tuple([sealed.entry.action for sealed in self._entries])
        return self._done

    def _mails(self) -> list[Mail]:
        """Return the mails that the events ask for. They are there whether or not any process sends mail."""
        new, id, at = self.context.new_id, self.tenant.id, micros(self.now)
        found = [(event, who) for event in self._done.events for who in MAILED.get(event.type, ())]
        return [Mail(id, new("mail"), event.id, event.type, who, at, 0) for event, who in found]


def _check_generation(rows: Rows, id: str) -> None:
    """Raise ConfigError for a generation that this database does not know or has dropped: nothing it signs verifies."""
    canary = rows.canaries.get(id)
    if canary is None:
        raise ConfigError(
            f"nothing was read or changed: this database knows no generation {id} of the keyring. A connection given "
            "to using() must be of the database that this instance was opened on: Tokenry(engine=…) shares one"
        )
    if canary == DROPPED:
        raise ConfigError(
            f"nothing was read or changed: generation {id} of the keyring was dropped, and this process still signs "
            "with it. Give it the keyring that the other processes have (TOKENRY_KEYRING, keyring=)"
        )

"""The assembly: one instance that holds the engine together, from its first use to its end, forks included."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal, Unpack, overload

from .config import Settings, load
from .core.breaker import Breaker
from .core.decide import ClientAddress, Question, read_ask, read_client, shared_ask
from .core.errors import Closed, ConfigError
from .core.keyring import Keyring
from .core.model import NOT_GIVEN, Clock, Jwks, NotGiven, Token
from .core.scopes import ScopesAsked
from .core.secret import Secret
from .core.token import OfflineValid, OfflineVerdict
from .core.verdict import AnyValid, Explanation, Verdict
from .examining import Examiner
from .groups import Groups, Joined
from .journaling import Journaling
from .keyring_source import KeyringSource
from .runtime import instances
from .runtime.asking import Asking
from .runtime.clock import clock_of
from .runtime.guesses import Guesses
from .runtime.heads import HeadFile
from .runtime.leases import Leases
from .runtime.leasing import Leasing
from .runtime.slow_checks import SlowChecks
from .runtime.tally import Tally
from .runtime.tenants import TenantMemory
from .runtime.tokens import TokenMemory
from .runtime.tracing import OpenTelemetrySpans
from .runtime.watch import Watch
from .runtime.worker import Worker
from .service import canary
from .service.context import Context, Done, NoHeads
from .service.events import Subscribers
from .service.exchange import exchange
from .service.learning import Learning
from .service.metering import Metering
from .service.owner_loaders import OwnerLoader, checked_loader
from .service.signing_keys import Signers, jwks
from .service.spans import NoSpans, Spans
from .service.verify import Verifying, required, text_of
from .store import open as stores
from .ticking import Ticking
from .turning import Turning

_log = logging.getLogger("tokenry")
_PROBE_SECONDS = 0.1
"""How long one verification at a time waits for the database while it does not answer, to lease shares of limits."""


class Tokenry(Journaling, Ticking, Turning, Groups):
    """API credentials on one database. One instance serves all threads, and forked children too."""

    def __init__(
        self,
        database_url: str | None = None,
        *,
        engine: stores.HostEngine | None = None,
        keyring: str | Path | Keyring | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Open a database: `sqlite:///keys.db`, `sqlite://` (memory), `postgresql://…`, or a host's `engine=`.

        Without any, `TOKENRY_DATABASE_URL` and `tokenry.toml` say where it is. With `settings=` that file is not read.
        Raise ConfigError when nothing says where the database is, or when the keyring is not the one that the database
        was made with.
        """
        found = load(settings=settings)
        self.settings = found.settings
        if database_url is None and engine is None:
            database_url = found.database_url
        self._database = stores.database(
            database_url,
            engine,
            exclusive=self.settings.exclusive,
            timeout=self.settings.store_timeout.total_seconds(),
            slow_ms=self.settings.slow_statement_ms,
        )
        try:
            self._assemble(clock, keyring or found.keyring)
            if engine is None or not engine.dialect.is_async:  # that of an AsyncEngine waits for its first use
                self._prepare(migrate=self.settings.migrate and engine is None)
        except BaseException:
            self._database.close()
            raise
        instances.add(self)

    def _assemble(self, clock: Any, keyring: str | Path | Keyring | None) -> None:
        self._now: Callable[[], int] = clock_of(clock)
        self._spans: Spans = OpenTelemetrySpans() if self.settings.tracing else NoSpans()
        self._keyring = KeyringSource(
            keyring, stores.keyring_beside(self._database), ephemeral=stores.is_ephemeral(self._database)
        )
        self._journal = self._make_journal(self._keyring.path)
        self._remember(self.settings.memory_entries, background=self.settings.background)
        self._tenants, self._tally = TenantMemory(self._memory), Tally()
        self._leases = Leases(alone=self.settings.exclusive)
        timeout = self.settings.store_timeout.total_seconds()
        self._leasing, self._writing = (Breaker(timeout, _PROBE_SECONDS, time.monotonic) for _ in range(2))
        self._database.seals.use(self._keyring.get, self._now, self._tally.note_forged)
        self._remembered = TokenMemory(self.settings.memory_entries // 5)
        self._signers = Signers(
            self._database,
            self.settings.token_policy(),
            self._keyring.get,
            self._now,
            lambda: self._memory.clears,
            self._memory.is_trusted,
            stores.is_on_one_loop(self._database),
        )
        self._slow, self._asking, self._guesses = SlowChecks(self._now), Asking(self._now), Guesses(self._now)
        self._learning, self._examiner = Learning(self._asking, self._now), Examiner(self)
        self._verifying, self._github_keys = self._make_verifying(), self._read_github_keys()
        Groups.__init__(self, self._make_context(), Subscribers())
        self._verifying.foreign.use(self._context, self._learning)
        self._make_senders()
        self._closed = self._prepared = False
        self._ticked_at = self._upkept_at = self._write_at = time.monotonic()
        self._worker = Worker(self._tick, self.settings.flush_interval.total_seconds())
        self._inline = not self.settings.background
        self._lessor = Leasing(self._leases, self._verifying.lease, self._now, background=not self._inline)
        self._flushing = threading.RLock()

    def __enter__(self) -> Tokenry:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Tokenry on {self._database.dialect}>"

    @overload
    def verify(
        self, presented: str | Secret, *, offline: Literal[False] = False, **asked: Unpack[Question]
    ) -> Verdict: ...
    @overload
    def verify(
        self, presented: str | Secret, *, offline: Literal[True], **asked: Unpack[Question]
    ) -> OfflineVerdict: ...
    @overload
    def verify(
        self, presented: str | Secret, *, offline: bool, **asked: Unpack[Question]
    ) -> Verdict | OfflineVerdict: ...

    def verify(
        self,
        presented: str | Secret,
        *,
        scopes: ScopesAsked | None = None,
        ip: ClientAddress = None,
        cost: int = 1,
        tenant: str | None = None,
        environment: str | None = None,
        audience: str | None = None,
        offline: bool = False,
    ) -> Verdict | OfflineVerdict:
        """Answer whether a credential holds: a `Valid` that says who it is, or a falsy `Refused` with a code.

        `scopes` are a scope, a list (all of), or `{"any": […]}`; `ip` is the client's address, None when unknown.
        `offline` checks an access token by its signature and claims alone, so what was revoked still holds. Raise
        Invalid for a malformed question and StoreUnavailable when nothing can be said; never for a bad credential.
        """
        text = presented if presented.__class__ is str else text_of(presented)
        ask = shared_ask(scopes, cost, tenant, environment, audience)
        client, address = read_client(ip)
        if self._inline:
            self._tick_if_due()
        if offline is not False:
            steps = self._verifying.tokens.offline_steps(text, ask.at(client, address), offline)
            return self._verifying.run(steps)  # type: ignore[no-any-return]
        verdict = self._verifying.answer_at(text, ask, client, address, self._verifying.moment())
        if verdict is None:
            self._wake()
            return self._verifying.look_up(text, ask.at(client, address))  # type: ignore[return-value]
        return verdict

    @overload
    def require(
        self, presented: str | Secret, *, offline: Literal[False] = False, **asked: Unpack[Question]
    ) -> AnyValid: ...
    @overload
    def require(
        self, presented: str | Secret, *, offline: Literal[True], **asked: Unpack[Question]
    ) -> OfflineValid: ...
    @overload
    def require(
        self, presented: str | Secret, *, offline: bool, **asked: Unpack[Question]
    ) -> AnyValid | OfflineValid: ...

    def require(
        self,
        presented: str | Secret,
        *,
        scopes: ScopesAsked | None = None,
        ip: ClientAddress = None,
        cost: int = 1,
        tenant: str | None = None,
        environment: str | None = None,
        audience: str | None = None,
        offline: bool = False,
    ) -> AnyValid | OfflineValid:
        """Verify, and raise Denied in place of a refusal."""
        verdict = self.verify(
            presented,
            scopes=scopes,
            ip=ip,
            cost=cost,
            tenant=tenant,
            environment=environment,
            audience=audience,
            offline=offline,
        )
        return required(verdict)

    def exchange(
        self,
        secret: str | Secret,
        *,
        scopes: Sequence[str] | None = None,
        audience: str | Sequence[str] | None = None,
        expires_in: timedelta | NotGiven = NOT_GIVEN,
        ip: ClientAddress = None,
        tenant: str | None = None,
        environment: str | None = None,
    ) -> Token:
        """Derive a short-lived access token from a key, which does at most what the key does and ends with its secret.

        Without `scopes` it holds all of the key's. Raise Denied for a bad key, NotAllowed for more than it holds.
        """
        ask = read_ask(None, ip, 1, tenant, environment, None)
        self._wake()
        wanted = {"scopes": scopes, "audience": audience, "expires_in": expires_in}
        return exchange(self._context, self._verifying, text_of(secret), ask, wanted)

    def jwks(self, *, tenant: str = "default") -> Jwks:
        """Return the public keys that a tenant's access tokens are verified with, as a JWKS."""
        return jwks(self._context, tenant)

    def explain(
        self,
        presented: str | Secret,
        *,
        scopes: ScopesAsked | None = None,
        ip: ClientAddress = None,
        cost: int = 1,
        tenant: str | None = None,
        environment: str | None = None,
        audience: str | None = None,
    ) -> Explanation:
        """Evaluate every check, take nothing, and mark the first failure; `str()` lists the codes."""
        ask = read_ask(scopes, ip, cost, tenant, environment, audience)
        return self._verifying.run(self._verifying.explain_steps(text_of(presented), ask))  # type: ignore[no-any-return]

    def owner_loader(self, load: OwnerLoader) -> OwnerLoader:
        """Let the host answer for owners: `load(external_id, tenant)` returns a mapping of fields, True, or None.

        None is `owner_disabled`. It is asked whenever a grant is looked up or older than `owner_max_age`. Raise
        ConfigError for an asynchronous one, and later whenever it answers with anything else.
        """
        self._verifying.owner_loader = checked_loader(load)
        self._memory.clear()
        return load

    @contextmanager
    def using(self, connection: object) -> Iterator[Joined]:
        """Offer the groups inside a host's transaction: a SQLAlchemy Connection or Session, or Django's connection.

        Nothing is promised until the host commits; after that call `settle()` on what this yields. Django and a Session
        (but no AsyncSession) do that themselves.
        """
        pending: list[Done] = []
        stores.check_files(self._database)
        settle = lambda: self._settle(pending)  # noqa: E731 Django logs its name when it raises
        with stores.joined(self._database, connection, settle) as store:
            if (signal := stores.signal_of(self._database)) is not None:
                # Somebody else writes to our file now: look, and never assume.
                self._memory.watch(Watch(signal, self._memory.clear))
            yield Joined(self._context.joined(store, pending.append), self._subscribers, settle, store.is_open)

    def migrate(self) -> None:
        """Bring Tokenry's tables up to date. With a host's engine this is never done without being asked."""
        self._prepare(migrate=True)

    def flush(self) -> None:
        """Write what was counted, and seal the audit log.

        On PostgreSQL the counts of a key that a running transaction changes are written by a later flush.
        """
        self._write_counts(wait=False)
        self._tell_and_seal()

    def close(self) -> None:
        """Write what was counted, give shares back and close the database. Nothing that was counted is lost."""
        if self._closed:
            return
        self._closed = True
        instances.discard(self)
        self._stop_senders()
        self._worker.stop()
        self._lessor.stop()
        self._slow.close()
        self._asking.close()
        try:
            if self._prepared:
                self._write_last()
        finally:
            if self._fence is not None:
                self._fence.stop()
            self._memory.close()
            stores.refuse(self._database, Closed("this Tokenry was closed: open another one"))
            self._database.close()

    def _make_verifying(self) -> Verifying:
        limits_open = self.settings.limits_when_down == "open"
        return Verifying(
            store=self._database,
            memory=self._memory,
            tally=self._tally,
            keyring=self._keyring.get,
            now=self._now,
            metering=Metering(self._database, self._leases, self._leasing, self._now, limits_open=limits_open),
            owner_max_age=self.settings.owner_max_age // timedelta(microseconds=1),
            signers=self._signers,
            remembered=self._remembered,
            spans=self._spans,
            mark=self._tenants.mark,
            begin=self._slow.begin,
            guesses=self._guesses,
        )

    def _make_context(self) -> Context:
        keyring = self._keyring.path
        return Context(
            store=self._database,
            keyring=self._keyring.get,
            renew_keyring=self._renew_keyring,
            clock=self._now,
            entropy=os.urandom,
            announce=self._announce,
            owner_loader=lambda: self._verifying.owner_loader,
            held=self._leases.held,
            take=self._verifying.take,
            spans=self._spans,
            heads=HeadFile(keyring.with_name(keyring.name + ".heads")) if keyring else NoHeads(),
            signers=self._signers,
            known=self._memory.known,
            tenants=self._tenants,
            meet=self._verifying.foreign.meet,
            missing=self._tally.count_missing,
            public_url=self.settings.public_url,
            networks=self._networks(),
            github_keys=self._github_keys.document,
            examine=self._examiner,
            learning=self._learning,
            retention=self.settings.retention(),
        )

    def _prepare(self, *, migrate: bool) -> None:
        if self._closed:
            return
        self._keyring.check()
        stores.allow(self._database)
        outdated = stores.prepare(
            self._database,
            migrate=migrate,
            embed=self._keyring.embed,
            confirm=lambda rows: self._keyring.confirm(partial(canary.confirm, rows)),
        )
        if outdated:
            stores.refuse(self._database, ConfigError(outdated), for_now=True)
            return
        self._keyring.confirm(lambda keyring: canary.check(self._database, keyring))
        self._prepared = True
        self._follow_journal(start=True)
        self._start_senders()

    def _after_fork(self) -> None:
        self._database.after_fork()
        self._flushing = threading.RLock()
        parts: tuple[Any, ...] = (self._leasing, self._writing, self._memory, self._remembered, self._tenants)
        parts += (self._signers, self._leases, self._lessor, self._tally, self._worker, self._courier, self._mailer)
        parts += (self._github_keys,) if self._journal is None else (self._github_keys, self._journal)
        parts += (self._slow, self._asking, self._guesses, self._verifying.foreign, self._examiner)
        for part in parts:
            part.forget()

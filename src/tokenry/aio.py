"""The asynchronous face: the same engine, the same names, awaited.

There is no second implementation. A verification that memory can answer is answered inline; otherwise its steps are
driven here, and only what really waits is awaited. Everything else runs the synchronous call where it may wait: on a
thread, or in a greenlet when the host's engine is an `AsyncEngine`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, Unpack, overload

from .async_groups import AsyncGroups, AsyncJoined
from .awaited import awaited
from .config import Settings, load
from .core.decide import ClientAddress, Question, read_ask
from .core.errors import ConfigError
from .core.keyring import Keyring
from .core.model import Clock
from .core.scopes import ScopesAsked
from .core.secret import Secret
from .core.token import OfflineValid, OfflineVerdict
from .core.verdict import AnyValid, Explanation, Verdict
from .runtime.leasing import Gathered
from .service.owner_loaders import OwnerLoader
from .service.verify import Find, Lease, Pooled, Wait, required, text_of
from .store import open as stores
from .tokenry import Tokenry
from .turning import without_blocking

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

_log = logging.getLogger("tokenry")

R = TypeVar("R")
Wish: TypeAlias = Find | Lease | Wait | Pooled


class AsyncTokenry(AsyncGroups):
    """`Tokenry`, awaited. Also takes SQLAlchemy's AsyncEngine."""

    flush = awaited(Tokenry.flush)
    exchange = awaited(Tokenry.exchange)
    jwks = awaited(Tokenry.jwks)

    def __init__(
        self,
        database_url: str | None = None,
        *,
        engine: Engine | AsyncEngine | None = None,
        keyring: str | Path | Keyring | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Open a database, as `Tokenry` does. With an AsyncEngine its first use checks keyring and tables."""
        inner: Any = engine
        self._greenlets = hasattr(engine, "sync_engine")
        found = load(settings=settings)
        settings = found.settings
        self._background = settings.background
        if database_url is None and engine is None:
            database_url = found.database_url
        if self._greenlets:
            settings = replace(settings, background=False)
        sync = Tokenry(
            database_url,
            engine=inner.sync_engine if self._greenlets else inner,
            keyring=keyring or found.keyring,
            settings=settings,
            clock=clock,
        )
        super().__init__(sync, self._call)
        self._verifying = sync._verifying
        self._find = getattr(sync._database, "find_async", None)
        self._inline = stores.finds_inline(sync._database)
        self._leases_at_once = stores.shares_changes(sync._database)  # how long a host's engine waits, the host says
        self._inline_ticks = not self._background
        self._ticking: asyncio.Task[None] | None = None
        self._gathered: Gathered | None = None

    async def __aenter__(self) -> AsyncTokenry:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    @overload
    async def verify(
        self, presented: str | Secret, *, offline: Literal[False] = False, **asked: Unpack[Question]
    ) -> Verdict: ...

    @overload
    async def verify(
        self, presented: str | Secret, *, offline: Literal[True], **asked: Unpack[Question]
    ) -> OfflineVerdict: ...
    @overload
    async def verify(
        self, presented: str | Secret, *, offline: bool, **asked: Unpack[Question]
    ) -> Verdict | OfflineVerdict: ...

    async def verify(
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
        """Answer whether a credential holds; from memory without waiting."""
        text = presented if presented.__class__ is str else text_of(presented)
        ask = read_ask(scopes, ip, cost, tenant, environment, audience)
        if self._inline_ticks and self._sync._is_due():
            await self._call(self._sync._tick_if_due)
        if offline is not False:
            return await self._drive(self._verifying.tokens.offline_steps(text, ask, offline))  # type: ignore[no-any-return]
        verdict = self._verifying.answer(text, ask)
        if verdict is None:
            verdict = await self._drive(self._verifying.steps(text, ask))
        return verdict

    @overload
    async def require(
        self, presented: str | Secret, *, offline: Literal[False] = False, **asked: Unpack[Question]
    ) -> AnyValid: ...

    @overload
    async def require(
        self, presented: str | Secret, *, offline: Literal[True], **asked: Unpack[Question]
    ) -> OfflineValid: ...
    @overload
    async def require(
        self, presented: str | Secret, *, offline: bool, **asked: Unpack[Question]
    ) -> AnyValid | OfflineValid: ...

    async def require(
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
        verdict = await self.verify(
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

    async def explain(
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
        """Evaluate every check, take nothing, and mark the first failure."""
        ask = read_ask(scopes, ip, cost, tenant, environment, audience)
        explanation: Explanation = await self._drive(self._verifying.explain_steps(text_of(presented), ask))
        return explanation

    def owner_loader(self, load: OwnerLoader) -> OwnerLoader:
        """Let the host answer for owners; the loader is a plain function that does not wait."""
        loader: OwnerLoader = self._sync.owner_loader(load)
        return loader

    @asynccontextmanager
    async def using(self, connection: object) -> AsyncIterator[AsyncJoined]:
        """Offer the groups inside a host's transaction: an AsyncConnection or AsyncSession (or a synchronous one)."""
        asynchronous = hasattr(connection, "run_sync")
        inner = getattr(connection, "sync_session", None) or getattr(connection, "sync_connection", connection)
        run = partial(without_blocking, _in_greenlet) if asynchronous else self._run
        opened = self._sync.using(inner)
        joined = await run(opened.__enter__)
        try:
            yield AsyncJoined(joined, run)
        finally:
            opened.__exit__(None, None, None)

    async def deliver(self) -> int:
        """Send every webhook that is due, here and now; return the number of attempts."""
        count: int = await self._call(self._sync.deliver)
        return count

    async def migrate(self) -> None:
        """Bring Tokenry's tables up to date."""
        await (_in_greenlet if self._greenlets else asyncio.to_thread)(self._sync.migrate)

    async def close(self) -> None:
        """Write what was counted, give shares back and close the database."""
        self._background = False  # nothing begins to tick any more
        if self._ticking is not None:  # never cancelled: a transaction cut in the middle keeps its locks
            self._stopping.set()
            await asyncio.wait({self._ticking})  # also after an error
            self._ticking = None
        try:
            if self._greenlets:
                await without_blocking(_in_greenlet, self._sync.close)
            else:
                await asyncio.to_thread(self._sync.close)
        finally:
            if self._find is not None:
                self._find = self._sync._database.find_async  # the old secret is refused from now on
                await self._sync._database.close_async()

    async def _drive(self, steps: Generator[Wish, Any, Any], wish: Wish | None = None) -> Any:
        """Drive steps to their end, from the `wish` that they have come to, if they have begun."""
        if self._greenlets:
            await self._wake()
        elif wish is None:
            self._sync._wake()
        try:
            if wish is None:
                wish = next(steps)
            while True:
                try:
                    if isinstance(wish, Lease) and not self._sync._inline:
                        answer: Any = await self._lease(wish)
                    elif isinstance(wish, Pooled):
                        answer = await asyncio.wrap_future(wish.begin())
                    elif not isinstance(wish, Find):
                        answer = await self._call(self._verifying.done, wish)
                    elif self._inline:
                        answer = self._verifying.store.find(wish.kid)
                    elif self._find is not None:
                        answer = await self._find(wish.kid)
                    else:
                        answer = await self._call(self._verifying.store.find, wish.kid)
                except Exception as error:
                    wish = steps.throw(error)
                else:
                    wish = steps.send(answer)
        except StopIteration as end:
            return end.value

    def _lease(self, wish: Lease) -> asyncio.Future[bool]:
        """Lease together with the other callers on this event loop."""
        if not self._leases_at_once:
            return asyncio.wrap_future(self._sync._lessor.ask(wish.wants))
        if self._gathered is None or self._gathered.loop is not asyncio.get_running_loop():
            self._gathered = Gathered(self._sync._lessor, self._verifying.lease_at_once)
        return self._gathered.ask(wish.wants)

    async def _call(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> R:
        """Run a synchronous call where it may wait."""
        if not self._greenlets:
            return await without_blocking(asyncio.to_thread, fn, *args, **kwargs)
        await self._wake()
        return await without_blocking(_in_greenlet, partial(fn, *args, **kwargs))

    async def _wake(self) -> None:
        """Start what runs beside the calls: a thread, or a task where the engine belongs to this event loop."""
        if not self._greenlets:
            self._sync._wake()
            return
        if not self._sync._prepared:
            await _in_greenlet(self._sync._prepare, migrate=False)
        if self._background and self._ticking is None:
            self._stopping = asyncio.Event()
            self._ticking = asyncio.create_task(self._tick(self._stopping))

    async def _tick(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                await asyncio.wait_for(stopping.wait(), self._sync.settings.flush_interval.total_seconds())
            except TimeoutError:
                await self._tick_once()

    async def _tick_once(self) -> None:
        try:
            await without_blocking(_in_greenlet, self._sync._tick_if_due)
        except Exception as error:
            _log.warning("work in the background failed and will be tried again: %s", error)


async def _in_greenlet(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        from sqlalchemy.util import greenlet_spawn
    except ImportError:
        raise ConfigError("an AsyncEngine needs greenlet: install sqlalchemy[asyncio]") from None
    return await greenlet_spawn(fn, *args, **kwargs)

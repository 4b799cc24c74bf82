"""The groups of calls, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial, wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from .awaited import awaited
from .core.following import WAIT_MAX, follow_awaited
from .core.holds import AsyncHeldCredits, HeldCredits, held
from .core.model import NOT_GIVEN, Event, NotGiven, Page
from .core.walking import walked_awaited
from .groups import Groups, Joined
from .service.advice import Advices
from .service.audit import Audit
from .service.context import B, By
from .service.doctor import Doctor
from .service.events import Events
from .service.exporting import Exports
from .service.imports import Imports
from .service.key_credits import KeyCredits
from .service.key_page import KeyPages
from .service.keys import Keys
from .service.leaks import Leaks
from .service.limits import Limits
from .service.owners import Owners
from .service.portal import Portal
from .service.refusals import Refusals
from .service.roles import Roles, Scopes
from .service.sessions import Sessions
from .service.signing_keys import SigningKeys
from .service.tenants import Tenants
from .service.usage import Usage
from .service.waiting import waited_for
from .service.webhooks import Webhooks

Run = Callable[..., Awaitable[Any]]
P = ParamSpec("P")
G = TypeVar("G")


class _Group:
    def __init__(self, sync: Any, run: Run) -> None:
        self._sync = sync
        self._run = run


class AsyncTenants(_Group, Generic[B]):
    """`Tenants`, awaited."""

    create = awaited(Tenants[B].create)
    get = awaited(Tenants[B].get)
    list = awaited(Tenants[B].list)
    iterate = walked_awaited(Tenants[B].list)
    update = awaited(Tenants[B].update)
    suspend = awaited(Tenants[B].suspend)
    resume = awaited(Tenants[B].resume)
    delete = awaited(Tenants[B].delete)


class AsyncOwners(_Group, Generic[B]):
    """`Owners`, awaited."""

    put = awaited(Owners[B].put)
    get = awaited(Owners[B].get)
    list = awaited(Owners[B].list)
    iterate = walked_awaited(Owners[B].list)
    disable = awaited(Owners[B].disable)
    enable = awaited(Owners[B].enable)
    hand_over = awaited(Owners[B].hand_over)
    delete = awaited(Owners[B].delete)


class AsyncRoles(_Group, Generic[B]):
    """`Roles`, awaited."""

    put = awaited(Roles[B].put)
    get = awaited(Roles[B].get)
    list = awaited(Roles[B].list)
    iterate = walked_awaited(Roles[B].list)
    delete = awaited(Roles[B].delete)


class AsyncScopes(_Group, Generic[B]):
    """`Scopes`, awaited."""

    define = awaited(Scopes[B].define)
    list = awaited(Scopes[B].list)
    check = awaited(Scopes[B].check)


class AsyncKeys(_Group, Generic[B]):
    """`Keys`, awaited."""

    issue = awaited(Keys[B].issue)
    issue_many = awaited(Keys[B].issue_many)
    get = awaited(Keys[B].get)
    list = awaited(Keys[B].list)
    iterate = walked_awaited(Keys[B].list)
    facets = awaited(Keys[B].facets)
    expiring = awaited(Keys[B].expiring)
    find = awaited(Keys[B].find)
    limits = awaited(Keys[B].limits)
    advice = awaited(Keys[B].advice)
    impact = awaited(Keys[B].impact)
    explain = awaited(Keys[B].explain)
    update = awaited(Keys[B].update)
    disable = awaited(Keys[B].disable)
    enable = awaited(Keys[B].enable)
    hand_over = awaited(Keys[B].hand_over)
    rotate = awaited(Keys[B].rotate)
    revoke = awaited(Keys[B].revoke)
    revoke_where = awaited(Keys[B].revoke_where)
    delete = awaited(Keys[B].delete)
    purge = awaited(Keys[B].purge)


class AsyncImports(_Group, Generic[B]):
    """`Imports`, awaited."""

    run = awaited(Imports[B].run)
    learn = awaited(Imports[B].learn)
    learning = awaited(Imports[B].learning)


class _reserving(awaited[P, HeldCredits]):
    """The twin of `reserve`, whose answer is awaited when it is settled."""

    def __get__(self, instance: Any, owner: type | None = None) -> Callable[P, Awaitable[AsyncHeldCredits]]:  # type: ignore[override]
        if instance is None:
            return self  # type: ignore[return-value]
        reserve = super().__get__(instance, owner)

        async def call(*args: P.args, **kwargs: P.kwargs) -> AsyncHeldCredits:
            hold = await reserve(*args, **kwargs)
            return held(AsyncHeldCredits, hold, partial(instance._run, hold.settle))

        return wraps(reserve)(call)


class AsyncLimits(_Group, Generic[B]):
    """`Limits`, awaited."""

    take = awaited(Limits[B].take)


class AsyncKeyCredits(_Group, Generic[B]):
    """`KeyCredits`, awaited."""

    get = awaited(KeyCredits[B].get)
    list = awaited(KeyCredits[B].list)
    iterate = walked_awaited(KeyCredits[B].list)
    add = awaited(KeyCredits[B].add)
    set = awaited(KeyCredits[B].set)
    reserve = _reserving(KeyCredits[B].reserve)
    settle = awaited(KeyCredits[B].settle)
    holds = awaited(KeyCredits[B].holds)


class AsyncSessions(_Group, Generic[B]):
    """`Sessions`, awaited."""

    start = awaited(Sessions[B].start)
    refresh = awaited(Sessions[B].refresh)
    get = awaited(Sessions[B].get)
    list = awaited(Sessions[B].list)
    iterate = walked_awaited(Sessions[B].list)
    revoke = awaited(Sessions[B].revoke)
    revoke_by_token = awaited(Sessions[B].revoke_by_token)
    revoke_all = awaited(Sessions[B].revoke_all)


class AsyncSigningKeys(_Group, Generic[B]):
    """`SigningKeys`, awaited."""

    list = awaited(SigningKeys[B].list)
    rotate = awaited(SigningKeys[B].rotate)
    remove = awaited(SigningKeys[B].remove)


class _waiting(awaited[P, Page[Event]]):
    """The twin of `Events.list`, which keeps no thread while it waits."""

    def __get__(self, instance: Any, owner: type | None = None) -> Callable[P, Awaitable[Page[Event]]]:
        if instance is None:
            return self  # type: ignore[return-value]
        look = super().__get__(instance, owner)

        async def call(*args: P.args, **kwargs: P.kwargs) -> Page[Event]:
            wait: Any = kwargs.get("wait")
            fits = isinstance(wait, timedelta) and timedelta(0) < wait <= WAIT_MAX
            if not fits or instance._sync._context.is_joined:
                return await look(*args, **kwargs)
            kwargs["wait"] = timedelta(0)
            return await waited_for(instance._sync.subscribe, lambda: look(*args, **kwargs), wait)

        return wraps(look)(call)


class _following(Generic[P]):
    """The twin of `Events.follow`."""

    def __init__(self, method: Callable[Concatenate[G, P], Iterator[Event]]) -> None:
        self.__wrapped__ = method
        self.__doc__ = method.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> Callable[P, AsyncIterator[Event]]:
        if instance is None:
            return self  # type: ignore[return-value]

        def call(*args: P.args, **kwargs: P.kwargs) -> AsyncIterator[Event]:
            return follow_awaited(instance, **kwargs)

        return wraps(instance._sync.follow)(call)


class AsyncEvents(_Group, Generic[B]):
    """`Events`, awaited. Subscribers stay plain functions; they are called where the change ran."""

    list = _waiting(Events[B].list)
    latest = awaited(Events[B].latest)
    follow = _following(Events[B].follow)
    iterate = walked_awaited(Events[B].list)
    subscribe = awaited(Events[B].subscribe)


class AsyncAudit(_Group, Generic[B]):
    """`Audit`, awaited."""

    list = awaited(Audit[B].list)
    iterate = walked_awaited(Audit[B].list)
    head = awaited(Audit[B].head)
    check = awaited(Audit[B].check)
    cut = awaited(Audit[B].cut)
    seal = awaited(Audit[B].seal)
    seal_all = awaited(Audit[B].seal_all)


class AsyncUsage(_Group, Generic[B]):
    """`Usage`, awaited."""

    get = awaited(Usage[B].get)
    summary = awaited(Usage[B].summary)


class AsyncRefusals(_Group, Generic[B]):
    """`Refusals`, awaited."""

    list = awaited(Refusals[B].list)
    iterate = walked_awaited(Refusals[B].list)
    get = awaited(Refusals[B].get)


class AsyncWebhooks(_Group, Generic[B]):
    """`Webhooks`, awaited."""

    create = awaited(Webhooks[B].create)
    get = awaited(Webhooks[B].get)
    list = awaited(Webhooks[B].list)
    iterate = walked_awaited(Webhooks[B].list)
    update = awaited(Webhooks[B].update)
    delete = awaited(Webhooks[B].delete)
    pause = awaited(Webhooks[B].pause)
    resume = awaited(Webhooks[B].resume)
    rotate_secret = awaited(Webhooks[B].rotate_secret)
    test = awaited(Webhooks[B].test)
    deliveries = awaited(Webhooks[B].deliveries)
    replay = awaited(Webhooks[B].replay)


class AsyncLeaks(_Group, Generic[B]):
    """`Leaks`, awaited."""

    report = awaited(Leaks[B].report)

    @wraps(Leaks.report_github)
    async def report_github(
        self,
        body: bytes,
        *,
        identifier: str,
        signature: str,
        public_keys: Mapping[str, object] | None = None,
        by: B | NotGiven = NOT_GIVEN,
    ) -> Any:
        if public_keys is None:  # read on a thread: with an AsyncEngine calls run on the event loop
            public_keys = await asyncio.to_thread(self._sync._context.github_keys, identifier)
        given = {"identifier": identifier, "signature": signature, "public_keys": public_keys, "by": by}
        return await self._run(self._sync.report_github, body, **given)


class AsyncExports(_Group, Generic[B]):
    """`Exports`, awaited."""

    list = awaited(Exports[B].list)
    iterate = walked_awaited(Exports[B].list)


class AsyncAdvices(_Group, Generic[B]):
    """`Advices`, awaited."""

    list = awaited(Advices[B].list)
    iterate = walked_awaited(Advices[B].list)


class AsyncDoctor(_Group, Generic[B]):
    """`Doctor`, awaited."""

    examine = awaited(Doctor[B].examine)


class AsyncKeyPages(_Group, Generic[B]):
    """`KeyPages`, awaited."""

    get = awaited(KeyPages[B].get)
    put = awaited(KeyPages[B].put)


class AsyncPortal(_Group, Generic[B]):
    """`Portal`, awaited."""

    open = awaited(Portal[B].open)


class AsyncGroups:
    """The groups, awaited."""

    def __init__(self, sync: Groups, run: Run) -> None:
        self._sync: Any = sync
        self._run = run
        self.tenants: AsyncTenants[By] = AsyncTenants(sync.tenants, run)
        self.owners: AsyncOwners[By] = AsyncOwners(sync.owners, run)
        self.roles: AsyncRoles[By] = AsyncRoles(sync.roles, run)
        self.scopes: AsyncScopes[By] = AsyncScopes(sync.scopes, run)
        self.keys: AsyncKeys[By] = AsyncKeys(sync.keys, run)
        self.imports: AsyncImports[By] = AsyncImports(sync.imports, run)
        self.exports: AsyncExports[By] = AsyncExports(sync.exports, run)
        self.limits: AsyncLimits[By] = AsyncLimits(sync.limits, run)
        self.credits: AsyncKeyCredits[By] = AsyncKeyCredits(sync.credits, run)
        self.sessions: AsyncSessions[By] = AsyncSessions(sync.sessions, run)
        self.key_page: AsyncKeyPages[By] = AsyncKeyPages(sync.key_page, run)
        self.portal: AsyncPortal[By] = AsyncPortal(sync.portal, run)
        self.signing_keys: AsyncSigningKeys[By] = AsyncSigningKeys(sync.signing_keys, run)
        self.events: AsyncEvents[By] = AsyncEvents(sync.events, run)
        self.audit: AsyncAudit[By] = AsyncAudit(sync.audit, run)
        self.usage: AsyncUsage[By] = AsyncUsage(sync.usage, run)
        self.refusals: AsyncRefusals[By] = AsyncRefusals(sync.refusals, run)
        self.webhooks: AsyncWebhooks[By] = AsyncWebhooks(sync.webhooks, run)
        self.leaks: AsyncLeaks[By] = AsyncLeaks(sync.leaks, run)
        self.advice: AsyncAdvices[By] = AsyncAdvices(sync.advice, run)
        self.doctor: AsyncDoctor[By] = AsyncDoctor(sync.doctor, run)

    def scoped(
        self,
        *,
        tenant: str | NotGiven = NOT_GIVEN,
        by: By = NOT_GIVEN,
        ip: str | None = None,
        request_id: str | None = None,
        traceparent: str | None = None,
    ) -> AsyncGroups:
        """Return the same groups with defaults for many calls."""
        groups = self._sync.scoped(tenant=tenant, by=by, ip=ip, request_id=request_id, traceparent=traceparent)
        return AsyncGroups(groups, self._run)


class AsyncJoined(AsyncGroups):
    """The groups inside a transaction of the host."""

    settle = awaited(Joined.settle)

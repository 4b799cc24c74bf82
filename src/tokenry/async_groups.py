"""The groups of calls, awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from .awaited import awaited
from .core.model import NOT_GIVEN, NotGiven
from .core.walking import walked_awaited
from .groups import Groups, Joined
from .service.audit import Audit
from .service.context import By
from .service.events import Events
from .service.keys import Keys
from .service.owners import Owners
from .service.roles import Roles, Scopes
from .service.sessions import Sessions
from .service.signing_keys import SigningKeys
from .service.tenants import Tenants
from .service.usage import Usage

Run = Callable[..., Awaitable[Any]]


class _Group:
    def __init__(self, sync: Any, run: Run) -> None:
        self._sync = sync
        self._run = run


class AsyncTenants(_Group):
    """`Tenants`, awaited."""

    create = awaited(Tenants.create)
    get = awaited(Tenants.get)
    list = awaited(Tenants.list)
    iterate = walked_awaited(Tenants.list)
    update = awaited(Tenants.update)
    suspend = awaited(Tenants.suspend)
    resume = awaited(Tenants.resume)
    delete = awaited(Tenants.delete)


class AsyncOwners(_Group):
    """`Owners`, awaited."""

    put = awaited(Owners.put)
    get = awaited(Owners.get)
    list = awaited(Owners.list)
    iterate = walked_awaited(Owners.list)
    disable = awaited(Owners.disable)
    enable = awaited(Owners.enable)
    delete = awaited(Owners.delete)


class AsyncRoles(_Group):
    """`Roles`, awaited."""

    put = awaited(Roles.put)
    get = awaited(Roles.get)
    list = awaited(Roles.list)
    iterate = walked_awaited(Roles.list)
    delete = awaited(Roles.delete)


class AsyncScopes(_Group):
    """`Scopes`, awaited."""

    define = awaited(Scopes.define)
    list = awaited(Scopes.list)
    check = awaited(Scopes.check)


class AsyncKeys(_Group):
    """`Keys`, awaited."""

    issue = awaited(Keys.issue)
    issue_many = awaited(Keys.issue_many)
    get = awaited(Keys.get)
    list = awaited(Keys.list)
    iterate = walked_awaited(Keys.list)
    expiring = awaited(Keys.expiring)
    find = awaited(Keys.find)
    limits = awaited(Keys.limits)
    explain = awaited(Keys.explain)
    update = awaited(Keys.update)
    disable = awaited(Keys.disable)
    enable = awaited(Keys.enable)
    rotate = awaited(Keys.rotate)
    revoke = awaited(Keys.revoke)
    revoke_where = awaited(Keys.revoke_where)
    delete = awaited(Keys.delete)
    purge = awaited(Keys.purge)


class AsyncSessions(_Group):
    """`Sessions`, awaited."""

    start = awaited(Sessions.start)
    refresh = awaited(Sessions.refresh)
    get = awaited(Sessions.get)
    list = awaited(Sessions.list)
    iterate = walked_awaited(Sessions.list)
    revoke = awaited(Sessions.revoke)
    revoke_by_token = awaited(Sessions.revoke_by_token)
    revoke_all = awaited(Sessions.revoke_all)


class AsyncSigningKeys(_Group):
    """`SigningKeys`, awaited."""

    list = awaited(SigningKeys.list)
    rotate = awaited(SigningKeys.rotate)
    remove = awaited(SigningKeys.remove)


class AsyncEvents(_Group):
    """`Events`, awaited. Subscribers stay plain functions; they are called where the change ran."""

    list = awaited(Events.list)
    iterate = walked_awaited(Events.list)
    subscribe = awaited(Events.subscribe)


class AsyncAudit(_Group):
    """`Audit`, awaited."""

    list = awaited(Audit.list)
    iterate = walked_awaited(Audit.list)
    head = awaited(Audit.head)
    check = awaited(Audit.check)
    cut = awaited(Audit.cut)
    seal = awaited(Audit.seal)
    seal_all = awaited(Audit.seal_all)


class AsyncUsage(_Group):
    """`Usage`, awaited."""

    get = awaited(Usage.get)


class AsyncGroups:
    """The groups, awaited."""

    def __init__(self, sync: Groups, run: Run) -> None:
        self._sync: Any = sync
        self._run = run
        self.tenants = AsyncTenants(sync.tenants, run)
        self.owners = AsyncOwners(sync.owners, run)
        self.roles = AsyncRoles(sync.roles, run)
        self.scopes = AsyncScopes(sync.scopes, run)
        self.keys = AsyncKeys(sync.keys, run)
        self.sessions = AsyncSessions(sync.sessions, run)
        self.signing_keys = AsyncSigningKeys(sync.signing_keys, run)
        self.events = AsyncEvents(sync.events, run)
        self.audit = AsyncAudit(sync.audit, run)
        self.usage = AsyncUsage(sync.usage, run)

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

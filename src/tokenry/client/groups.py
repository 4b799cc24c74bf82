"""The groups of the library, made of requests. What each call means is written at the library's method."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, Protocol

from ..core.errors import ConfigError
from ..core.ids import is_id
from ..core.limits import LimitState
from ..core.model import (
    AuditReport,
    Entry,
    Event,
    Head,
    Issued,
    Key,
    Owner,
    Role,
    ScopeCheck,
    Session,
    SigningKey,
    UsageHour,
)
from ..service import audit, events, keys, owners, roles, sessions, signing_keys, tenants, usage
from . import records
from .calls import Group, call
from .records import record
from .wire import Sending


class Tenants(Group):
    """The tenants of the installation."""

    _of = tenants.Tenants
    create = call(_of.create, "POST /v1/tenants", records.tenant)
    get = call(_of.get, "GET /v1/tenants/{slug}", records.tenant)
    list = call(_of.list, "GET /v1/tenants", records.page(records.tenant))
    update = call(_of.update, "PATCH /v1/tenants/{slug}", records.tenant)
    suspend = call(_of.suspend, "POST /v1/tenants/{slug}/suspend", records.tenant)
    resume = call(_of.resume, "POST /v1/tenants/{slug}/resume", records.tenant)
    delete = call(_of.delete, "DELETE /v1/tenants/{slug}", records.nothing)


class Owners(Group):
    """The owners of a tenant."""

    _of = owners.Owners
    put = call(_of.put, "PUT /v1/owners/{external_id}", record(Owner))
    get = call(_of.get, "GET /v1/owners/{external_id}", record(Owner))
    list = call(_of.list, "GET /v1/owners", records.page(record(Owner)))
    disable = call(_of.disable, "POST /v1/owners/{external_id}/disable", record(Owner))
    enable = call(_of.enable, "POST /v1/owners/{external_id}/enable", record(Owner))
    delete = call(_of.delete, "DELETE /v1/owners/{external_id}", records.nothing)


class Roles(Group):
    """The roles of a tenant."""

    _of = roles.Roles
    put = call(_of.put, "PUT /v1/roles/{name}", record(Role))
    get = call(_of.get, "GET /v1/roles/{name}", record(Role))
    list = call(_of.list, "GET /v1/roles", records.page(record(Role)))
    delete = call(_of.delete, "DELETE /v1/roles/{name}", records.nothing)


class Scopes(Group):
    """The catalogue of a tenant."""

    _of = roles.Scopes
    define = call(_of.define, "PUT /v1/scopes", lambda found: tuple(found["scopes"]), entries="scopes")
    list = call(_of.list, "GET /v1/scopes", lambda found: tuple(found["scopes"]))
    check = call(_of.check, "POST /v1/scopes/check", lambda found: ScopeCheck(tuple(found["unknown"])), asked="scopes")


class Keys(Group):
    """The keys of a tenant."""

    _of = keys.Keys
    issue = call(_of.issue, "POST /v1/keys", records.issued)
    issue_many = call(_of.issue_many, "POST /v1/keys/bulk", records.items(records.issued_or_error))
    get = call(_of.get, "GET /v1/keys/{id}", record(Key))
    list = call(_of.list, "GET /v1/keys", records.page(record(Key)))
    expiring = call(_of.expiring, "GET /v1/keys/expiring", records.page(record(Key)))
    find = call(_of.find, "POST /v1/keys/find", record(Key), secret_or_kid="credential")
    limits = call(_of.limits, "GET /v1/keys/{id}/limits", records.items(record(LimitState)))
    explain = call(_of.explain, "POST /v1/keys/{id}/explain", records.explanation)
    update = call(_of.update, "PATCH /v1/keys/{id}", record(Key))
    disable = call(_of.disable, "POST /v1/keys/{id}/disable", record(Key))
    enable = call(_of.enable, "POST /v1/keys/{id}/enable", record(Key))
    rotate = call(_of.rotate, "POST /v1/keys/{id}/rotate", records.issued)
    revoke = call(_of.revoke, "POST /v1/keys/{id}/revoke", record(Key))
    revoke_where = call(_of.revoke_where, "POST /v1/keys/bulk-revoke", records.items(records.bulk_item))
    delete = call(_of.delete, "DELETE /v1/keys/{id}", records.nothing)
    purge = call(_of.purge, "POST /v1/keys/purge", lambda found: int(found["deleted_count"]))


class _SignOut(call):
    """A call about a session that is named by its id, or by a refresh token, which has no place in a path."""

    def __init__(self, method: Any, request: str, read: Any) -> None:
        super().__init__(method, request, read)
        self._by_token = call(method, "POST /v1/sessions/revoke", read, id_or_refresh_token="refresh")

    def _sending(self, given: dict[str, Any], tenant: Any) -> Sending:
        session = given["id_or_refresh_token"]
        if isinstance(session, str) and is_id("ses", session):
            return super()._sending(given, tenant)
        return self._by_token._sending(given, tenant)


class Sessions(Group):
    """The sessions of a tenant."""

    _of = sessions.Sessions
    start = call(_of.start, "POST /v1/sessions", records.session_tokens)
    refresh = call(_of.refresh, "POST /v1/sessions/refresh", records.refreshed)
    get = call(_of.get, "GET /v1/sessions/{id}", record(Session))
    list = call(_of.list, "GET /v1/sessions", records.page(record(Session)))
    revoke_all = call(
        _of.revoke_all,
        "POST /v1/owners/{owner}/sessions/revoke",
        lambda found: tuple(found["sessions"]),
        except_="except",
    )
    revoke = _SignOut(_of.revoke, "POST /v1/sessions/{id_or_refresh_token}/revoke", record(Session))


class SigningKeys(Group):
    """The keys that sign the access tokens of a tenant."""

    _of = signing_keys.SigningKeys
    list = call(_of.list, "GET /v1/signing-keys", records.items(record(SigningKey)))
    rotate = call(_of.rotate, "POST /v1/signing-keys/rotate", record(SigningKey))
    remove = call(_of.remove, "POST /v1/signing-keys/{kid}/remove", record(SigningKey))


class Events(Group):
    """What happened in a tenant."""

    _of = events.Events
    list = call(_of.list, "GET /v1/events", records.page(record(Event)))

    def subscribe(self, *args: Any, **kwargs: Any) -> Any:
        """Raise ConfigError: subscribers hear of their own process only."""
        raise ConfigError("a client hears of nothing by itself: go on from the last sequence with events.list(after=…)")


class Audit(Group):
    """What was done in a tenant. A server seals the log by itself."""

    _of = audit.Audit
    list = call(_of.list, "GET /v1/audit", records.page(record(Entry)))
    head = call(_of.head, "GET /v1/audit/head", record(Head))
    check = call(_of.check, "POST /v1/audit/check", record(AuditReport))

    def cut(self, **kwargs: Any) -> int:
        """Raise ConfigError: whoever reaches a server alone must not be able to shorten its log."""
        raise ConfigError("an audit log is cut where its database is: run `tokenry audit cut --database …` there")

    def seal(self, **kwargs: Any) -> None:
        """Do nothing: a server seals by itself."""

    def seal_all(self) -> None:
        """Do nothing: a server seals by itself."""


class Usage(Group):
    """How often keys were used."""

    _of = usage.Usage
    get = call(_of.get, "GET /v1/usage", records.items(record(UsageHour)))


class Own(Protocol):
    """What a client may ask about its own key, and do to it."""

    def get(self) -> Key:
        """Return the key that this client presents."""
        ...

    def rotate(self, *, grace: timedelta = timedelta(seconds=60), idempotency_key: str | None = None) -> Issued:
        """Replace the secret of this client's key: the old one works until `grace` is over, at least a minute.

        The key's tenant has to allow it. With an idempotency key the grace may be shorter, and while it lasts a lost
        answer can be asked for again. This client goes on with the old secret: make another one with the new.
        """
        ...

    def revoke(self, *, reason: str = "") -> Key:
        """End this client's key, for good."""
        ...


class Me(Group):
    """The key that this client presents."""

    get = call(Own.get, "GET /v1/self", lambda found: record(Key)(found["key"]))
    rotate = call(Own.rotate, "POST /v1/self/rotate", records.issued)
    revoke = call(Own.revoke, "POST /v1/self/revoke", record(Key))


GROUPS: Final[dict[str, type[Group]]] = {
    "tenants": Tenants,
    "owners": Owners,
    "roles": Roles,
    "scopes": Scopes,
    "keys": Keys,
    "sessions": Sessions,
    "signing_keys": SigningKeys,
    "events": Events,
    "audit": Audit,
    "usage": Usage,
    "me": Me,
}
"""Every group by its name."""

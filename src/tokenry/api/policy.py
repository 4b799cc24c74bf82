"""Who may call what: one line for every route. A route without a line does not start.

A caller is an operator's key of the installation (tenant `system`), an operator's key of one tenant, or, for
`/v1/self` alone, any key. An application's key is never an operator, whatever it or its owner holds.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple


class Reach(Enum):
    """What a route is about, which decides whose operators it is for."""

    TENANT = "one tenant: its own operators, and those of the installation"
    INSTALLATION = "the installation: its operators only"
    SELF = "the presented key itself: any key"


class Rule(NamedTuple):
    """What a caller needs: a scope (none for the key itself), and to be in the right place."""

    reach: Reach
    scope: str | None = None


def _tenant(scope: str) -> Rule:
    return Rule(Reach.TENANT, f"tokenry:{scope}")


def _installation(scope: str) -> Rule:
    return Rule(Reach.INSTALLATION, f"tokenry:{scope}")


_SELF = Rule(Reach.SELF)

POLICY: Final[dict[str, Rule]] = {
    "tenants.list": _installation("tenants:read"),
    "tenants.create": _installation("tenants:write"),
    "tenants.get": _tenant("tenants:read"),
    "tenants.update": _installation("tenants:write"),
    "tenants.suspend": _installation("tenants:write"),
    "tenants.resume": _installation("tenants:write"),
    "tenants.delete": _installation("tenants:write"),
    "owners.list": _tenant("owners:read"),
    "owners.get": _tenant("owners:read"),
    "owners.put": _tenant("owners:write"),
    "owners.disable": _tenant("owners:write"),
    "owners.enable": _tenant("owners:write"),
    "owners.delete": _tenant("owners:write"),
    "roles.list": _tenant("roles:read"),
    "roles.get": _tenant("roles:read"),
    "roles.put": _tenant("roles:write"),
    "roles.delete": _tenant("roles:write"),
    "scopes.list": _tenant("scopes:read"),
    "scopes.check": _tenant("scopes:read"),
    "scopes.define": _tenant("scopes:write"),
    "keys.list": _tenant("keys:read"),
    "keys.get": _tenant("keys:read"),
    "keys.expiring": _tenant("keys:read"),
    "keys.find": _tenant("keys:read"),
    "keys.limits": _tenant("keys:read"),
    "keys.explain": _tenant("keys:read"),
    "explain": _tenant("keys:read"),
    "keys.issue": _tenant("keys:write"),
    "keys.issue_many": _tenant("keys:write"),
    "keys.update": _tenant("keys:write"),
    "keys.disable": _tenant("keys:write"),
    "keys.enable": _tenant("keys:write"),
    "keys.rotate": _tenant("keys:write"),
    "keys.revoke": _tenant("keys:write"),
    "keys.revoke_where": _tenant("keys:write"),
    "keys.delete": _tenant("keys:write"),
    "keys.purge": _tenant("keys:write"),
    "sessions.list": _tenant("sessions:read"),
    "sessions.get": _tenant("sessions:read"),
    "sessions.start": _tenant("sessions:write"),
    "sessions.refresh": _tenant("sessions:write"),
    "sessions.revoke": _tenant("sessions:write"),
    "sessions.revoke_by_token": _tenant("sessions:write"),
    "sessions.revoke_all": _tenant("sessions:write"),
    "signing_keys.list": _tenant("signing_keys:read"),
    "signing_keys.rotate": _tenant("signing_keys:write"),
    "signing_keys.remove": _tenant("signing_keys:write"),
    "self.get": _SELF,
    "self.rotate": _SELF,
    "self.revoke": _SELF,
    "usage.get": _tenant("usage:read"),
    "keys.usage": _tenant("usage:read"),
    "audit.list": _tenant("audit:read"),
    "audit.head": _tenant("audit:read"),
    "audit.check": _tenant("audit:read"),
    "events.list": _tenant("events:read"),
}
"""The rule of every operation, by its `operationId`."""

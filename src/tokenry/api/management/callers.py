"""Who calls the management API. Nothing of a request counts for that but its credential and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from tokenry.edge import (
    OPERATOR_ENVIRONMENT,
    SYSTEM,
    Presented,
    address_of,
    grant_of,
    is_operators,
    read_presented,
)
from tokenry.edge.asgi import Scope, texts
from tokenry.edge.problems import Failed, problem, refused
from tokenry.groups import Groups
from tokenry.operations import Reach, Rule
from tokenry.tokenry import Tokenry
from tokenry.types import KeyValid, NotFound, Refused, shown

from ..threads import verify
from .gathering import Gatherer, Refresher, Writer

_DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a caller who was let in: who it is, and the groups with its name on everything they do."""

    tk: Tokenry
    gatherer: Gatherer
    refresher: Refresher
    writer: Writer
    valid: KeyValid
    key_id: str
    ip: str | None
    request_id: str
    traceparent: str | None
    root: Groups | None = None

    @property
    def home(self) -> str:
        """The tenant of the caller's key."""
        return grant_of(self.valid).tenant

    @property
    def everywhere(self) -> bool:
        """Whether the caller operates the installation."""
        return self.home == SYSTEM

    def tenant(self, asked: str | None) -> str:
        """Return the slug of the tenant; raise NotFound, in the engine's words, for one the caller may not see."""
        if self.everywhere:
            return asked or _DEFAULT
        if asked not in (None, self.home):
            raise NotFound(f"there is no tenant {shown(str(asked))}")
        return self.home

    def within(self, groups: Groups) -> Call:
        """Return the same call with other groups to make it with, such as those of a transaction."""
        return replace(self, root=groups)

    def groups(self, tenant: str) -> Groups:
        """Return the groups in a tenant, as this caller."""
        told = {"ip": self.ip, "request_id": self.request_id, "traceparent": self.traceparent}
        return (self.root or self.tk).scoped(tenant=tenant, by=self.valid, **told)


class Callers:
    """Authenticates management callers."""

    def __init__(self, tk: Tokenry) -> None:
        self._tk = tk
        self._gatherer = Gatherer()
        self.refresher = Refresher(tk)
        self._writer = Writer(tk)

    async def admit(self, scope: Scope, rule: Rule, request_id: str) -> Call:
        """Return the call of a request whose credential meets a rule; raise Failed otherwise."""
        presented = read_presented(texts(scope["headers"]))
        if presented is None:
            raise Failed(problem("credential_missing"))
        if not isinstance(presented, Presented):
            raise Failed(problem("credential_ambiguous"))
        state, peer = scope.get("state") or {}, scope["client"][0] if scope.get("client") else None
        ip = state["client"] if "client" in state else address_of(peer or "")
        verdict = await verify(self._tk, presented.text, **_ask(rule, presented.text, ip))
        if isinstance(verdict, Refused):
            throttle = state.get("throttle")
            told = verdict if throttle is None else throttle.judged(verdict, ip or peer)
            raise Failed(refused(told, [rule.scope] if rule.scope else ()))
        # A token is refused: it can neither end nor renew the key that it comes from.
        if not isinstance(verdict, KeyValid):
            raise Failed(refused(Refused("not_found")))
        told = (ip, request_id, state.get("traceparent"))
        call = Call(self._tk, self._gatherer, self.refresher, self._writer, verdict, grant_of(verdict).key_id, *told)
        if rule.reach is Reach.INSTALLATION and not call.everywhere:
            raise Failed(problem("not_allowed", "This is for operators of the installation."))
        return call


def _ask(rule: Rule, text: str, ip: str | None) -> dict[str, Any]:
    """Return what is asked of a credential.

    About itself a key is asked without taking from its limits: one that is out of them may still be revoked.
    """
    if rule.reach is Reach.SELF:
        environment = OPERATOR_ENVIRONMENT if is_operators(text) else None
        return {"scopes": None, "environment": environment, "ip": ip, "cost": 0}
    return {"scopes": rule.scope, "environment": OPERATOR_ENVIRONMENT, "ip": ip, "cost": 1}

"""The callers of the management API. Only the credential and the address of a request authenticate its caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from tokenry.edge import (
    OPERATOR_ENVIRONMENT,
    SYSTEM,
    address_of,
    grant_of,
    is_operators,
    missing,
    name_refusal,
    read_presented,
)
from tokenry.edge.asgi import Scope, texts
from tokenry.edge.problems import Failed, problem, refused
from tokenry.groups import Groups
from tokenry.operations import Reach, Rule
from tokenry.tokenry import Tokenry
from tokenry.types import KeyValid, LeakReport, Refused, TokenValid

from ..threads import verify
from .gathering import Gatherer, Refresher, Writer

_DEFAULT: Final = "default"


class SignedIn(NamedTuple):
    """An operator at the console: a token in place of the key, and whether it may change anything now."""

    token: str
    audience: str
    is_fresh: bool

    def __repr__(self) -> str:
        return f"SignedIn(…, is_fresh={self.is_fresh})"


@dataclass(frozen=True, slots=True)
class Call:
    """One request of an authenticated caller: the caller, and the groups, which act in the caller's name."""

    tk: Tokenry
    gatherer: Gatherer
    refresher: Refresher
    writer: Writer
    caller: KeyValid | TokenValid | None
    key_id: str
    ip: str | None
    request_id: str
    traceparent: str | None
    root: Groups | None = None
    unknown: Callable[[], None] = lambda: None
    """Count a credential in the body that is unknown, as a guess of the caller's address; raise Failed for too many."""

    @property
    def valid(self) -> KeyValid | TokenValid:
        """The verdict of the caller's key. Only the report of a leak comes without a key, and does not read this."""
        assert self.caller is not None
        return self.caller

    @property
    def home(self) -> str:
        """The tenant of the caller's key."""
        return grant_of(self.caller).tenant if self.caller is not None else _DEFAULT

    @property
    def everywhere(self) -> bool:
        """Whether the caller is an operator of the installation."""
        return self.home == SYSTEM

    def tenant(self, asked: str | None) -> str:
        """Return the slug of the tenant; raise NotFound, in the engine's words, for one the caller may not see."""
        if self.everywhere:
            return asked or _DEFAULT
        if asked not in (None, self.home):
            raise missing("tenant", str(asked))
        return self.home

    def within(self, groups: Groups) -> Call:
        """Return the same call with other groups to make it with, such as those of a transaction."""
        return replace(self, root=groups)

    def groups(self, tenant: str) -> Groups:
        """Return the groups in a tenant, as this caller."""
        return (self.root or self.tk).scoped(tenant=tenant, by=self.valid, **self._origin)

    def report(self, **given: Any) -> LeakReport:
        """Report a leaked credential; the reporter needs no key.

        Unknown credentials count as guesses, which are limited for an address without a key.
        """
        groups = self.groups(self.home) if self.caller is not None else self.tk.scoped(**self._origin)
        found = groups.leaks.report(**given)
        if not found:
            self.unknown()
        return found

    @property
    def _origin(self) -> dict[str, Any]:
        return {"ip": self.ip, "request_id": self.request_id, "traceparent": self.traceparent}


class Callers:
    """Authenticates management callers."""

    def __init__(self, tk: Tokenry) -> None:
        self._tk = tk
        self._gatherer = Gatherer()
        self.refresher = Refresher(tk)
        self._writer = Writer(tk)

    async def admit(self, scope: Scope, rule: Rule, request_id: str) -> Call:
        """Return the call of a request whose credential meets a rule; raise Failed otherwise."""
        state, peer = scope.get("state") or {}, scope["client"][0] if scope.get("client") else None
        ip = state["client"] if "client" in state else address_of(peer or "")
        result, throttle = (ip, request_id, state.get("traceparent")), state.get("throttle")
        parts = (self._tk, self._gatherer, self.refresher, self._writer)

        def refuse(verdict: Refused) -> Failed:
            name_refusal(verdict, request_id)
            result = verdict if throttle is None else throttle.apply(verdict, ip or peer)
            return Failed(refused(result, [rule.scope] if rule.scope else ()))

        def unknown() -> None:
            failure = refuse(Refused("not_found"))
            if failure.problem.code == "throttled":
                raise failure

        signed_in: SignedIn | None = state.get("signed_in")
        text = _presented(scope) if signed_in is None else signed_in.token
        if text is None:
            if rule.reach is not Reach.HOLDER:
                raise Failed(problem("credential_missing"))
            return Call(*parts, None, "", *result, unknown=unknown)
        ask = _ask(rule, text, ip)
        if signed_in is not None:
            ask["audience"] = signed_in.audience
        verdict = await verify(self._tk, text, **ask)
        if isinstance(verdict, Refused):
            raise refuse(verdict)
        # Elsewhere a token is refused: it can neither end nor renew the key that it comes from.
        if not isinstance(verdict, KeyValid if signed_in is None else TokenValid):
            raise Failed(refused(Refused("not_found")))
        if signed_in is not None and not (signed_in.is_fresh or rule.reads):
            raise Failed(problem("sign_in_again"))
        call = Call(*parts, verdict, grant_of(verdict).key_id, *result)
        if not is_operators(text) and signed_in is None:  # keys of an application are in anybody's hands
            call = replace(call, unknown=unknown)
        if rule.reach is Reach.INSTALLATION and not call.everywhere:
            raise Failed(problem("not_allowed", "This is for operators of the installation."))
        return call


def _presented(scope: Scope) -> str | None:
    """Return the credential in the headers of a request; raise Failed for two credentials."""
    presented = read_presented(texts(scope["headers"]))
    if presented == "ambiguous":
        raise Failed(problem("credential_ambiguous"))
    return presented.text if presented is not None else None


def _ask(rule: Rule, text: str, ip: str | None) -> dict[str, Any]:
    """Return the ask for a credential.

    A key that asks about itself takes nothing from its limits, so that a key without units can still be revoked.
    """
    if rule.reach in (Reach.SELF, Reach.HOLDER):
        environment = OPERATOR_ENVIRONMENT if is_operators(text) else None
        return {"scopes": None, "environment": environment, "ip": ip, "cost": 0}
    return {"scopes": rule.scope, "environment": OPERATOR_ENVIRONMENT, "ip": ip, "cost": 1}

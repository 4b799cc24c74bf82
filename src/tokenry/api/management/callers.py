"""Who calls the management API. Nothing of a request counts for that but its credential and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from tokenry.edge import (
    ENTRY_BYTES,
    OPERATOR_ENVIRONMENT,
    Presented,
    Proxies,
    Throttle,
    from_memory,
    is_too_long,
    length,
    read_ask,
    read_presented,
    remembering,
)
from tokenry.groups import Groups
from tokenry.operations import Reach, Rule
from tokenry.tokenry import Tokenry
from tokenry.types import NotFound, Refused, Valid, Verdict, shown

from ..asgi import Scope
from ..problems import Failed, missing_credential, problem, refused
from ..threads import in_thread
from .gathering import Gatherer, Refresher

_SYSTEM: Final = "system"
_DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a caller who was let in: who it is, and the groups with its name on everything they do."""

    tk: Tokenry
    gatherer: Gatherer
    refresher: Refresher
    valid: Valid
    key_id: str
    ip: str | None
    request_id: str

    @property
    def home(self) -> str:
        """The tenant of the caller's key."""
        return self.valid.tenant.slug

    @property
    def everywhere(self) -> bool:
        """Whether the caller operates the installation."""
        return self.home == _SYSTEM

    def tenant(self, asked: str | None) -> str:
        """Return the slug of the tenant; raise NotFound, in the engine's words, for one the caller may not see."""
        if self.everywhere:
            return asked or _DEFAULT
        if asked not in (None, self.home):
            raise NotFound(f"there is no tenant {shown(str(asked))}")
        return self.home

    def groups(self, tenant: str) -> Groups:
        """Return the groups in a tenant, as this caller."""
        return self.tk.scoped(tenant=tenant, by=self.valid, ip=self.ip, request_id=self.request_id)


class Callers:
    """Authenticates management callers."""

    def __init__(self, tk: Tokenry, trusted_proxies: tuple[str, ...]) -> None:
        self._tk = tk
        self._gatherer = Gatherer()
        self.refresher = Refresher(tk)
        self._proxies = Proxies(trusted_proxies)

    async def admit(self, scope: Scope, rule: Rule, request_id: str) -> Call:
        """Return the call of a request whose credential meets a rule; raise Failed otherwise."""
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        presented = read_presented(fields)
        if presented is None:
            raise Failed(missing_credential())
        if not isinstance(presented, Presented):
            raise Failed(problem("credential_ambiguous"))
        state, peer = scope.get("state") or {}, scope["client"][0] if scope.get("client") else None
        ip = state["client"] if "client" in state else self._ip(peer, fields)
        verdict = await self._verdict(presented.text, _ask(rule, presented.text, ip))
        if isinstance(verdict, Refused):
            throttled = _throttled(verdict, state.get("throttle"), ip or peer)
            raise Failed(refused(throttled, needs=rule.scope or ""))
        # A token is refused: it can neither end nor renew the key that it comes from.
        if verdict.key is None or verdict.kind != "key":
            raise Failed(refused(Refused("not_found")))
        call = Call(self._tk, self._gatherer, self.refresher, verdict, verdict.key.id, ip, request_id)
        if rule.reach is Reach.INSTALLATION and not call.everywhere:
            raise Failed(problem("not_allowed", "This is for operators of the installation."))
        return call

    async def _verdict(self, text: str, ask: dict[str, Any]) -> Verdict:
        if is_too_long(text):
            return Refused("malformed")
        verdict = from_memory(self._tk, text, read_ask(tenant=None, audience=None, **ask))
        if verdict is None:
            # It may have to wait for the database.
            verdict = await in_thread(self._tk.verify, text, **ask)
        return verdict

    def _ip(self, peer: str | None, fields: list[tuple[str, str]]) -> str | None:
        forwarded = [value for name, value in fields if name == "x-forwarded-for"]
        return self._proxies.client(_address(peer) if peer else None, forwarded)


def _throttled(refusal: Refused, throttle: Throttle | None, ip: str | None) -> Refused:
    """Count the failure of an address that guesses; one that had too many is told nothing but to wait."""
    wait = throttle.failed(ip) if throttle is not None and refusal.code in ("malformed", "not_found") else None
    return refusal if wait is None else Refused("throttled", wait)


def _ask(rule: Rule, text: str, ip: str | None) -> dict[str, Any]:
    """Return what is asked of a credential.

    About itself a key is asked without taking from its limits: one that is out of them may still be revoked.
    """
    if rule.reach is Reach.SELF:
        environment = OPERATOR_ENVIRONMENT if text.rpartition("_")[0].endswith(f"_{OPERATOR_ENVIRONMENT}") else None
        return {"scopes": None, "environment": environment, "ip": ip, "cost": 0}
    return {"scopes": rule.scope, "environment": OPERATOR_ENVIRONMENT, "ip": ip, "cost": 1}


@remembering(length, each_max=ENTRY_BYTES + 128)
def _address(host: str) -> str | None:
    """Return a peer's address; what a server names otherwise, such as a unix socket, has none."""
    try:
        return str(ip_address(host))
    except ValueError:
        return None

"""The decision: one function, checks in reading order, first failure wins.

A verification takes the first code that `failure` returns; `explain` lets the same function note every one.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final, TypeAlias, TypedDict

from . import addresses
from .addresses import Address
from .codes import VerifyCode
from .errors import Invalid
from .fields import check_texts
from .grant import Grant
from .memo import KIB, MIB, Memo
from .scopes import Requirement, ScopesAsked, require

OPERATOR_ENVIRONMENT = "op"
"""Operators' keys live in an environment of their own, which an ordinary verification never accepts."""

COST_MAX: Final = 10**9
FOREVER: Final = 2**62
_TEXT_MAX: Final = 64
"""How long a text may be in a question that is remembered: no credential is as short."""

ClientAddress: TypeAlias = str | IPv4Address | IPv6Address | None
"""The address of a client; None when it is unknown."""


class Question(TypedDict, total=False):
    """The arguments of `verify` and `require`, besides the credential and `offline`."""

    scopes: ScopesAsked | None
    ip: ClientAddress
    cost: int
    tenant: str | None
    environment: str | None
    audience: str | None


class Ask:
    """The question of a verifier. An `Ask` never changes: equal questions share one object."""

    __slots__ = ("address", "audience", "cost", "environment", "ip", "requirement", "tenant")

    def __init__(
        self,
        requirement: Requirement | None = None,
        address: Address | None = None,
        ip: str | None = None,
        cost: int = 1,
        tenant: str | None = None,
        environment: str | None = None,
        audience: str | None = None,
    ) -> None:
        """Keep arguments that were checked already. Only tokens have an audience; a key is valid for every audience."""
        self.requirement = requirement
        self.address = address
        self.ip = ip
        self.cost = cost
        self.tenant = tenant
        self.environment = environment
        self.audience = audience

    def at(self, ip: str | None, address: Address | None) -> Ask:
        """Return the same question for a client."""
        if ip is self.ip:
            return self
        return Ask(self.requirement, address, ip, self.cost, self.tenant, self.environment, self.audience)


def failure(
    grant: Grant, ask: Ask, address: Address | None, now: int, every: list[VerifyCode] | None = None
) -> VerifyCode | None:
    """Return the code of the first check that fails, or None. Limits are asked afterwards.

    `address` is that of the client; the one in `ask` is not read. With a list, note the code of every check that fails
    in it, and return None.
    """
    if (ask.tenant is not None and ask.tenant != grant.tenant) or (
        grant.environment != ask.environment
        and (ask.environment is not None or grant.environment == OPERATOR_ENVIRONMENT)
    ):
        if every is None:
            return "not_found"
        every.append("not_found")
    if grant.suspended:
        if every is None:
            return "tenant_suspended"
        every.append("tenant_suspended")
    if grant.revoked or (grant.ends_at is not None and now >= grant.ends_at):
        if every is None:
            return "revoked"
        every.append("revoked")
    if grant.disabled:
        if every is None:
            return "disabled"
        every.append("disabled")
    if grant.not_before is not None and now < grant.not_before:
        if every is None:
            return "not_yet_valid"
        every.append("not_yet_valid")
    if grant.expires_at is not None and now >= grant.expires_at:
        if every is None:
            return "expired"
        every.append("expired")
    if grant.owner_disabled:
        if every is None:
            return "owner_disabled"
        every.append("owner_disabled")
    if grant.addresses is not None and (address is None or not grant.addresses.holds(address)):
        if every is None:
            return "ip_not_allowed"
        every.append("ip_not_allowed")
    if ask.requirement is not None and not grant.scopes.allows(ask.requirement):
        if every is None:
            return "insufficient_scope"
        every.append("insufficient_scope")
    return None


def passes_until(grant: Grant) -> int:
    """Return the moment until which a grant that passes an ask goes on passing it; 0 where more than time decides."""
    if grant.limits or grant.credits is not None or grant.read_at is not None:
        return 0
    return min(FOREVER if at is None else at for at in (grant.ends_at, grant.expires_at))


def failures(grant: Grant, ask: Ask, now: int) -> list[VerifyCode]:
    """Return the code of every check that fails, in the order of the checks."""
    found: list[VerifyCode] = []
    failure(grant, ask, ask.address, now, found)
    return found


_Asked: TypeAlias = tuple[Any, int, str | None, str | None, str | None]


def _size(asked: _Asked, ask: Ask) -> int:
    scopes = asked[0] or ()
    return 500 + (len(scopes) if scopes.__class__ is str else sum([60 + len(scope) for scope in scopes]))


_asks: Final[Memo[_Asked, Ask]] = Memo(_size, bytes_max=2 * MIB, each_max=8 * KIB)


def read_ask(
    scopes: ScopesAsked | None,
    ip: object,
    cost: object,
    tenant: Any,
    environment: Any,
    audience: Any,
    *,
    keep: bool = True,
) -> Ask:
    """Return a verifier's arguments as an `Ask`. Raise Invalid for malformed ones: they are the verifier's mistake.

    With `keep=False` the arguments are not cached: for callers that have not authenticated yet.
    """
    ask = shared_ask(scopes, cost, tenant, environment, audience, keep=keep)
    return ask.at(*read_client(ip))


def read_client(ip: Any) -> tuple[str | None, Address | None]:
    """Return the address of a client as text and parsed; raise Invalid. None means an unknown address."""
    if ip is None:
        return None, None
    text = ip if ip.__class__ is str else str(ip)
    return text, addresses.read(text)


def shared_ask(
    scopes: ScopesAsked | None, cost: object, tenant: Any, environment: Any, audience: Any, *, keep: bool = True
) -> Ask:
    """Read a question without the address of a client: it is read once, whatever addresses it is asked for."""
    # Texts are Any, since callers may pass anything: a compiled function would raise TypeError before the check below.
    if cost.__class__ is not int:
        raise _bad_cost()
    place: Any = (tuple(scopes) if scopes.__class__ is list else scopes, cost, tenant, environment, audience)
    try:
        ask = _asks.get(place)
    except TypeError:  # a nested question is not remembered
        ask, keep = None, False
    if ask is None:
        ask = _read(scopes, cost, tenant, environment, audience, keep)
        if keep and (ask.requirement is None or ask.requirement.is_kept) and _is_short(ask):
            _asks.put(place, ask)
    return ask


def _read(scopes: ScopesAsked | None, cost: Any, tenant: Any, environment: Any, audience: Any, keep: bool) -> Ask:
    if not 0 <= cost <= COST_MAX:
        raise _bad_cost()
    if tenant is not None or environment is not None or audience is not None:
        check_texts(tenant=tenant, environment=environment, audience=audience)
    asked = None
    if scopes is not None and (scopes or not isinstance(scopes, (list, tuple))):
        asked = require(scopes, keep=keep)
        if not asked.asks:
            raise Invalid.one("scopes", "bad_question", "a question about scopes names at least one, at every depth")
    return Ask(asked, None, None, cost, tenant, environment, audience)


def _is_short(ask: Ask) -> bool:
    return all(len(text) <= _TEXT_MAX for text in (ask.tenant, ask.environment, ask.audience) if text)


def _bad_cost() -> Invalid:
    return Invalid.one("cost", "out_of_range", f"cost is a whole number from 0 to {COST_MAX}")

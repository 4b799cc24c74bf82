"""The decision: one function, checks in reading order, first failure wins.

`failures` is a generator: a verification takes its first code and stops, `explain` reads it to the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias, TypedDict

import msgspec

from .addresses import Address
from .codes import VerifyCode
from .grant import Grant
from .scopes import Requirement, ScopesAsked

OPERATOR_ENVIRONMENT = "op"
"""Operators' keys live in an environment of their own, which an ordinary verification never accepts."""


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


class Ask(msgspec.Struct, gc=False):
    """What a verifier wants to know."""

    requirement: Requirement | None = None
    address: Address | None = None
    ip: str | None = None
    cost: int = 1
    tenant: str | None = None
    environment: str | None = None
    audience: str | None = None  # only tokens are made for an audience; a key is good at every one


def failures(grant: Grant, ask: Ask, now: int) -> Iterator[VerifyCode]:
    """Yield the code of every check that fails, in the order of the checks. Limits are asked afterwards."""
    if (ask.tenant is not None and ask.tenant != grant.tenant) or (
        grant.environment != ask.environment
        and (ask.environment is not None or grant.environment == OPERATOR_ENVIRONMENT)
    ):
        yield "not_found"
    if grant.suspended:
        yield "tenant_suspended"
    if grant.revoked or (grant.ends_at is not None and now >= grant.ends_at):
        yield "revoked"
    if grant.disabled:
        yield "disabled"
    if grant.not_before is not None and now < grant.not_before:
        yield "not_yet_valid"
    if grant.expires_at is not None and now >= grant.expires_at:
        yield "expired"
    if grant.owner_disabled:
        yield "owner_disabled"
    if grant.addresses is not None and (ask.address is None or not grant.addresses.holds(ask.address)):
        yield "ip_not_allowed"
    if ask.requirement is not None and not grant.scopes.allows(ask.requirement):
        yield "insufficient_scope"

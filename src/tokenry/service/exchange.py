"""Deriving a short-lived access token from a key: fewer scopes, an audience, a shorter life, and never more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tokenry.core import fields, scopes
from tokenry.core.decide import Ask
from tokenry.core.errors import Denied, FieldError, NotAllowed
from tokenry.core.model import NOT_GIVEN, Token, micros, moment
from tokenry.core.policy import ACCESS_LIFE_LEAST, ACCESS_LIFE_MOST
from tokenry.core.verdict import KeyValid, Refused

from . import access
from .context import Context
from .verify import Verifying

_UNIT = timedelta(microseconds=1)
_FOREVER = 1 << 62


def exchange(context: Context, verifying: Verifying, text: str, ask: Ask, asked: dict[str, Any]) -> Token:
    """Derive a token from a key.

    Raise Denied for a credential that does not hold or is no key, NotAllowed for scopes that the key does not have.
    """
    assert context.signers is not None
    policy = context.signers.policy
    errors: list[FieldError] = []
    audience = access.read_audience(asked["audience"], errors)
    life = policy.access_life * _UNIT
    if asked["expires_in"] is not NOT_GIVEN:
        least, most = ACCESS_LIFE_LEAST * _UNIT, ACCESS_LIFE_MOST * _UNIT
        life = fields.length("expires_in", asked["expires_in"], errors, least=least, most=most)
    wanted = None if asked["scopes"] is None else scopes.check_list("scopes", asked["scopes"], errors)
    fields.refuse(errors)
    verdict = verifying.run(verifying.steps(text, ask))
    if isinstance(verdict, Refused):
        raise Denied(verdict)
    if not isinstance(verdict, KeyValid):  # a token is not exchanged again
        raise Denied(Refused("malformed"))
    return _derived(context, verdict, _granted(verdict, wanted), audience, life // _UNIT)


def _granted(verdict: KeyValid, wanted: Sequence[str] | None) -> tuple[str, ...]:
    if wanted is None:
        return verdict.scopes
    held = scopes.granted(verdict.scopes)
    beyond = [scope for scope in wanted if not held.covers(scope)]
    if beyond:
        raise NotAllowed(f"the key does not hold these scopes: {', '.join(beyond)}", scopes=beyond)
    return tuple(wanted)


def _derived(context: Context, verdict: KeyValid, held: tuple[str, ...], audience: tuple[str, ...], life: int) -> Token:
    assert context.signers is not None
    key, tenant = verdict.key, verdict.tenant
    secret = key.secrets[0]
    ends = [micros(end) for end in (key.expires_at, secret.ends_at) if end is not None]
    who = access.Grantee(
        owner=key.owner,
        scopes=held,
        roles=key.roles,
        audience=audience,
        client_id=key.id,
        claims={},
        extra={"key": secret.kid},
    )
    signer = context.signers.signer(context, tenant.slug)
    text, expires = access.mint(context, signer, tenant, who, life, min(ends, default=_FOREVER))
    return Token(
        access=text,
        key=key.id,
        tenant=tenant.slug,
        owner=key.owner,
        scopes=held,
        audience=audience,
        expires_at=moment(expires),
    )

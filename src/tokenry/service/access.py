"""Minting access tokens: their claims, their lifetime, and the claims that a caller may add."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tokenry.core import fields, jwt
from tokenry.core.errors import FieldError, Invalid, shown
from tokenry.core.model import NOT_GIVEN, Session, Tenant
from tokenry.core.policy import SECOND
from tokenry.core.secret import Secret, make_kid

from .context import Context

CLAIMS_MAX = 4096
_AUDIENCES_MAX = 20
_SAID_MAX = 5600
"""How many bytes the claims of a token may have, so that with header and signature we ourselves still read it."""


@dataclass(frozen=True, slots=True)
class Grantee:
    """The owner and the permissions of an access token. `extra` names the session or the secret that it depends on."""

    owner: str
    scopes: tuple[str, ...]
    roles: tuple[str, ...]
    audience: tuple[str, ...]
    client_id: str
    claims: Mapping[str, Any]
    extra: Mapping[str, Any]


def mint(context: Context, key: jwt.JoseKey, tenant: Tenant, who: Grantee, life: int, most: int) -> tuple[Secret, int]:
    """Return a token that lives for `life`, but not beyond `most`, and when it expires. All in microseconds."""
    now = context.clock()
    expires = min(now + life, most) // SECOND
    claims = _claims(context, tenant, who, now // SECOND, expires)
    _must_fit(claims)
    text = jwt.write(claims, make_kid(context.entropy(16)), key, context.keyring().signing(now).token_key)
    return Secret(text), expires * SECOND


def must_fit(context: Context, tenant: Tenant, who: Grantee) -> None:
    """Raise Invalid if a token would be too long: to be asked before anything is written for its sake."""
    now = context.clock() // SECOND
    _must_fit(_claims(context, tenant, who, now, now))


def _must_fit(claims: Mapping[str, Any]) -> None:
    result = len(msgspec.json.encode(claims))
    if result > _SAID_MAX:
        message = f"the access token would say {result} bytes, and may say {_SAID_MAX}: fewer scopes, roles or claims"
        raise Invalid.one("scopes", "too_long", message)


def _claims(context: Context, tenant: Tenant, who: Grantee, issued: int, expires: int) -> dict[str, Any]:
    assert context.signers is not None
    issuer = context.signers.policy.issuer_of(tenant.slug)
    return {
        **who.claims,
        "iss": issuer,
        "sub": who.owner,
        "aud": _audience(who.audience, issuer),
        "iat": issued,
        "exp": expires,
        "client_id": who.client_id,
        "tid": tenant.slug,
        "scope": " ".join(who.scopes),
        "roles": who.roles,
        **who.extra,
    }


def read_claims(value: object, errors: list[FieldError]) -> Mapping[str, Any]:
    """Return a caller's own claims; those that Tokenry makes are refused by name."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        errors.append(FieldError("claims", "not_a_mapping", "claims are a mapping with texts as keys"))
        return {}
    clean = fields.metadata("claims", value, errors)
    # Compare the names as they are stored: they may differ from the given ones.
    taken = sorted(set(clean) & jwt.RESERVED)
    errors.extend(FieldError("claims", "reserved_claim", f"{shown(name)} is said by Tokenry itself") for name in taken)
    if len(json.dumps(clean, ensure_ascii=False).encode()) > CLAIMS_MAX:
        errors.append(FieldError("claims", "too_long", f"claims may have at most {CLAIMS_MAX} bytes as JSON"))
    return clean


def read_audience(value: object, errors: list[FieldError]) -> tuple[str, ...]:
    """Return for whom a token is meant: one text or several; none means the tenant itself."""
    if value is None:
        return ()
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, Sequence) or not 1 <= len(listed) <= _AUDIENCES_MAX:
        message = f"audience is a text, or a list of 1 to {_AUDIENCES_MAX} of them"
        errors.append(FieldError("audience", "not_an_audience", message))
        return ()
    return tuple(dict.fromkeys(fields.text("audience", one, errors, least=1, most=255) for one in listed))


def read_client(value: object) -> str | None:
    """Return the id of the client that a session or token belongs to; raise Invalid."""
    if value is None:
        return None
    errors: list[FieldError] = []
    clean = fields.text("client_id", value, errors, least=1, most=255)
    if errors:
        raise Invalid(errors)
    return clean


def is_of_client(session: Session, client_id: object) -> bool:
    """Tell whether a session is that of a client, if one is given; None and the tenant's slug name the tenant's own."""
    if client_id is NOT_GIVEN:
        return True
    fields.check_texts(client_id=client_id)
    given, own = (session.tenant if one is None else one for one in (client_id, session.client_id))
    return given == own


def _audience(named: tuple[str, ...], issuer: str) -> str | tuple[str, ...]:
    if not named:
        return issuer
    return named[0] if len(named) == 1 else named

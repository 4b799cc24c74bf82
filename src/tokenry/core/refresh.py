"""Refresh tokens: the effect of a presented token on its session. Pure: rows, time and entropy are arguments.

A refresh token is written as a key is; its `kid` is the session's for life and only the secret changes. The successor
is derived from the presented token and a nonce in the row: the same token gets the same successor again, and the
database alone yields none. A row knows three tokens by their digests:

    current   the valid token
    parent    its predecessor, good for the same answer for 5 minutes: until `current` was used, the answer may be lost
    elder     the parent's predecessor, whose successor has been used: good for the same answer within the grace

An older token with a valid tag was copied, or kept for too long: the whole session ends.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from .keyring import Generation, Keyring
from .model import Owner, Session, Tenant
from .secret import Parsed, digest_of, joined, mint

UNUSED_GRACE: Final = 300_000_000
"""How long (in microseconds) a rotation may be repeated when its successor was never used."""

_SECOND = 1_000_000

Place: TypeAlias = Literal["current", "parent", "elder", "older"]


@dataclass(frozen=True, slots=True)
class Token:
    """The record of one refresh token in a row: a digest, and the nonce of its successor."""

    digest: bytes
    generation_id: str
    nonce: bytes = b""

    def __repr__(self) -> str:
        return "Token(…)"


@dataclass(frozen=True, slots=True)
class Family:
    """The tokens of one session, and where it stands. Times are microseconds."""

    kid: str
    tenant_id: str
    session_id: str
    generation: int
    rotated_at: int
    idle_expires_at: int
    expires_at: int
    revoked: bool
    current: Token
    parent: Token | None = None
    elder: Token | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of the installation. Lengths are microseconds."""

    grace: int
    idle: int
    absolute: int
    refuse_before: int | None = None
    """How long after a rotation the next one is too early; None: never."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """The result of one rotation: the text of the successor, and the changed family."""

    text: str
    family: Family

    def __repr__(self) -> str:
        return f"Rotation({self.family.session_id!r}, generation={self.family.generation})"


def begin(
    family_of: tuple[str, str, str], prefix: str, bits: bytes, generation: Generation, now: int, rules: Rules
) -> Rotation:
    """Make the first token of a session: (kid, tenant id, session id) and 256 random bits."""
    kid, tenant_id, session_id = family_of
    text = mint(prefix, kid, bits, generation.tag_key)
    digest = digest_of(generation.pepper, kid, tenant_id, session_id, text)
    expires_at = now + rules.absolute
    token = Token(digest, generation.id)
    idle = min(now + rules.idle, expires_at)
    return Rotation(text, Family(kid, tenant_id, session_id, 1, now, idle, expires_at, False, token))


def place_of(family: Family, text: str, keyring: Keyring) -> Place:
    """Tell which token of a session a text is; one with a valid tag that is none of the three is older."""
    found: Place = "older"
    places: tuple[tuple[Place, Token | None], ...] = (
        ("elder", family.elder), ("parent", family.parent), ("current", family.current),
    )  # fmt: skip
    for place, token in places:  # all of them, whichever it is
        generation = keyring.get(token.generation_id) if token else None
        if token is None or generation is None:
            continue
        digest = digest_of(generation.pepper, family.kid, family.tenant_id, family.session_id, text)
        if hmac.compare_digest(digest, token.digest):
            found = place
    return found


def is_over(family: Family, now: int) -> Literal["revoked", "expired"] | None:
    """Return the code of a session that has ended, or None."""
    if family.revoked:
        return "revoked"
    if now >= family.expires_at or now >= family.idle_expires_at:
        return "expired"
    return None


def step(family: Family, place: Place, now: int, rules: Rules) -> Literal["rotate", "repeat", "reused", "too_early"]:
    """Return the next step for a token of a living session."""
    if place == "current":
        return "too_early" if _is_early(family, now, rules) else "rotate"
    if place == "parent" and now < family.rotated_at + UNUSED_GRACE:
        return "repeat"
    if place == "elder" and now < family.rotated_at + rules.grace:
        return "repeat"
    return "reused"


def _is_early(family: Family, now: int, rules: Rules) -> bool:
    """Tell whether the access token is still good, which ends with a whole second: nobody is to be left without one."""
    if rules.refuse_before is None:
        return False
    ends = family.rotated_at + rules.refuse_before
    return now < ends - ends % _SECOND


def rotate(
    family: Family, text: str, prefix: str, nonce: bytes, generation: Generation, now: int, idle: int
) -> Rotation:
    """Put the successor of the current token, which `text` is, in its place."""
    successor = _successor(family.kid, text, prefix, nonce, generation)

    def token(of: str, nonce: bytes = b"") -> Token:
        digest = digest_of(generation.pepper, family.kid, family.tenant_id, family.session_id, of)
        return Token(digest, generation.id, nonce)

    renewed = Family(
        kid=family.kid,
        tenant_id=family.tenant_id,
        session_id=family.session_id,
        generation=family.generation + 1,
        rotated_at=now,
        idle_expires_at=min(now + idle, family.expires_at),
        expires_at=family.expires_at,
        revoked=False,
        current=token(successor),
        parent=token(text, nonce),
        elder=family.parent,
    )
    return Rotation(successor, renewed)


def repeat(family: Family, place: Place, text: str, prefix: str, keyring: Keyring) -> str | None:
    """Return the successor that a token got before; None when the keyring can no longer derive it."""
    token = family.parent if place == "parent" else family.elder
    generation = keyring.get(token.generation_id) if token else None
    if token is None or generation is None:
        return None
    return _successor(family.kid, text, prefix, token.nonce, generation)


def generation_of(family: Family, place: Place) -> int:
    """Return the generation in which a token was handed out; an access token beside it must be of the same."""
    return family.generation - ("current", "parent", "elder", "older").index(place)


def prefix_of(tenant_prefix: str) -> str:
    """Return the prefix of a tenant's refresh tokens."""
    return f"{tenant_prefix}_rt"


def _successor(kid: str, text: str, prefix: str, nonce: bytes, generation: Generation) -> str:
    bits = hmac.digest(generation.refresh_key, joined("successor", text) + nonce, "sha256")
    return mint(prefix, kid, bits, generation.tag_key)


def is_of(parsed: Parsed) -> bool:
    """Tell whether a parsed text is a refresh token by its prefix."""
    return parsed.prefix.endswith("_rt")


@dataclass(frozen=True, slots=True)
class Presented:
    """The rows for a presented refresh token: its session and family, their owner, and the scopes of the roles."""

    session: Session
    family: Family
    owner: Owner
    tenant: Tenant
    role_scopes: tuple[str, ...]

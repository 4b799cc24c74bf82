"""Sessions in SQL: one row each, for life. A rotation is one update, conditional on the generation that was read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Connection, TextClause, bindparam, func, insert, select, text, update

from tokenry.core.model import Session, SessionStatus, Tenant, micros
from tokenry.core.records import OWNER, SESSION, TENANT, decode
from tokenry.core.refresh import Family, Presented, Token, is_over

from .lookup import array, of, session_words
from .tables import owner, session
from .values import holds, stored_row

_log = logging.getLogger("tokenry.store")

# A session with its owner and tenant, and the scopes of the owner's roles where the session has none of its own. All
# but the digests travels as one JSON array: one column costs less than forty.
_SELECT = f"""
    SELECT x.digest, x.parent_digest, x.parent_nonce, x.elder_digest, x.elder_nonce, {
    array(
        "x.kid",
        "x.generation_id",
        "x.elder_generation_id",
        "{role_scopes}",
        array(*of("x", SESSION.columns)),
        array(*of("o", OWNER.columns)),
        array(*of("t", TENANT.columns)),
    )
}{{text}}
    FROM tokenry_session x
    JOIN tokenry_owner o ON o.tenant_id = x.tenant_id AND o.id = x.owner_id
    JOIN tokenry_tenant t ON t.id = x.tenant_id
"""  # noqa: S608 - of the names of columns
_OF_TENANT = " WHERE x.tenant_id = :tenant_id"
_OF_OWNER = " AND x.owner_id = :owner_id"
_BEFORE = " AND x.id < :before"
_NEWEST = " ORDER BY x.id DESC LIMIT :most"


def _statements(where: str) -> dict[str, TextClause]:
    """Return the statement for each dialect; `where` is one of the conditions above."""
    return {dialect: text(_SELECT.format(**session_words(dialect)) + where) for dialect in ("sqlite", "postgresql")}


_BY_KID = _statements(" WHERE x.kid = :kid")
_GET = _statements(f"{_OF_TENANT} AND x.id = :id")
_LIST = {
    (owner, before): _statements(_OF_TENANT + _OF_OWNER * owner + _BEFORE * before + _NEWEST)
    for owner in (False, True)
    for before in (False, True)
}
_ROTATE = (
    update(session)
    .where(session.c.tenant_id == bindparam("of_tenant"), session.c.id == bindparam("of_id"))
    .where(session.c.generation == bindparam("read"), session.c.revoked_at.is_(None))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                *("digest", "generation_id", "parent_digest", "parent_nonce"),
                *("elder_digest", "elder_nonce", "elder_generation_id"),
                *("generation", "rotated_at", "idle_expires_at"),
            )
        }
    )
)
_REVOKE = (
    update(session)
    .where(session.c.tenant_id == bindparam("of_tenant"), session.c.id == bindparam("of_id"))
    .where(session.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("at"), revoke_reason=bindparam("why"))
)
_INSERT = insert(session)


class SessionRows:
    """Sessions within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name

    def insert(self, tenant: Tenant, owner_id: str, record: Session, family: Family) -> None:
        row = {
            **stored_row(SESSION.row(record)),
            **_tokens(family),
            "tenant_id": tenant.id,
            "owner_id": owner_id,
            "kid": family.kid,
            "expires_at": family.expires_at,
        }
        self._connection.execute(_INSERT, row)

    def get(self, tenant: Tenant, id: str, now: datetime) -> Session | None:
        row = self._connection.execute(_GET[self._dialect], {"tenant_id": tenant.id, "id": id}).first()
        return _presented(row, now).session if row else None

    def by_kid(self, kid: str, now: datetime) -> Presented | None:
        """Return everything that a refresh decides on. A row that somebody has spoiled is ignored."""
        row = self._connection.execute(_BY_KID[self._dialect], {"kid": kid}).first()
        try:
            return _presented(row, now) if row else None
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            _log.error("the row of a session cannot be read, and its token is refused: %s", type(error).__name__)
            return None

    def list(
        self, tenant: Tenant, now: datetime, owner_id: str | None, *, before: str | None, limit: int
    ) -> Sequence[Session]:
        wanted = {"tenant_id": tenant.id, "owner_id": owner_id, "before": before, "most": limit}
        named = {name: value for name, value in wanted.items() if value is not None}
        statement = _LIST[owner_id is not None, before is not None][self._dialect]
        return [_presented(row, now).session for row in self._connection.execute(statement, named)]

    def living(
        self, tenant: Tenant, owner_id: str | None, role: str | None, now: datetime, kept: Sequence[str], limit: int
    ) -> Sequence[tuple[str, str]]:
        """Return some of the sessions that have not ended, of an owner or of all that have a role, without `kept`.

        Each is the id and the external id of its owner, in the order in which refreshes lock sessions.
        """
        query = (
            select(session.c.id, owner.c.external_id, session.c.kid)
            .join(owner, (owner.c.tenant_id == session.c.tenant_id) & (owner.c.id == session.c.owner_id))
            .where(session.c.tenant_id == tenant.id, session.c.revoked_at.is_(None))
            .where(session.c.expires_at > micros(now))
        )
        if owner_id is not None:
            query = query.where(session.c.owner_id == owner_id).order_by(session.c.expires_at)
        if role is not None:
            query = query.where(holds(owner.c.roles, role))
        if kept:
            query = query.where(session.c.id.not_in(kept))
        rows = sorted(self._connection.execute(query.limit(limit)), key=attrgetter("kid"))
        return [(row.id, row.external_id) for row in rows]

    def rotate(self, family: Family, read: int) -> bool:
        """Write a family as it is after a rotation, if the row still is what was read and was not revoked."""
        where = {"of_tenant": family.tenant_id, "of_id": family.session_id, "read": read}
        values = {f"new_{name}": value for name, value in _tokens(family).items()}
        return self._connection.execute(_ROTATE, {**where, **values}).rowcount == 1

    def revoke(self, tenant: Tenant, id: str, now: datetime, reason: str) -> bool:
        """End a session; return whether it was this call that did."""
        values = {"of_tenant": tenant.id, "of_id": id, "at": micros(now), "why": reason}
        return self._connection.execute(_REVOKE, values).rowcount == 1

    def needing(self, generation: str, now: datetime) -> int:
        """Count the living sessions whose refresh token cannot be checked without a generation of the keyring."""
        query = (
            select(func.count())
            .where(session.c.generation_id == generation, session.c.revoked_at.is_(None))
            .where(session.c.idle_expires_at > micros(now))
        )
        return int(self._connection.execute(query).scalar_one())


def _tokens(family: Family) -> dict[str, Any]:
    parent, elder = family.parent, family.elder
    return {
        "digest": family.current.digest,
        "generation_id": family.current.generation_id,
        "parent_digest": parent.digest if parent else None,
        "parent_nonce": parent.nonce if parent else None,
        "elder_digest": elder.digest if elder else None,
        "elder_nonce": elder.nonce if elder else None,
        "elder_generation_id": elder.generation_id if elder else None,
        "generation": family.generation,
        "rotated_at": family.rotated_at,
        "idle_expires_at": family.idle_expires_at,
    }


class _Body(msgspec.Struct, array_like=True, gc=False):
    """The JSON array of a row, in the order of `_SELECT`; the records are arrays of their columns."""

    kid: str
    generation_id: str
    elder_generation_id: str | None
    role_scopes: str | None
    session: list[Any]
    owner: list[Any]
    tenant: list[Any]


def _presented(row: Any, now: datetime) -> Presented:
    """Build what one row tells: the session and its family, their owner and tenant, the scopes of the roles."""
    body: _Body = _decode_body(row[5])
    tenant = TENANT.record(body.tenant)
    owner = OWNER.record(body.owner, tenant=tenant.slug)
    family = _family_of(row, body, tenant.id)
    over = is_over(family, micros(now))
    status: SessionStatus = "revoked" if over == "revoked" else "expired" if over else "active"
    session = SESSION.record(body.session, tenant=tenant.slug, owner=owner.external_id, status=status)
    held = tuple(dict.fromkeys(chain.from_iterable(decode(body.role_scopes)))) if body.role_scopes else ()
    return Presented(session, family, owner, tenant, held)


def _family_of(row: Any, body: _Body, tenant_id: str) -> Family:
    digest, parent_digest, parent_nonce, elder_digest, elder_nonce, _ = row
    parent = elder = None
    if parent_digest is not None:
        parent = Token(bytes(parent_digest), body.generation_id, bytes(parent_nonce))
    if elder_digest is not None:
        elder = Token(bytes(elder_digest), body.elder_generation_id or "", bytes(elder_nonce))
    document = dict(zip(SESSION.columns, body.session, strict=True))
    return Family(
        kid=body.kid,
        tenant_id=tenant_id,
        session_id=document["id"],
        generation=document["generation"],
        rotated_at=document["rotated_at"],
        idle_expires_at=document["idle_expires_at"],
        expires_at=document["expires_at"],
        revoked=document["revoked_at"] is not None,
        current=Token(bytes(digest), body.generation_id),
        parent=parent,
        elder=elder,
    )


_decode_body: Any = msgspec.json.Decoder(_Body).decode

"""Sessions in SQL: one row each, for life. A rotation is one update, conditional on the generation that was read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from tokenry.core.grant import texts
from tokenry.core.model import Owner, Session, SessionStatus, Tenant, micros, moment, moment_or_none
from tokenry.core.ports import Presented
from tokenry.core.refresh import Family, Token, is_over

from .owners import owner_of
from .tables import owner, role, session, tenant
from .tenants import tenant_of
from .values import stored

_OF_SESSION = [column.label(f"session_{column.name}") for column in session.c]
_OF_TENANT = [column.label(f"tenant_{column.name}") for column in tenant.c]
_PRESENTED = (
    select(*_OF_SESSION, *_OF_TENANT, *owner.c)
    .join_from(session, owner, (owner.c.tenant_id == session.c.tenant_id) & (owner.c.id == session.c.owner_id))
    .join(tenant, tenant.c.id == session.c.tenant_id)
    .where(session.c.kid == bindparam("wanted"))
)
_ROLE_SCOPES = select(role.c.name, role.c.scopes).where(
    role.c.tenant_id == bindparam("tenant_id"), role.c.name.in_(bindparam("names", expanding=True))
)
_WITH_OWNER = select(*_OF_SESSION, owner.c.external_id).join_from(
    session, owner, (owner.c.tenant_id == session.c.tenant_id) & (owner.c.id == session.c.owner_id)
)
_GET = _WITH_OWNER.where(session.c.tenant_id == bindparam("tenant_id"), session.c.id == bindparam("wanted"))
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

    def insert(self, tenant: Tenant, owner_id: str, record: Session, family: Family) -> None:
        row = {
            "tenant_id": tenant.id,
            "id": record.id,
            "owner_id": owner_id,
            "kid": family.kid,
            **_tokens(family),
            "scopes": None if record.scopes is None else stored(record.scopes),
            "audience": stored(record.audience),
            "claims": stored(record.claims),
            "device": stored(record.device),
            "client_id": record.client_id,
            "created_at": micros(record.created_at),
            "expires_at": family.expires_at,
        }
        self._connection.execute(_INSERT, row)

    def get(self, tenant: Tenant, id: str, now: datetime) -> Session | None:
        row = self._connection.execute(_GET, {"tenant_id": tenant.id, "wanted": id}).first()
        return _session_of(row, tenant.slug, now) if row else None

    def by_kid(self, kid: str, now: datetime) -> Presented | None:
        """Return everything that a refresh decides on."""
        row: Any = self._connection.execute(_PRESENTED, {"wanted": kid}).first()
        if row is None:
            return None
        of_tenant = tenant_of(_Part(row, "tenant_"))
        holder = owner_of(of_tenant, row)
        record = _session_of(row, of_tenant.slug, now)
        held = self._scopes(of_tenant, holder) if record.scopes is None else ()
        return Presented(record, _family_of(row), holder, of_tenant, held)

    def _scopes(self, tenant: Tenant, owner: Owner) -> tuple[str, ...]:
        if not owner.roles:
            return ()
        rows = self._connection.execute(_ROLE_SCOPES, {"tenant_id": tenant.id, "names": owner.roles})
        scopes = {row.name: texts(row.scopes) for row in rows}
        return tuple(dict.fromkeys(chain.from_iterable(scopes.get(name, ()) for name in owner.roles)))

    def list(
        self, tenant: Tenant, now: datetime, owner_id: str | None, *, before: str | None, limit: int
    ) -> Sequence[Session]:
        query = _WITH_OWNER.where(session.c.tenant_id == tenant.id)
        if owner_id is not None:
            query = query.where(session.c.owner_id == owner_id)
        if before is not None:
            query = query.where(session.c.id < before)
        rows = self._connection.execute(query.order_by(session.c.id.desc()).limit(limit))
        return [_session_of(row, tenant.slug, now) for row in rows]

    def living(self, tenant: Tenant, owner_id: str, now: datetime) -> Sequence[str]:
        """Return the ids of the sessions of an owner that have not ended, in one order everywhere."""
        query = (
            select(session.c.id)
            .where(session.c.tenant_id == tenant.id, session.c.owner_id == owner_id)
            .where(session.c.revoked_at.is_(None), session.c.expires_at > micros(now))
        )
        return self._connection.execute(query.order_by(session.c.id)).scalars().all()

    def rotate(self, family: Family, read: int) -> bool:
        """Write a family as it is after a rotation, if the row still is what was read and was not revoked."""
        where = {"of_tenant": family.tenant_id, "of_id": family.session_id, "read": read}
        values = {f"new_{name}": value for name, value in _tokens(family).items()}
        return self._connection.execute(_ROTATE, {**where, **values}).rowcount == 1

    def revoke(self, tenant: Tenant, id: str, now: datetime, reason: str) -> bool:
        """End a session; return whether it was this call that did."""
        values = {"of_tenant": tenant.id, "of_id": id, "at": micros(now), "why": reason}
        return self._connection.execute(_REVOKE, values).rowcount == 1

    def purge(self, before: datetime, limit: int) -> int:
        """Remove sessions that ended long ago."""
        over = or_(session.c.expires_at < micros(before), session.c.revoked_at < micros(before))
        ended = select(session.c.id).where(over).limit(limit)
        return self._connection.execute(delete(session).where(session.c.id.in_(ended))).rowcount

    def needing(self, generation: str, now: datetime) -> int:
        """Count the living sessions whose refresh token cannot be checked without a generation of the keyring."""
        query = (
            select(func.count())
            .where(session.c.generation_id == generation, session.c.revoked_at.is_(None))
            .where(session.c.idle_expires_at > micros(now))
        )
        return int(self._connection.execute(query).scalar_one())


class _Part:
    """The columns of one table in a row that holds those of several, by their own names."""

    def __init__(self, row: Any, prefix: str) -> None:
        self._row = row
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, self._prefix + name)


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


def _family_of(row: Any) -> Family:
    part = _Part(row, "session_")
    parent = None if part.parent_digest is None else Token(part.parent_digest, part.generation_id, part.parent_nonce)
    elder = None if part.elder_digest is None else Token(part.elder_digest, part.elder_generation_id, part.elder_nonce)
    return Family(
        kid=part.kid,
        tenant_id=part.tenant_id,
        session_id=part.id,
        generation=part.generation,
        rotated_at=part.rotated_at,
        idle_expires_at=part.idle_expires_at,
        expires_at=part.expires_at,
        revoked=part.revoked_at is not None,
        current=Token(part.digest, part.generation_id),
        parent=parent,
        elder=elder,
    )


def _session_of(row: Any, slug: str, now: datetime) -> Session:
    part = _Part(row, "session_")
    over = is_over(_family_of(row), micros(now))
    status: SessionStatus = "revoked" if over == "revoked" else "expired" if over else "active"
    return Session(
        id=part.id,
        tenant=slug,
        owner=row.external_id,
        status=status,
        scopes=None if part.scopes is None else texts(part.scopes),
        audience=texts(part.audience),
        claims=json.loads(part.claims),
        device=json.loads(part.device),
        client_id=part.client_id,
        generation=part.generation,
        created_at=moment(part.created_at),
        refreshed_at=moment(part.rotated_at),
        idle_expires_at=moment(part.idle_expires_at),
        expires_at=moment(part.expires_at),
        revoked_at=moment_or_none(part.revoked_at),
        revoke_reason=part.revoke_reason,
    )

"""Secrets in SQL: digests, bound to their key, never more than one current one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from operator import attrgetter

from sqlalchemy import Connection, bindparam, func, insert, select, text, update

from tokenry.core.document import LIVING, Seals
from tokenry.core.grant import Row
from tokenry.core.model import Tenant, micros
from tokenry.core.ports import DROPPED, Pepper, SecretRow

from .documents import Documents, sign_anew
from .fixed import Fixed, FixedWrite, among
from .lookup import FOUND, lookup_sql, read
from .tables import key, keyring_canary, owner, secret, session, tenant

_INSERT = FixedWrite(insert(secret))
_OF = ("of_tenant", "of_key", "at")
_END_CURRENT = FixedWrite(
    update(secret)
    .where(secret.c.tenant_id == bindparam("of_tenant"), secret.c.key_id == bindparam("of_key"))
    .where(secret.c.ends_at.is_(None))
    .values(ends_at=bindparam("at")),
    *_OF,
)
_END_OLDER = FixedWrite(
    update(secret)
    .where(secret.c.tenant_id == bindparam("of_tenant"), secret.c.key_id == bindparam("of_key"))
    .where(secret.c.ends_at > bindparam("at"))
    .values(ends_at=bindparam("at")),
    *_OF,
)
# In the order in which a flush of usage takes them, so that neither locks the other up.
_LOCK = Fixed(
    select(secret.c.kid)
    .where(secret.c.tenant_id == bindparam("of_tenant"), secret.c.key_id == bindparam("of_key"))
    .order_by(secret.c.kid)
    .with_for_update()
)
_LEAKED = FixedWrite(
    update(secret)
    .where(secret.c.kid == bindparam("of_kid"), secret.c.leaked_at.is_(None))
    .values(leaked_at=bindparam("at")),
    *("of_kid", "at"),
)
_UPGRADE = FixedWrite(update(secret).where(secret.c.kid == bindparam("of_kid")), "of_kid")
_MOVE = FixedWrite(
    update(secret)
    .where(secret.c.kid == bindparam("of_kid"), secret.c.digest == bindparam("old"))
    .values(digest=bindparam("new"), pepper_id=bindparam("of_pepper")),
    *("of_kid", "old", "new", "of_pepper"),
)


_FIND = {dialect: Fixed(text(lookup_sql(dialect, "= :kid")), FOUND) for dialect in ("sqlite", "postgresql")}


_LOCK_KEYS = Fixed(
    select(key.c.id)
    .where(key.c.tenant_id == bindparam("tenant_id"), among(key.c.id, "key_ids"))
    .order_by(key.c.id.desc())
    .with_for_update()
)
_HALF_REVOKED = Fixed(
    select(key.c.id)
    .join(secret, (secret.c.tenant_id == key.c.tenant_id) & (secret.c.key_id == key.c.id))
    .where(key.c.tenant_id == bindparam("tenant_id"), key.c.owner_id == bindparam("owner_id"))
    .where(key.c.revoked_at.is_not(None), secret.c.seal.is_not(None), secret.c.document.like(bindparam("living")))
    .distinct()
    .limit(bindparam("most"))
)
_SEAL = Fixed(select(secret.c.seal).where(secret.c.kid == bindparam("kid")))
_CANARY = Fixed(
    select(keyring_canary.c.generation).where(
        keyring_canary.c.generation == bindparam("of"), keyring_canary.c.canary != DROPPED
    )
)


_KIDS = Fixed(
    select(secret.c.kid).where(secret.c.tenant_id == bindparam("tenant_id"), among(secret.c.key_id, "key_ids"))
)

_PLACE = Fixed(
    select(tenant.c.slug, key.c.id, owner.c.external_id)
    .select_from(secret)
    .join(key, (key.c.tenant_id == secret.c.tenant_id) & (key.c.id == secret.c.key_id))
    .join(owner, (owner.c.tenant_id == key.c.tenant_id) & (owner.c.id == key.c.owner_id))
    .join(tenant, tenant.c.id == key.c.tenant_id)
    .where(secret.c.kid == bindparam("kid"))
)
_KIDS_MAX = 5000
# An owner's keys first, then their secrets: SQLite would take a join the other way round, through the whole tenant.
_KEYS_OF_OWNER = select(key.c.id).where(
    key.c.tenant_id == bindparam("tenant_id"), key.c.owner_id == bindparam("owner_id")
)
_OF_OWNER = (
    Fixed(
        select(secret.c.kid.label("id"))
        .where(secret.c.tenant_id == bindparam("tenant_id"), secret.c.key_id.in_(_KEYS_OF_OWNER))
        .limit(bindparam("most"))
    ),
    Fixed(
        select(session.c.id)
        .where(session.c.tenant_id == bindparam("tenant_id"), session.c.owner_id == bindparam("owner_id"))
        .limit(bindparam("most"))
    ),
)


class SecretRows:
    """Secrets within one transaction."""

    def __init__(self, connection: Connection, documents: Documents, seals: Seals) -> None:
        self._connection = connection
        self._documents = documents
        self._seals = seals

    def insert(self, tenant: Tenant, secrets: Sequence[SecretRow]) -> None:
        rows = [
            {
                "kid": row.kid,
                "tenant_id": tenant.id,
                "key_id": row.key_id,
                "digest": row.digest,
                "pepper_id": row.pepper_id,
                "tag_id": row.tag_id,
                "created_at": micros(row.created_at),
                "last_used_at": None if row.last_used_at is None else micros(row.last_used_at),
                **self._documents.of_new(tenant.id, row.key_id, row.kid),
            }
            for row in secrets
        ]
        _INSERT(self._connection, rows)

    def end(self, tenant: Tenant, key_id: str, now: datetime, current_ends_at: datetime | None) -> None:
        """End a secret that still had its grace at once, and the current one at `current_ends_at` (None: never)."""
        where = {"of_tenant": tenant.id, "of_key": key_id}
        ends_at = None if current_ends_at is None else micros(current_ends_at)
        _LOCK(self._connection, **where)
        _END_OLDER(self._connection, {**where, "at": micros(now)})
        _END_CURRENT(self._connection, {**where, "at": ends_at})
        self._documents.end(tenant.id, key_id, micros(now), ends_at)

    def mark_leaked(self, kid: str, now: datetime) -> bool:
        """Note when a secret was first reported as leaked; return whether this is the first time."""
        return _LEAKED(self._connection, {"of_kid": kid, "at": micros(now)}) == 1

    def upgrade(self, tenant: Tenant, old: str, secret: SecretRow) -> bool:
        """Give an imported secret a digest of ours, and the kid that follows from its text.

        Return whether it was still there. Its key is locked, as for everybody who writes documents.
        """
        signed = self._documents.renamed(tenant.id, secret.key_id, old, secret.kid)
        if signed is None:
            return False
        values = {"kid": secret.kid, "digest": secret.digest, "pepper_id": secret.pepper_id, "tag_id": secret.tag_id}
        return _UPGRADE(self._connection, {"of_kid": old, **values, **signed}) == 1

    def find(self, kid: str) -> Row | None:
        """Return the row that a verification reads, as this transaction sees it."""
        self._documents.write()
        return read(_FIND[self._connection.dialect.name].first(self._connection, kid=kid), self._seals)

    def place(self, kid: str) -> tuple[str, str, str] | None:
        """Return the slug of the tenant, the id of the key and the external id of the owner, as the tables say."""
        row = _PLACE.first(self._connection, kid=kid)
        return (row.slug, row.id, row.external_id) if row else None

    def confirm(self, tenant: Tenant, key_ids: Sequence[str], column: str, now: datetime) -> Collection[str]:
        """Have the documents of keys say what their rows say already: that they are revoked, or disabled.

        Return the keys of which it was not so: somebody else has written their rows alone.
        """
        _LOCK_KEYS(self._connection, tenant_id=tenant.id, key_ids=list(key_ids))  # as whoever writes documents has them
        return self._documents.confirm(tenant.id, key_ids, column, micros(now))

    def half_revoked(self, tenant: Tenant, owner_id: str, limit: int) -> Sequence[str]:
        """Return keys of an owner whose rows say that they are revoked, and whose documents do not."""
        given = {"tenant_id": tenant.id, "owner_id": owner_id, "living": LIVING, "most": limit}
        return [row.id for row in _HALF_REVOKED(self._connection, **given)]

    def is_signed_elsewhere(self, kid: str) -> bool:
        """Tell whether a secret of the keyring signed it that the database knows, and this process does not have."""
        row = _SEAL.first(self._connection, kid=kid)
        missing = None if row is None else self._seals.missing(row.seal)
        return missing is not None and bool(_CANARY(self._connection, of=missing))

    def kids(self, tenant: Tenant, key_ids: Sequence[str]) -> Sequence[str]:
        return [row.kid for row in _KIDS(self._connection, tenant_id=tenant.id, key_ids=list(key_ids))]

    def kids_of_owner(self, tenant: Tenant, owner_id: str) -> Sequence[str] | None:
        """Return the cache keys of an owner's verdicts: kids of secrets, and ids of sessions.

        Return None when there are so many that clearing the whole cache is cheaper.
        """
        given = {"tenant_id": tenant.id, "owner_id": owner_id, "most": _KIDS_MAX + 1}
        found = [row.id for statement in _OF_OWNER for row in statement(self._connection, **given)]
        return None if len(found) > _KIDS_MAX else found

    def move_peppers(self, peppers: Sequence[Pepper]) -> None:
        """Write digests under a newer pepper, where the row still is what was read."""
        ordered = sorted(peppers, key=attrgetter("kid"))
        rows = [{"of_kid": p.kid, "old": p.old, "new": p.new, "of_pepper": p.pepper_id} for p in ordered]
        _MOVE(self._connection, rows)

    def sign_anew(self, generation: str) -> None:
        """Sign documents anew that a generation of the keyring has signed, before it is dropped."""
        sign_anew(self._connection, self._seals, generation)

    def needing(self, generation: str, now: datetime) -> int:
        """Count the living secrets that cannot be checked without a generation of the keyring."""
        at = micros(now)
        query = (
            select(func.count())
            .select_from(secret.join(key))
            .where((secret.c.pepper_id == generation) | (secret.c.tag_id == generation))
            .where(key.c.revoked_at.is_(None))
            .where(secret.c.ends_at.is_(None) | (secret.c.ends_at > at))
            .where(key.c.expires_at.is_(None) | (key.c.expires_at > at))
        )
        return int(self._connection.execute(query).scalar_one())

"""Grant documents within one transaction: changes of a key are written into the documents of its secrets.

The new document is the old one, whose seal must hold, with the changes. Values that somebody else has written into the
columns of a key are never signed. A transaction writes the row of a key before its documents, so two transactions never
write the same document at once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy import Connection, bindparam, select, tuple_, update

from tokenry.core.document import FACTS, LACKING, OF_KEY, OtherForm, Seals, decode, encode, numbered
from tokenry.core.errors import Conflict, shown

from .fixed import Fixed, FixedWrite, among
from .tables import key, secret
from .values import stored

_log = logging.getLogger("tokenry.store")
_OF_KEYS = Fixed(
    select(secret.c.kid, secret.c.key_id, secret.c.owner_id, secret.c.document, secret.c.seal).where(
        secret.c.tenant_id == bindparam("tenant_id"), among(secret.c.key_id, "key_ids")
    )
)
_WRITE = FixedWrite(update(secret).where(secret.c.kid == bindparam("of_kid")), "of_kid")

_AFTER = ("after_tenant", "after_key", "after_kid")
# In the order of the keys, which is that of their making, and so about that of the tables: each page is written once.
# By the kids, which are random, every batch would write a thousand pages, and a million keys would fill 4 GB of log.
_PLACE = (secret.c.tenant_id, secret.c.key_id, secret.c.kid)
_UNSIGNED = Fixed(
    select(*_PLACE, secret.c.ends_at, *[key.c[column] for column in OF_KEY if column not in ("tenant_id", "kid")])
    .join(key, (key.c.tenant_id == secret.c.tenant_id) & (key.c.id == secret.c.key_id))
    .where(tuple_(*_PLACE) > tuple_(*map(bindparam, _AFTER)), secret.c.seal.is_(None))
    .order_by(*_PLACE)
    .limit(bindparam("most"))
)
_SIGNED_BY = Fixed(
    select(secret.c.kid, secret.c.document, secret.c.seal)
    .where(secret.c.kid > bindparam("after"), secret.c.seal.like(bindparam("pattern")))
    .order_by(secret.c.kid)
    .limit(bindparam("most"))
    .with_for_update()
)
_BATCH = 1000

Facts: TypeAlias = dict[str, Any]
NOT_SIGNED: Final = "the rows of {} were changed by somebody without the keyring: revoke it and issue another key"


class _Noted:
    """The noted changes of the documents of one key."""

    def __init__(self) -> None:
        self.values: Facts = {}
        self.roles: list[str] = []
        self.ends: list[tuple[int, int | None]] = []
        self.versions = 0

    def applied(self, facts: Facts) -> Facts:
        """Return facts with what was noted."""
        after = {**facts, **self.values, "version": facts["version"] + self.versions}
        if self.roles:
            after["roles"] = stored([role for role in json.loads(after["roles"]) if role not in self.roles])
        for now, current_ends_at in self.ends:
            after["ends_at"] = current_ends_at if after["ends_at"] is None else min(after["ends_at"], now)
        return after


class Documents:
    """The documents that one transaction reads and writes."""

    def __init__(self, connection: Connection, seals: Seals) -> None:
        self._connection = connection
        self._seals = seals
        self._new: dict[tuple[str, str], Facts] = {}
        self._noted: dict[str, dict[str, _Noted]] = {}

    def begin(self, tenant_id: str, row: Mapping[str, Any]) -> None:
        """Note the row of a new key, for the secrets that it gets within this transaction."""
        self._new[tenant_id, row["id"]] = {"disabled_at": None, **row}

    def change(self, tenant_id: str, key_id: str, row: Mapping[str, Any]) -> None:
        """Note a change of a key that was written: values by column, as they are stored."""
        noted = self._of(tenant_id, key_id)
        noted.values |= {name: value for name, value in row.items() if name in FACTS}
        noted.versions += 1

    def drop_role(self, tenant_id: str, key_id: str, role: str, row: Mapping[str, Any]) -> None:
        """Note that a key has lost a role, and the other values written with that change."""
        self.change(tenant_id, key_id, row)
        self._of(tenant_id, key_id).roles.append(role)

    def end(self, tenant_id: str, key_id: str, now: int, current_ends_at: int | None) -> None:
        """Note that secrets of a key end, as `SecretRows.end` writes it."""
        self._of(tenant_id, key_id).ends.append((now, current_ends_at))

    def confirm(self, tenant_id: str, key_ids: Iterable[str], column: str, at: int) -> set[str]:
        """Have the documents of keys say what their rows say already, which somebody else may have written.

        Return the keys whose documents did not.
        """
        behind = set()
        for row, facts in self._read(tenant_id, key_ids):
            if row.seal is not None and (facts is None or facts[column] is None):
                behind.add(row.key_id)
                self._of(tenant_id, row.key_id).values[column] = at
        return behind

    def agree(self, tenant_id: str, key_id: str, row: Mapping[str, Any]) -> None:
        """Make the documents of a key agree with the requested values, which its row holds already."""
        self._of(tenant_id, key_id).values |= {name: value for name, value in row.items() if name in FACTS}

    def of_new(self, tenant_id: str, key_id: str, kid: str) -> dict[str, str]:
        """Return document and seal of a new secret, by column; raise Conflict when no secret of its key has any."""
        facts = self._new.get((tenant_id, key_id))
        if facts is None:
            self.write()
            held = [facts for _, _, facts in self._held(tenant_id, [key_id])]
            if not held:
                raise Conflict(NOT_SIGNED.format(key_id))
            facts = max(held, key=itemgetter("version"))
        sealed = self._sealed({**facts, "kid": kid, "tenant_id": tenant_id, "ends_at": None})
        return {**sealed, "owner_id": facts["owner_id"]}

    def renamed(self, tenant_id: str, key_id: str, old: str, new: str) -> dict[str, str] | None:
        """Return the document of a secret with another kid; None if its seal does not hold or it is gone."""
        for kid, _, facts in self._held(tenant_id, [key_id]):
            if kid == old:
                return self._sealed({**facts, "kid": new})
        return None

    def write(self) -> None:
        """Write what was noted in the order of the kids: as usage is written, so that neither locks the other up."""
        if not self._noted:
            return
        noted, self._noted = self._noted, {}
        rows = []
        for tenant_id, of_tenant in noted.items():
            for row, facts in self._read(tenant_id, of_tenant):
                changed = of_tenant[row.key_id]
                owned = {"of_kid": row.kid, "owner_id": changed.values.get("owner_id", row.owner_id)}
                if facts is not None:
                    rows.append({**owned, **self._sealed(changed.applied(facts))})
                elif changed.values.get("revoked_at") is not None:
                    rows.append({**owned, "document": row.document, "seal": None})
                elif not changed.roles and (why := held_elsewhere(row, self._seals)):
                    raise Conflict(f"the rows of {row.key_id} {why}. Or revoke the key and issue another one")
        if rows:
            _WRITE(self._connection, sorted(rows, key=itemgetter("of_kid")))

    def _of(self, tenant_id: str, key_id: str) -> _Noted:
        return self._noted.setdefault(tenant_id, {}).setdefault(key_id, _Noted())

    def _held(self, tenant_id: str, key_ids: Iterable[str]) -> Iterator[tuple[str, str, Facts]]:
        """Yield kid, key id and facts of those secrets of some keys whose seals hold."""
        for row, facts in self._read(tenant_id, key_ids):
            if facts is not None:
                yield row.kid, row.key_id, facts

    def _read(self, tenant_id: str, key_ids: Iterable[str]) -> Iterator[tuple[Any, Facts | None]]:
        """Yield the secrets of some keys, each with its facts: None if its seal does not hold.

        Such a document stays as it is, and its secret opens nothing. But where only this process does not know the
        generation that sealed it, others accept it: a revocation takes the seal away, other changes are refused.
        """
        for row in _OF_KEYS(self._connection, tenant_id=tenant_id, key_ids=list(key_ids)):
            facts = facts_of(row, self._seals)
            if facts is None or (facts["kid"], facts["tenant_id"], facts["id"]) != (row.kid, tenant_id, row.key_id):
                why = held_elsewhere(row, self._seals) or "were changed by somebody without the keyring"
                _log.error("the rows of secret %s of %s %s; they are not signed anew", row.kid, row.key_id, why)
                facts = None
            yield row, facts

    def _sealed(self, facts: Facts) -> dict[str, str]:
        document = encode(facts)
        return {"document": document, "seal": self._seals.sign(document)}


def held_elsewhere(row: Any, seals: Seals) -> str | None:
    """Return why other processes may accept a document that this one cannot read; None where no process does."""
    missing = seals.missing(row.seal)
    if missing is not None:
        return LACKING.format(shown(missing))
    if row.document.__class__ is str and row.seal.__class__ is str and seals.holds(row.document, row.seal):
        try:
            numbered(row.document)
        except OtherForm as error:
            return str(error)
    return None


def facts_of(row: Any, seals: Seals) -> Facts | None:
    """Return the facts of a secret's document, or None if its seal does not hold, or its form is not ours."""
    document, seal = row.document, row.seal
    if document.__class__ is not str or seal.__class__ is not str or not seals.holds(document, seal):
        return None
    try:
        return decode(row.document)
    except (msgspec.MsgspecError, ValueError, TypeError):
        return None


def sign_anew(connection: Connection, seals: Seals, generation: str) -> None:
    """Sign with the newest generation what another one has signed that is going to be dropped."""
    after = ""
    while rows := _SIGNED_BY(connection, pattern=f"{generation}.%", after=after, most=_BATCH):
        held = [row for row in rows if seals.holds(row.document, row.seal)]
        if held:
            _WRITE(connection, [{"of_kid": row.kid, "seal": seals.sign(row.document)} for row in held])
        after = rows[-1].kid


def sign_everything(connection: Connection, seals: Seals) -> int:
    """Sign what the keys of a database say at this moment, for its upgrade; return how many secrets were signed.

    It is the only time that the columns of keys are believed.
    """
    count, after = 0, ("", "", "")
    while rows := _UNSIGNED(connection, **dict(zip(_AFTER, after, strict=True)), most=_BATCH):
        written = []
        for row in rows:
            document = encode(row._asdict())
            written.append(
                {"of_kid": row.kid, "owner_id": row.owner_id, "document": document, "seal": seals.sign(document)}
            )
        _WRITE(connection, written)
        count, after = count + len(rows), rows[-1][: len(_AFTER)]
    return count

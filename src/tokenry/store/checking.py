"""Whether the rows of keys, their signed documents and the audit log say the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from secrets import token_bytes
from typing import Any

from sqlalchemy import Connection, bindparam, select

from tokenry.core.document import FACTS, OF_KEY, Seals
from tokenry.core.secret import make_kid

from .documents import facts_of, held_elsewhere
from .fixed import Fixed
from .tables import audit_entry, key, secret

_BATCH = 1000
_BEHIND_ALL = "\U0010ffff"
_ROWS = Fixed(
    select(
        *(secret.c.kid, secret.c.tenant_id, secret.c.ends_at, secret.c.document, secret.c.seal),
        secret.c.owner_id.label("joined_owner_id"),
        *[key.c[column] for column in OF_KEY],
        select(audit_entry.c.id)
        .where(audit_entry.c.tenant_id == key.c.tenant_id, audit_entry.c.subject == key.c.id)
        .where(audit_entry.c.action == "key.revoked")
        .exists()
        .label("was_revoked"),
    )
    .outerjoin(key, (key.c.tenant_id == secret.c.tenant_id) & (key.c.id == secret.c.key_id))
    .where(secret.c.kid > bindparam("after"), secret.c.kid <= bindparam("last"))
    .order_by(secret.c.kid)
    .limit(bindparam("most"))
)


def check_documents(connection: Connection, seals: Seals, most: int | None) -> Iterator[str | None]:
    """Look at all secrets, or at `most` from a random one on; yield for each what is wrong with it, or None."""
    begin = "" if most is None else make_kid(token_bytes(16))
    for row in islice(chain(_rows(connection, begin, _BEHIND_ALL), _rows(connection, "", begin)), most):
        yield _flaw(row, seals)


def _rows(connection: Connection, after: str, last: str) -> Iterator[Any]:
    while rows := _ROWS(connection, after=after, last=last, most=_BATCH):
        yield from rows
        after = rows[-1].kid


def _flaw(row: object, seals: Seals) -> str | None:
    """Return a sentence about the fault of a secret, or None."""
    values = row._asdict()  # type: ignore[attr-defined]
    facts = facts_of(row, seals)
    if values["id"] is None:
        return f"secret {values['kid']}: somebody has removed the row of its key {facts['id'] if facts else 'too'}"
    where = f"secret {values['kid']} of {values['id']}"
    if facts is None and values["seal"] is None and values["was_revoked"]:
        return None  # a revocation took the seal away
    if facts is None and (why := held_elsewhere(row, seals)):
        return f"{where}: its rows {why}"
    if facts is None:
        return f"{where}: its document was not signed with the keyring, and it is refused"
    other = sorted(name for name in FACTS if facts[name] != values[name])
    if other:
        return f"{where}: its row and its signed document differ in {', '.join(other)}; the document counts"
    if values["joined_owner_id"] != facts["owner_id"]:
        return f"{where}: its row names another owner than its signed document, and it is refused"
    if values["was_revoked"] and facts["revoked_at"] is None:
        return f"{where}: the audit log says that it was revoked, its rows are of an earlier moment: revoke it"
    return None

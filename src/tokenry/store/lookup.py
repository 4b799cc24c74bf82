"""The one hot statement: everything that a verification reads of a secret, in one lookup by `kid`.

The signed document of the secret (`core/document.py`) holds the values of its key: the table of keys is not read. The
owner and the tenant travel as one JSON array: one column costs less than twenty, and values that no decision reads stay
undecoded until somebody asks. Roles are read only for keys that have some.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, text

from tokenry.core.document import CHANGED, LACKING, NO_ROLES, Document, OtherForm, Seals, numbered
from tokenry.core.errors import shown
from tokenry.core.grant import COLUMNS, OWNER_SHOWN, SESSION_SHOWN, TENANT_SHOWN, Row, read_row
from tokenry.core.memo import KIB, MIB, length, remembering
from tokenry.core.records import SECRET

_log = logging.getLogger("tokenry.store")


def array(*parts: str) -> str:
    """Return the expression for a JSON array, in a text that `format` completes for a dialect."""
    return f"{{array}}({', '.join(parts)})"


def of(table: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return columns as columns of one table of a join."""
    return tuple([f"{table}.{column}" for column in columns])


def _row(parts: Mapping[str, str]) -> str:
    """Return the array that is read as a `Row`, of an expression for each of its columns."""
    return array(*[parts[name] for name in COLUMNS])


_OF_OWNER = {
    "owner_status": "o.status",
    "slug": "t.slug",
    "tenant_status": "t.status",
    "owner_record": array(*of("o", OWNER_SHOWN.columns)),
    "tenant_record": array(*of("t", TENANT_SHOWN.columns)),
    "owner_limits_version": "o.limits_version",
    "tenant_limits_version": "t.limits_version",
}
_OF_SESSION = {
    **_OF_OWNER,
    "kid": "x.id",
    "pepper_id": "''",
    "ends_at": "NULL",
    "key_id": "x.id",
    "tenant_id": "x.tenant_id",
    "scopes": "COALESCE(x.scopes, '[]')",
    "role_scopes": "{role_scopes}",
    "allowed_ips": "'[]'",
    "limits": "'[]'",
    "owner_limits": "'[]'",
    "tenant_limits": "'[]'",
    "credits": "NULL",
    "environment": "''",
    "disabled_at": "NULL",
    "expires_at": "x.expires_at",
    "not_before": "NULL",
    "revoked_at": "x.revoked_at",
    "use_count": "1",
    "key_record": array(*of("x", SESSION_SHOWN.columns)),
}
_OWNER = array(*of("o", (*OWNER_SHOWN.columns, "status", "limits_version")))
_TENANT = array(*of("t", (*TENANT_SHOWN.columns, "slug", "status", "limits_version")))
FOUND = ("kid", "digest", "pepper_id", "key_id", "document", "seal", "used", "role_scopes", "owner", "tenant")
"""The columns that the statements about keys select."""
_SECRET = f"s.kid, s.digest, s.pepper_id, s.key_id, s.document, s.seal, {array(*of('s', SECRET.columns))}{{text}}"
_SELECT = f"""
    SELECT {_SECRET}, {{role_scopes}}, {_OWNER}{{text}}, {_TENANT}{{text}}
    FROM tokenry_secret s
    JOIN tokenry_owner o ON o.tenant_id = s.tenant_id AND o.id = s.owner_id
    JOIN tokenry_tenant t ON t.id = s.tenant_id
    WHERE s.kid {{where}}
"""  # noqa: S608 - of the names of columns
_SESSION = f"""
    SELECT x.digest, {_row(_OF_SESSION)}{{text}}
    FROM tokenry_session x
    JOIN tokenry_owner o ON o.tenant_id = x.tenant_id AND o.id = x.owner_id
    JOIN tokenry_tenant t ON t.id = x.tenant_id
    WHERE x.id {{where}}
"""  # noqa: S608 - of the names of columns
SECRET_ALONE = f"SELECT {_SECRET} FROM tokenry_secret s WHERE s.kid = ?".format(array="json_array", text="")  # noqa: S608
"""The statement for SQLite where owner, tenant and roles are known already: a third less work than the joins."""
OWNER_ALONE = f"SELECT {_OWNER} FROM tokenry_owner o WHERE o.tenant_id = ? AND o.id = ?".format(array="json_array")  # noqa: S608
TENANT_ALONE = f"SELECT {_TENANT} FROM tokenry_tenant t WHERE t.id = ?".format(array="json_array")  # noqa: S608
ROLES_ALONE = """
    SELECT '' || json_group_array(json(r.scopes)) FROM json_each(?) AS named
    JOIN tokenry_role r ON r.tenant_id = ? AND r.name = named.value
"""
_WORDS = {
    "sqlite": {"array": "json_array", "text": ""},
    "postgresql": {"array": "json_build_array", "text": "::text"},
}
# A list of roles that somebody else has spoiled must not raise an error: other lookups would fail with it, too.
# On PostgreSQL nothing tells such a text from JSON before it is parsed, so the names are cut out of the text.
_ROLE_SCOPES = {
    "sqlite": """
        CASE WHEN {without} THEN NULL ELSE (
            SELECT '' || json_group_array(json(r.scopes)) FROM json_each({roles}) AS named
            JOIN tokenry_role r ON r.tenant_id = {of}.tenant_id AND r.name = named.value
        ) END
    """,
    "postgresql": """
        CASE WHEN {without} THEN NULL ELSE (
            SELECT json_agg(r.scopes::json ORDER BY named.place)::text
            FROM unnest(string_to_array(regexp_replace({roles}, '[^A-Za-z0-9_.,-]', '', 'g'), ','))
                WITH ORDINALITY AS named(name, place)
            JOIN tokenry_role r ON r.tenant_id = {of}.tenant_id AND r.name = named.name
        ) END
    """,
}
_OF_DOCUMENT = {
    "sqlite": {
        "without": f"substr(s.document, -{len(NO_ROLES)}) = '{NO_ROLES}'",
        "roles": "CASE WHEN json_valid(s.document) THEN json_extract(s.document, '$[#-1]') END",
    },
    "postgresql": {
        "without": f"right(s.document, {len(NO_ROLES)}) = '{NO_ROLES}'",
        "roles": r"""substring(s.document from '"(\[[^]]*\])"\]$')""",
    },
}


def is_session(kid: str) -> bool:
    """Tell whether what is looked up is a session, by its id: a kid has no underscore."""
    return kid[3:4] == "_"


def session_sql(dialect: str, where: str) -> str:
    """Return the statement that looks a session up in the form of a key: the same code decides on both.

    A session without scopes of its own holds those of its owner's roles.
    """
    return _SESSION.format(where=where, **session_words(dialect))


def session_words(dialect: str) -> dict[str, str]:
    """Return the parts of a statement about sessions (`x`) and their owners (`o`) in which dialects differ."""
    without = "x.scopes IS NOT NULL OR o.roles = '[]'"
    return {"role_scopes": _ROLE_SCOPES[dialect].format(without=without, roles="o.roles", of="x"), **_WORDS[dialect]}


def lookup_sql(dialect: str, where: str) -> str:
    """Return the statement for a dialect; `where` is the condition on `s.kid` in the driver's own style."""
    roles = _ROLE_SCOPES[dialect].format(of="s", **_OF_DOCUMENT[dialect])
    return _SELECT.format(where=where, role_scopes=roles, **_WORDS[dialect])


def lookup_without_roles_sql(dialect: str, where: str) -> str:
    """Return the same for keys without roles: a row whose `role_scopes` is not None must be looked up in full.

    PostgreSQL prepares the part about roles for every execution, at a tenth of the price of all, even if no key of the
    answer has any.
    """
    return _SELECT.format(where=where, role_scopes="NULL", **_WORDS[dialect])


_TEXTS = {
    dialect: (text(lookup_sql(dialect, "= :kid")), text(session_sql(dialect, "= :kid")))
    for dialect in ("sqlite", "postgresql")
}


def find_in(connection: Connection, kid: str, seals: Seals) -> Row | None:
    """Look one secret or session up on a connection of SQLAlchemy."""
    of_key, of_session = _TEXTS[connection.dialect.name]
    if is_session(kid):
        return read_session(connection.execute(of_session, {"kid": kid}).first())
    return read(connection.execute(of_key, {"kid": kid}).first(), seals)


class Of(NamedTuple):
    """The columns that a lookup reads of an owner or a tenant."""

    id: str
    slug: str
    status: str
    default_limits: str
    shared_limits: str
    limits_version: int
    record: Any
    """Bytes that are the same object each time: they are hashed once."""


@remembering(length, bytes_max=2 * MIB, each_max=8 * KIB)
def owner_of(stored: str) -> Of:
    """Return an owner's status and limits from the stored array."""
    *values, status, version = _decode(stored)
    of = dict(zip(OWNER_SHOWN.names, values, strict=True))
    return Of(of["id"], "", status, of["default_limits"], of["shared_limits"], version, stored.encode())


@remembering(length, bytes_max=MIB, each_max=8 * KIB)
def tenant_of(stored: str) -> Of:
    """Return a tenant's status and limits from the stored array."""
    *values, slug, status, version = _decode(stored)
    of = dict(zip(TENANT_SHOWN.names, values, strict=True))
    return Of(of["id"], slug, status, of["default_limits"], of["shared_limits"], version, stored.encode())


def read(found: Sequence[Any] | None, seals: Seals) -> Row | None:
    """Return the row that was found. One that somebody has changed without the keyring opens nothing."""
    if found is None:
        return None
    try:
        if found[0].__class__ is not str:
            found = [found[0].decode(), found[1], *[None if part is None else part.decode() for part in found[2:]]]
        *secret, role_scopes, of_owner, of_tenant = found
        key = document_of(secret, seals)
        return (
            None if key is None else row_of(secret, key, owner_of(of_owner), tenant_of(of_tenant), role_scopes, seals)
        )
    except SPOILED as error:
        unreadable(error)
        return None


def document_of(secret: Sequence[Any], seals: Seals) -> Document | None:
    """Return the document of a secret; None if its seal does not hold, or if it is that of another secret."""
    kid, _, _, key_id, document, seal, _ = secret
    if document.__class__ is str and seal.__class__ is str and seals.holds(document, seal):
        key: Document = _decode_document(numbered(document))
        # A row that names another key would be missed when its own one is revoked.
        if key.kid == kid and key.key_id == key_id:
            return key
    missing = seals.missing(seal)
    _forged(kid, seals, CHANGED if missing is None else f"its rows {LACKING.format(shown(missing))}")
    return None


def row_of(
    secret: Sequence[Any], key: Document, owner: Of, tenant: Of, role_scopes: str | None, seals: Seals
) -> Row | None:
    """Return the row of a secret and of what belongs to it; None if the document names another owner or tenant."""
    kid, digest, pepper_id, _, _, _, used = secret
    if key.owner_id != owner.id or key.tenant_id != tenant.id:
        _forged(kid, seals)
        return None
    return Row(
        kid,
        pepper_id,
        key.ends_at,
        key.key_id,
        key.tenant_id,
        key.scopes,
        None if key.roles == "[]" else role_scopes or "",
        key.allowed_ips,
        _first(key.limits, owner.default_limits, tenant.default_limits),
        key.credits,
        key.environment,
        key.disabled_at,
        key.expires_at,
        key.not_before,
        key.revoked_at,
        0 if used.endswith(_UNUSED) else 1,
        owner.status,
        tenant.slug,
        tenant.status,
        bytes(key.shown)[:-1] + b"," + used.encode()[1:],
        owner.record,
        tenant.record,
        owner.shared_limits,
        tenant.shared_limits,
        owner.limits_version,
        tenant.limits_version,
        bytes(digest),
    )


def unreadable(error: Exception) -> None:
    """Write down that a row is refused, because somebody has spoiled it or a newer version has signed it."""
    reason = f"its rows {error}" if isinstance(error, OtherForm) else type(error).__name__
    _log.error("the row of a key cannot be read, and the key is refused: %s", reason)


SPOILED = (msgspec.MsgspecError, TypeError, ValueError)
"""The errors of reading a row that somebody has spoiled."""


def _first(*limits: str) -> str:
    """Return the first of some lists of limits that has any."""
    for each in limits:
        if each != "[]":
            return each
    return "[]"


def _forged(kid: str, seals: Seals, why: str = CHANGED) -> None:
    _log.error("the key of secret %s is refused: %s", kid, why)
    seals.forged(kid)


def read_session(found: Sequence[Any] | None) -> Row | None:
    """Return the row of a session that was found. One that somebody has spoiled opens nothing."""
    if found is None:
        return None
    try:
        return read_row(bytes(found[0]), found[1])
    except (msgspec.MsgspecError, TypeError) as error:
        _log.error("the row of a session cannot be read, and it is refused: %s", type(error).__name__)
        return None


_decode_document: Any = msgspec.json.Decoder(Document).decode
_decode: Any = msgspec.json.Decoder().decode
assert SECRET.columns[-1] == "use_count", "`_UNUSED` is how it ends"
_UNUSED = (",0]", ", 0]")  # as SQLite and PostgreSQL write it

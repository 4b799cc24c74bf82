"""The one hot statement: everything that a verification reads of a secret, in one lookup by `kid`.

A row travels as its digest and one JSON array: one column costs less than forty, and what no decision reads stays
undecoded until somebody asks. Roles are read only for keys that have some.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tokenry.core.grant import COLUMNS, KEY_SHOWN, OWNER_SHOWN, SESSION_SHOWN, TENANT_SHOWN, Row, read_row
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
_OF_KEY = {
    **_OF_OWNER,
    "kid": "s.kid",
    "pepper_id": "s.pepper_id",
    "ends_at": "s.ends_at",
    "key_id": "k.id",
    "tenant_id": "k.tenant_id",
    "scopes": "k.scopes",
    "role_scopes": "{role_scopes}",
    "allowed_ips": "k.allowed_ips",
    "limits": "COALESCE(NULLIF(k.limits, '[]'), NULLIF(o.default_limits, '[]'), t.default_limits)",
    "owner_limits": "o.shared_limits",
    "tenant_limits": "t.shared_limits",
    "credits": "k.credits",
    "environment": "k.environment",
    "disabled_at": "k.disabled_at",
    "expires_at": "k.expires_at",
    "not_before": "k.not_before",
    "revoked_at": "k.revoked_at",
    "use_count": "s.use_count",
    "key_record": array(*of("k", KEY_SHOWN.columns), *of("s", SECRET.columns)),
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
_SELECT = f"""
    SELECT s.digest, {_row(_OF_KEY)}{{text}}
    FROM tokenry_secret s
    JOIN tokenry_key k ON k.tenant_id = s.tenant_id AND k.id = s.key_id
    JOIN tokenry_owner o ON o.tenant_id = k.tenant_id AND o.id = k.owner_id
    JOIN tokenry_tenant t ON t.id = k.tenant_id
    WHERE s.kid {{where}}
"""  # noqa: S608 - of the names of columns
_SESSION = f"""
    SELECT x.digest, {_row(_OF_SESSION)}{{text}}
    FROM tokenry_session x
    JOIN tokenry_owner o ON o.tenant_id = x.tenant_id AND o.id = x.owner_id
    JOIN tokenry_tenant t ON t.id = x.tenant_id
    WHERE x.id {{where}}
"""  # noqa: S608 - of the names of columns
_WORDS = {
    "sqlite": {"array": "json_array", "text": ""},
    "postgresql": {"array": "json_build_array", "text": "::text"},
}
_ROLE_SCOPES = {
    "sqlite": """
        CASE WHEN k.roles = '[]' THEN NULL ELSE (
            SELECT '' || json_group_array(json(r.scopes)) FROM json_each(k.roles) AS named
            JOIN tokenry_role r ON r.tenant_id = k.tenant_id AND r.name = named.value
        ) END
    """,
    "postgresql": """
        CASE WHEN k.roles = '[]' THEN NULL ELSE (
            SELECT json_agg(r.scopes::json ORDER BY named.place)::text
            FROM json_array_elements_text(k.roles::json) WITH ORDINALITY AS named(name, place)
            JOIN tokenry_role r ON r.tenant_id = k.tenant_id AND r.name = named.name
        ) END
    """,
}


def is_session(kid: str) -> bool:
    """Tell whether what is looked up is a session, by its id: a kid has no underscore."""
    return kid[3:4] == "_"


def session_sql(dialect: str, where: str) -> str:
    """Return the statement that looks a session up in the form of a key: what decides on one decides on the other.

    A session without scopes of its own holds those of its owner's roles.
    """
    return _SESSION.format(where=where, **session_words(dialect))


def session_words(dialect: str) -> dict[str, str]:
    """Return the parts of a statement about sessions (`x`) and their owners (`o`) in which dialects differ."""
    roles = _ROLE_SCOPES[dialect].replace("k.roles = '[]'", "x.scopes IS NOT NULL OR o.roles = '[]'")
    roles = roles.replace("k.roles", "o.roles").replace("k.tenant_id", "x.tenant_id")
    return {"role_scopes": roles, **_WORDS[dialect]}


def lookup_sql(dialect: str, where: str) -> str:
    """Return the statement for a dialect; `where` is the condition on `s.kid` in the driver's own style."""
    return _SELECT.format(where=where, role_scopes=_ROLE_SCOPES[dialect], **_WORDS[dialect])


def lookup_without_roles_sql(dialect: str, where: str) -> str:
    """Return the same for keys without roles: a row whose `role_scopes` is not NULL must be looked up in full.

    PostgreSQL prepares the part about roles for every execution, at a tenth of the price of all, even if no key of the
    answer has any.
    """
    return _SELECT.format(where=where, role_scopes="NULLIF(k.roles, '[]')", **_WORDS[dialect])


def read(found: Sequence[Any] | None) -> Row | None:
    """Return the row that was found. One that somebody has spoiled is as good as none: it opens nothing."""
    if found is None:
        return None
    try:
        return read_row(bytes(found[0]), found[1])
    except (msgspec.MsgspecError, TypeError) as error:
        _log.error("the row of a key cannot be read, and the key is refused: %s", type(error).__name__)
        return None

"""The one hot statement: everything that a verification reads of a secret, in one lookup by `kid`.

A row travels as its digest and one JSON array, in the order of `core.grant.Row`: one column costs less than forty, and
what no decision reads stays undecoded until somebody asks. Roles are read only for keys that have some.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from tokenry.core.grant import Row, read_row

_log = logging.getLogger("tokenry.store")
_SELECT = """
    SELECT s.digest, {array}(
        s.kid, s.pepper_id, s.ends_at, k.id, k.tenant_id,
        k.scopes, {role_scopes}, k.allowed_ips, k.limits, k.environment,
        k.disabled_at, k.expires_at, k.not_before, k.revoked_at, s.use_count, o.status, t.slug, t.status,
        {array}(k.id, k.name, k.description, k.roles, k.created_at, k.version, k.metadata,
            s.created_at, s.last_used_at, s.last_used_ip, s.use_count),
        {array}(o.id, o.external_id, o.name, o.email, o.roles, o.admin, o.created_at),
        {array}(t.id, t.name, t.prefix, t.expires_in_default, t.expires_in_max, t.never_allowed,
            t.self_rotation_allowed, t.created_at)
    ){text}
    FROM tokenry_secret s
    JOIN tokenry_key k ON k.tenant_id = s.tenant_id AND k.id = s.key_id
    JOIN tokenry_owner o ON o.tenant_id = k.tenant_id AND o.id = k.owner_id
    JOIN tokenry_tenant t ON t.id = k.tenant_id
    WHERE s.kid {where}
"""
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


_SESSION = """
    SELECT x.digest, {array}(
        x.id, '', NULL, x.id, x.tenant_id,
        COALESCE(x.scopes, '[]'), {role_scopes}, '[]', '[]', '',
        NULL, x.expires_at, NULL, x.revoked_at, 1, o.status, t.slug, t.status,
        {array}(x.id, x.audience, x.claims, x.device, x.client_id, x.generation, x.created_at, x.rotated_at,
            x.idle_expires_at, x.expires_at, x.scopes),
        {array}(o.id, o.external_id, o.name, o.email, o.roles, o.admin, o.created_at),
        {array}(t.id, t.name, t.prefix, t.expires_in_default, t.expires_in_max, t.never_allowed,
            t.self_rotation_allowed, t.created_at)
    ){text}
    FROM tokenry_session x
    JOIN tokenry_owner o ON o.tenant_id = x.tenant_id AND o.id = x.owner_id
    JOIN tokenry_tenant t ON t.id = x.tenant_id
    WHERE x.id {where}
"""


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

"""The one hot statement: everything that a verification reads of a secret, in one lookup by `kid`.

Roles are read only for keys that have some. The columns stand in the order of `core.grant.Row`; what no decision reads
travels as three JSON arrays, which cost one column each and are opened only when somebody asks.
"""

from __future__ import annotations

_COLUMNS = """
    s.kid, s.digest, s.pepper_id, s.ends_at, k.id, k.tenant_id,
    k.scopes, CASE WHEN k.roles = '[]' THEN NULL ELSE ({roles}) END, k.allowed_ips, k.limits, k.environment,
    k.disabled_at, k.expires_at, k.not_before, k.revoked_at, s.use_count, o.status, t.slug, t.status,
    {array}(k.id, k.name, k.description, k.roles, k.created_at, k.version, k.metadata,
        s.created_at, s.last_used_at, s.last_used_ip, s.use_count){text},
    {array}(o.id, o.external_id, o.name, o.email, o.roles, o.admin, o.created_at){text},
    {array}(t.id, t.name, t.prefix, t.expires_in_default, t.expires_in_max, t.never_allowed, t.created_at){text}
"""
_FROM = """
    FROM tokenry_secret s
    JOIN tokenry_key k ON k.tenant_id = s.tenant_id AND k.id = s.key_id
    JOIN tokenry_owner o ON o.tenant_id = k.tenant_id AND o.id = k.owner_id
    JOIN tokenry_tenant t ON t.id = k.tenant_id
"""
_WORDS = {
    "sqlite": {
        "array": "json_array",
        "text": "",
        "roles": """
            SELECT json_group_array(json(r.scopes)) FROM json_each(k.roles) AS named
            JOIN tokenry_role r ON r.tenant_id = k.tenant_id AND r.name = named.value
        """,
    },
    "postgresql": {
        "array": "json_build_array",
        "text": "::text",
        "roles": """
            SELECT json_agg(r.scopes::json ORDER BY named.place)::text
            FROM json_array_elements_text(k.roles::json) WITH ORDINALITY AS named(name, place)
            JOIN tokenry_role r ON r.tenant_id = k.tenant_id AND r.name = named.name
        """,
    },
}


def lookup_sql(dialect: str, where: str) -> str:
    """Return the statement for a dialect; `where` is the condition on `s.kid` in the driver's own style."""
    return f"SELECT {_COLUMNS.format(**_WORDS[dialect])} {_FROM} WHERE s.kid {where}"

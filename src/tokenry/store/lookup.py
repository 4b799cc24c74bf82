"""The one hot statement: everything that a verification reads of a secret, in one lookup by `kid`.

Roles are joined only for keys that have some. The columns stand in the order of `core.grant.Row`.
"""

from __future__ import annotations

_COLUMNS = """
    s.kid, s.digest, s.pepper_id, s.ends_at,
    k.scopes, CASE WHEN k.roles = '[]' THEN NULL ELSE ({roles}) END, k.allowed_ips, k.limits, k.environment,
    k.disabled_at, k.expires_at, k.not_before, k.revoked_at,
    k.id, k.name, k.description, k.roles, k.created_at, k.revoke_reason, k.last_used_at, k.last_used_ip,
    k.use_count, k.version, k.metadata, s.created_at, s.last_used_at, s.last_used_ip, s.use_count,
    o.id, o.external_id, o.name, o.email, o.roles, o.admin, o.status, o.created_at,
    t.id, t.slug, t.name, t.prefix, t.status, t.expires_in_default, t.expires_in_max, t.never_allowed, t.created_at
"""
_FROM = """
    FROM tokenry_secret s
    JOIN tokenry_key k ON k.tenant_id = s.tenant_id AND k.id = s.key_id
    JOIN tokenry_owner o ON o.tenant_id = k.tenant_id AND o.id = k.owner_id
    JOIN tokenry_tenant t ON t.id = k.tenant_id
"""
_ROLES = {
    "sqlite": """
        SELECT json_group_array(json(r.scopes)) FROM json_each(k.roles) AS named
        JOIN tokenry_role r ON r.tenant_id = k.tenant_id AND r.name = named.value
    """,
    "postgresql": """
        SELECT json_agg(r.scopes::json ORDER BY named.place)::text
        FROM json_array_elements_text(k.roles::json) WITH ORDINALITY AS named(name, place)
        JOIN tokenry_role r ON r.tenant_id = k.tenant_id AND r.name = named.name
    """,
}


def lookup_sql(dialect: str, where: str) -> str:
    """Return the statement for a dialect; `where` is the condition on `s.kid` in the driver's own style."""
    return f"SELECT {_COLUMNS.format(roles=_ROLES[dialect])} {_FROM} WHERE s.kid {where}"

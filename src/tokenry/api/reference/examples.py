"""An example for every schema, put together from the examples of its fields."""

from __future__ import annotations

from typing import Any, Final

_BY_NAME: Final[dict[str, Any]] = {
    "access": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9…",
    "access_expires_at": "2027-01-01T00:05:00Z",
    "actor": "user-42",
    "action": "key.issued",
    "algorithm": "ES256",
    "chain": "9b1c…",
    "code": "valid",
    "created_at": "2027-01-01T00:00:00Z",
    "entry_count": 42,
    "environment": "live",
    "expires_at": "2027-01-31T00:00:00Z",
    "external_id": "user-42",
    "generation": 1,
    "id": "key_01k9v5m0q2x8r7c4t6y3w1",
    "key_id": "key_01k9v5m0q2x8r7c4t6y3w1",
    "kid": "4Zq0v1nUeXk2TtSb",
    "last_used_ip": "203.0.113.7",
    "name": "CI",
    "next_cursor": None,
    "owner": "user-42",
    "position": 42,
    "prefix": "acme",
    "refresh": "tk_rt_1…",
    "secret": "tk_live_1…",
    "signature": "4f2a…",
    "slug": "acme",
    "subject": "key_01k9v5m0q2x8r7c4t6y3w1",
    "tenant": "default",
    "type": "key.issued",
    "version": 1,
}
_NESTING_MAX: Final = 6


def example(schema: dict[str, Any], components: dict[str, Any], name: str = "", depth: int = 0) -> Any:
    """Return a value that fits a schema."""
    if "$ref" in schema:
        return example(components[schema["$ref"].rpartition("/")[2]], components, name, depth)
    if schema.get("examples"):
        return schema["examples"][0]
    if "enum" in schema:
        return "active" if "active" in schema["enum"] else schema["enum"][0]
    kinds = schema.get("anyOf") or schema.get("oneOf")
    if kinds:
        return None if name.startswith(("revoked", "error", "ends_at")) else example(kinds[0], components, name, depth)
    kind = schema.get("type")
    if kind == "object":
        if depth >= _NESTING_MAX:
            return {}
        fields = schema.get("properties", {})
        return {field: example(part, components, field, depth + 1) for field, part in fields.items()}
    if kind == "array":
        return [example(schema["items"], components, name, depth + 1)] if schema.get("items") else []
    if name in _BY_NAME:
        return _BY_NAME[name]
    if schema.get("format") == "date-time":
        return "2027-01-01T00:00:00Z"
    return {"string": "", "integer": 0, "number": 0, "boolean": True}.get(str(kind))

"""An example for every schema, put together from the examples of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tokenry.operations.fields import ARGUMENTS

_DAY: Final = 86_400
_ID: Final = "01k9v5m0q2x8r7c4t6y3w1"
_FIELDS: Final[dict[str, Any]] = {
    "access": "eyJhbGciOiJFUzI1NiJ9…",
    "access_expires_at": "2027-01-01T00:05:00Z",
    "amount": 10_000,
    "action": "key.issued",
    "actor": "user-42",
    "algorithm": "ES256",
    "audience": [],
    "chain": "9b1c…",
    "code": "valid",
    "count": 17,
    "deleted_count": 3,
    "detail": "There is no such key here.",
    "email": "ada@example.com",
    "entry_count": 42,
    "environment": "live",
    "expires_at": "2027-01-31T00:00:00Z",
    "expires_in_default_seconds": 90 * _DAY,
    "expires_in_max_seconds": 3650 * _DAY,
    "external_id": "user-42",
    "generation": 1,
    "id": f"key_{_ID}",
    "ip": "203.0.113.7",
    "key_id": f"key_{_ID}",
    "kid": "4Zq0v1nUeXk2TtSb",
    "last_used_ip": "203.0.113.7",
    "label": "true_positive",
    "limit": 100,
    "name": "CI",
    "on_leak": "revoke",
    "contact": "ops@example.com",
    "max_idle_seconds": 90 * _DAY,
    "owner": "user-42",
    "position": 42,
    "prefix": "acme",
    "problems": [],
    "refresh": "tk_rt_1…",
    "remaining": 99,
    "request_id": "5f1c2d3e4a5b-00000001",
    "refill": "monthly",
    "retry_after": None,
    "secret": "tk_live_1…",
    "sequence": 1,
    "sessions": [f"ses_{_ID}"],
    "signature": "4f2a…",
    "slug": "acme",
    "status": "active",
    "subject": f"key_{_ID}",
    "tenant": "default",
    "time_zone": "Europe/Berlin",
    "type": "key.issued",
    "unknown": [],
    "use_count": 17,
    "version": 1,
    "window_seconds": 60,
}
_RECORDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "CreditState": {"key": f"key_{_ID}", "remaining": 9_999},
    "Entry": {"id": f"aud_{_ID}"},
    "Hold": {"id": f"hold_{_ID}", "key": f"key_{_ID}", "amount": 500, "charged": None, "ended_at": None},
    "Event": {"id": f"evt_{_ID}"},
    "Limit": {"name": "per-minute"},
    "LimitState": {"name": "per-minute"},
    "Owner": {"id": f"own_{_ID}", "name": "Ada Lovelace"},
    "Role": {"name": "developer"},
    "Session": {"id": f"ses_{_ID}", "client_id": None},
    "TenantDocument": {"id": f"ten_{_ID}", "name": "Acme"},
    "VerdictTenant": {"id": f"ten_{_ID}", "name": "Acme"},
}
"""The example of a field in one record, if other records have another one."""

_EMPTY: Final = frozenset(
    ("retired_at", "removed_at", "revoked_at", "ends_at", "error", "next_cursor", "before", "not_before")
)
_ALTERNATIVES: Final = frozenset(("expires_at", "not_before", "kid"))
"""Fields that would contradict the other fields of an example request."""

_NESTING_MAX: Final = 6


def example_of_request(schema: dict[str, Any], components: dict[str, Any]) -> Any:
    """Return a request that fits a schema, and that the server accepts."""
    found = example(schema, components)
    return {name: _without(value) for name, value in found.items() if name not in _ALTERNATIVES}


def _without(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [{name: part for name, part in one.items() if name not in _ALTERNATIVES} for one in value]
    return value


def example(
    schema: dict[str, Any], components: dict[str, Any], name: str = "", record: str = "", depth: int = 0
) -> Any:
    """Return a value that fits a schema; `name` is the field and `record` the component that it belongs to."""
    if "$ref" in schema:
        record = schema["$ref"].rpartition("/")[2]
        return example(components[record], components, name, record, depth)
    if schema.get("examples"):
        return schema["examples"][0]
    known = _RECORDS.get(record, {})
    if name in known:
        return known[name]
    kinds = schema.get("anyOf") or schema.get("oneOf")
    if kinds:
        return None if name in _EMPTY else example(kinds[0], components, name, record, depth)
    kind = schema.get("type")
    if kind == "object":
        fields = {} if depth >= _NESTING_MAX else schema.get("properties", {})
        return {field: example(part, components, field, record, depth + 1) for field, part in fields.items()}
    if "$ref" not in schema.get("items", {}):
        if name in _FIELDS and _FIELDS[name] in schema.get("enum", (_FIELDS[name],)):
            return _FIELDS[name]
        if kind == "array" and name in ARGUMENTS:
            return example(msgspec.json.schema(ARGUMENTS[name]), {}, record=record, depth=depth + 1)
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "array":
        return [example(schema["items"], components, name, record, depth + 1)] if schema.get("items") else []
    if schema.get("format") == "date-time":
        return "2027-01-01T00:00:00Z"
    return {"string": "", "integer": 0, "number": 0, "boolean": True}.get(str(kind))

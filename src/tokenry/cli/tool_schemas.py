"""The JSON schema of an operation's arguments, as agents read them."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tokenry.operations import Operation, answers
from tokenry.operations.fields import PATHS, Slug

LEFT_OUT: Final = frozenset(("dry_run", "wait"))
"""A change is shown before it is made anyhow, and an agent that waits for events blocks everything else."""
_CONFIRM: Final = {
    "type": "string",
    "description": "The token of the first call. With it, and the same arguments, the change is made.",
}
_TOKENS: Final = ("access", "refresh")
_GIVING: Final = (
    (answers.ISSUED, ("secret",)),
    (answers.MANY_ISSUED, ("secret",)),
    (answers.CREATED_WEBHOOK, ("secret",)),
    (answers.TOKENS, _TOKENS),
    (answers.REFRESHED, _TOKENS),
    (answers.PORTAL_LINK, ("url",)),
)


def secrets_of(one: Operation) -> tuple[str, ...]:
    """Return the fields in the answer of an operation that are new secrets: none for most operations."""
    return next((names for answer, names in _GIVING if answer is one.answer), ())


def input_schema(one: Operation, *, confirms: bool) -> dict[str, Any]:
    """Return the schema of the arguments of a tool, by their names on the wire."""
    properties: dict[str, Any] = {}
    for name in one.in_path:
        about, sample = PATHS[name]
        properties[name] = {"type": "string", "minLength": 1, "description": about, "examples": [sample]}
    required, defs = list(one.in_path), dict[str, Any]()
    if one.request is not None:
        (_,), defs = msgspec.json.schema_components([one.request], ref_template="#/$defs/{name}")
        own = defs.pop(one.request.__name__)
        properties |= {name: field for name, field in own["properties"].items() if name not in LEFT_OUT}
        required += own.get("required", [])
    if one.in_tenant:
        about = "The slug of the tenant. By default the key's own, or `default` for operators of the installation."
        properties["tenant"] = {**msgspec.json.schema(Slug), "description": about}
    if confirms:
        properties["confirm"] = _CONFIRM
    found = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {**found, "$defs": defs} if defs else found

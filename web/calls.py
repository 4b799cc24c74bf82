"""The management calls of the OpenAPI document, as the writers of clients need them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tokenry.api.reference.hot_routes import described as with_hot
from tokenry.api.reference.openapi import document

HEADERS: Final = {"Idempotency-Key": "idempotency_key", "If-Match": "if_version"}
_OF_STREAMS: Final = "Last-Event-ID"
"""A browser's event source sends it by itself."""
_GROUPS: Final = {"self": "me"}

Json = dict[str, Any]


def described() -> Json:
    """Return the OpenAPI document that clients are made of."""
    return with_hot(document(), operations=True)


def calls(found: Json) -> list[Call]:
    """Return every management call of a document, in its order."""
    return [Call(found, verb, path, one) for verb, path, one in _operations(found)]


def grouped(managed: list[Call]) -> dict[str, list[Call]]:
    """Return calls by their group; the group of calls without one is empty."""
    groups: dict[str, list[Call]] = {}
    for one in managed:
        groups.setdefault(one.group, []).append(one)
    return groups


class Call:
    """One management operation. `group` and `name` are in snake case; `asked` is the schema of all arguments."""

    def __init__(self, found: Json, verb: str, path: str, operation: Json) -> None:
        self.id: str = operation["operationId"]
        self.about: str = operation["summary"]
        noun, _, self.name = self.id.rpartition(".")
        self.group = _GROUPS.get(noun, noun)
        self.title = "".join(part.title() for part in self.id.replace(".", "_").split("_"))
        self.asked = _arguments(found, operation)
        in_tenant = any(one["name"] == "tenant" and one["in"] == "query" for one in operation.get("parameters", ()))
        self.route = f"{verb.upper()} {path}{'?tenant' if in_tenant else ''}"
        answer = next(one for status, one in operation["responses"].items() if status[0] == "2")
        content = answer.get("content", {})
        self.answers_text = bool(content) and "application/json" not in content
        self.answer: Json | None = content["application/json"]["schema"] if "application/json" in content else None


def _operations(found: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in found["paths"].items():
        for verb, one in item.items():
            if isinstance(one, dict) and "x-tokenry-policy" in one:
                yield verb, path, one


def _arguments(found: Json, operation: Json) -> Json:
    """Return all that an operation takes as the schema of one object."""
    fields: Json = {}
    required: list[str] = []
    for one in operation.get("parameters", ()):
        if one["name"] == _OF_STREAMS:
            continue
        name = HEADERS.get(one["name"], one["name"])
        schema = {"type": "integer"} if name == "if_version" else one["schema"]
        fields[name] = {**schema, **({"description": one["description"]} if "description" in one else {})}
        if one.get("required"):
            required.append(name)
        if not name.isidentifier():
            raise ValueError(f"header {name} has no name in the clients: add it to HEADERS here, and to their senders")
    for kind in operation.get("requestBody", {}).get("content", {}).values():
        body = kind["schema"]
        body = found["components"]["schemas"][schema_name(body)] if "$ref" in body else body
        fields |= body["properties"]
        required += body.get("required", ())
    return {"properties": fields, "required": required}


def schema_name(schema: Json) -> str:
    """Return the name of the schema that a `$ref` refers to."""
    return str(schema["$ref"].rpartition("/")[2])

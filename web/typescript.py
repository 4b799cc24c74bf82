"""Write `web/client/operations.ts` from the OpenAPI document: the types and the table that the client is made of.

`make types` runs it. A test compares the file, so a new operation reaches the TypeScript client with this command.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tokenry.api.reference.hot_routes import described as with_hot
from tokenry.api.reference.openapi import document

FILE: Final = Path(__file__).parent / "client" / "operations.ts"
_HEADERS: Final = {"Idempotency-Key": "idempotency_key", "If-Match": "if_version"}
_OF_STREAMS: Final = "Last-Event-ID"
"""A browser's event source sends it by itself."""
_GROUPS: Final = {"self": "me"}
_HEAD: Final = """\
// Generated from the OpenAPI document by `make types`. Do not edit.

import type { CallOptions } from "./sending.js";
"""

Json = dict[str, Any]


def written(found: Json) -> str:
    """Return the text of the file for an OpenAPI document."""
    managed = [_Managed(found, verb, path, one) for verb, path, one in _operations(found)]
    asked = [_interface(one.asked_name, one.asked) for one in managed]
    # The body of an operation is a part of what it is asked; a request within another one has a name of its own.
    named = {name for text in asked for name in re.findall(r"[A-Za-z]+Request\b", text)}
    schemas = found["components"]["schemas"].items()
    answers = [_interface(name, one) for name, one in schemas if name in named or not name.endswith("Request")]
    return "\n".join([_HEAD, *filter(None, [*answers, *asked, *_groups(managed)]), _table(managed)])


def main() -> None:
    """Write the file."""
    FILE.write_text(written(with_hot(document(), operations=True)))


def _operations(found: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in found["paths"].items():
        for verb, one in item.items():
            if isinstance(one, dict) and "x-tokenry-policy" in one:
                yield verb, path, one


class _Managed:
    """One management operation."""

    def __init__(self, found: Json, verb: str, path: str, operation: Json) -> None:
        self.id: str = operation["operationId"]
        self.about: str = operation["summary"]
        noun, _, call = self.id.rpartition(".")
        self.group, self.call = _camel(_GROUPS.get(noun, noun)), _camel(call)
        self.asked_name = "".join(part.title() for part in self.id.replace(".", "_").split("_")) + "Asked"
        self.asked = _arguments(found, operation)
        in_tenant = any(one["name"] == "tenant" and one["in"] == "query" for one in operation.get("parameters", ()))
        self.route = f"{verb.upper()} {path}{'?tenant' if in_tenant else ''}"
        answer = next(one for status, one in operation["responses"].items() if status[0] == "2")
        self.answer = _answer(answer.get("content", {}))

    @property
    def signature(self) -> str:
        """The method as an interface declares it."""
        optional = "" if self.asked["required"] else "?"
        given = f"given{optional}: {self.asked_name}" if self.asked["properties"] else "given?: Record<string, never>"
        return f"{self.call}({given}, options?: CallOptions): Promise<{self.answer}>;"


def _answer(content: Json) -> str:
    """Return the type of an answer: a document, text of another kind, or nothing."""
    if not content:
        return "void"
    return _type(content["application/json"]["schema"]) if "application/json" in content else "string"


def _arguments(found: Json, operation: Json) -> Json:
    """Return all that an operation takes as the schema of one object."""
    fields: Json = {}
    required: list[str] = []
    for one in operation.get("parameters", ()):
        if one["name"] == _OF_STREAMS:
            continue
        name = _HEADERS.get(one["name"], one["name"])
        schema = {"type": "integer"} if name == "if_version" else one["schema"]
        fields[name] = {**schema, **({"description": one["description"]} if "description" in one else {})}
        if one.get("required"):
            required.append(name)
        if not name.isidentifier():
            raise ValueError(f"header {name} has no name in TypeScript: add it to _HEADERS here and in sending.ts")
    for kind in operation.get("requestBody", {}).get("content", {}).values():
        body = kind["schema"]
        body = found["components"]["schemas"][_name(body)] if "$ref" in body else body
        fields |= body["properties"]
        required += body.get("required", ())
    return {"properties": fields, "required": required}


def _interface(name: str, schema: Json) -> str:
    fields = schema.get("properties", {})
    if not fields:
        return ""
    # A field of an answer that has a default is always sent.
    needed = {*schema.get("required", ()), *(key for key, one in fields.items() if "default" in one)}
    lines = [*_comment(schema.get("description", ""), ""), f"export interface {name} {{"]
    for key, one in fields.items():
        lines += _comment(one.get("description", ""), "  ")
        lines.append(f"  {key}{'' if key in needed else '?'}: {_type(one)};")
    return "\n".join([*lines, "}", ""])


def _type(schema: Json) -> str:
    if "$ref" in schema:
        return _name(schema)
    if "enum" in schema:
        return " | ".join(json.dumps(one) for one in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    kind = schema.get("type")
    if kind == "array":
        inner = _type(schema.get("items", {}))
        return f"({inner})[]" if " " in inner else f"{inner}[]"
    if kind == "object":
        more = schema.get("additionalProperties")
        return f"Record<string, {_type(more) if isinstance(more, dict) else 'unknown'}>"
    return {"integer": "number", "number": "number", "string": "string", "boolean": "boolean", "null": "null"}.get(
        str(kind), "unknown"
    )


def _groups(managed: list[_Managed]) -> Iterator[str]:
    """Yield an interface for each group of calls, and one that holds them all."""
    groups: dict[str, list[_Managed]] = {}
    for one in managed:
        groups.setdefault(one.group, []).append(one)
    alone = groups.pop("", [])
    for group, calls in groups.items():
        methods = [line for one in calls for line in (*_comment(one.about, "  "), f"  {one.signature}")]
        yield "\n".join([f"export interface {_type_of(group)} {{", *methods, "}", ""])
    lines = [f"  readonly {group}: {_type_of(group)};" for group in groups]
    lines += [line for one in alone for line in (*_comment(one.about, "  "), f"  {one.signature}")]
    yield "\n".join(["export interface Groups {", *lines, "}", ""])


def _table(managed: list[_Managed]) -> str:
    lines = [f"  {json.dumps(f'{one.group}.{one.call}'.lstrip('.'))}: {json.dumps(one.route)}," for one in managed]
    about = "/** Every call: its verb and path. `?tenant` marks those that take a tenant in the query. */"
    return "\n".join([about, "export const OPERATIONS: Readonly<Record<string, string>> = {", *lines, "};", ""])


def _type_of(group: str) -> str:
    return f"{group[0].upper()}{group[1:]}Calls"


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.title() for part in others)


def _name(schema: Json) -> str:
    return str(schema["$ref"].rpartition("/")[2])


def _comment(text: str, indent: str) -> list[str]:
    return [f"{indent}/** {' '.join(text.split())} */"] if text else []


if __name__ == "__main__":
    main()

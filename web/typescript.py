"""Write `web/client/operations.ts` from the OpenAPI document: the types and the table that the client is made of.

`make types` runs it. A test compares the file, so a new operation reaches the TypeScript client with this command.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from web.calls import Call, Json, calls, described, grouped, schema_name

FILE: Final = Path(__file__).parent / "client" / "operations.ts"
_HEAD: Final = """\
// Generated from the OpenAPI document by `make types`. Do not edit.

import type { CallOptions } from "./sending.js";
"""


def written(found: Json) -> str:
    """Return the text of the file for an OpenAPI document."""
    managed = calls(found)
    asked = [_interface(_asked_name(one), one.asked) for one in managed]
    # The body of an operation is a part of what it is asked; a request within another one has a name of its own.
    named = {name for text in asked for name in re.findall(r"[A-Za-z]+Request\b", text)}
    schemas = found["components"]["schemas"].items()
    answers = [_interface(name, one) for name, one in schemas if name in named or not name.endswith("Request")]
    return "\n".join([_HEAD, *filter(None, [*answers, *asked, *_groups(managed)]), _table(managed)])


def main() -> None:
    """Write the file."""
    FILE.write_text(written(described()))


def _signature(one: Call) -> str:
    """Return the method as an interface declares it."""
    optional = "" if one.asked["required"] else "?"
    given = f"given{optional}: {_asked_name(one)}" if one.asked["properties"] else "given?: Record<string, never>"
    return f"{_camel(one.name)}({given}, options?: CallOptions): Promise<{_answer(one)}>;"


def _asked_name(one: Call) -> str:
    return f"{one.title}Asked"


def _answer(one: Call) -> str:
    """Return the type of an answer: a document, text of another kind, or nothing."""
    if one.answer is not None:
        return _type(one.answer)
    return "string" if one.answers_text else "void"


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
        return schema_name(schema)
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


def _groups(managed: list[Call]) -> Iterator[str]:
    """Yield an interface for each group of calls, and one that holds them all."""
    groups = grouped(managed)
    alone = groups.pop("", [])
    for group, members in groups.items():
        methods = [line for one in members for line in (*_comment(one.about, "  "), f"  {_signature(one)}")]
        yield "\n".join([f"export interface {_type_of(group)} {{", *methods, "}", ""])
    lines = [f"  readonly {_camel(group)}: {_type_of(group)};" for group in groups]
    lines += [line for one in alone for line in (*_comment(one.about, "  "), f"  {_signature(one)}")]
    yield "\n".join(["export interface Groups {", *lines, "}", ""])


def _table(managed: list[Call]) -> str:
    lines = [f"  {json.dumps(_key(one))}: {json.dumps(one.route)}," for one in managed]
    about = "/** Every call: its verb and path. `?tenant` marks those that take a tenant in the query. */"
    return "\n".join([about, "export const OPERATIONS: Readonly<Record<string, string>> = {", *lines, "};", ""])


def _key(one: Call) -> str:
    return f"{_camel(one.group)}.{_camel(one.name)}".lstrip(".")


def _type_of(group: str) -> str:
    name = _camel(group)
    return f"{name[0].upper()}{name[1:]}Calls"


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.title() for part in others)


def _comment(text: str, indent: str) -> list[str]:
    return [f"{indent}/** {' '.join(text.split())} */"] if text else []


if __name__ == "__main__":
    main()

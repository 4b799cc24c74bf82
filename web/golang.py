"""Write `sdk/go/operations.go` from the OpenAPI document: the types and the methods of the Go client.

`make types` runs it. A test compares the file, so a new operation reaches the Go client with this command. The text
is formatted as `gofmt` formats it, since whoever runs `make types` need not have Go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from web.calls import Call, Json, calls, described, grouped, schema_name

FILE: Final = Path(__file__).parents[1] / "sdk" / "go" / "operations.go"
_HEAD: Final = """\
// Code generated from the OpenAPI document by `make types`. DO NOT EDIT.

package tokenry

import (
	"context"
	"time"
)
"""
_INITIALISMS: Final = {"id": "ID", "ip": "IP", "ips": "IPs", "url": "URL"}
_SCALARS: Final = {"integer": "int64", "number": "float64", "string": "string", "boolean": "bool"}


def written(found: Json) -> str:
    """Return the text of the file for an OpenAPI document."""
    found = _generic(found)
    managed = calls(found)
    params = [_params(one) for one in managed]
    nested = {name for text in params for name in re.findall(r"[A-Za-z]+Request\b", text)}
    structs = []
    for name, schema in found["components"]["schemas"].items():
        if name in nested or name.endswith("Body"):
            structs.append(_request(name, schema))
        elif not re.search("^PageOf|^ListOf|^VerifyQuestion$|Request$", name):
            structs.append(_struct(name, schema, _answer_type))
    return "\n".join([_HEAD, *filter(None, [*structs, *params]), *_groups(managed)])


def _generic(found: Json) -> Json:
    """Return a document that refers to pages and lists as Go's generic types: `Page[Key]`."""
    text = json.dumps(found)
    for name, schema in found["components"]["schemas"].items():
        if kind := re.match("(Page|List)Of", name):
            item = schema_name(schema["properties"]["items"]["items"])
            text = text.replace(f'/schemas/{name}"', f'/schemas/{kind[1]}[{item}]"')
    generic: Json = json.loads(text)
    return generic


def main() -> None:
    """Write the file."""
    FILE.write_text(written(described()))


def _params(one: Call) -> str:
    """Return the struct of all that a call takes, with what lists need to go on to their next page."""
    text = _struct(f"{one.title}Params", {**one.asked, "description": f"Arguments of {one.id}."}, _param_type)
    if text and "cursor" in one.asked["properties"]:
        text += f"\nfunc (p {one.title}Params) after(cursor string) {one.title}Params {{\n"
        text += "\tp.Cursor = Set(cursor)\n\treturn p\n}\n"
    return text


def _request(name: str, schema: Json) -> str:
    """Return a struct within a request: what is not set is left out of its JSON."""
    text = _struct(name, schema, _param_type)
    if "Optional[" not in text:
        return text
    return text + (
        f"\n// MarshalJSON leaves out what is not set.\nfunc (r {name}) MarshalJSON() ([]byte, error) {{"
        "\n\treturn marshalGiven(r)\n}\n"
    )


def _struct(name: str, schema: Json, typed: Any) -> str:
    fields = schema.get("properties", {})
    if not fields:
        return ""
    lines = [*_comment(f"{name}: {schema['description']}" if "description" in schema else "", "")]
    lines.append(f"type {name} struct {{")
    run: list[tuple[str, str, str]] = []
    for key, one in fields.items():
        comment = _comment(one.get("description", ""), "\t")
        if comment:
            lines += _aligned(run)
            run = []
        lines += comment
        run.append((_exported(key), typed(one, key in schema.get("required", ())), f'`json:"{key}"`'))
    return "\n".join([*lines, *_aligned(run), "}", ""])


def _aligned(run: list[tuple[str, str, str]]) -> list[str]:
    """Return fields that follow each other in columns, as `gofmt` does."""
    first = max((len(name) for name, _, _ in run), default=0)
    second = max((len(kind) for _, kind, _ in run), default=0)
    return [f"\t{name:{first}} {kind:{second}} {tag}" for name, kind, tag in run]


def _answer_type(schema: Json, needed: bool = True) -> str:
    """Return the type of a value in an answer. One that may be null is a pointer; a string is empty instead."""
    inner, nullable = _unwrapped(schema)
    kind = _type(inner, _answer_type)
    return f"*{kind}" if nullable and kind != "string" and _is_plain(kind) else kind


def _param_type(schema: Json, needed: bool) -> str:
    """Return the type of an argument: a slice or a map that is nil is not sent, nor is an Optional that is not set."""
    inner, nullable = _unwrapped(schema)
    kind = _type(inner, lambda one: _param_type(one, needed=True))
    if needed or kind == "any" or (not nullable and not _is_plain(kind)):
        return kind
    return f"Optional[{kind}]"


def _unwrapped(schema: Json) -> tuple[Json, bool]:
    """Return a schema without null, and whether it may be null."""
    options = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    nullable = len(options) < len(schema.get("anyOf", ()))
    if isinstance(schema.get("type"), list):
        kinds = [one for one in schema["type"] if one != "null"]
        return {**schema, "type": kinds[0]}, "null" in schema["type"]
    if len(options) == 1:
        inner, deeper = _unwrapped(options[0])
        return inner, nullable or deeper
    return schema, nullable


def _type(schema: Json, inside: Any) -> str:
    if "$ref" in schema:
        return schema_name(schema)
    if "enum" in schema:
        return "string"
    kind = schema.get("type")
    if kind == "array":
        return f"[]{inside(schema.get('items', {}))}"
    if kind == "object":
        more = schema.get("additionalProperties")
        return f"map[string]{inside(more) if isinstance(more, dict) and more else 'any'}"
    if schema.get("format") == "date-time":
        return "time.Time"
    return _SCALARS.get(str(kind), "any")


def _is_plain(kind: str) -> bool:
    """Tell whether a type has no nil of its own."""
    return kind != "any" and not kind.startswith(("[]", "map[", "*"))


def _groups(managed: list[Call]) -> Iterator[str]:
    """Yield a type for each group with its methods, and one that holds them all."""
    groups = grouped(managed)
    alone = groups.pop("", [])
    columns = [(_exported(group), f"{_exported(group)}Calls") for group in groups]
    width = max(len(name) for name, _ in columns)
    fields = [f"\t{name:{width}} {kind}" for name, kind in columns]
    sender = f"\t{'calls':{width}} *sender"
    yield "\n".join(["// Groups holds every operation of the API.", "type Groups struct {", sender, *fields, "}", ""])
    made = ", ".join(["calls: s", *(f"{name}: {kind}{{s}}" for name, kind in columns)])
    yield f"func groupsOf(s *sender) Groups {{\n\treturn Groups{{{made}}}\n}}\n"
    for group, members in groups.items():
        about = f"// {_exported(group)}Calls: the operations {group}.*."
        yield f"{about}\ntype {_exported(group)}Calls struct{{ calls *sender }}\n"
        yield from (_method(one, f"{_exported(group)}Calls") for one in members)
    yield from (_method(one, "Groups") for one in alone)


def _method(one: Call, receiver: str) -> str:
    name = _exported(one.name)
    asked = bool(one.asked["properties"])
    takes = f"ctx context.Context, params {one.title}Params" if asked else "ctx context.Context"
    given = f'ctx, c.calls, "{one.route}", {"params" if asked else "struct{}{}"}'
    if one.answer is not None:
        kind = _answer_type(one.answer)
        answers, body = f"(*{kind}, error)", f"return call[{kind}]({given})"
    elif one.answers_text:
        answers, body = "(string, error)", f"return callText({given})"
    else:
        answers, body = "error", f"return callNothing({given})"
    about = "\n".join(_comment(f"{name} is {one.id}. {one.about}", ""))
    return f"{about}\nfunc (c {receiver}) {name}({takes}) {answers} {{\n\t{body}\n}}\n"


def _exported(name: str) -> str:
    return "".join(_INITIALISMS.get(part, part[:1].upper() + part[1:]) for part in name.split("_"))


def _comment(text: str, indent: str) -> list[str]:
    return [f"{indent}// {' '.join(text.split())}"] if text else []


if __name__ == "__main__":
    main()

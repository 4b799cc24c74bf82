"""Names what a new OpenAPI document takes from the clients of an old one. `docs/versioning.md` is its rule in words.

A request of an old client has to be accepted as before, so the new schema of a request admits all that the old one did.
An answer has to be understood by an old client, so the new schema of an answer admits nothing that the old one did not;
only fields that it did not have may be added.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

Json = dict[str, Any]
Seen = tuple[tuple[int, int], ...]

METHODS = ("get", "put", "post", "patch", "delete")
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
WORDED = ("pattern", "format", "multipleOf", "const", "uniqueItems")


@dataclass(frozen=True)
class Side:
    """One direction of a message, and both documents in the order in which its schemas are compared.

    Everything that `inner` admits has to be admitted by `outer`.
    """

    name: str
    inner: Json
    outer: Json


def breaking(old: Json, new: Json, today: date) -> list[str]:
    """Return one line for every breaking change; none means that each client of the old document still works."""
    found: list[str] = []
    for path, item in old["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            where, before = f"{method.upper()} {path}", item[method]
            after = new["paths"].get(path, {}).get(method)
            if after is None:
                found += [] if _is_over(before, today) else [f"{where} was removed"]
            else:
                found += [f"{where}: {change}" for change in _operation(old, new, before, after)]
    for name in _schemes(old):
        if name not in _schemes(new):
            found.append(f"the security scheme {name} was removed")
    return list(dict.fromkeys(found))


def _is_over(operation: Json, today: date) -> bool:
    """Tell whether an operation was released as deprecated, and its sunset has passed."""
    return bool(operation.get("deprecated")) and date.fromisoformat(operation["x-sunset"]) < today


def _schemes(document: Json) -> Json:
    schemes: Json = document["components"].get("securitySchemes", {})
    return schemes


def _operation(old: Json, new: Json, before: Json, after: Json) -> Iterator[str]:
    if before["operationId"] != after["operationId"]:
        yield f"its id {before['operationId']} became {after['operationId']}"
    if before.get("x-tokenry-policy") != after.get("x-tokenry-policy"):
        yield f"its policy {before.get('x-tokenry-policy')!r} became {after.get('x-tokenry-policy')!r}"
    yield from _security(before.get("security", []), after.get("security", []))
    yield from _parameters(old, new, before.get("parameters", []), after.get("parameters", []))
    yield from _body(old, new, before.get("requestBody"), after.get("requestBody"))
    yield from _answers(old, new, before["responses"], after["responses"])


def _security(before: list[Json], after: list[Json]) -> Iterator[str]:
    if not before and after:
        yield "a credential is needed now"
    for one in before:
        if after and one not in after:
            yield f"the security scheme {' with '.join(one)} is not accepted any more"


def _parameters(old: Json, new: Json, before: list[Json], after: list[Json]) -> Iterator[str]:
    known = {(one["in"], one["name"]): one for one in before}
    given = {(one["in"], one["name"]): one for one in after}
    for place, one in known.items():
        where = f"the {place[0]} parameter {place[1]}"
        if place not in given:
            yield f"{where} was removed"
            continue
        if given[place].get("required") and not one.get("required"):
            yield f"{where} is required now"
        yield from _beyond(Side("request", old, new), one["schema"], given[place]["schema"], where, ())
    for place, one in given.items():
        if place not in known and one.get("required"):
            yield f"the {place[0]} parameter {place[1]} is new and required"


def _body(old: Json, new: Json, before: Json | None, after: Json | None) -> Iterator[str]:
    if before is None:
        if after is not None and after.get("required"):
            yield "a request body is required now"
        return
    if after is None:
        yield "the request body was removed"
        return
    if after.get("required") and not before.get("required"):
        yield "the request body is required now"
    for kind, content in before["content"].items():
        if kind not in after["content"]:
            yield f"the request body is not taken as {kind} any more"
        else:
            schema = after["content"][kind]["schema"]
            yield from _beyond(Side("request", old, new), content["schema"], schema, "the request", ())


def _answers(old: Json, new: Json, before: Json, after: Json) -> Iterator[str]:
    for status, answer in before.items():
        if status not in after:
            yield f"the status {status} was removed"
            continue
        for name in answer.get("headers", {}):
            if name not in after[status].get("headers", {}):
                yield f"the header {name} of status {status} was removed"
        for kind, content in answer.get("content", {}).items():
            where = f"the answer {status}"
            if kind not in after[status].get("content", {}):
                yield f"{where} is no {kind} any more"
            else:
                schema = after[status]["content"][kind]["schema"]
                yield from _beyond(Side("answer", new, old), schema, content["schema"], where, ())
    for status in after:
        if status not in before and status.startswith("2"):
            yield f"the status {status} is new, and it is a success"


def _beyond(side: Side, inner: Json, outer: Json, where: str, seen: Seen) -> Iterator[str]:
    """Yield in which ways the inner schema admits more than the outer one."""
    allowed = _alternatives(side.outer, outer)
    for one in _alternatives(side.inner, inner):
        same = [other for other in allowed if _covers(_type(other), _type(one))]
        if not same:
            word = "is not taken any more" if side.name == "request" else "is possible now"
            yield f"{where}: {_type(one)} {word}"
            continue
        tried = [list(_within(side, one, other, where, seen)) for other in same]
        yield from min(tried, key=len)


def _alternatives(document: Json, schema: Json) -> list[Json]:
    """Return a schema as a list of schemas of one type each."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        rest = {name: value for name, value in schema.items() if name != "anyOf"}
        return [{**rest, **one} for part in schema["anyOf"] for one in _alternatives(document, part)]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": kind} for kind in schema["type"]]
    return [schema]


def _type(schema: Json) -> str:
    if "type" in schema:
        return str(schema["type"])
    return "object" if "properties" in schema else "any value"


def _covers(outer: str, inner: str) -> bool:
    return outer in (inner, "any value") or (outer, inner) == ("number", "integer")


def _within(side: Side, inner: Json, outer: Json, where: str, seen: Seen) -> Iterator[str]:
    """Yield in which ways a schema of one type admits more than another of the same type."""
    yield from _values(side, inner, outer, where)
    yield from _bounds(side, inner, outer, where)
    if "items" in outer:
        yield from _beyond(side, inner.get("items", {}), outer["items"], f"{where}[]", seen)
    yield from _properties(side, inner, outer, where, seen)


def _values(side: Side, inner: Json, outer: Json, where: str) -> Iterator[str]:
    request = side.name == "request"
    if "enum" in outer:
        more = [value for value in inner.get("enum", ["any other value"]) if value not in outer["enum"]]
        for value in more:
            yield f"{where}: the value {value!r} {'is not taken any more' if request else 'is possible now'}"
    for name in WORDED:
        if name in outer and inner.get(name) != outer[name]:
            old, new = (inner, outer) if request else (outer, inner)
            yield f"{where}: its {name} {old.get(name)!r} became {new.get(name)!r}"
    if request and inner.get("default") != outer.get("default"):
        yield f"{where}: its default {inner.get('default')!r} became {outer.get('default')!r}"


def _bounds(side: Side, inner: Json, outer: Json, where: str) -> Iterator[str]:
    nothing = float("inf")
    bounds = [(name, inner.get(name, -nothing) < outer.get(name, -nothing)) for name in LOWER]
    bounds += [(name, inner.get(name, nothing) > outer.get(name, nothing)) for name in UPPER]
    for name, is_beyond in bounds:
        if is_beyond:
            old, new = (inner, outer) if side.name == "request" else (outer, inner)
            yield f"{where}: its {name} {old.get(name)} became {new.get(name)}"


def _properties(side: Side, inner: Json, outer: Json, where: str, seen: Seen) -> Iterator[str]:
    request = side.name == "request"
    fields, allowed = inner.get("properties", {}), outer.get("properties", {})
    # The same two objects are compared already: a schema may hold itself.
    place = (id(fields), id(allowed))
    if place in seen:
        return
    seen = (*seen, place)
    for name in outer.get("required", ()):
        if name in inner.get("required", ()):
            continue
        if request:
            yield f"{where}: the field {name} is {'required now' if name in fields else 'new and required'}"
        elif name in fields:
            yield f"{where}: the field {name} may be missing now"
    for name in fields if request else allowed:
        if name not in (allowed if request else fields):
            yield f"{where}: the field {name} was removed"
        else:
            yield from _beyond(side, fields[name], allowed[name], f"{where}.{name}", seen)
    yield from _others(side, inner, outer, where, seen)


def _others(side: Side, inner: Json, outer: Json, where: str, seen: Seen) -> Iterator[str]:
    """Compare what fields without a name of their own may hold."""
    left, right = (one.get("additionalProperties", True) for one in (inner, outer))
    if side.name == "request" and right is False and left is not False:
        yield f"{where}: other fields are refused now"
    elif isinstance(right, dict) and left is not False:
        yield from _beyond(side, left if isinstance(left, dict) else {}, right, f"{where}.*", seen)

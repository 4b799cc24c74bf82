"""The OpenAPI document of the table of operations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from tokenry import __version__
from tokenry.edge.problems import KINDS, MEDIA_TYPE
from tokenry.operations import NOUNS, OPERATIONS, Deprecated, Operation, Reach
from tokenry.operations.answers import ProblemDocument
from tokenry.operations.fields import PATHS, Slug

from .examples import example, example_of_request

_DESCRIPTION: Final = """\
Management of API keys. Every call needs an operator's key (`tk_op_…`) with the scope that the operation names.
Operators of a tenant see that tenant alone. `/v1/self` is for every key. Errors are `application/problem+json`; their
`type` is a page about the code. Lengths of time are numbers of seconds.
"""
_SECURITY: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "`Authorization: Bearer tk_op_…`. `Authorization: Token …` and `X-API-Key: …` work as well.",
    },
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key by itself."},
}
_ALWAYS: Final = (400, 401, 403, 404, 422, 429, 500, 503)
_CHANGING: Final = (409, 413, 415, 507)
_ASKING: Final = (413, 415)
_TEMPLATE: Final = "#/components/schemas/{name}"
_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "idempotency_key": {
        "description": "A repeat with the same one gets the same answer, secret included, for ten minutes.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    },
    "if_version": {
        "description": "The `ETag` of the key that you read.",
        "schema": {"type": "string", "pattern": r'^"[0-9]{1,15}"$'},
    },
}


def document() -> dict[str, Any]:
    """Return the document of every operation in the table."""
    operations = list(OPERATIONS.values())
    schemas, components = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.verb.lower()] = _operation(one, schemas, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tokenry", "version": __version__, "description": _DESCRIPTION},
        "tags": [{"name": noun.replace("_", " "), "description": about} for noun, about in NOUNS.items()],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SECURITY},
    }


def _schemas(operations: Iterable[Operation]) -> tuple[dict[Any, dict[str, Any]], dict[str, Any]]:
    """Return the schema of every type of a request or an answer, and the components that those refer to."""
    kinds: list[Any] = [ProblemDocument]
    for one in operations:
        kinds += [kind for kind in (one.request, one.answer.kind) if kind is not None and kind not in kinds]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_TEMPLATE)
    for schema in components.values():
        for name, field in schema.get("properties", {}).items():
            _dated(name, field)
    return dict(zip(kinds, schemas, strict=True)), components


def _dated(name: str, schema: dict[str, Any]) -> None:
    """Mark every point in time as a date-time. A record does not say that its times have a time zone."""
    for part in (schema, *schema.get("anyOf", ())):
        if part.get("type") == "string" and (name == "at" or name.endswith("_at")):
            part["format"] = "date-time"


def _operation(one: Operation, schemas: dict[Any, dict[str, Any]], components: dict[str, Any]) -> dict[str, Any]:
    reach = one.rule.reach
    policy = reach.value if one.rule.scope is None else f"{one.rule.scope}; {reach.value}"
    found: dict[str, Any] = {
        "tags": [one.noun.replace("_", " ")],
        "operationId": one.id,
        "summary": one.about,
        "security": [{"bearer": []}, *([{}] if reach is Reach.HOLDER else [])],
        "x-tokenry-policy": policy,
        "parameters": _parameters(one, components),
        "responses": _responses(one, schemas, components),
    }
    found |= dated(one.deprecated)
    if one.request is not None and not one.reads_query:
        schema = schemas[one.request]
        content = {"schema": schema, "example": example_of_request(schema, components)}
        required = bool(components[one.request.__name__].get("required"))
        found["requestBody"] = {"required": required, "content": {"application/json": content}}
    return found


def dated(deprecated: Deprecated | None, description: str = "") -> dict[str, Any]:
    """Return the fields that mark an operation as deprecated, and its description."""
    if deprecated is None:
        return {"description": description} if description else {}
    words = f"{deprecated.sentence} {description}".strip()
    return {"deprecated": True, "x-sunset": str(deprecated.sunset), "description": words}


def _parameters(one: Operation, components: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in one.in_path:
        about, sample = PATHS[name]
        schema = {"type": "string", "examples": [sample], **({"minLength": 1} if one.verb == "PUT" else {})}
        found.append({"name": name, "in": "path", "required": True, "description": about, "schema": schema})
    if one.request is not None and one.reads_query:
        fields = components[one.request.__name__]
        for name, schema in fields["properties"].items():
            required = name in fields.get("required", ())
            words = {"description": schema["description"]} if "description" in schema else {}
            found.append({"name": name, "in": "query", "required": required, **words, "schema": schema})
    if one.in_tenant:
        about = "The slug of the tenant. By default the caller's own; for operators of the installation `default`."
        schema = {**msgspec.json.schema(Slug), "minLength": 1, "maxLength": 63}
        found.append({"name": "tenant", "in": "query", "required": False, "description": about, "schema": schema})
    if one.streams:
        about = "Where a stream goes on: the `id` of the last message that you have."
        schema = {"type": "string", "pattern": "^[0-9]{1,18}$"}
        found.append(
            {"name": "Last-Event-ID", "in": "header", "required": False, "description": about, "schema": schema}
        )
    for name, header in one.headers.items():
        found.append({"name": header, "in": "header", "required": False, **_HEADERS[name]})
    return found


def _responses(one: Operation, schemas: dict[Any, dict[str, Any]], components: dict[str, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done." if one.status == 204 else "The answer."}
    if one.answer.kind is not None:
        schema = schemas[one.answer.kind]
        good["content"] = {"application/json": {"schema": schema, "example": example(schema, components)}}
    if one.streams:
        about = "Server-sent events, one for each item, for `Accept: text/event-stream`. `id` is the sequence."
        shape = {"type": "string", "description": about}
        good["content"]["text/event-stream"] = {"schema": shape, "example": 'id: 1235\ndata: {"sequence":1235,…}\n\n'}
    if one.id == "exports.list":
        about = (
            'A line for each item of all pages, for `Accept: application/x-ndjson`. The last one is `{"kind":"end"}`.'
        )
        shape = {"type": "string", "description": about}
        good["content"]["application/x-ndjson"] = {"schema": shape, "example": '{"kind":"tenant","record":{…}}\n'}
    changes = not one.rule.scope or one.rule.scope.endswith(":write")
    more = () if one.reads_query and one.verb == "GET" else _CHANGING if changes else _ASKING
    codes = sorted({*_ALWAYS, *more, *((412,) if "if_version" in one.headers else ())})
    return {str(one.status): good, **{str(code): _problem(code) for code in codes}}


def _problem(status: int) -> dict[str, Any]:
    codes = [f"`{code}`" for code, kind in KINDS.items() if kind.status == status]
    if status == 401:
        codes.append("`not_found`")
    schema = {"$ref": _TEMPLATE.format(name="ProblemDocument")}
    return {
        "description": f"A problem with the code {' or '.join(codes)}.",
        "content": {MEDIA_TYPE: {"schema": schema}},
    }

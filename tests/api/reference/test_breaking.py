"""Every kind of breaking change is named, and what only adds is not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from .breaking import breaking

Json = dict[str, Any]

TODAY = date(2027, 6, 1)


def document() -> Json:
    """Return a small API: one operation that takes a body and a query, one that takes neither."""
    key = {
        "type": "object",
        "required": ["id", "status", "owner"],
        "properties": {
            "id": {"type": "string", "maxLength": 64},
            "status": {"type": "string", "enum": ["active", "revoked"]},
            "owner": {"$ref": "#/components/schemas/Owner"},
            "ends_at": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
            "parent": {"anyOf": [{"$ref": "#/components/schemas/Key"}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
    owner = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "age": {"type": "integer"}}}
    issue = {
        "type": "object",
        "additionalProperties": False,
        "required": ["owner"],
        "properties": {
            "owner": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[a-z]+$"},
            "kind": {"type": "string", "enum": ["live", "test"], "default": "live"},
            "scopes": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
            "cost": {"type": "number", "minimum": 0, "maximum": 10},
            "note": {"type": "string"},
        },
    }
    json = {"application/json": {"schema": {"$ref": "#/components/schemas/Key"}}}
    problem = {"description": "No.", "content": {"application/problem+json": {"schema": {"type": "object"}}}}
    return {
        "paths": {
            "/v1/keys": {
                "post": {
                    "operationId": "keys.issue",
                    "security": [{"bearer": []}, {"header": []}],
                    "x-tokenry-policy": "tokenry:keys:write; one tenant",
                    "parameters": [
                        {"name": "tenant", "in": "query", "required": False, "schema": {"type": "string"}},
                        {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}},
                    ],
                    "requestBody": {
                        "required": False,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Issue"}}},
                    },
                    "responses": {"201": {"headers": {"ETag": {}}, "content": json}, "404": problem},
                },
                "get": {"operationId": "keys.list", "security": [], "responses": {"200": {"content": json}}},
            }
        },
        "components": {
            "schemas": {"Key": key, "Owner": owner, "Issue": issue},
            "securitySchemes": {"bearer": {}, "header": {}},
        },
    }


def post(doc: Json) -> Json:
    found: Json = doc["paths"]["/v1/keys"]["post"]
    return found


def key(doc: Json) -> Json:
    found: Json = doc["components"]["schemas"]["Key"]
    return found


def field(doc: Json, name: str, schema: str = "Issue") -> Json:
    found: Json = doc["components"]["schemas"][schema]["properties"][name]
    return found


def issue(doc: Json) -> Json:
    found: Json = doc["components"]["schemas"]["Issue"]
    return found


def changed(change: Callable[[Json], object], before: Json | None = None) -> list[str]:
    old = document() if before is None else before
    new = copy.deepcopy(old)
    change(new)
    return breaking(old, new, TODAY)


BROKEN: dict[str, tuple[Callable[[Json], object], str]] = {
    "a path": (lambda d: d["paths"].clear(), "POST /v1/keys was removed"),
    "a method": (lambda d: d["paths"]["/v1/keys"].pop("get"), "GET /v1/keys was removed"),
    "an operation id": (lambda d: post(d).update(operationId="keys.make"), "its id keys.issue became keys.make"),
    "a needed scope": (
        lambda d: post(d).update({"x-tokenry-policy": "tokenry:keys:admin; one tenant"}),
        "its policy 'tokenry:keys:write; one tenant' became 'tokenry:keys:admin; one tenant'",
    ),
    "a security scheme": (
        lambda d: d["components"]["securitySchemes"].pop("header"),
        "the security scheme header was removed",
    ),
    "a security scheme of an operation": (
        lambda d: post(d)["security"].pop(),
        "the security scheme header is not accepted any more",
    ),
    "an operation without a credential": (
        lambda d: d["paths"]["/v1/keys"]["get"].update(security=[{"bearer": []}]),
        "a credential is needed now",
    ),
    "a parameter": (lambda d: post(d)["parameters"].pop(0), "the query parameter tenant was removed"),
    "an optional parameter": (
        lambda d: post(d)["parameters"][0].update(required=True),
        "the query parameter tenant is required now",
    ),
    "a new required parameter": (
        lambda d: post(d)["parameters"].append({"name": "x", "in": "header", "required": True, "schema": {}}),
        "the header parameter x is new and required",
    ),
    "the bound of a parameter": (
        lambda d: post(d)["parameters"][1]["schema"].update(maximum=50),
        "the query parameter limit: its maximum 100 became 50",
    ),
    "a request body": (lambda d: post(d).pop("requestBody"), "the request body was removed"),
    "an optional body": (lambda d: post(d)["requestBody"].update(required=True), "the request body is required now"),
    "a new required body": (
        lambda d: d["paths"]["/v1/keys"]["get"].update(requestBody={"required": True, "content": {}}),
        "a request body is required now",
    ),
    "the media type of a request": (
        lambda d: post(d)["requestBody"]["content"].update(
            {"application/xml": post(d)["requestBody"]["content"].pop("application/json")}
        ),
        "the request body is not taken as application/json any more",
    ),
    "a field of a request": (lambda d: issue(d)["properties"].pop("note"), "the request: the field note was removed"),
    "a new required field": (
        lambda d: issue(d).update(required=["owner", "team"], properties={**issue(d)["properties"], "team": {}}),
        "the request: the field team is new and required",
    ),
    "an optional field of a request": (
        lambda d: issue(d).update(required=["owner", "note"]),
        "the request: the field note is required now",
    ),
    "a type of a request": (lambda d: field(d, "note").update(type="integer"), "the request.note: string is not taken"),
    "one of several types": (lambda d: field(d, "scopes")["anyOf"].pop(), "the request.scopes: array is not taken"),
    "a number that becomes whole": (
        lambda d: field(d, "cost").update(type="integer"),
        "the request.cost: number is not taken any more",
    ),
    "the type of an item": (
        lambda d: field(d, "scopes")["anyOf"][1]["items"].update(type="object"),
        "the request.scopes[]: string is not taken any more",
    ),
    "a value of a request": (
        lambda d: field(d, "kind").update(enum=["live"]),
        "the request.kind: the value 'test' is not taken any more",
    ),
    "a field that gets a list of values": (
        lambda d: field(d, "note").update(enum=["a"]),
        "the request.note: the value 'any other value' is not taken any more",
    ),
    "a higher lower bound": (
        lambda d: field(d, "owner").update(minLength=2),
        "the request.owner: its minLength 1 became 2",
    ),
    "a lower upper bound": (lambda d: field(d, "cost").update(maximum=9), "the request.cost: its maximum 10 became 9"),
    "a bound that there was not": (
        lambda d: field(d, "note").update(maxLength=10),
        "the request.note: its maxLength None became 10",
    ),
    "a pattern": (
        lambda d: field(d, "owner").update(pattern="^[a-f]+$"),
        "the request.owner: its pattern '^[a-z]+$' became '^[a-f]+$'",
    ),
    "a default": (
        lambda d: field(d, "kind").update(default="test"),
        "the request.kind: its default 'live' became 'test'",
    ),
    "a success status": (
        lambda d: post(d)["responses"].update({"200": post(d)["responses"].pop("201")}),
        "the status 201 was removed",
    ),
    "a second success status": (
        lambda d: post(d)["responses"].update({"202": {}}),
        "the status 202 is new, and it is a success",
    ),
    "an error status": (lambda d: post(d)["responses"].pop("404"), "the status 404 was removed"),
    "a header of an answer": (
        lambda d: post(d)["responses"]["201"]["headers"].clear(),
        "the header ETag of status 201 was removed",
    ),
    "the media type of an answer": (
        lambda d: post(d)["responses"]["201"]["content"].clear(),
        "the answer 201 is no application/json any more",
    ),
    "a field of an answer": (
        lambda d: (key(d)["properties"].pop("status"), key(d).update(required=["id", "owner"])),
        "the answer 201: the field status was removed",
    ),
    "an optional field of an answer": (
        lambda d: key(d)["properties"].pop("tags"),
        "the answer 201: the field tags was removed",
    ),
    "a nested field of an answer": (
        lambda d: (field(d, "owner", "Key"), d["components"]["schemas"]["Owner"].update(properties={}, required=[])),
        "the answer 201.owner: the field id was removed",
    ),
    "a field that may be missing": (
        lambda d: key(d).update(required=["id", "owner"]),
        "the answer 201: the field status may be missing now",
    ),
    "a field that may be null": (
        lambda d: key(d)["properties"].update(id={"anyOf": [{"type": "string", "maxLength": 64}, {"type": "null"}]}),
        "the answer 201.id: null is possible now",
    ),
    "a whole number that may be any": (
        lambda d: field(d, "age", "Owner").update(type="number"),
        "the answer 201.owner.age: number is possible now",
    ),
    "the type of an answer": (
        lambda d: field(d, "tags", "Key")["items"].update(type="object"),
        "the answer 201.tags[]: object is possible now",
    ),
    "a new value of an answer": (
        lambda d: field(d, "status", "Key")["enum"].append("paused"),
        "the answer 201.status: the value 'paused' is possible now",
    ),
    "a longer text in an answer": (
        lambda d: field(d, "id", "Key").update(maxLength=65),
        "the answer 201.id: its maxLength 64 became 65",
    ),
    "the format of an answer": (
        lambda d: field(d, "ends_at", "Key")["anyOf"][0].pop("format"),
        "the answer 201.ends_at: its format 'date-time' became None",
    ),
    "fields without a name in an answer": (
        lambda d: field(d, "metadata", "Key").update(additionalProperties=True),
        "the answer 201.metadata.*: any value is possible now",
    ),
}


@pytest.mark.parametrize(("change", "named"), BROKEN.values(), ids=BROKEN)
def test_a_breaking_change_is_named(change: Callable[[Json], object], named: str) -> None:
    assert any(named in line for line in changed(change)), changed(change)


def test_fields_that_are_refused_now_are_named() -> None:
    before = document()
    before["components"]["schemas"]["Issue"].pop("additionalProperties")
    found = changed(lambda d: issue(d).update(additionalProperties=False), before)
    assert found == ["POST /v1/keys: the request: other fields are refused now"]


ADDED: dict[str, Callable[[Json], object]] = {
    "nothing": lambda d: None,
    "a path": lambda d: d["paths"].update({"/v1/new": {"get": {"operationId": "new", "responses": {}}}}),
    "a method": lambda d: d["paths"]["/v1/keys"].update(put={"operationId": "keys.put", "responses": {}}),
    "an optional parameter": lambda d: post(d)["parameters"].append({"name": "x", "in": "query", "schema": {}}),
    "a parameter that is needed no more": lambda d: post(d)["parameters"][0].update(required=False),
    "an optional field of a request": lambda d: issue(d)["properties"].update(tags={"type": "array"}),
    "a field that is needed no more": lambda d: issue(d).update(required=[]),
    "another type of a request": lambda d: field(d, "scopes")["anyOf"].append({"type": "object"}),
    "a value of a request": lambda d: field(d, "kind")["enum"].append("dev"),
    "any value of a request": lambda d: field(d, "kind").pop("enum"),
    "a wider bound of a request": lambda d: field(d, "owner").update(minLength=0, maxLength=300),
    "no bound of a request": lambda d: (field(d, "cost").pop("maximum"), field(d, "owner").pop("pattern")),
    "a field of an answer": lambda d: key(d)["properties"].update(note={"type": "string"}),
    "a required field of an answer": lambda d: key(d).update(
        required=["id", "status", "owner", "note"], properties={**key(d)["properties"], "note": {"type": "string"}}
    ),
    "a narrower answer": lambda d: (
        field(d, "id", "Key").update(maxLength=32),
        field(d, "status", "Key")["enum"].pop(),
    ),
    "never null": lambda d: field(d, "ends_at", "Key")["anyOf"].pop(),
    "an error status": lambda d: post(d)["responses"].update({"429": {}}),
    "a header of an answer": lambda d: post(d)["responses"]["201"]["headers"].update(Sunset={}),
    "a security scheme": lambda d: (
        d["components"]["securitySchemes"].update(mtls={}),
        post(d)["security"].append({"mtls": []}),
    ),
    "a schema under another name": lambda d: (
        d["components"]["schemas"].update(Person=d["components"]["schemas"].pop("Owner")),
        key(d)["properties"].update(owner={"$ref": "#/components/schemas/Person"}),
    ),
    "a deprecation": lambda d: post(d).update({"deprecated": True, "x-sunset": "2028-06-01"}),
}


@pytest.mark.parametrize("change", ADDED.values(), ids=ADDED)
def test_what_only_adds_passes(change: Callable[[Json], object]) -> None:
    assert changed(change) == []


@pytest.mark.parametrize(("sunset", "is_named"), [("2027-05-31", False), ("2027-06-01", True), ("2028-01-01", True)])
def test_a_deprecated_operation_may_go_after_its_sunset(sunset: str, is_named: bool) -> None:
    before = document()
    post(before).update({"deprecated": True, "x-sunset": sunset})
    assert bool(changed(lambda d: d["paths"]["/v1/keys"].pop("post"), before)) is is_named

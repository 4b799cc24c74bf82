"""The OpenAPI document is whole, and its examples of hot routes and OAuth are what the server takes and says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from starlette.testclient import TestClient

from tokenry import AsyncTokenry, Limit, Settings, Tokenry
from tokenry.api.app import App, Served, create_app
from tokenry.api.process.health import Operations, Readiness
from tokenry.api.process.metrics import Metrics
from tokenry.api.process.settings import ServerSettings
from tokenry.installation import make_operator_key
from tokenry.operations import OPERATIONS

JSON = "application/json"


class Server:
    """A whole server in this process, with a caller for every example."""

    def __init__(self, tk: Tokenry, app: App) -> None:
        self.tk = tk
        self.app = app
        self.client = TestClient(app)
        self.operator = str(make_operator_key(tk).secret)
        tk.roles.put("developer", scopes=["read:projects"])
        tk.owners.put("user-42", roles=["developer"])
        limits = [Limit("per-minute", 100, 60)]
        self.key = str(tk.keys.issue("user-42", name="CI", scopes=["read:projects"], limits=limits).secret)
        self.document: dict[str, Any] = self.client.get("/openapi.json").json()

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                yield method, path, operation

    def filled(self, example: Any) -> Any:
        """Return an example with live credentials in place of the ones that are cut short."""
        text = json.dumps(example, ensure_ascii=False).replace("tk_live_1…", self.key)
        if "tk_rt_1…" in text:
            text = text.replace("tk_rt_1…", str(self.tk.sessions.start("user-42").refresh))
        assert "…" not in text
        return json.loads(text)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with ExitStack() as stack:
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        tk = AsyncTokenry("sqlite://", settings=Settings(background=False, issuer="https://keys.example.com"))
        stack.callback(lambda: loop.run_until_complete(tk.close()))
        served = Served(tk, ServerSettings(failures_max=1_000_000))
        metrics = Metrics(served.counters, ready=Readiness(tk))
        yield Server(served.sync, create_app(served, Operations(Readiness(tk), metrics)))


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object within a value."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from parts(part)


def test_the_document_is_one_of_openapi(server: Server) -> None:
    schemathesis.openapi.from_asgi("/openapi.json", server.app).validate()


def test_everything_that_is_referred_to_is_defined(server: Server) -> None:
    document, components = server.document, server.document["components"]
    named = {one["$ref"].removeprefix("#/components/schemas/") for one in parts(document) if "$ref" in one}
    assert named <= set(components["schemas"])
    operations = [operation for _, _, operation in server.operations()]
    schemes = {name for one in operations for way in one["security"] for name in way}
    assert schemes == set(components["securitySchemes"])
    tags = [tag["name"] for tag in document["tags"]]
    assert {tag for one in operations for tag in one["tags"]} == set(tags)
    assert len(tags) == len(set(tags))
    ids = [one["operationId"] for one in operations]
    assert len(ids) == len(set(ids))


def test_a_description_says_more_than_the_summary(server: Server) -> None:
    assert [one["operationId"] for _, _, one in server.operations() if one.get("description") == one["summary"]] == []


def test_every_example_fits_its_schema(server: Server) -> None:
    components = {"components": server.document["components"]}
    found = [one for one in parts(server.document["paths"]) if "schema" in one and "example" in one]
    assert len(found) > len(OPERATIONS)
    for one in found:
        jsonschema_rs.Draft202012Validator({**one["schema"], **components}).validate(one["example"])


def test_every_body_has_an_example_and_so_has_its_answer(server: Server) -> None:
    for _, _, one in server.operations():
        if one["tags"] != ["operations"]:
            contents = [*one.get("requestBody", {}).get("content", {}).values()]
            contents += [*one["responses"].get("200", {}).get("content", {}).values()]
            assert all("example" in content for content in contents), one["operationId"]


def shape(value: Any) -> Any:
    """Return the names of a value, at every depth; what may be null or empty has none."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items() if part not in (None, [], {}, "")}
    return [shape(value[0])] if isinstance(value, list) and isinstance(value[0], dict) else None


@pytest.mark.parametrize("credential", ["bearer", "api_key"])
@pytest.mark.parametrize("id", ["verify", "verify.batch", "oauth.token", "oauth.introspect", "oauth.revoke"])
def test_the_example_of_a_body_is_answered_like_the_example_of_its_answer(
    server: Server, id: str, credential: str
) -> None:
    [(path, operation)] = [(path, one) for _, path, one in server.operations() if one["operationId"] == id]
    if id.startswith("oauth.") and credential == "api_key":
        assert {"api_key": []} not in operation["security"]
        return
    if id == "oauth.token":  # whose example needs no client
        headers = {}
    else:
        assert {credential: []} in operation["security"]
        bearer = {"Authorization": f"Bearer {server.operator}"}
        headers = bearer if credential == "bearer" else {"X-API-Key": server.operator}
    if id == "oauth.revoke":
        headers = {}
        assert {} in operation["security"]
    [(kind, content)] = operation["requestBody"]["content"].items()
    asked = server.filled(content["example"])
    response = server.client.post(path, headers=headers, **({"json": asked} if kind == JSON else {"data": asked}))
    assert response.status_code == 200, response.text
    expected = operation["responses"]["200"]["content"][JSON]["example"]
    if id.startswith("verify"):
        verdicts = (
            (response.json()["verdicts"], expected["verdicts"])
            if id == "verify.batch"
            else ([response.json()], [expected])
        )
        for verdict, sample in zip(*verdicts, strict=True):
            assert set(verdict) == set(sample)
            assert (verdict["valid"], verdict["kind"]) == (sample["valid"], sample["kind"])
            assert set(verdict["key"]) == set(sample["key"])
            assert set(verdict["tenant"]) == set(sample["tenant"])
            assert shape(verdict["limits"]) == shape(sample["limits"])
    else:
        assert set(response.json()) == set(expected)


def test_the_examples_of_forward_auth_are_let_in(server: Server) -> None:
    operation = server.document["paths"]["/v1/auth"]["get"]
    samples = {one["name"]: (one["in"], one["example"]) for one in operation["parameters"]}
    query = {name: value for name, (place, value) in samples.items() if place == "query"}
    headers = {name: value for name, (place, value) in samples.items() if place == "header"}
    for way in ({"Authorization": f"Bearer {server.key}"}, {"X-API-Key": server.key}):
        answer = server.client.get("/v1/auth", params=query, headers=headers | way)
        assert answer.status_code == 200
        for name, header in operation["responses"]["200"]["headers"].items():
            assert bool(answer.headers[name]) == bool(header["example"])
    assert server.client.get("/v1/auth", params=query, headers=headers).status_code == 401


@pytest.mark.parametrize("path", ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server"])
def test_what_is_public_looks_like_its_example(server: Server, path: str) -> None:
    answer = server.client.get(path)
    [content] = server.document["paths"][path]["get"]["responses"]["200"]["content"].values()
    body, expected = answer.json(), content["example"]
    assert body.keys() == expected.keys()
    if path.endswith("jwks.json"):
        assert body["keys"]
        assert all(set(key) == set(expected["keys"][0]) for key in body["keys"])
    else:
        assert body == expected


def test_the_refusals_that_are_shown_have_the_status_that_is_shown(server: Server) -> None:
    spent = server.tk.keys.issue("user-42", name="spent", limits=[Limit("per-minute", 1, 60)])
    server.tk.verify(spent.secret)
    gone = server.tk.keys.issue("user-42", name="gone")
    server.tk.keys.revoke(gone.key.id)
    asked = {
        "401": {"credential": str(gone.secret)},
        "403": {"credential": server.key, "scopes": ["write:projects"]},
        "429": {"credential": str(spent.secret)},
    }
    headers = {"Authorization": f"Bearer {server.operator}"}
    responses = server.document["paths"]["/v1/verify"]["post"]["responses"]
    for status, question in asked.items():
        answer = server.client.post("/v1/verify?status=http", json=question, headers=headers)
        sample = responses[status]["content"][JSON]["example"]
        assert str(answer.status_code) == status
        assert {**answer.json(), "limits": [], "retry_after": None, "limited_by": None} == sample

"""FastAPI routes behind keys: dependencies, OpenAPI, WebSockets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tokenry import AsyncTokenry, ConfigError, Limit, Tokenry
from tokenry.config import fresh_keyring
from tokenry.ext.fastapi import FastAPITokenry, Refusal
from tokenry.imports import Hash, Hint, ImportRow
from tokenry.types import Valid


def application(tk: AsyncTokenry, **options: Any) -> tuple[FastAPI, FastAPITokenry]:
    app = FastAPI()
    auth = FastAPITokenry(app, tk, **options)

    @app.get("/projects")
    async def projects(credential=Depends(auth.key_required("read:projects"))) -> dict[str, Any]:  # type: ignore[no-untyped-def]  # noqa: B008
        return {"owner": credential.owner.external_id}

    @app.get("/open")
    def anybody(credential=Depends(auth.credential_required(optional=True))) -> dict[str, Any]:  # type: ignore[no-untyped-def]  # noqa: B008
        return {"owner": credential.owner.external_id if credential else None}

    @app.get("/signed-in", dependencies=[Depends(auth.session_required())])
    async def signed_in() -> str:
        return "never by a key"

    reading = auth.key_required("read:projects")

    @app.websocket("/live")
    async def live(socket: WebSocket, credential: Valid = Depends(reading)) -> None:  # noqa: B008
        await socket.accept()
        await socket.send_text(credential.owner.external_id)
        await socket.close()

    return app, auth


@pytest.fixture
def tk() -> Iterator[AsyncTokenry]:
    tk = AsyncTokenry("sqlite://", keyring=fresh_keyring())
    sync: Tokenry = tk._sync
    sync.owners.put("ada")
    yield tk
    sync.close()


@pytest.fixture
def client(tk: AsyncTokenry) -> Iterator[TestClient]:
    with TestClient(application(tk)[0]) as client:
        yield client


def issue(tk: AsyncTokenry, *scopes: str, **asked: Any) -> dict[str, str]:
    keys = tk._sync.keys
    secret = keys.issue("ada", name=f"key {len(keys.list().items)}", scopes=scopes, **asked).secret
    return {"Authorization": f"Bearer {secret}"}


def test_a_key_with_the_scope_is_let_in(tk: AsyncTokenry, client: TestClient) -> None:
    headers = issue(tk, "read:projects")
    for path in ("/projects", "/open"):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"owner": "ada"}), path


def test_refusals_are_problems_with_their_headers(tk: AsyncTokenry, client: TestClient) -> None:
    missing = client.get("/projects")
    assert (missing.status_code, missing.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert missing.headers["content-type"] == "application/problem+json"
    assert missing.json()["code"] == "credential_missing"
    assert client.get("/open").json() == {"owner": None}
    for path in ("/projects", "/open"):
        bad = client.get(path, headers={"Authorization": "Bearer nonsense"})
        assert (bad.status_code, bad.json()["code"]) == (401, "malformed")
    lacking = client.get("/projects", headers=issue(tk, "write:projects"))
    assert (lacking.status_code, lacking.json()["code"]) == (403, "insufficient_scope")
    two = client.get("/projects", headers={**issue(tk, "read:projects"), "X-API-Key": "another"})
    assert two.status_code == 400
    key = client.get("/signed-in", headers=issue(tk))
    assert (key.status_code, key.json()["code"]) == (403, "wrong_kind")


def test_limits_are_told_and_kept(tk: AsyncTokenry, client: TestClient) -> None:
    headers = issue(tk, "read:projects", limits=[Limit("hour", 1, 3600)])
    assert client.get("/projects", headers=headers).headers["RateLimit-Policy"] == '"hour";q=1;w=3600'
    answer = client.get("/projects", headers=headers)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_openapi_says_what_a_route_needs(tk: AsyncTokenry, client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    schemes = document["components"]["securitySchemes"]
    assert (schemes["Bearer"]["type"], schemes["Bearer"]["scheme"]) == ("http", "bearer")
    assert (schemes["Session"]["type"], schemes["Session"]["in"]) == ("apiKey", "cookie")
    assert schemes["Session"]["name"] == "__Host-tokenry_access"
    assert document["paths"]["/projects"]["get"]["security"] == [{"Bearer": []}]
    assert document["paths"]["/signed-in"]["get"]["security"] == [{"Bearer": []}, {"Session": []}]
    assert "parameters" not in document["paths"]["/open"]["get"]


def test_openapi_says_where_a_credential_is_optional(tk: AsyncTokenry) -> None:
    app, auth = application(tk)
    optional = auth.credential_required(optional=True)
    router = APIRouter(prefix="/more")

    async def within(credential=Depends(optional)) -> None:  # type: ignore[no-untyped-def]  # noqa: B008
        """A dependency of the application's own, with ours inside."""

    @router.get("/nested/{id}", dependencies=[Depends(within)])
    async def nested(id: str) -> None:
        pass

    @router.post("/both", dependencies=[Depends(optional), Depends(auth.key_required())])
    async def both() -> None:
        pass

    app.include_router(router)
    either = [{"Bearer": []}, {"Session": []}]
    for document in (app.openapi(), app.openapi()):  # the second time it is remembered
        paths = document["paths"]
        assert paths["/open"]["get"]["security"] == [*either, {}]
        assert paths["/more/nested/{id}"]["get"]["security"] == [*either, {}]
        assert {} not in paths["/more/both"]["post"]["security"]
        assert paths["/signed-in"]["get"]["security"] == either
        assert "401" in paths["/open"]["get"]["responses"]


def test_openapi_says_how_a_route_refuses_and_keeps_what_the_route_says_itself(tk: AsyncTokenry) -> None:
    app, auth = application(tk)
    app.include_router(auth.router("/auth"))
    reading = [Depends(auth.key_required("read:projects"))]

    @app.get("/own", dependencies=reading, responses={403: {"description": "Ours."}})
    async def own() -> None:
        pass

    @app.get("/free")
    async def free() -> None:
        pass

    for document in (app.openapi(), app.openapi()):  # the second time it is remembered
        paths = document["paths"]
        for path, verb in (("/projects", "get"), ("/signed-in", "get"), ("/auth/refresh", "post")):
            responses = paths[path][verb]["responses"]
            assert {"401", "403", "429"} <= responses.keys(), path
            content = responses["429"]["content"]["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/TokenryProblem"}
        assert paths["/own"]["get"]["responses"]["403"] == {"description": "Ours."}
        assert paths["/free"]["get"]["responses"].keys() == {"200"}
        assert paths["/auth/refresh"]["post"]["security"] == [{"Refresh": []}]
    schema = app.openapi()["components"]["schemas"]["TokenryProblem"]
    with TestClient(app) as client:
        assert client.get("/projects").json().keys() == set(schema["required"]) == set(schema["properties"])


def test_a_websocket_is_let_in_or_never_opened(tk: AsyncTokenry, client: TestClient) -> None:
    with client.websocket_connect("/live", headers=issue(tk, "read:projects")) as socket:
        assert socket.receive_text() == "ada"
    for headers in ({}, {"Authorization": "Bearer nonsense"}, issue(tk, "write:projects")):
        with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect("/live", headers=headers):
            pass
        assert refused.value.code == 1008


def test_the_address_of_a_proxy_is_trusted_only_if_listed(tk: AsyncTokenry) -> None:
    headers = {**issue(tk, "read:projects", allowed_ips=["203.0.113.0/24"]), "X-Forwarded-For": "203.0.113.7"}
    for options, status in (({}, 403), ({"trusted_proxies": ["10.0.0.0/8"]}, 403), ({"trusted_proxies": ["::1"]}, 200)):
        app = application(tk, **options)[0]
        with TestClient(app, client=("::1", 5000)) as client:
            assert client.get("/projects", headers=headers).status_code == status, options


def test_hooks_may_be_asynchronous(tk: AsyncTokenry) -> None:
    from starlette.responses import PlainTextResponse

    app, auth = application(tk)

    @auth.access_refused
    async def refused(problem: Any) -> Any:
        return PlainTextResponse(f"no: {problem.code}", 418)

    with TestClient(app) as client:
        assert client.get("/projects").text == "no: credential_missing"


def test_a_synchronous_engine_is_refused() -> None:
    with Tokenry("sqlite://", keyring=fresh_keyring()) as tk, pytest.raises(ConfigError, match="AsyncTokenry"):
        FastAPITokenry(None, tk)  # type: ignore[arg-type]


def test_annotated_dependencies_read_well(tk: AsyncTokenry) -> None:
    app = FastAPI()
    Reader = Annotated[Valid, Depends(FastAPITokenry(app, tk).key_required("read:projects"))]

    def projects(credential):  # type: ignore[no-untyped-def]
        return {"owner": credential.owner.external_id}

    projects.__annotations__ = {"credential": Reader}
    app.get("/projects")(projects)
    with TestClient(app) as client:
        assert client.get("/projects", headers=issue(tk, "read:projects")).json() == {"owner": "ada"}


@pytest.mark.parametrize("inner", [FastAPI, Starlette])
def test_a_mounted_application_answers_refusals_and_hooks_as_the_outer_one(tk: AsyncTokenry, inner: Any) -> None:
    from starlette.responses import PlainTextResponse

    app, auth = application(tk)
    site = FastAPI()
    site.include_router(auth.router())
    site.get("/projects", dependencies=[Depends(auth.key_required("read:projects"))])(lambda: "in")
    nested = inner()
    nested.mount("/deep", site)
    app.mount("/sub", nested)
    with TestClient(app) as client:
        outer = client.get("/projects")
        for path, method in (("/sub/deep/projects", "GET"), ("/sub/deep/auth/refresh", "POST")):
            answer = client.request(method, path)
            assert (answer.status_code, answer.content) == (401, outer.content), path
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"
        auth.error_answer(lambda problem: PlainTextResponse(f"no: {problem.code}", 418))
        auth.before_new_access(lambda owner: PlainTextResponse("not today", 503))
        for path in ("/projects", "/sub/deep/projects"):
            answer = client.get(path)
            assert (answer.status_code, answer.text) == (418, "no: credential_missing")
        tokens = tk._sync.sessions.start("ada")
        answer = client.post("/sub/deep/auth/refresh", json={"refresh_token": str(tokens.refresh)})
        assert (answer.status_code, answer.text) == (503, "not today")


def test_a_mounted_application_may_answer_refusals_itself(tk: AsyncTokenry) -> None:
    from starlette.responses import PlainTextResponse

    app, auth = application(tk)
    site = FastAPI()
    site.get("/", dependencies=[Depends(auth.key_required())])(lambda: "in")
    site.add_exception_handler(Refusal, lambda request, error: PlainTextResponse(error.problem.code, 499))
    app.mount("/sub", site)
    with TestClient(app) as client:
        assert (client.get("/sub/").status_code, client.get("/sub/").text) == (499, "credential_missing")


def test_an_imported_key_is_let_in_as_one_of_ours_is(tk: AsyncTokenry, client: TestClient) -> None:
    text = "tt_0123456789abcdef"
    hash = Hash("sha256", hashlib.sha256(text.encode()).hexdigest())
    row = ImportRow(id="1", owner="ada", hash=hash, hint=Hint(prefix="tt_"), scopes=("read:projects",))
    tk._sync.imports.run([row])
    for name, value in (("Authorization", f"Bearer {text}"), ("X-API-Key", text), ("Authorization", f"Bearer {text}")):
        assert client.get("/projects", headers={name: value}).json() == {"owner": "ada"}
    with client.websocket_connect("/live", headers={"X-API-Key": text}) as socket:
        assert socket.receive_text() == "ada"
    assert client.get("/signed-in", headers={"X-API-Key": text}).status_code == 403
    wrong = client.get("/projects", headers={"X-API-Key": text + "x"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "not_found")
    tk._sync.keys.revoke(tk._sync.keys.list().items[0].id)
    assert client.get("/projects", headers={"X-API-Key": text}).json()["code"] == "revoked"

"""The pages of the frameworks: their examples run as they stand, in their order."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.docs.test_examples import blocks
from tests.ext import django_project
from tokenry.ext.django import close, get_tokenry

SAME = {"Sec-Fetch-Site": "same-origin"}


def run(page: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run every block of a page in one module, where frameworks look for names."""
    module = ModuleType("documented")
    monkeypatch.setitem(sys.modules, "documented", module)
    for block in blocks(page):
        exec(compile(block, page, "exec", dont_inherit=True), module.__dict__)
    return module


def issue(tk: Any) -> dict[str, str]:
    tk.owners.put("dana")
    return {"Authorization": f"Bearer {tk.keys.issue('dana', name='k', scopes=['read:projects']).secret}"}


def test_flask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = run("docs/flask.md", monkeypatch)
    tk, client = page.auth.tk_of(page.app), page.app.test_client()
    assert client.get("/api/projects", headers=issue(tk)).json == {"owner": "dana"}
    assert client.get("/api/projects").json["error"] == "credential_missing"
    options: dict[str, Any] = {"base_url": "https://localhost", "headers": SAME}
    assert client.post("/sign-in", json={"user": "dana", "password": ""}, **options).status_code == 200
    assert client.get("/me", **options).json == {"user": "dana"}
    assert client.post("/auth/refresh", **options).status_code == 200
    assert client.post("/auth/sign-out", **options).status_code == 204
    assert client.get("/me", **options).status_code == 401
    tk.close()


def test_a_token_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = ModuleType("documented")
    exec(compile(blocks("docs/coming-from/token-schema.md")[0], "token-schema.md", "exec"), module.__dict__)
    page: Any = module
    client, options = page.app.test_client(), {"base_url": "https://localhost", "headers": SAME}
    assert client.get("/", **options).status_code == 401
    assert client.post("/sign-in", **options).status_code == 200
    assert client.get("/", **options).text == "test"
    assert client.post("/token/refresh_access_token", **options).status_code == 409
    page.tok_schema.auth.tk_of(page.app).close()


def test_fastapi_and_starlette(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from starlette.testclient import TestClient

    monkeypatch.chdir(tmp_path)
    page = run("docs/fastapi.md", monkeypatch)
    headers = issue(page.auth.tk._sync)
    with TestClient(page.app, base_url="https://localhost") as client:
        assert client.get("/api/projects", headers=headers).json() == {"owner": "dana"}
        assert client.post("/sign-in?user=dana", headers=SAME).status_code == 200
        assert client.get("/me").json() == {"user": "dana"}
        assert client.post("/auth/refresh", headers=SAME).status_code == 200
        with client.websocket_connect("/api/live", headers=headers) as socket:
            assert socket.receive_text() == "dana"
        assert client.post("/auth/sign-out", headers=SAME).status_code == 204
        assert client.get("/me").status_code == 401
    with TestClient(page.site) as client:
        assert client.get("/hello", headers=headers).text == "dana"
        assert client.get("/hello").status_code == 401
    page.auth.tk._sync.close()


def test_django_and_its_rest_framework(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.test import RequestFactory

    with django_project.database(**django_project.sqlite(tmp_path / "site.db")):
        page, asked = run("docs/django.md", monkeypatch), RequestFactory()
        headers = issue(get_tokenry())
        assert b'"dana"' in page.projects(asked.get("/", headers=headers)).content
        assert page.me(asked.get("/", headers=headers)).status_code == 403, "a key is no session"
        assert b'"dana"' in page.Projects.as_view()(asked.get("/", headers=headers)).render().content
        issued = page.hire("bob")
        assert get_tokenry().verify(issued.secret).owner.external_id == "bob"
        close()

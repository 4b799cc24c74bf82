"""The example of each framework, from the first sign-in to the last sign-out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.examples.sites import EXAMPLES, free_port, serving
from tests.ext.browsers import OTHER, Answer, Browser


@contextmanager
def flask_app(folder: Path) -> Iterator[str]:
    port = free_port()
    command = ["flask", "--app", str(EXAMPLES / "flask_app" / "app"), "run", "--port", str(port)]
    with serving(*command, port=port, FLASK_TOKENRY_DATABASE_URL=f"sqlite:///{folder}/keys.db") as url:
        yield url


@contextmanager
def fastapi_app(folder: Path) -> Iterator[str]:
    port = free_port()
    command = ["uvicorn", "--app-dir", str(EXAMPLES / "fastapi_app"), "app:app", "--port", str(port)]
    with serving(*command, port=port, TOKENRY_DATABASE_URL=f"sqlite:///{folder}/keys.db") as url:
        yield url


@contextmanager
def django_app(folder: Path) -> Iterator[str]:
    port, place, variables = free_port(), EXAMPLES / "django_app", {"DATABASE": str(folder / "site.db")}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", "import start; start.prepare()"], cwd=place, env=variables, check=True)
    command = ["gunicorn", "--chdir", str(place), "--bind", f"127.0.0.1:{port}", "--workers=2", "wsgi"]
    with serving(*command, port=port, **variables) as url:
        asked = [httpx2.post(f"{url}/sign-up", json={"user": "eve", "password": "x"}, timeout=30) for _ in range(2)]
        assert [answer.status_code for answer in asked] == [201, 409]
        yield url


APPS = {"flask": flask_app, "fastapi": fastapi_app, "django": django_app}


@pytest.mark.parametrize("name", sorted(APPS))
def test_people_sign_in_and_make_keys_and_programs_use_them(name: str, tmp_path: Path) -> None:
    with APPS[name](tmp_path) as url, httpx2.Client(base_url=url, timeout=30) as client:

        def send(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
            client.cookies.clear()
            answer = client.request(method, path, headers=headers, content=body)
            return Answer(answer.status_code, list(answer.headers.multi_items()), answer.content)

        ada, grace = signed_in(Browser(send), "ada", "engine"), signed_in(Browser(send), "grace", "compiler")
        assert Browser(send).post("/sign-in", body={"user": "ada", "password": "guess"}).status == 401
        assert ada.get("/me").json["user"] == "ada"
        assert len(ada.get("/me").json["sessions"]) == 1
        made = ada.post("/me/keys", body={"name": "laptop", "scopes": ["read:projects"]})
        assert (made.status, made.header("cache-control")) == (201, "no-store")
        bearer = {"Authorization": f"Bearer {made.json['secret']}"}
        assert client.get("/api/projects", headers=bearer).json()["owner"] == "ada"
        assert client.get("/me", headers=bearer).status_code == 403, "a key is not its owner"
        assert ada.post("/me/keys", body={"name": "LAPTOP"}).status == 409
        assert ada.post("/me/keys", body={"name": "", "scopes": ["no:such"]}).status == 422
        assert ada.post("/me/keys", body={"name": "all", "scopes": ["*"]}).status == 403
        assert ada.post("/me/keys", OTHER, {"name": "forged"}).status == 403
        page = {**SAME, "tokenry-page": "1"}
        assert [key["name"] for key in ada.ask("GET", "/keys/api/keys", page).json["items"]] == ["laptop"]
        without = ada.post("/keys/api/keys", page, {"name": "phone"})
        refused = client.get("/api/projects", headers={"Authorization": f"Bearer {without.json['secret']}"})
        assert refused.json()["code"] == "insufficient_scope"
        assert ada.ask("POST", f"/keys/api/keys/{without.json['key']['id']}/revoke", page, {}).status == 200
        key = next(key for key in ada.get("/me/keys").json if key["name"] == "laptop")
        assert grace.ask("DELETE", f"/me/keys/{key['id']}", SAME).status == 404
        assert ada.post("/auth/refresh").status == 200
        assert ada.ask("DELETE", f"/me/keys/{key['id']}", SAME).status == 204
        assert client.get("/api/projects", headers=bearer).json()["code"] == "revoked"
        before = ada.copy()
        assert ada.post("/auth/sign-out").status == 204
        assert json.loads(before.get("/me").body)["code"] == "revoked"
        assert grace.get("/me").status == 200


SAME = {"Sec-Fetch-Site": "same-origin"}


def signed_in(browser: Browser, user: str, password: str) -> Browser:
    assert browser.post("/sign-in", body={"user": user, "password": password}).status == 200
    return browser

"""The same small application in every framework, and a browser that keeps cookies as browsers do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from tokenry import AsyncTokenry, Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.testing import FakeClock

KEYRING = fresh_keyring()
OFFER = ["read:projects"]
SAME, OTHER = {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((value for found, value in self.headers if found.lower() == name.lower()), None)

    def set_cookies(self) -> list[str]:
        return [value for name, value in self.headers if name.lower() == "set-cookie"]


Send = Callable[[str, str, dict[str, str], bytes], Answer]


class Browser:
    """Keeps cookies by name and path, and sends along those that belong to a path."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.jar: dict[str, tuple[str, str]] = {}

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, {name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, headers: dict[str, str] | None = None, body: Any = None) -> Answer:
        return self.ask("POST", path, SAME if headers is None else headers, body)

    def ask(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> Answer:
        sent = dict(headers)
        cookies = "; ".join(f"{name}={value}" for name, (value, at) in self.jar.items() if _covers(at, path))
        if cookies and "Cookie" not in sent:
            sent["Cookie"] = cookies
        data = b"" if body is None else json.dumps(body).encode()
        if body is not None:
            sent["Content-Type"] = "application/json"
        answer = self._send(method, path, sent, data)
        for line in answer.set_cookies():
            self._keep(line)
        return answer

    def value(self, name: str) -> str:
        return next(value for found, (value, _) in self.jar.items() if found.endswith(name))

    def put(self, name: str, value: str) -> None:
        found = next(found for found in self.jar if found.endswith(name))
        self.jar[found] = (value, self.jar[found][1])

    def copy(self) -> Browser:
        """Return a thief's browser: it has all cookies as they are now."""
        other = Browser(self._send)
        other.jar = dict(self.jar)
        return other

    def _keep(self, line: str) -> None:
        pair, *attributes = line.split(";")
        name, _, value = pair.partition("=")
        named = {part.strip().partition("=")[0].lower(): part.strip().partition("=")[2] for part in attributes}
        if named.get("max-age") == "0":
            self.jar.pop(name, None)
        else:
            self.jar[name] = (value.strip('"'), named["path"])


def _covers(at: str, path: str) -> bool:
    return at == "/" or path == at or path.startswith(at + "/")


class Site(NamedTuple):
    """One application: its engine (the synchronous one), its hooks, its clock, and how it is talked to."""

    tk: Tokenry
    hooks: Any
    clock: FakeClock
    send: Send

    def browser(self) -> Browser:
        return Browser(self.send)


def settings(**given: Any) -> Settings:
    # Nothing is written beside a request, however long it takes on a busy machine.
    return Settings(**{"background": False, "flush_interval": timedelta(hours=1)} | given)


@contextmanager
def flask_site(folder: Path, options: dict[str, Any], given: dict[str, Any]) -> Iterator[Site]:
    from flask import Flask, request

    from tokenry.ext.flask import FlaskTokenry, current_credential

    app, auth, clock = Flask(__name__), FlaskTokenry(), FakeClock()
    app.config.update({f"TOKENRY_{name.upper()}": value for name, value in options.items()})
    with Tokenry(f"sqlite:///{folder}/flask.db", keyring=KEYRING, settings=settings(**given), clock=clock) as tk:
        auth.init_app(app, tk)
        app.register_blueprint(auth.blueprint())
        app.register_blueprint(auth.key_page("/keys", scopes=OFFER, sign_in="/sign-in"))

        @app.post("/sign-in")
        def sign_in() -> Any:
            return auth.sign_in({}, request.headers["X-Demo-User"], {"theme": "dark"})

        @app.route("/signed-in", methods=["GET", "POST", "PURGE"])
        @auth.session_required
        def signed_in() -> Any:
            return {"owner": current_credential.owner.external_id}

        @app.route("/auth/own", methods=["GET", "POST"])
        @auth.refresh_session
        def own(tokens: Any) -> Any:
            return {"session": tokens.session.id}

        yield Site(tk, auth, clock, _wsgi(app))


@contextmanager
def django_site(folder: Path, options: dict[str, Any], given: dict[str, Any]) -> Iterator[Site]:
    from django.core.wsgi import get_wsgi_application
    from django.test import override_settings

    from tests.ext import django_project
    from tokenry.ext.django import engine

    clock, path = FakeClock(), folder / "django.db"
    upper = {name.upper(): value for name, value in options.items()}
    with (
        django_project.database(**django_project.sqlite(path)),
        override_settings(TOKENRY=upper),
        Tokenry(engine.database_url(), keyring=KEYRING, settings=settings(**given), clock=clock) as tk,
    ):
        engine._open[engine._place()] = tk
        yield Site(tk, engine.hooks, clock, _wsgi(get_wsgi_application()))
        engine.hooks._steps.clear()


@contextmanager
def fastapi_site(folder: Path, options: dict[str, Any], given: dict[str, Any]) -> Iterator[Site]:
    from fastapi import Depends, FastAPI, Request, Response

    from tokenry.ext.fastapi import FastAPITokenry

    clock = FakeClock()
    tk = AsyncTokenry(f"sqlite:///{folder}/fastapi.db", keyring=KEYRING, settings=settings(**given), clock=clock)
    app = FastAPI()
    auth = FastAPITokenry(app, tk, **options)
    app.include_router(auth.router())
    app.include_router(auth.key_page("/keys", scopes=OFFER, sign_in="/sign-in"))
    session, refreshed = Depends(auth.session_required()), Depends(auth.refresh_session)

    async def sign_in(request, response):  # type: ignore[no-untyped-def]
        await auth.sign_in(request, response, request.headers["X-Demo-User"], {"theme": "dark"})
        return {}

    sign_in.__annotations__ = {"request": Request, "response": Response}
    app.post("/sign-in")(sign_in)

    async def signed_in(credential: Any = session) -> Any:
        return {"owner": credential.owner.external_id}

    app.api_route("/signed-in", methods=["GET", "POST", "PURGE"])(signed_in)

    @app.api_route("/auth/own", methods=["GET", "POST"])
    async def own(tokens: Any = refreshed) -> Any:
        return {"session": tokens.session.id}

    with _asgi(app) as send:
        yield Site(tk._sync, auth, clock, send)
    tk._sync.close()


def _wsgi(app: Any) -> Send:
    from werkzeug.test import Client

    client = Client(app, use_cookies=False)

    def send(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        answer = client.open(path, method=method, headers=headers, data=body, base_url="https://testserver")
        fields = [(name, value.strip()) for name, value in answer.headers.items()]  # as on the wire
        return Answer(answer.status_code, fields, answer.data)

    return send


@contextmanager
def _asgi(app: Any) -> Iterator[Send]:
    from starlette.testclient import TestClient

    with TestClient(app, base_url="https://testserver", follow_redirects=False) as client:

        def send(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
            client.cookies.clear()
            raw = {name: value.encode("latin-1") for name, value in headers.items()}
            answer = client.request(method, path, headers=raw, content=body)
            return Answer(answer.status_code, list(answer.headers.multi_items()), answer.content)

        yield send


SITES = {"flask": flask_site, "django": django_site, "fastapi": fastapi_site}

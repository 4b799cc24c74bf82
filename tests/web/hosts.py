"""The key page in a small application of each framework, served on this machine. A cookie says who is signed in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from flask import Flask, request
from markupsafe import Markup
from starlette.responses import HTMLResponse
from werkzeug.serving import make_server

from tests.servers.waiting import until
from tokenry import AsyncTokenry, Tokenry

COOKIE = "user"
FRAMEWORKS = ("flask", "fastapi", "django")
_AROUND = "<!doctype html><html lang='en'><title>Host</title><nav>The host</nav><main>{}</main>"
_STYLE = {"Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'"}


@dataclass(frozen=True)
class Site:
    """One application: its address, and the engine behind it."""

    framework: str
    url: str
    tk: Tokenry


@contextmanager
def site(framework: str, folder: Path, **options: Any) -> Iterator[Site]:
    """Serve the page at `/keys`, and within a template of the host's at `/around`."""
    place = f"sqlite:///{folder / framework}.db"
    with _SERVING[framework](place, {"scopes": ["read:projects", "write:projects"], **options}) as (url, tk):
        tk.verify("")  # starts the threads of the engine, before a test counts them
        yield Site(framework, url, tk)


def give(tk: Tokenry, owner: str) -> None:
    """Give an owner a key that was used, one that has ended, and a session."""
    tk.owners.put(owner)
    minute = [{"name": "per-minute", "limit": 600, "window_seconds": 60}]
    used = tk.keys.issue(owner, name="Production", scopes=["read:projects"], limits=minute, credits=1000)
    for place in range(12):
        tk.verify(used.secret, scopes="read:projects" if place % 4 else "write:projects", ip="203.0.113.7")
    tk.flush()
    tk.keys.revoke(tk.keys.issue(owner, name="Old laptop", expires_in=None).key.id)
    tk.sessions.start(owner, device={"name": "Firefox on Linux"})


@contextmanager
def _wsgi(app: Any) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _flask(place: str, options: dict[str, Any]) -> Iterator[tuple[str, Tokenry]]:
    from tokenry.ext.flask import FlaskTokenry

    app, tk = Flask("host"), Tokenry(place)
    auth = FlaskTokenry(app, tk)

    def owner() -> str | None:
        return request.cookies.get(COOKIE)

    def render(fragment: str) -> Any:
        return _AROUND.format(Markup("{}").format(fragment)), 200, _STYLE

    app.register_blueprint(auth.key_page("/keys", owner=owner, sign_in="/sign-in", **options))
    app.register_blueprint(auth.key_page("/around", owner=owner, render=render, **options), name="around")
    with _wsgi(app) as url, tk:
        yield url, tk


@contextmanager
def _fastapi(place: str, options: dict[str, Any]) -> Iterator[tuple[str, Tokenry]]:
    from tokenry.ext.fastapi import FastAPITokenry

    app, tk = FastAPI(), AsyncTokenry(place)
    auth = FastAPITokenry(app, tk)

    async def owner(request: Request) -> str | None:
        return request.cookies.get(COOKIE)

    async def render(request: Request, fragment: str) -> HTMLResponse:
        return HTMLResponse(_AROUND.format(fragment), headers=_STYLE)

    app.include_router(auth.key_page("/keys", owner=owner, sign_in="/sign-in", **options))
    app.include_router(auth.key_page("/around", owner=owner, render=render, **options))
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", tk._sync
    finally:
        server.should_exit = True
        thread.join()
        tk._sync.close()


@contextmanager
def _django(place: str, options: dict[str, Any]) -> Iterator[tuple[str, Tokenry]]:
    from tests.ext import django_project

    assert django_project
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpRequest, HttpResponse
    from django.test import override_settings
    from django.urls import path

    from tokenry.ext.django import close, get_tokenry, key_page

    def owner(request: HttpRequest) -> str | None:
        return request.COOKIES.get(COOKIE)

    def render(request: HttpRequest, fragment: str) -> HttpResponse:
        return HttpResponse(_AROUND.format(fragment), headers=_STYLE)

    class urls:
        urlpatterns = (
            path("keys/", key_page(owner=owner, sign_in="/sign-in", **options)),
            path("around/", key_page(owner=owner, render=render, **options)),
        )

    with override_settings(TOKENRY={"DATABASE_URL": place}, ROOT_URLCONF=urls):
        try:
            with _wsgi(WSGIHandler()) as url:
                yield url, get_tokenry()
        finally:
            close()


_SERVING: dict[str, Callable[..., Any]] = {"flask": _flask, "fastapi": _fastapi, "django": _django}

"""Open the key page of an owner in Flask, FastAPI and Django, with what an installed package holds and nothing else.

`make release-check` runs this file in a clean environment: it imports nothing of the checkout.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

COOKIE = "user"
SCOPES = ["read:projects"]
SAME = {"tokenry-page": "1", "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}


class _Quiet(WSGIRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing of each request."""


@contextmanager
def wsgi(app: Any) -> Iterator[str]:
    """Serve a WSGI application on this machine."""
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def in_flask() -> Iterator[str]:
    """Serve the page in Flask."""
    from flask import Flask, request

    from tokenry import Tokenry
    from tokenry.ext.flask import FlaskTokenry

    app = Flask("host")
    with Tokenry("sqlite:///flask.db") as tk:
        page = FlaskTokenry(app, tk).key_page("/keys", owner=lambda: request.cookies.get(COOKIE), scopes=SCOPES)
        app.register_blueprint(page)
        with wsgi(app) as url:
            yield url


@contextmanager
def in_fastapi() -> Iterator[str]:
    """Serve the page in FastAPI."""
    import fastapi
    import uvicorn

    from tokenry import AsyncTokenry
    from tokenry.ext.fastapi import FastAPITokenry

    def owner(request: Any) -> str | None:
        found: str | None = request.cookies.get(COOKIE)
        return found

    owner.__annotations__["request"] = fastapi.Request
    app, tk = fastapi.FastAPI(), AsyncTokenry("sqlite:///fastapi.db")
    app.include_router(FastAPITokenry(app, tk).key_page("/keys", owner=owner, scopes=SCOPES))
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def in_django() -> Iterator[str]:
    """Serve the page in Django."""
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.urls import path

    def owner(request: Any) -> str | None:
        found: str | None = request.COOKIES.get(COOKIE)
        return found

    class Urls:
        urlpatterns = ()

    settings.configure(
        SECRET_KEY="of a check",
        ALLOWED_HOSTS=["127.0.0.1"],
        INSTALLED_APPS=["tokenry.ext.django"],
        ROOT_URLCONF=Urls,
        TOKENRY={"DATABASE_URL": "sqlite:///django.db"},
        MIDDLEWARE=["tokenry.ext.django.TokenryMiddleware"],
    )
    django.setup()
    from tokenry.ext.django import close, key_page

    Urls.urlpatterns = (path("keys/", key_page(owner=owner, scopes=SCOPES)),)  # type: ignore[assignment]
    try:
        with wsgi(WSGIHandler()) as url:
            yield url
    finally:
        close()


def ask(url: str, body: object = None, **fields: str) -> tuple[int, str]:
    """Return the status and the text of an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, fields)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def visit(url: str) -> None:
    """Open the page as ada, with every file that it names, and make a key there."""
    fields = {**SAME, "Cookie": f"{COOKIE}=ada", "Origin": url}
    status, document = ask(f"{url}/keys/", **fields)
    must(status == 200 and "<tokenry-keys" in document, "the page opens")
    files = re.findall(r'(?:src|href)="([\w.-]+\.\w+)"', document)
    must(set(files) == {"tokenry-keys.js", "key-page.css"}, f"the page names its files: {files}")
    for file in files:
        status, text = ask(f"{url}/keys/{file}")
        must(status == 200 and len(text) > 10, f"{file} is in the package")
    must(ask(f"{url}/keys/api/keys", **SAME)[0] == 401, "who is not signed in sees no keys")
    status, made = ask(f"{url}/keys/api/keys", {"name": "CI", "scopes": SCOPES}, **fields)
    must(status == 200 and json.loads(made)["secret"].startswith("tk_"), "a key is made")
    status, listed = ask(f"{url}/keys/api/keys", **fields)
    must([key["name"] for key in json.loads(listed)["items"]] == ["CI"], "and is listed")


def must(holds: bool, what: str) -> None:
    """End with what does not hold."""
    if not holds:
        sys.exit(f"not so: {what}")


FRAMEWORKS: dict[str, Callable[[], Any]] = {"flask": in_flask, "fastapi": in_fastapi, "django": in_django}

if __name__ == "__main__":
    for name, serving in FRAMEWORKS.items():
        with serving() as url:
            visit(url)
        print(f"  the key page of an owner opens in {name}")

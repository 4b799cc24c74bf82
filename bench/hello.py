"""The same two routes in every framework: `/plain` says hello to everybody, `/protected` to a caller with a key.

In FastAPI `/bearer` greets a caller with any bearer token, by FastAPI's own dependency; the wrapped application always
asks for a key.

Servers load `bench.hello:flask_app`, `bench.hello:fastapi_app`, `bench.hello:django_app`.
"""

import os
from typing import Any

URL = os.environ["BENCH_DATABASE_URL"]


def _flask() -> Any:
    from flask import Flask

    from tokenry import Tokenry
    from tokenry.ext.flask import FlaskTokenry

    app = Flask("hello")
    auth = FlaskTokenry(app, Tokenry(URL))

    @app.get("/plain")
    def plain() -> dict[str, str]:
        return {"hello": "world"}

    @app.get("/protected")
    @auth.key_required("read:projects")
    def protected() -> dict[str, str]:
        return {"hello": "world"}

    return app


def _fastapi() -> Any:
    from fastapi import Depends, FastAPI
    from fastapi.security import HTTPBearer

    from tokenry import AsyncTokenry
    from tokenry.ext.fastapi import FastAPITokenry

    app = FastAPI()
    key = Depends(FastAPITokenry(app, AsyncTokenry(URL)).key_required("read:projects"))
    bearer = Depends(HTTPBearer())

    @app.get("/plain")
    async def plain() -> dict[str, str]:
        return {"hello": "world"}

    @app.get("/bearer")
    async def by_bearer(credential: Any = bearer) -> dict[str, str]:
        return {"hello": "world"}

    @app.get("/protected")
    async def protected(credential: Any = key) -> dict[str, str]:
        return {"hello": "world"}

    return app


def _plain_fastapi() -> Any:
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/plain")
    async def plain() -> dict[str, str]:
        return {"hello": "world"}

    return app


def _wrapped_fastapi(*, exclusive: bool = False) -> Any:
    from tokenry import AsyncTokenry, Settings
    from tokenry.ext.asgi import TokenryMiddleware

    tk = AsyncTokenry(URL, settings=Settings(exclusive=exclusive))
    return TokenryMiddleware(_plain_fastapi(), tk, scopes="read:projects")


def _django() -> Any:
    import django
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, JsonResponse
    from django.urls import path

    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=["tokenry.ext.django"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": URL.removeprefix("sqlite:///")}},
    )
    django.setup()

    from tokenry.ext.django import key_required

    def hello(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"hello": "world"})

    global urlpatterns
    urlpatterns = [path("plain", hello), path("protected", key_required("read:projects")(hello))]
    return get_wsgi_application()


urlpatterns: list[Any] = []
_APPLICATIONS = {
    "flask_app": _flask,
    "django_app": _django,
    "fastapi_app": _fastapi,
    "plain_fastapi_app": _plain_fastapi,
    "wrapped_fastapi_app": _wrapped_fastapi,
    "lone_fastapi_app": lambda: _wrapped_fastapi(exclusive=True),
}


def __getattr__(name: str) -> Any:
    if name in _APPLICATIONS:
        globals()[name] = _APPLICATIONS[name]()
        return globals()[name]
    raise AttributeError(name)

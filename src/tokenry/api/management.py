"""The management API: every room, behind one door."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tokenry import __version__
from tokenry.tokenry import Tokenry

from . import (
    audit,
    docs,
    events,
    explaining,
    keys,
    owners,
    replies,
    roles,
    scopes,
    selfs,
    sessions,
    signing_keys,
    tenants,
    usage,
)
from .callers import Callers
from .problems import problem
from .routes import Route, request_id_of
from .settings import ServerSettings

ROOMS: Final = (
    tenants.room,
    owners.room,
    roles.room,
    scopes.room,
    keys.room,
    sessions.room,
    signing_keys.room,
    selfs.room,
    explaining.room,
    usage.room,
    audit.room,
    events.room,
)

_DESCRIPTION: Final = """\
Management of API keys. Every call needs an operator's key (`tk_op_…`) with the scope that stands beside it; operators
of a tenant see that tenant alone. `/v1/self` is for every key. Errors are `application/problem+json`, whose `type` is
a page about the code.
"""

_SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "`Authorization: Bearer tk_op_…`; `Authorization: Token …` and `X-API-Key: …` do as well.",
    },
}


def management(tk: Tokenry, settings: ServerSettings) -> FastAPI:
    """Return the application that serves `/v1`, `/docs` and `/openapi.json`, without the hot routes."""
    app = FastAPI(
        title="Tokenry",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        openapi_tags=[{"name": room.noun, "description": room.description} for room in ROOMS],
        exception_handlers={HTTPException: _no_route},
    )
    app.router.route_class = Route
    app.state.callers = Callers(tk, settings.trusted_proxies)
    for room in ROOMS:
        room.open(app)
    docs.serve(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


async def _no_route(request: Request, error: Exception) -> Response:
    """Answer what matches no route, or no method of it."""
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
    detail = "There is no such route." if code == "not_found" else ""
    request_id = request_id_of(request)
    response = replies.failure(problem(code, detail, headers=(error.headers or {}).items()), request_id)
    response.headers["X-Request-Id"] = request_id
    return response


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the reference, made once."""
    if app.openapi_schema is None:
        told = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        told["components"]["securitySchemes"] = _SCHEMES
        for item in told["paths"].values():
            for operation in item.values():
                for parameter in operation.get("parameters", ()):
                    parameter["schema"] = _left_out(parameter["schema"])
        app.openapi_schema = told
    return app.openapi_schema


def _left_out(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter that may be left out, but cannot be null: there is no null in a URL."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    if len(kinds) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name not in ("anyOf", "default")}, **kinds[0]}

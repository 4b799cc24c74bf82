"""`/docs`, `/docs/problems/{code}` and `/openapi.json`: the reference, without a script or another host."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from . import pages, problems, replies
from .routes import request_id_of

_FIELDS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def serve(app: FastAPI) -> None:
    """Let an application serve its own reference."""

    @cache
    def document() -> bytes:
        return msgspec.json.encode(app.openapi())

    @cache
    def reference() -> str:
        return pages.reference(app.openapi())

    async def openapi(request: Request) -> Response:
        return Response(document(), headers=_FIELDS, media_type="application/json")

    async def docs(request: Request) -> Response:
        return Response(reference(), headers=_FIELDS, media_type="text/html")

    app.add_route("/openapi.json", openapi)
    app.add_route("/docs", docs)
    app.add_route("/docs/reference.css", _style)
    app.add_route("/docs/problems", _problems)
    app.add_route("/docs/problems/{code}", _problem)


async def _problems(request: Request) -> Response:
    return Response(pages.problems(), headers=_FIELDS, media_type="text/html")


async def _problem(request: Request) -> Response:
    code = request.path_params["code"]
    if code not in problems.KINDS:
        return replies.failure(problems.problem("not_found", "There is no such code."), request_id_of(request))
    return Response(pages.problem(code), headers=_FIELDS, media_type="text/html")


async def _style(request: Request) -> Response:
    return Response(_css(), headers=_FIELDS, media_type="text/css")


@cache
def _css() -> bytes:
    return files(__package__).joinpath("reference.css").read_bytes()

"""`/docs` and `/openapi.json`."""

from __future__ import annotations

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response


def serve(app: FastAPI) -> None:
    """Let an application serve its own reference."""

    async def openapi(request: Request) -> Response:
        return Response(msgspec.json.encode(app.openapi()), media_type="application/json")

    app.add_route("/openapi.json", openapi)

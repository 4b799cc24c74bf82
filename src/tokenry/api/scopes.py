"""`/v1/scopes`: the catalogue that says what may be granted."""

from __future__ import annotations

from starlette.responses import Response

from . import replies
from .documents import ScopeCheckDocument, ScopesDocument
from .rooms import Here, Room
from .schemas import Body, Scopes

room = Room("scopes", "The catalogue of what may be granted. A tenant without one accepts any well-formed scope.")


class ScopesBody(Body):
    """Scopes, in their order."""

    scopes: Scopes


@room.get("/v1/scopes", "scopes.list", tells=ScopesDocument)
def list_scopes(here: Here) -> Response:
    """Return the catalogue."""
    return replies.reply({"scopes": here.scopes.list()})


@room.put("/v1/scopes", "scopes.define", tells=ScopesDocument)
def define(here: Here, body: ScopesBody) -> Response:
    """Replace the catalogue. What was granted before stays granted."""
    return replies.reply({"scopes": here.scopes.define(body.scopes)})


@room.post("/v1/scopes/check", "scopes.check", tells=ScopeCheckDocument)
def check(here: Here, body: ScopesBody) -> Response:
    """Tell whether scopes may be granted, and name the unknown ones."""
    found = here.scopes.check(body.scopes)
    return replies.reply({"known": bool(found), "unknown": found.unknown})

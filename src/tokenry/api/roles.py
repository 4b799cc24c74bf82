"""`/v1/roles`: named sets of scopes."""

from __future__ import annotations

from starlette.responses import Response

from tokenry.types import Role

from . import replies
from .documents import PageOf
from .rooms import Here, Room
from .schemas import Body, Cursor, Limit, NewRolePath, RolePath, Scopes

room = Room("roles", "Named sets of scopes. A key or owner that names a role holds its scopes as they are now.")


class RoleFields(Body):
    """What a role is."""

    scopes: Scopes


@room.get("/v1/roles", "roles.list", tells=PageOf[Role])
def list_roles(here: Here, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """List roles, by name."""
    return replies.page(here.roles.list(limit=limit, cursor=cursor))


@room.get("/v1/roles/{name}", "roles.get", tells=Role)
def get(here: Here, name: RolePath) -> Response:
    """Return a role."""
    return replies.reply(here.roles.get(name))


@room.put("/v1/roles/{name}", "roles.put", tells=Role)
def put(here: Here, name: NewRolePath, body: RoleFields) -> Response:
    """Create a role or replace its scopes; keys with the role hold the new ones at once."""
    return replies.reply(here.roles.put(name, scopes=body.scopes))


@room.delete("/v1/roles/{name}", "roles.delete")
def delete(here: Here, name: RolePath) -> Response:
    """Delete a role; it is gone from owners and keys at once."""
    here.roles.delete(name)
    return replies.nothing()

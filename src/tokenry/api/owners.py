"""`/v1/owners`: the users and services that keys belong to."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.responses import Response

from tokenry.types import NotFound, Owner

from . import replies
from .documents import PageOf
from .rooms import Here, Room
from .schemas import Body, Cursor, ExternalId, Limit, Line, NewExternalId, Roles

room = Room("owners", "Users and services that keys belong to, known by their `external_id`.")


class OwnerFields(Body):
    """What is said of an owner; what is left out stays, or is empty for a new one."""

    name: Line = ""
    email: Line | None = None
    roles: Roles = Field(default_factory=list)
    admin: bool = False


def known(external_id: str) -> str:
    """Return the id of an owner that may exist; raise NotFound for a text that can be none."""
    if len(external_id) > 255 or not external_id.isprintable():
        raise NotFound("there is no such owner here")
    return external_id


@room.get("/v1/owners", "owners.list", tells=PageOf[Owner])
def list_owners(
    here: Here,
    text: Annotated[str | None, Query(min_length=1, max_length=320)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List owners, by external id."""
    return replies.page(here.owners.list(text=text, limit=limit, cursor=cursor))


@room.post("/v1/owners/{external_id:path}/disable", "owners.disable", tells=Owner)
def disable(here: Here, external_id: ExternalId) -> Response:
    """Disable an owner: from now on none of its credentials is valid."""
    return replies.reply(here.owners.disable(known(external_id)))


@room.post("/v1/owners/{external_id:path}/enable", "owners.enable", tells=Owner)
def enable(here: Here, external_id: ExternalId) -> Response:
    """Make a disabled owner active again."""
    return replies.reply(here.owners.enable(known(external_id)))


@room.get("/v1/owners/{external_id:path}", "owners.get", tells=Owner)
def get(here: Here, external_id: ExternalId) -> Response:
    """Return an owner."""
    return replies.reply(here.owners.get(known(external_id)))


@room.put("/v1/owners/{external_id:path}", "owners.put", tells=Owner)
def put(here: Here, external_id: NewExternalId, body: OwnerFields | None = None) -> Response:
    """Create an owner, or change the fields that are given; never its status."""
    return replies.reply(here.owners.put(external_id, **(body.given() if body else {})))


@room.delete("/v1/owners/{external_id:path}", "owners.delete")
def delete(here: Here, external_id: ExternalId) -> Response:
    """Delete an owner and revoke its keys."""
    here.owners.delete(known(external_id))
    return replies.nothing()

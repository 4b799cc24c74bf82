"""`/v1/events`: what happened, in the order in which it was committed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from tokenry.types import Event

from . import replies
from .documents import PageOf
from .rooms import Here, Room
from .schemas import Cursor, Limit

room = Room("events", "What happened. Who goes on after the last `sequence` misses nothing.")


@room.get("/v1/events", "events.list", tells=PageOf[Event])
def list_events(
    here: Here,
    after: Annotated[int, Query(ge=0, lt=1 << 63, description="The `sequence` of the last event you have.")] = 0,
    types: Annotated[
        list[str] | None, Query(max_length=100, description="Types or patterns: `types=key.*&types=owner.deleted`.")
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List events after a sequence number, the oldest first."""
    return replies.page(here.events.list(after=after, types=types, limit=limit, cursor=cursor))

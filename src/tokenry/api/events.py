"""`/v1/events`: what happened, in the order in which it was committed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from tokenry.types import Event

from . import replies
from .documents import ListOf
from .rooms import Here, Room
from .schemas import Limit

room = Room("events", "What happened. Who goes on after the last `sequence` misses nothing.")


@room.get("/v1/events", "events.list", tells=ListOf[Event])
def list_events(
    here: Here,
    after: Annotated[int, Query(ge=0, lt=1 << 63, description="The `sequence` of the last event you have.")] = 0,
    types: Annotated[
        str | None, Query(max_length=1000, description="Types or patterns, with commas between: `key.*,owner.deleted`.")
    ] = None,
    limit: Limit = 100,
) -> Response:
    """List events after a sequence number, the oldest first."""
    chosen = None if types is None else types.split(",")
    return replies.items(here.events.list(after=after, types=chosen, limit=limit).items)

"""`/v1/usage`: how often keys were presented."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from tokenry.types import UsageHour

from . import replies
from .documents import ListOf
from .rooms import Here, Room
from .schemas import Moment

room = Room("usage", "How often keys were presented, by hour and code.")


@room.get("/v1/usage", "usage.get", tells=ListOf[UsageHour])
def get(here: Here, key_id: Annotated[str, Query(max_length=64)], since: Moment | None = None) -> Response:
    """Tell how often a key was presented, by hour and code; written about once a second."""
    return replies.items(here.usage.get(key_id, since=since))

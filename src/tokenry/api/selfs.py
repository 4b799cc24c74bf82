"""`/v1/self`: what a key may ask about itself, and do to itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from tokenry.types import Key

from . import replies
from .documents import IssuedDocument, SelfDocument
from .keys import Revocation, Rotation, rotated
from .rooms import Caller, Room
from .schemas import IdempotencyKey, Whole

room = Room("self", "With the key itself, any key.")


class SelfRotation(Rotation):
    """How a key's own secret is replaced: the old one works until its grace is over."""

    grace_seconds: Annotated[Whole, Field(ge=0, le=365 * 86_400)] = 60


@room.get("/v1/self", "self.get", tells=SelfDocument)
def get(call: Caller) -> Response:
    """Tell who presents the key, what it holds, and how its limits stand."""
    valid = call.valid
    told = {
        "key": valid.key,
        "owner": valid.owner,
        "tenant": call.home,
        "scopes": valid.scopes,
        "limits": valid.limits,
    }
    return replies.limits(valid.limits, told)


@room.post("/v1/self/rotate", "self.rotate", tells=IssuedDocument)
def rotate(call: Caller, body: SelfRotation | None = None, idempotency_key: IdempotencyKey = None) -> Response:
    """Replace the key's own secret, if the tenant allows it.

    A lost answer must not lock the caller out: it needs a grace of a minute, or an `Idempotency-Key`. Either is of use
    while the old secret lives: with a grace of 0 nobody can repeat the call with it.
    """
    return replies.issued(rotated(call.groups(call.home), call.key_id, body or SelfRotation(), idempotency_key))


@room.post("/v1/self/revoke", "self.revoke", tells=Key)
def revoke(call: Caller, body: Revocation | None = None) -> Response:
    """End the key that is presented, for good."""
    return replies.key(call.groups(call.home).keys.revoke(call.key_id, reason=body.reason if body else ""))

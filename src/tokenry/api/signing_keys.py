"""`/v1/signing-keys`: the keys that sign the access tokens of a tenant."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from tokenry.types import SigningKey

from . import replies
from .documents import ListOf
from .rooms import Here, Room

room = Room("signing keys", "The keys that sign access tokens. Verifiers find the public ones in the JWKS.")

Kid = Annotated[str, Path(description="The `kid` of a signing key.", examples=["4Zq0v1nUeXk2TtSb"])]


@room.get("/v1/signing-keys", "signing_keys.list", tells=ListOf[SigningKey])
def list_signing_keys(here: Here) -> Response:
    """List the keys of a tenant, the oldest first; a removed one stays in the list."""
    return replies.items(here.signing_keys.list())


@room.post("/v1/signing-keys/rotate", "signing_keys.rotate", tells=SigningKey)
def rotate(here: Here) -> Response:
    """Let the next key sign from now on. What the last one signed stays good."""
    return replies.reply(here.signing_keys.rotate())


@room.post("/v1/signing-keys/{kid}/remove", "signing_keys.remove", tells=SigningKey)
def remove(here: Here, kid: Kid) -> Response:
    """Remove a key that has become known: nothing that it signed is accepted any more."""
    return replies.reply(here.signing_keys.remove(kid))

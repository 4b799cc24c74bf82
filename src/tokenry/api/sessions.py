"""`/v1/sessions`: signing in, staying signed in, signing out. For applications, which know who somebody is."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field
from starlette.responses import Response

from tokenry.edge import Refreshing
from tokenry.types import NOT_GIVEN, NotFound, Refused, Session, SessionTokens

from . import replies
from .documents import PageOf, RefreshDocument, RevokedSessionsDocument, SessionTokensDocument
from .owners import known
from .rooms import Caller, Here, Room, Slug
from .schemas import LINE, Body, Cursor, ExternalId, Limit, Metadata, Owner, Reason, Scopes

room = Room("sessions", "Sign-ins of owners: a short-lived access token, and a refresh token that gets the next one.")

Audience = Annotated[str, Field(min_length=1, max_length=255, pattern=LINE)]
ClientId = Annotated[str, Field(min_length=1, max_length=255, pattern=LINE)]
SessionId = Annotated[str, Path(description="The id of a session.", examples=["ses_01k9v5m0q2x8r7c4t6y3w1"])]
Token = Annotated[str, Field(max_length=8192)]


class NewSession(Body):
    """A sign-in. Without `scopes` the session holds those of its owner's roles, as they are at any time."""

    owner: Owner
    claims: Annotated[Metadata | None, Field(description="Go into every access token.")] = None
    audience: Audience | Annotated[list[Audience], Field(min_length=1, max_length=20)] | None = None
    scopes: Scopes | None = None
    device: Annotated[Metadata | None, Field(description="Kept for the owner to recognise.")] = None
    client_id: ClientId | None = None


class Refresh(Body):
    """A refresh token, and what the next access token may do at most."""

    refresh: Token
    access: Annotated[Token | None, Field(description="The access token that came with it.")] = None
    scopes: Scopes | None = None
    client_id: Annotated[ClientId | None, Field(description="Refuse the token of any other client.")] = None


class SignOut(Body):
    """Why a session ends."""

    reason: Reason = ""
    client_id: Annotated[ClientId | None, Field(description="Find no session of any other client.")] = None


class SignOutByToken(SignOut):
    """Which session ends: that of a refresh token."""

    refresh: Token


class SignOutEverywhere(Body):
    """Why the sessions of an owner end, and which do not."""

    reason: Reason = ""
    except_: Annotated[list[str] | str, Field(alias="except", description="Ids of sessions that go on.")] = ""


def is_refresh_token(text: str) -> bool:
    """Tell whether a text looks like a refresh token: least of all like the id of a session, which is no secret."""
    return text.rpartition("_")[0].endswith("_rt")


def _refresh_token(text: str) -> str:
    if not is_refresh_token(text):
        raise NotFound("there is no such session here")
    return text


def tokens_document(tokens: SessionTokens) -> dict[str, object]:
    """Return a session with the texts of its tokens."""
    return {
        "session": tokens.session,
        "access": str(tokens.access),
        "refresh": str(tokens.refresh),
        "scopes": tokens.scopes,
        "access_expires_at": tokens.access_expires_at,
        "refresh_expires_at": tokens.refresh_expires_at,
    }


@room.get("/v1/sessions", "sessions.list", tells=PageOf[Session])
def list_sessions(
    here: Here,
    owner: Annotated[str | None, Query(min_length=1, max_length=255)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List sessions, the newest first; of one owner, or of all."""
    of = NOT_GIVEN if owner is None else owner
    return replies.page(here.sessions.list(of, limit=limit, cursor=cursor))


@room.post("/v1/sessions", "sessions.start", tells=SessionTokensDocument, status=201)
def start(here: Here, body: NewSession) -> Response:
    """Sign an owner in. Both tokens are in the answer this once."""
    return replies.reply(tokens_document(here.sessions.start(**body.given())), 201)


@room.post("/v1/sessions/refresh", "sessions.refresh", tells=RefreshDocument)
async def refresh(call: Caller, slug: Slug, body: Refresh) -> Response:
    """Take a refresh token for the next pair. A refusal is an answer, too: `valid` is false, and `code` says why."""
    asked = Refreshing(**body.given(), tenant=slug, ip=call.ip, request_id=call.request_id)
    found = await call.refresher.refresh(asked)
    if isinstance(found, Refused):
        return replies.reply({"valid": False, "code": found.code, "tokens": None})
    return replies.reply({"valid": True, "code": "valid", "tokens": tokens_document(found)})


@room.get("/v1/sessions/{id}", "sessions.get", tells=Session)
def get(here: Here, id: SessionId) -> Response:
    """Return a session, never its tokens."""
    return replies.reply(here.sessions.get(id))


@room.post("/v1/sessions/revoke", "sessions.revoke_by_token", tells=Session)
def revoke_by_token(here: Here, body: SignOutByToken) -> Response:
    """End the session of a refresh token."""
    given = body.given()
    return replies.reply(here.sessions.revoke(_refresh_token(given.pop("refresh")), **given))


@room.post("/v1/sessions/{id}/revoke", "sessions.revoke", tells=Session)
def revoke(here: Here, id: SessionId, body: SignOut | None = None) -> Response:
    """End a session. Once this has answered, none of its tokens is valid any more."""
    if is_refresh_token(id):  # which has no place in a path
        raise NotFound("there is no such session here")
    return replies.reply(here.sessions.revoke(id, **(body.given() if body else {})))


@room.post("/v1/owners/{external_id:path}/sessions/revoke", "sessions.revoke_all", tells=RevokedSessionsDocument)
def revoke_all(here: Here, external_id: ExternalId, body: SignOutEverywhere | None = None) -> Response:
    """End all sessions of an owner but those that are excepted."""
    given = body or SignOutEverywhere()
    ended = here.sessions.revoke_all(known(external_id), except_=given.except_ or None, reason=given.reason)
    return replies.reply({"sessions": ended})

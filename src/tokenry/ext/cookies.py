"""The two cookies of a signed-in browser, put on a response of Flask, Starlette or Django alike.

The access cookie outlives its token, for up to a day: one that has expired says `expired`, and the page knows that it
has to refresh rather than to sign in. Not longer, since a day later the key that signed it may be gone, and a token
that nobody can read would spoil the refresh that it comes along with.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tokenry.edge.problems import Problem
from tokenry.types import SessionTokens

from .options import Options

_ACCESS_LIFE_MAX = timedelta(days=1)


def put(response: Any, tokens: SessionTokens, options: Options, root: str = "") -> None:
    """Hand a browser its tokens; `root` is where the application is mounted."""
    stays = tokens.refresh_expires_at - tokens.session.refreshed_at
    _set(
        response,
        options,
        options.access_name,
        str(tokens.access),
        options.access_cookie_life or min(stays, _ACCESS_LIFE_MAX),
        "/",
    )
    life, path = options.refresh_cookie_life or stays, root + options.refresh_path
    _set(response, options, options.refresh_name, str(tokens.refresh), life, path)


def clear(response: Any, options: Options, root: str = "") -> None:
    """Take both cookies away from a browser."""
    _set(response, options, options.access_name, "", timedelta(0), "/")
    _set(response, options, options.refresh_name, "", timedelta(0), root + options.refresh_path)


def are_spent(found: Problem) -> bool:
    """Return whether the cookies are useless after a refused refresh.

    After a bad access token the refresh token may still be good, and its session lives.
    """
    return found.status == 401 and found.code not in ("credential_missing", "access_invalid")


def session_document(tokens: SessionTokens, *, with_secrets: bool) -> dict[str, Any]:
    """Return the facts about tokens that a page may know; the tokens themselves go only to clients without cookies."""
    shown: dict[str, Any] = {
        "session": tokens.session.id,
        "access_expires_at": tokens.access_expires_at.isoformat(),
        "refresh_expires_at": tokens.refresh_expires_at.isoformat(),
    }
    if with_secrets:
        shown |= {"access_token": str(tokens.access), "refresh_token": str(tokens.refresh), "token_type": "Bearer"}
    return shown


def _set(response: Any, options: Options, name: str, value: str, life: timedelta, path: str) -> None:
    response.set_cookie(
        name,
        value,
        max_age=max(0, int(life.total_seconds())),
        path=path,
        secure=options.cookie_secure,
        httponly=True,
        samesite=options.cookie_samesite,
    )

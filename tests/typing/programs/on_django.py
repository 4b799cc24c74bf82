"""Django and WSGI: decorators keep the type of a view, and `request.credential` has an accessor with a type."""

from typing import Any, assert_type

from django.http import HttpRequest

from tokenry import Tokenry
from tokenry.ext.django import (
    credential_of,
    credential_required,
    get_tokenry,
    key_of,
    key_required,
    refresh_session,
    session_of,
    session_required,
)
from tokenry.ext.wsgi import TokenryMiddleware
from tokenry.types import AnyValid, Key, KeyValid, SessionTokens, SessionValid, TokenValid

assert_type(get_tokenry(), Tokenry)


@key_required("read:projects", cost=2)
def projects(request: HttpRequest, number: int) -> list[int]:
    assert_type(credential_of(request), AnyValid | None)
    assert_type(key_of(request), KeyValid | TokenValid)
    assert_type(key_of(request).key, Key)
    return [number]


@session_required
def signed_in(request: HttpRequest) -> str:
    assert_type(session_of(request), SessionValid)
    return session_of(request).owner.external_id


@credential_required(optional=True)
async def anybody(request: HttpRequest) -> int:
    return 1


@refresh_session
def refresh(request: HttpRequest, tokens: SessionTokens, where: str) -> dict[str, str]:
    return {"session": tokens.session.id, "where": where}


def called(request: HttpRequest) -> None:
    assert_type(projects(request, 7), list[int])
    assert_type(signed_in(request), str)
    refresh(request, "here")
    projects(request, "7")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    key_required(costs=2)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


def site(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    return []


guarded = TokenryMiddleware(site, get_tokenry(), scopes="read:projects", optional=True, options={"failures_max": 10})

"""Signing users in, keeping them signed in, signing them out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, Unpack

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from tokenry.edge import is_json
from tokenry.types import SessionTokens

from .. import cookies, steps
from ..facts import token_of
from ..host import Answered, OwnerId, Starting
from .admitting import facts_of, host
from .atomic import begins_before, taking_part

H = TypeVar("H", bound=HttpResponse)
P = ParamSpec("P")
R = TypeVar("R")


def sign_in(
    request: HttpRequest,
    response: H,
    owner: OwnerId,
    claims: Mapping[str, object] | None = None,
    **asked: Unpack[Starting],
) -> H | HttpResponse:
    """Start a session for an owner (made if there is none) and put its cookies on a response, which is returned.

    `asked` holds the arguments of `sessions.start`. Raise Conflict for a disabled owner.
    """
    facts = facts_of(request)
    with taking_part() as tk:
        found = steps.run(host(tk).start(facts, owner, {"claims": claims, **asked}))
    return found.response if isinstance(found, Answered) else host().hand_out(response, found, facts)


def sign_out(request: HttpRequest, response: H, *, everywhere: bool = False) -> H | HttpResponse:
    """End the session of a request, or all sessions of its owner, and take the cookies back."""
    facts, token = facts_of(request), _token_of_body(request)
    with taking_part() as tk:
        found = steps.run(host(tk).sign_out(facts, token, everywhere=everywhere))
    return found.response if found else host().take_back(response, facts)


def refresh_session(
    view: Callable[Concatenate[HttpRequest, SessionTokens, P], R],
) -> Callable[Concatenate[HttpRequest, P], R | HttpResponse]:
    """Refresh the session of a request, then call your own view with `tokens=`."""

    @csrf_exempt  # the cookie is checked here, and no other credential of a browser counts
    @wraps(view)
    def refreshed(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> Any:
        facts, token = facts_of(request), _token_of_body(request)
        found = steps.run(host().refresh(facts, token))
        if isinstance(found, Answered):
            return found.response
        response = inner(request, *args, tokens=found, **kwargs)
        return host().hand_out(response, found, facts, by_cookie=token is None)

    inner = begins_before(view, refreshed)
    decorated: Callable[Concatenate[HttpRequest, P], R | HttpResponse] = refreshed
    return decorated


@require_POST
@refresh_session
def refresh_view(request: HttpRequest, tokens: SessionTokens) -> Any:
    """Answer with the expiry of the new tokens, and with the tokens if the old one came in the body."""
    return JsonResponse(cookies.session_document(tokens, with_secrets=_token_of_body(request) is not None))


@csrf_exempt
@require_POST
def sign_out_view(request: HttpRequest, *, everywhere: bool = False) -> Any:
    """Sign out here, or everywhere."""
    return sign_out(request, HttpResponse(status=204), everywhere=everywhere)


def _token_of_body(request: HttpRequest) -> str | None:
    return token_of(request.body) if is_json(request.headers.get("Content-Type")) else None

"""Signing users in, keeping them signed in, signing them out."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from tokenry.edge import is_json
from tokenry.edge.problems import Problem
from tokenry.types import SessionTokens

from .. import cookies, steps
from ..hooks import refresh_steps
from .admitting import answer, facts_of
from .atomic import begins_before, taking_part
from .engine import get_tokenry, guard, hooks

F = TypeVar("F", bound=Callable[..., Any])


def sign_in(request: HttpRequest, response: Any, owner: object, claims: Any = None, **asked: Any) -> Any:
    """Start a session for an owner (made if there is none) and put its cookies on a response, which is returned.

    `asked` is what `sessions.start` takes. Raise Conflict for an owner who is disabled.
    """
    try:
        facts = facts_of(request)
        with taking_part() as tk:
            found = steps.run(steps.start(tk, guard(), hooks, facts, owner, {"claims": claims, **asked}))
    except steps.Stopped as stopped:
        return stopped.answer
    return answer(found) if isinstance(found, Problem) else _hand_out(request, response, found, by_cookie=True)


def sign_out(request: HttpRequest, response: Any, *, everywhere: bool = False) -> Any:
    """End the session of a request, or all sessions of its owner, and take the cookies back."""
    facts, token = facts_of(request), _token_of_body(request)
    with taking_part() as tk:
        found = steps.run(steps.sign_out(tk, guard(), facts, token, everywhere=everywhere))
    if found is not None:
        return answer(found)
    if guard().may_clear(facts):
        cookies.clear(response, guard().options, _root(request))
    return response


def refresh_session(view: F) -> F:
    """Refresh the session of a request before a view of your own, which is called with `tokens=`."""

    @csrf_exempt  # the cookie is checked here, and no other credential of a browser counts
    @wraps(view)
    def refreshed(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        facts, token = facts_of(request), _token_of_body(request)
        try:
            found = steps.run(steps.refresh(get_tokenry(), guard(), hooks, facts, token))
        except steps.Stopped as stopped:
            return stopped.answer
        if isinstance(found, Problem):
            response = answer(found, refresh_steps(found.code))
            if token is None and cookies.are_spent(found):
                cookies.clear(response, guard().options, _root(request))
            return response
        return _hand_out(request, inner(request, *args, tokens=found, **kwargs), found, by_cookie=token is None)

    inner = begins_before(view, refreshed)
    return cast("F", refreshed)


@require_POST
@refresh_session
def refresh_view(request: HttpRequest, tokens: SessionTokens) -> Any:
    """Answer with when the new tokens expire, and with themselves if the old one came in the body."""
    return JsonResponse(cookies.told(tokens, with_secrets=_token_of_body(request) is not None))


@csrf_exempt
@require_POST
def sign_out_view(request: HttpRequest, *, everywhere: bool = False) -> Any:
    """Sign out here, or everywhere."""
    return sign_out(request, HttpResponse(status=204), everywhere=everywhere)


def _hand_out(request: HttpRequest, response: Any, tokens: SessionTokens, *, by_cookie: bool) -> Any:
    if by_cookie:
        cookies.put(response, tokens, guard().options, _root(request))
    response.headers["Cache-Control"] = "no-store"
    return response


def _root(request: HttpRequest) -> str:
    return str(request.META.get("SCRIPT_NAME", "")).rstrip("/")


def _token_of_body(request: HttpRequest) -> str | None:
    """Return the refresh token that an application without cookies sends as JSON."""
    if not is_json(request.headers.get("Content-Type")):
        return None
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    token = body.get("refresh_token") if isinstance(body, dict) else None
    return token if isinstance(token, str) else None

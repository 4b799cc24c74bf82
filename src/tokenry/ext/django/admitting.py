"""Admits requests to views, and answers refused requests."""

from __future__ import annotations

from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from tokenry.edge.problems import Problem
from tokenry.types import AnyValid, KeyValid, SessionValid, TokenValid, Valid

from .. import steps
from ..answers import limits_of, problem
from ..decorators import Decorators
from ..facts import Facts, of_environ, seen_in_environ
from ..guard import Demand, Need
from ..host import Host
from .atomic import begins_before
from .engine import get_tokenry, guard, hooks, user_loader


class Refusal(Exception):
    """Raised when a view reads a bad credential; the middleware sends the response. `problem` holds the reason."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def facts_of(request: HttpRequest) -> Facts:
    """Read a request, with the host and the scheme as the project's settings for proxies say."""
    facts = of_environ(request.META)
    if facts.origin is None:
        return facts
    forwarded = request.META.get("HTTP_X_FORWARDED_HOST") if settings.USE_X_FORWARDED_HOST else None
    return facts._replace(scheme=request.scheme or "http", host=forwarded or facts.host)


def admitted(request: HttpRequest, need: Need, *, optional: bool) -> AnyValid | None:
    """Put the credential of a request on it, and the user if the project loads users; raise Refusal."""
    request.credential = None
    tk, judge = get_tokenry(), guard()
    found = judge.recalled(steps.recalling(tk), seen_in_environ(request.META), need)
    if found is None:
        found = steps.run(steps.admit(steps.at_once(tk), judge, facts_of(request), need, optional=optional))
    if isinstance(found, Problem):
        raise Refusal(found)
    if found is None:
        return None
    load = user_loader()
    if load is not None:
        user = load(found.owner.external_id)
        if user is None:
            raise Refusal(problem("unknown_user"))
        request.user = user
    request.credential = found
    return found


def credential_of(request: HttpRequest) -> AnyValid | None:
    """Return `request.credential` with its type; None if no credential is needed and none came."""
    return getattr(request, "credential", None) or None


def key_of(request: HttpRequest) -> KeyValid | TokenValid:
    """Return the credential of a request behind `key_required`; raise TypeError for any other."""
    found = credential_of(request)
    if found is None or found.kind == "session":
        raise TypeError("this request was not let in by a key: put @key_required on its view")
    return found


def session_of(request: HttpRequest) -> SessionValid:
    """Return the credential of a request behind `session_required`; raise TypeError for any other."""
    found = credential_of(request)
    if found is None or found.kind != "session":
        raise TypeError("this request was not let in by a session: put @session_required on its view")
    return found


def respond(found: Any) -> Any:
    """Return the response to a problem; a hook returns a response already."""
    if not isinstance(found, Problem):
        return found
    return HttpResponse(found.body(), status=found.status, headers=dict(found.fields()))


def host(tk: Any = None) -> Host:
    """Return the project as extensions see it."""
    return Host(tk or get_tokenry(), guard(), hooks, respond)


def answer(found: Problem) -> Any:
    """Return the response to a problem: the first response of a hook, or ours."""
    return steps.run(host().refuse(found)).response


def with_limits(response: Any, credential: Valid | None) -> Any:
    """Add the remaining limits of a credential to a response."""
    for name, value in limits_of(credential) if credential is not None else ():
        response.headers[name] = value
    return response


class _Views(Decorators):
    def _guarded(self, view: Any, demand: Demand, optional: bool) -> Any:
        def admit(request: HttpRequest) -> Any:
            try:
                return admitted(request, demand.at(guard()), optional=optional)
            except Refusal as refusal:
                return answer(refusal.problem)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            found = admit(request)
            if found is not None and not isinstance(found, Valid):
                return found
            return with_limits(inner(request, *args, **kwargs), found)

        @wraps(view)
        async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            found = await sync_to_async(admit, thread_sensitive=False)(request)
            if found is not None and not isinstance(found, Valid):
                return found
            return with_limits(await view(request, *args, **kwargs), found)

        inner = begins_before(view, guarded)
        chosen: Any = guarded_async if iscoroutinefunction(view) else guarded
        # The guard has its own answer to forged requests, and a Bearer credential cannot be forged. Where none is
        # needed Django's own session may decide, and with it Django's own check.
        chosen.csrf_exempt = not optional
        return chosen


_views = _Views()
key_required = _views.key_required
session_required = _views.session_required
credential_required = _views.credential_required

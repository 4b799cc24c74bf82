"""`path("keys/", key_page(owner=lambda request: request.user.pk))`: the page on which users manage their own keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.urls import path as route
from django.views.decorators.csrf import csrf_exempt

from tokenry.edge.asgi import texts
from tokenry.edge.problems import Problem
from tokenry.key_page import Answer, Fragment, KeyPageGiven
from tokenry.types import AnyValid, ConfigError

from .. import steps
from ..host import OwnerId
from ..key_page import HostedPage
from .admitting import Refusal, admitted, facts_of, host
from .atomic import begins_none
from .engine import guard


def key_page(
    *,
    owner: Callable[[HttpRequest], OwnerId | None] | None = None,
    render: Callable[[HttpRequest, Fragment], HttpResponse] | None = None,
    sign_in: str | None = None,
    **options: Unpack[KeyPageGiven],
) -> tuple[list[URLPattern], str, None]:
    """Return the page for `path("keys/", …)`; see `docs/key-page.md`.

    `owner` returns the external id of the user who is signed in, None for nobody: then the page redirects to the path
    `sign_in`. Without `owner` it is the owner of the session that `sign_in` of this package started. `render` puts the
    page into a template of yours. Raise ConfigError for a bad option.
    """
    if iscoroutinefunction(owner) or iscoroutinefunction(render):
        raise ConfigError("owner= and render= of the key page are plain functions: Django runs its view on a thread")
    page = HostedPage(options, sign_in, by_session=owner is None)

    def by_session(request: HttpRequest) -> AnyValid | Problem | None:
        try:
            return admitted(request, page.demand.at(guard()), optional=False)
        except Refusal as refusal:
            return refusal.problem

    owner_of: Callable[[HttpRequest], object] = owner or by_session

    # The page has its own answer to forged requests: see `is_same_origin`.
    @csrf_exempt
    def keys(request: HttpRequest, path: str = "") -> HttpResponse:
        visited = host()
        facts = facts_of(request)
        visitor = page.visitor(facts, path, request.headers.items(), request.META["QUERY_STRING"], visited.guard)
        visitor = visitor._replace(body=request.body)
        found = steps.run(page.answer(visited, facts, visitor, lambda: owner_of(request), request.path))
        if not isinstance(found, Fragment):
            return _sent(found)
        return _sent(page.document(visitor)) if render is None else render(request, found)

    begins_none(keys)
    return [route("", keys, name="page"), route("<path:path>", keys)], "tokenry_keys", None


def _sent(answer: Answer) -> HttpResponse:
    return HttpResponse(answer.body, status=answer.status, headers=dict(texts(answer.fields)))

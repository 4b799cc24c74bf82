"""`request.credential` in every view, whether it has a decorator or not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from tokenry.types import AnyValid

from ..guard import ALL, Demand
from .admitting import Refusal, admitted, answer, with_limits
from .engine import guard

_ANY = Demand(None, ALL, {})


class TokenryMiddleware:
    """Reads the credential of a request when a view first asks for it.

    `request.credential` is falsy when none came; a bad one is answered with 401, never taken for none. Asynchronous
    views ask with `await request.acredential()`.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> None:
        self._get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self):
            return self._call(request)
        self._prepare(request)
        return _finished(request, self._get_response(request))

    async def _call(self, request: HttpRequest) -> Any:
        self._prepare(request)
        response: Awaitable[Any] = self._get_response(request)
        return _finished(request, await response)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer a request whose view read a bad credential."""
        return answer(error.problem) if isinstance(error, Refusal) else None

    def _prepare(self, request: Any) -> None:
        def read() -> AnyValid | None:
            return admitted(request, _ANY.at(guard()), optional=True)

        async def read_async() -> AnyValid | None:
            return await sync_to_async(read, thread_sensitive=False)()

        request.credential = SimpleLazyObject(read)
        request.acredential = read_async


def _finished(request: Any, response: Any) -> Any:
    """Add the limits to the response, if the view read the credential and has not set these fields."""
    credential = request.credential
    if isinstance(credential, SimpleLazyObject) or credential is None or "RateLimit" in response.headers:
        return response
    return with_limits(response, credential)

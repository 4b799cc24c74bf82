"""A room: the operations about one noun, collected before there is an application to serve them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from tokenry.groups import Groups

from .callers import Call
from .policy import POLICY, Reach
from .problems import KINDS, MEDIA_TYPE
from .schemas import Tenant

F = TypeVar("F", bound=Callable[..., Response | Awaitable[Response]])

_ALWAYS: Final = (400, 401, 403, 404, 422, 429, 500, 503)
_CHANGING: Final = (409, 413, 415, 507)
SECURITY: Final[list[dict[str, list[str]]]] = [{"bearer": []}]


class Operation(NamedTuple):
    """One operation, as the application will serve it."""

    path: str
    endpoint: Callable[..., Response | Awaitable[Response]]
    options: dict[str, Any]


class Room:
    """The operations about one noun."""

    def __init__(self, noun: str, description: str) -> None:
        self.noun = noun
        self.description = description
        self.operations: list[Operation] = []

    def get(self, path: str, id: str, *, tells: Any) -> Callable[[F], F]:
        """Add an operation that reads; `tells` is the type of what it answers."""
        return self._add("GET", path, id, tells, 200, ())

    def post(
        self, path: str, id: str, *, tells: Any, status: int = 200, may: Iterable[int] = _CHANGING
    ) -> Callable[[F], F]:
        """Add an operation that changes something, or asks with a body."""
        return self._add("POST", path, id, tells, status, may)

    def put(self, path: str, id: str, *, tells: Any) -> Callable[[F], F]:
        """Add an operation that creates or replaces."""
        return self._add("PUT", path, id, tells, 200, _CHANGING)

    def patch(self, path: str, id: str, *, tells: Any) -> Callable[[F], F]:
        """Add an operation that changes what is given."""
        return self._add("PATCH", path, id, tells, 200, (412, *_CHANGING))

    def delete(self, path: str, id: str) -> Callable[[F], F]:
        """Add an operation that removes."""
        return self._add("DELETE", path, id, None, 204, _CHANGING)

    def open(self, app: FastAPI) -> None:
        """Let an application serve the operations."""
        for path, endpoint, options in self.operations:
            app.add_api_route(path, endpoint, **options)

    def _add(self, method: str, path: str, id: str, tells: Any, status: int, may: Iterable[int]) -> Callable[[F], F]:
        options = {
            "methods": [method],
            "operation_id": id,
            "response_model": tells,
            "status_code": status,
            "tags": [self.noun],
            "responses": {code: _documented(code) for code in sorted({*_ALWAYS, *may})},
            "openapi_extra": {"security": SECURITY, "x-tokenry-policy": _told(id)},
        }

        def add(endpoint: F) -> F:
            summary = (endpoint.__doc__ or "").partition("\n")[0]
            self.operations.append(Operation(path, endpoint, {**options, "summary": summary}))
            return endpoint

        return add


def _told(id: str) -> str:
    rule = POLICY[id]
    return rule.reach.value if rule.reach is Reach.SELF else f"{rule.scope}; {rule.reach.value}"


def _documented(status: int) -> dict[str, Any]:
    codes = [f"`{code}`" for code, kind in KINDS.items() if kind.status == status]
    if status == 401:
        codes.append("`not_found`")
    return {
        "description": f"A problem with the code {' or '.join(codes)}.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
    }


async def _call(request: Request) -> Call:
    call: Call = request.state.call
    return call


async def _slug(request: Request, tenant: Tenant = None) -> str:
    call: Call = request.state.call
    return call.tenant(tenant)


Slug = Annotated[str, Depends(_slug)]
"""The tenant that the caller means."""


async def _here(request: Request, slug: Slug) -> Groups:
    call: Call = request.state.call
    return call.groups(slug)


Caller = Annotated[Call, Depends(_call)]
"""The call, for what is about no tenant or about the key itself."""

Here = Annotated[Groups, Depends(_here)]
"""The groups in the tenant that the caller means, with the caller's name on everything that is done."""

"""Replies of the management API: records as JSON under the library's names, and the fields that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from starlette.responses import Response

from tokenry.edge import limit_fields
from tokenry.types import Issued, Key, LimitState, Page, Tenant

from .problems import MEDIA_TYPE, Problem

_JSON: Final = "application/json"
_encode = msgspec.json.Encoder().encode


def reply(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a value as JSON. Nothing that is told of credentials is kept by anybody on the way."""
    return Response(_encode(value), status, {"Cache-Control": "no-store", **(headers or {})}, _JSON)


def nothing() -> Response:
    """Return the reply to what was done and leaves nothing to tell."""
    return Response(None, 204, {"Cache-Control": "no-store"})


def failure(problem: Problem, request_id: str) -> Response:
    """Return a problem."""
    response = Response(problem.body(request_id), problem.status, {"Cache-Control": "no-store"}, MEDIA_TYPE)
    for name, value in problem.headers:
        response.headers.append(name, value)
    return response


def key(record: Key) -> Response:
    """Return a key, with its version as `ETag`."""
    return reply(record, headers={"ETag": f'"{record.version}"'})


def issued(record: Issued, status: int = 200) -> Response:
    """Return a key with its secret, this once."""
    return reply(issued_document(record), status, {"ETag": f'"{record.key.version}"'})


def issued_document(record: Issued) -> dict[str, Any]:
    """Return a key and the text of its secret."""
    return {"key": record.key, "secret": str(record.secret)}


def page(found: Page[Any]) -> Response:
    """Return one page of a list."""
    return reply({"items": found.items, "next_cursor": found.next_cursor})


def items(found: Sequence[Any]) -> Response:
    """Return a list that has one page only."""
    return reply({"items": found})


def limits(states: Sequence[LimitState], value: Any) -> Response:
    """Return a value about a key whose limits are told in header fields too."""
    return reply(value, headers=dict(limit_fields(states, datetime.now(UTC))))


def tenant_document(record: Tenant) -> dict[str, Any]:
    """Return a tenant, its lengths in days."""
    return {
        "id": record.id,
        "slug": record.slug,
        "name": record.name,
        "prefix": record.prefix,
        "status": record.status,
        "expires_in_default_days": _days(record.expires_in_default),
        "expires_in_max_days": _days(record.expires_in_max),
        "never_allowed": record.never_allowed,
        "self_rotation_allowed": record.self_rotation_allowed,
        "created_at": record.created_at,
    }


def tenant(record: Tenant, status: int = 200) -> Response:
    """Return a tenant."""
    return reply(tenant_document(record), status)


def tenants(found: Page[Tenant]) -> Response:
    """Return one page of tenants."""
    return page(Page(tuple([tenant_document(one) for one in found]), found.next_cursor))


def _days(length: timedelta) -> int | float:
    days = length / timedelta(days=1)
    return int(days) if days.is_integer() else days

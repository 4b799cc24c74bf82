"""Problems (RFC 9457) as the errors of the library."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, cast

from ..core.codes import RefusalCode
from ..core.errors import (
    CallerRefused,
    Conflict,
    FieldError,
    Invalid,
    NotAllowed,
    NotFound,
    StoreUnavailable,
    TokenryError,
    VersionConflict,
)
from ..core.verdict import Refused
from .fields import LENGTHS

_LIBRARY: Final = {"If-Match": "if_version", "Idempotency-Key": "idempotency_key", "credential": "presented"}
_BY_CODE: Final[Mapping[str, type[TokenryError]]] = {
    "not_found": NotFound,
    "conflict": Conflict,
    "idempotency_mismatch": Conflict,
    "version_mismatch": VersionConflict,
    "not_allowed": NotAllowed,
    "insufficient_scope": NotAllowed,
    "ip_not_allowed": CallerRefused,
    "store_unavailable": StoreUnavailable,
}
_BY_STATUS: Final[Mapping[int, type[TokenryError]]] = {
    401: CallerRefused, 403: NotAllowed, 404: NotFound, 409: Conflict, 412: VersionConflict, 429: CallerRefused,
}  # fmt: skip
"""For codes that are not listed, of a newer server or a proxy; any other status is `StoreUnavailable` or `Invalid`."""
_STANDARD: Final = frozenset(
    ("type", "title", "status", "detail", "instance", "code", "errors", "details", "request_id")
)
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


def error_of(status: int, found: Any, headers: Mapping[str, str] = _NO_HEADERS) -> TokenryError:
    """Return the library's error for an answer that is no success (RFC 9457)."""
    result = found if isinstance(found, dict) else {}
    code, message = (
        str(result.get("code", "")),
        str(result.get("detail") or result.get("title") or f"HTTP status {status}"),
    )
    details = {str(name): value for name, value in result.items() if name not in _STANDARD}
    if isinstance(result.get("details"), dict):
        details |= result["details"]
    errors = [_field_error(one) for one in _list(result.get("errors")) if isinstance(one, dict)]
    field = errors[0].field if errors else str(details.get("field", ""))
    kind = _kind_of(status, code, field)
    if kind is Invalid:
        return Invalid(errors) if errors else Invalid.one("request", code or "invalid", message)
    if kind is CallerRefused:
        wait = retry_after(headers.get("retry-after"))
        refused = Refused(cast(RefusalCode, code or "not_found"), wait)
        return CallerRefused(f"the server refused the key of the caller: {message}", refused)
    if kind is StoreUnavailable:
        message = f"the server cannot do it now: {message}"
    error = kind(message)
    error.details.update(details | ({"field": field} if field and isinstance(error, Conflict) else {}))
    return error


def _kind_of(status: int, code: str, field: str) -> type[TokenryError]:
    """Return the class of the library's error for a code. `not_found` with status 401 is about the caller's key."""
    kind = _BY_STATUS.get(status) if status in (401, 429) else _BY_CODE.get(code) or _BY_STATUS.get(status)
    if kind is Conflict and field == "version":
        return VersionConflict
    return kind or (StoreUnavailable if status >= 500 else Invalid)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _field_error(one: dict[str, Any]) -> FieldError:
    return FieldError(_field(str(one.get("field", ""))), str(one.get("code", "")), str(one.get("message", "")))


def _field(name: str) -> str:
    """Return the library's name of a field. On the wire a length of time has its unit in the name."""
    bare = name.removesuffix("_seconds")
    return _LIBRARY.get(name) or (bare if bare in LENGTHS else name)


def retry_after(asked: str | None) -> int | None:
    """Return how long `Retry-After` asks to wait; None for a date, and for what no server means."""
    return int(asked) if asked is not None and asked.isdecimal() and len(asked) <= 9 else None

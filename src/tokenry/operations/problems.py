"""Problems (RFC 9457) as the errors of the library."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, cast

from ..core.codes import RefusalCode
from ..core.errors import (
    Conflict,
    Denied,
    FieldError,
    Invalid,
    NotAllowed,
    NotFound,
    StoreUnavailable,
    TokenryError,
)
from ..core.verdict import Refused
from .fields import LENGTHS

_LIBRARY: Final = {"If-Match": "if_version", "Idempotency-Key": "idempotency_key", "credential": "presented"}
_KINDS: Final[dict[int, type[TokenryError]]] = {
    403: NotAllowed, 404: NotFound, 409: Conflict, 412: Conflict, 422: Conflict,
}  # fmt: skip
_STANDARD: Final = frozenset(
    ("type", "title", "status", "detail", "instance", "code", "errors", "details", "request_id")
)
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


def error_of(status: int, found: Any, headers: Mapping[str, str] = _NO_HEADERS) -> TokenryError:
    """Return the library's error for an answer that is no success (RFC 9457)."""
    told = found if isinstance(found, dict) else {}
    code, message = str(told.get("code", "")), str(told.get("detail") or told.get("title") or f"HTTP status {status}")
    details = {str(name): value for name, value in told.items() if name not in _STANDARD}
    if isinstance(told.get("details"), dict):
        details |= told["details"]
    errors = [_field_error(one) for one in _list(told.get("errors")) if isinstance(one, dict)]
    if status in (400, 413, 415, 422) and code != "idempotency_mismatch":
        return Invalid(errors) if errors else Invalid.one("request", code or "invalid", message)
    if status in (401, 429):
        return _denied(code, message, headers)
    if status >= 500:
        message = f"the server cannot do it now: {message}"
    elif status not in _KINDS:
        return Invalid.one("request", code or "invalid", message)
    error = _KINDS.get(status, StoreUnavailable)(message)
    if status == 412 or errors:
        details["field"] = "version" if status == 412 else errors[0].field
    error.details.update(details)
    return error


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _field_error(one: dict[str, Any]) -> FieldError:
    return FieldError(_field(str(one.get("field", ""))), str(one.get("code", "")), str(one.get("message", "")))


def _field(name: str) -> str:
    """Return the library's name of a field. On the wire a length of time has its unit in the name."""
    bare = name.removesuffix("_seconds")
    return _LIBRARY.get(name) or (bare if bare in LENGTHS else name)


def _denied(code: str, message: str, headers: Mapping[str, str]) -> Denied:
    error = Denied(Refused(cast(RefusalCode, code or "not_found"), retry_after(headers.get("retry-after"))))
    error.message = f"the server refused the key of the caller: {message}"
    error.args = (error.message,)
    return error


def retry_after(asked: str | None) -> int | None:
    """Return how long `Retry-After` asks to wait; None for a date, and for what no server means."""
    return int(asked) if asked is not None and asked.isdecimal() and len(asked) <= 9 else None

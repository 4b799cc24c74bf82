"""One call on its way over HTTP and back, without IO: what is sent, when it is sent again, what the answer means."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

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

PAUSE_MAX = 5.0
_AGAIN = frozenset((429, 502, 503, 504))
_LIBRARY = {"If-Match": "if_version", "Idempotency-Key": "idempotency_key", "credential": "presented"}
_KINDS: dict[int, type[TokenryError]] = {403: NotAllowed, 404: NotFound, 409: Conflict, 412: Conflict, 422: Conflict}
_STANDARD = frozenset(("type", "title", "status", "detail", "instance", "code", "errors", "details", "request_id"))


@dataclass(frozen=True, slots=True)
class Sending:
    """A request. `repeatable` says that sending it twice does what sending it once does."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    read: Callable[[Any], Any] = lambda found: found
    form: Mapping[str, Any] | None = field(default=None, repr=False)
    fail: Callable[[int, Any, Mapping[str, str]], TokenryError] | None = None

    @property
    def repeatable(self) -> bool:
        """Only reads are, and what carries an idempotency key."""
        return self.method == "GET" or "Idempotency-Key" in self.headers


class Answer(NamedTuple):
    """What came back: a response, or why none did (`failure`)."""

    status: int = 0
    headers: Mapping[str, str] = {}
    content: bytes = b""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """A wish to wait before the next attempt."""

    seconds: float


Steps: TypeAlias = Generator[Sending | Pause, Answer | None, Any]
"""A call that wishes for what it cannot do itself: a `Sending` is answered with its `Answer`."""


def steps(sending: Sending, retries: int) -> Steps:
    """Send, and send again where that is safe; return what was read or raise the library's error."""
    attempt = 0
    while True:
        answer = yield sending
        assert answer is not None
        again = bool(answer.failure) or answer.status in _AGAIN
        if not again or not sending.repeatable or attempt == retries:
            return read(sending, answer)
        pause = _pause(attempt, answer.headers.get("retry-after"))
        if pause is None:
            return read(sending, answer)
        yield Pause(pause)
        attempt += 1


def _pause(attempt: int, asked: str | None) -> float | None:
    """Return how long to wait: what the server asks for, else longer each time; None when that is too long."""
    wanted = seconds(asked)
    if wanted is not None:
        return float(wanted) if wanted <= PAUSE_MAX else None
    return random.uniform(0.05, 0.1) * float(2**attempt)  # noqa: S311 - spreads callers, guards nothing


def read(sending: Sending, answer: Answer) -> Any:
    """Return what an answer says; raise the error that it tells of."""
    if answer.failure:
        raise StoreUnavailable(
            f"the server cannot be reached ({answer.failure}): does it run, and is its address right?"
        )
    found = _json(answer.content)
    if not 200 <= answer.status < 300:
        raise (sending.fail or problem)(answer.status, found, answer.headers)
    try:
        return sending.read(found)
    except (KeyError, TypeError, ValueError, AttributeError):  # msgspec's ValidationError is a ValueError
        raise TokenryError(
            f"the answer to {sending.method} {sending.path} is not one that this client understands: is that a "
            "Tokenry server, of a version that fits?"
        ) from None


def problem(status: int, found: Any, headers: Mapping[str, str]) -> TokenryError:
    """Return the library's error for an answer that is none (RFC 9457)."""
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
    """Return how the library calls a field, since on the wire a length has its unit."""
    return _LIBRARY.get(name) or name.removesuffix("_days").removesuffix("_seconds" * (name == "grace_seconds"))


def _denied(code: str, message: str, headers: Mapping[str, str]) -> Denied:
    error = Denied(Refused(code or "not_found", seconds(headers.get("retry-after"))))
    error.message = f"the server refused the key of the caller: {message}"
    error.args = (error.message,)
    return error


def seconds(asked: str | None) -> int | None:
    """Return how long `Retry-After` asks to wait; None for a date, and for what no server means."""
    return int(asked) if asked is not None and asked.isdecimal() and len(asked) <= 9 else None


def _json(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError):
        return None

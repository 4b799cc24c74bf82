"""One call over HTTP, without IO: its request, its retries, and the meaning of its answer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from ..core.errors import StoreUnavailable, TokenryError
from ..operations.problems import error_of, retry_after
from .deprecation import tell

PAUSE_MAX = 5.0
_AGAIN = frozenset((429, 502, 503, 504))


@dataclass(frozen=True, slots=True)
class Sending:
    """A request. `repeatable` says that sending it twice does what sending it once does.

    `route` is the path with the names of its arguments in place of their values. `wait` is for how many seconds the
    server may wait before it answers.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    read: Callable[[Any], Any] = lambda found: found
    form: Mapping[str, Any] | None = field(default=None, repr=False)
    fail: Callable[[int, Any, Mapping[str, str]], TokenryError] | None = None
    route: str = ""
    wait: float = 0.0

    @property
    def operation(self) -> str:
        """The method and the route: the same for all requests of one operation."""
        return f"{self.method} {self.route or self.path}"

    @property
    def repeatable(self) -> bool:
        """True for reads, and for calls with an idempotency key."""
        return self.method == "GET" or "Idempotency-Key" in self.headers


class Answer(NamedTuple):
    """The response, or the reason for its absence (`failure`)."""

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
        tell(sending.operation, answer.headers)
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
    wanted = retry_after(asked)
    if wanted is not None:
        return float(wanted) if wanted <= PAUSE_MAX else None
    return random.uniform(0.05, 0.1) * float(2**attempt)  # noqa: S311 - spreads callers, guards nothing


def read(sending: Sending, answer: Answer) -> Any:
    """Return the result in an answer, or raise its error."""
    if answer.failure:
        raise StoreUnavailable(
            f"the server cannot be reached ({answer.failure}): does it run, and is its address right?"
        )
    found = _json(answer.content)
    if not 200 <= answer.status < 300:
        raise (sending.fail or error_of)(answer.status, found, answer.headers)
    try:
        return sending.read(found)
    except (KeyError, TypeError, ValueError, AttributeError):  # msgspec's ValidationError is a ValueError
        raise TokenryError(
            f"the answer to {sending.method} {sending.path} is not one that this client understands: is that a "
            "Tokenry server, of a version that fits?"
        ) from None


def _json(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError):
        return None

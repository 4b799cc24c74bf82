"""Learning keys of an old system that still runs: an unknown key is asked for there once, and kept with its owner."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from tokenry.core import fields
from tokenry.core.errors import FieldError, shown
from tokenry.core.foreign import ImportResult, LearningStatus, is_text, kid_of
from tokenry.core.hashes import RAW
from tokenry.core.leaks import read_source
from tokenry.core.model import micros, moment

from .imports import Imports

if TYPE_CHECKING:
    from .context import Context

Asks: TypeAlias = "Callable[[str], Mapping[str, Any] | None] | str"
"""What says whose key a text is: a function, or the URL of one."""
_log = logging.getLogger("tokenry.imports")
_LITERAL = re.compile(r"\^([A-Za-z0-9_-]+)(?![*+?{|0-9A-Za-z_-])")
_UNKNOWN: Final = (401, 403, 404)
_TIMEOUT: Final = 5.0
_ANSWER_MAX: Final = 65_536


class Asking(Protocol):
    """Where other systems are asked (`runtime.asking`)."""

    def begin(self, name: str, text: str, ask: Callable[[str], Any], ip: str | None) -> Future[Any]: ...
    def refuse(self, name: str, text: str) -> None: ...


@dataclass(slots=True)
class _Lesson:
    """One old system."""

    name: str
    pattern: re.Pattern[str]
    prefix: str
    ask: Callable[[str], Any]
    until: int | None
    tenant: str
    learned: int = 0
    refused: int = 0
    last_learned: int | None = None


class Learning:
    """The old systems that a process asks."""

    def __init__(self, asking: Asking, now: Callable[[], int]) -> None:
        self._asking = asking
        self._now = now
        self._lessons: dict[str, _Lesson] = {}

    def add(self, name: str, matches: str, ask: Asks, until: datetime | None, tenant: str) -> None:
        """Ask an old system from now on; raise Invalid."""
        errors: list[FieldError] = []
        name = read_source(name, errors)
        ends = fields.moment("until", until, errors)
        try:
            pattern = re.compile(matches)
        except (re.error, TypeError):
            errors.append(FieldError("matches", "bad_pattern", "is a regular expression that every key matches"))
            pattern = _LITERAL
        if isinstance(ask, str):
            ask = _of_url(ask, errors)
        elif not callable(ask):
            errors.append(FieldError("ask", "not_callable", "is a function of a key, or the URL of one"))
        fields.refuse(errors)
        found = _LITERAL.match(matches)
        until_micros = None if ends is None else micros(ends)
        self._lessons[name] = _Lesson(name, pattern, found[1] if found else "", ask, until_micros, tenant)

    def status(self) -> tuple[LearningStatus, ...]:
        """Return what was learned so far."""
        return tuple(
            LearningStatus(
                one.name, one.learned, one.refused, None if one.last_learned is None else moment(one.last_learned)
            )
            for one in self._lessons.values()
        )

    def of(self, text: str, tenant: str | None) -> _Lesson | None:
        """Return the old system that a key may be of."""
        if not self._lessons or not is_text(text):
            return None
        now = self._now()
        for one in self._lessons.values():
            is_over = one.until is not None and now >= one.until
            if not is_over and tenant in (None, one.tenant) and one.pattern.search(text):
                return one
        return None

    def begin(self, lesson: _Lesson, text: str, ip: str | None) -> Future[Any]:
        """Begin to ask for a key."""
        return self._asking.begin(lesson.name, text, lesson.ask, ip)

    def keep(self, context: Context, lesson: _Lesson, text: str, answer: Mapping[str, Any]) -> str | None:
        """Import a key as the old system describes it; return its kid, or None when it was refused."""
        with context.store.read() as rows:
            tenant = rows.tenants.get(lesson.tenant)
        if tenant is None:
            return None
        kid = kid_of(context.keyring().signing(context.clock()), tenant.id, text)
        # No old system says which key it speaks of: what was asked for is what it is.
        row = {**answer, "id": f"learned {kid}", "hash": {"scheme": RAW, "value": text}}
        row["hint"] = {"prefix": lesson.prefix}
        results: list[ImportResult] = []
        program = context.scoped(tenant=lesson.tenant, ip=None, request_id=None)
        Imports(program).run([row], source=lesson.name, each=results.append)
        if results[0].status != "imported":
            with context.store.read() as rows:
                if rows.secrets.place(kid) is not None:  # another caller has kept it at this very moment
                    return kid
            self._asking.refuse(lesson.name, text)
            lesson.refused += 1
            _log_refused(lesson.name, results[0])
            return None
        lesson.learned, lesson.last_learned = lesson.learned + 1, self._now()
        return kid


def _log_refused(name: str, result: ImportResult) -> None:
    wrong = "; ".join(f"{error.field}: {error.message}" for error in result.errors) or "it was ended and removed here"
    _log.error("a key that the old system %s knows is refused: %s", name, wrong)


def _of_url(url: str, errors: list[FieldError]) -> Callable[[str], Any]:
    """Return a function that asks a URL: it gets `{"key": …}`, and answers 200 with a mapping, or 404."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")):
        message = f"{shown(url)} must begin with https://, since keys are sent there"
        errors.append(FieldError("ask", "bad_url", message))

    def ask(text: str) -> Any:
        body = json.dumps({"key": text}).encode()
        request = Request(url, body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310 - checked above
        try:
            with urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310 - checked above
                found = answer.read(_ANSWER_MAX + 1)
        except HTTPError as error:
            with error:
                if error.code in _UNKNOWN:
                    return None
                raise
        if len(found) > _ANSWER_MAX:
            raise ValueError("the answer is too long")
        return json.loads(found)

    return ask

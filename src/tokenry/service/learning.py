"""Learning keys of an old system that still runs: an unknown key is asked for there once, and kept with its owner."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Collection, Generator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from tokenry.core import fields
from tokenry.core.errors import FieldError, StoreUnavailable, shown
from tokenry.core.foreign import (
    AGAIN,
    ImportResult,
    LearningStatus,
    Question,
    is_text,
    kid_of,
    question_of,
    unanswered,
)
from tokenry.core.hashes import RAW
from tokenry.core.leaks import read_source
from tokenry.core.model import micros, moment
from tokenry.core.verdict import Refused

from .imports import Imports
from .wishes import Pooled, Wait

if TYPE_CHECKING:
    from .context import Context

Asks: TypeAlias = "Callable[[str], Mapping[str, Any] | None] | str"
"""The source that identifies the owner of a key: a function, or a URL."""
_log = logging.getLogger("tokenry.imports")
_LITERAL = re.compile(r"\^([A-Za-z0-9_-]+)(?![*+?{|0-9A-Za-z_-])")
_BUSY: Final = frozenset((408, 425, 429, 502, 503, 504))
"""Answers of a system that cannot answer now."""
_UNKNOWN: Final = frozenset(range(400, 500)) - _BUSY
"""Answers of a system that does not know a key, unless the caller names others."""
_TIMEOUT: Final = 5.0
_UNKNOWN_MICROS: Final = 300 * 1_000_000
"""How long a key that an old system does not know is not asked for again."""
_ASKING_MICROS: Final = 30 * 1_000_000
"""For so long other processes leave a question to the one that asks it: that one may have died."""
_PAUSES_MAX: Final = 200
"""How often a caller looks whether another process has its answer: for ten seconds."""
_ANSWER_MAX: Final = 65_536


class Asking(Protocol):
    """Where other systems are asked (`runtime.asking`)."""

    holder: str

    def join(self, name: str, text: str, ip: str | None) -> Future[Any] | None: ...
    def ask(self, name: str, text: str, ask: Callable[[str], Any], ip: str | None) -> Future[Any]: ...
    def pause(self, name: str, ip: str | None) -> Future[None]: ...
    def end(self, name: str, text: str, result: object) -> None: ...
    def fail(self, name: str, text: str, error: Exception) -> None: ...
    def leave(self, name: str, text: str) -> None: ...
    def refuse(self, name: str, text: str, until: int) -> None: ...


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

    def add(
        self,
        name: str,
        matches: str,
        ask: Asks,
        until: datetime | None,
        unknown_statuses: Collection[int] | None,
        tenant: str,
    ) -> None:
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
            ask = _of_url(ask, _statuses(unknown_statuses, errors), errors)
        elif not callable(ask):
            errors.append(FieldError("ask", "not_callable", "is a function of a key, or the URL of one"))
        fields.refuse(errors)
        found = _LITERAL.match(matches)
        until_micros = None if ends is None else micros(ends)
        self._lessons[name] = _Lesson(name, pattern, found[1] if found else "", ask, until_micros, tenant)

    def status(self) -> tuple[LearningStatus, ...]:
        """Return the counts of learned and refused keys, by old system."""
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

    def steps(
        self, context: Context, lesson: _Lesson, text: str, ip: str | None
    ) -> Generator[Any, Any, str | Refused | None]:
        """Return the kid of a key that the old system knows, or why there is none.

        Of all callers in all processes one asks, and the others wait for what that one learns.
        """
        asking, name = self._asking, lesson.name
        while (others := asking.join(name, text, ip)) is not None:
            learned: Any = yield Pooled(partial(_same, others))
            if learned != AGAIN:
                return learned  # type: ignore[no-any-return]
        try:
            found = yield from self._asked(context, lesson, text, ip)
        except Exception as error:
            asking.fail(name, text, error)
            raise
        except BaseException:  # the caller was cancelled
            asking.leave(name, text)
            raise
        asking.end(name, text, found)
        return found

    def _asked(self, context: Context, lesson: _Lesson, text: str, ip: str | None) -> Generator[Any, Any, str | None]:
        """Ask for a key, unless another process is asking or has learned that the key is unknown."""
        for _ in range(_PAUSES_MAX):
            claimed: Question | str | None = yield Wait(partial(self._claimed, context, lesson, text))
            if claimed != AGAIN:
                break
            yield Pooled(partial(self._asking.pause, lesson.name, ip))
        else:
            raise unanswered(lesson.name)
        if not isinstance(claimed, Question):
            return claimed
        try:
            answer = yield Pooled(partial(self._asking.ask, lesson.name, text, lesson.ask, ip))
        except StoreUnavailable:
            yield Wait(partial(self._answer, context, claimed, None))
            raise
        kid: str | None = None
        if answer is not None:
            kid = yield Wait(partial(self._keep, context, lesson, text, answer))
        until = None if kid is not None else self._refuse(lesson, text)
        yield Wait(partial(self._answer, context, claimed, until))
        return kid

    def _claimed(self, context: Context, lesson: _Lesson, text: str) -> Question | str | None:
        """Return the question that this process asks; or a kid, None for an unknown key, AGAIN if another one asks."""
        now = self._now()
        with context.store.change(durable=False) as rows:
            tenant = rows.tenants.get(lesson.tenant)
            if tenant is None:
                return None
            generation = context.keyring().signing(context.clock())
            id = question_of(generation, tenant.id, lesson.name, text)
            question = Question(tenant.id, id, self._asking.holder)
            is_ours = rows.foreign.claim(question, now, now + _ASKING_MICROS)
            # Look for the key after the claim: a process that learns a key keeps it before it ends its question.
            kids = [kid_of(one, tenant.id, text) for one in context.keyring().generations]
            kid = next((kid for kid in kids if rows.secrets.place(kid) is not None), None)
            if kid is not None:
                rows.foreign.answered(question, None)
                return kid
            if is_ours:
                return question
            is_unknown = rows.foreign.is_unknown(question)
        if is_unknown:
            self._refuse(lesson, text)
        return None if is_unknown else AGAIN

    def _answer(self, context: Context, question: Question, unknown_until: int | None) -> None:
        with context.store.change(durable=False) as rows:
            rows.foreign.answered(question, unknown_until)

    def _refuse(self, lesson: _Lesson, text: str) -> int:
        """Note that a key is unknown; return until when."""
        until = self._now() + _UNKNOWN_MICROS
        self._asking.refuse(lesson.name, text, until)
        return until

    def _keep(self, context: Context, lesson: _Lesson, text: str, answer: Mapping[str, Any]) -> str | None:
        """Import a key as the old system describes it; return its kid, or None when it was refused."""
        with context.store.read() as rows:
            tenant = rows.tenants.get(lesson.tenant)
        if tenant is None:
            return None
        kid = kid_of(context.keyring().signing(context.clock()), tenant.id, text)
        # The answer of an old system does not repeat the key, so use the key that was asked for.
        row = {**answer, "id": f"learned {kid}", "hash": {"scheme": RAW, "value": text}}
        row["hint"] = {"prefix": lesson.prefix}
        results: list[ImportResult] = []
        program = context.scoped(tenant=lesson.tenant, ip=None, request_id=None)
        Imports(program).run([row], source=lesson.name, each=results.append)
        if results[0].status != "imported":
            with context.store.read() as rows:
                if rows.secrets.place(kid) is not None:  # another caller has kept it at this very moment
                    return kid
            lesson.refused += 1
            _log_refused(lesson.name, results[0])
            return None
        lesson.learned, lesson.last_learned = lesson.learned + 1, self._now()
        return kid


def _same(future: Future[Any]) -> Future[Any]:
    return future


def _log_refused(name: str, result: ImportResult) -> None:
    wrong = "; ".join(f"{error.field}: {error.message}" for error in result.errors) or "it was ended and removed here"
    _log.error("a key that the old system %s knows is refused: %s", name, wrong)


class _NoRedirects(HTTPRedirectHandler):
    """Keys go to the one address that was named, and nowhere else."""

    def redirect_request(self, *args: Any) -> None:
        """Follow no redirect: it is an answer as any other."""


_OPENER: Final = build_opener(_NoRedirects)


def _statuses(given: Collection[int] | None, errors: list[FieldError]) -> Collection[int]:
    """Return the statuses that mean an unknown key."""
    if given is None:
        return _UNKNOWN
    if isinstance(given, Collection) and all(isinstance(one, int) and 400 <= one < 600 for one in given):
        return frozenset(given)
    message = f"{shown(given)} must be a list of HTTP statuses from 400 to 599"
    errors.append(FieldError("unknown_statuses", "bad_status", message))
    return _UNKNOWN


def _of_url(url: str, unknown: Collection[int], errors: list[FieldError]) -> Callable[[str], Any]:
    """Return a function that asks a URL: it answers a POST of `{"key": …}` with a mapping."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")):
        message = f"{shown(url)} must begin with https://, since keys are sent there"
        errors.append(FieldError("ask", "bad_url", message))

    def ask(text: str) -> Any:
        body = json.dumps({"key": text}).encode()
        request = Request(url, body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310 - checked above
        try:
            with _OPENER.open(request, timeout=_TIMEOUT) as answer:
                found = answer.read(_ANSWER_MAX + 1)
        except HTTPError as error:
            with error:
                if error.code in unknown:
                    return None
                if error.code in _BUSY:
                    raise ConnectionError(f"it answered {error.code}") from None
                raise ValueError(f"it answered {error.code}") from None
        if len(found) > _ANSWER_MAX:
            raise ValueError("the answer is too long")
        return json.loads(found)

    return ask

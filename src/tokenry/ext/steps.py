"""The steps of each request, written once for synchronous and asynchronous frameworks.

Each function is a generator. It yields what a call of `Tokenry` returned, or of `AsyncTokenry`; `run` gives it back as
it is, and `run_async` awaits it first. Hooks may be asynchronous where the framework is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from tokenry import AsyncTokenry, Tokenry
from tokenry.edge import Ask, Engine, recalls
from tokenry.edge.problems import Problem
from tokenry.types import AnyValid, CallerRefused, StoreUnavailable

from .answers import problem
from .facts import Facts
from .guard import Guard, Need, Recall

if TYPE_CHECKING:
    from tokenry.client import AsyncClient

_log = logging.getLogger("tokenry")
R = TypeVar("R")
Steps: TypeAlias = Generator[Any, Any, R]
Verify: TypeAlias = Callable[[str, str | None, Need], Any]
"""Gives the verdict of a text from an address, or something to await for it."""


def run(steps: Steps[R]) -> R:
    """Take steps whose calls have answered already."""
    try:
        answer = next(steps)
        while True:
            answer = steps.send(answer)
    except StopIteration as end:
        found: R = end.value
        return found


async def run_async(steps: Steps[R]) -> R:
    """Take steps, awaiting the answers of their calls."""
    try:
        answer = next(steps)
        while True:
            try:
                if hasattr(answer, "__await__"):
                    answer = await answer
            except Exception as error:
                answer = steps.throw(error)
            else:
                answer = steps.send(answer)
    except StopIteration as end:
        found: R = end.value
        return found


def at_once(tk: Tokenry) -> Verify:
    """Return the function that asks a synchronous engine."""
    return lambda text, ip, need: tk.verify(text, ip=ip, **need.asked)


def when_known(tk: AsyncTokenry | AsyncClient) -> Verify:
    """Return the function that asks an asynchronous engine, from memory if possible, or a server."""
    if not isinstance(tk, AsyncTokenry):
        return lambda text, ip, need: tk.verify(text, ip=ip, **need.asked)
    engine = Engine(tk)

    def verify(text: str, ip: str | None, need: Need) -> Any:
        verdict = engine.recall(text, need.ask(ip)) if engine.is_inline else None
        return tk.verify(text, ip=ip, **need.asked) if verdict is None else verdict

    return verify


def recalling(tk: Tokenry | AsyncTokenry | AsyncClient) -> Recall:
    """Return the function that answers from memory, without waiting."""
    if isinstance(tk, AsyncTokenry):
        engine = Engine(tk)
        return engine.recall if engine.is_inline else _nothing
    return (recalls(tk) if isinstance(tk, Tokenry) else None) or _nothing


def _nothing(text: str, ask: Ask) -> None:
    """Recall no verdict."""


def admit(
    verify: Verify, guard: Guard, facts: Facts, need: Need, *, optional: bool = False
) -> Steps[AnyValid | Problem | None]:
    """Judge the credential of a request. Only where none is needed and none came the answer is None."""
    text = guard.presented(facts)
    if text is None:
        return None if optional else problem("credential_missing")
    if isinstance(text, Problem):
        return text
    try:
        verdict = yield verify(text, guard.client(facts), need)
    except StoreUnavailable:
        return problem("store_unavailable")
    except CallerRefused as error:
        # The operator of this application has to mend this, and the caller can do nothing about it.
        _log.error("the server refuses the key of this application, so that no credential can be checked: %s", error)
        return problem("store_unavailable", "Credentials cannot be checked at the moment.")
    return guard.decide(verdict, facts, need)

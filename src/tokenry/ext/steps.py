"""What happens at an edge, written once for frameworks that wait and for those that await.

Each function is a generator. It yields what a call of `Tokenry` returned, or of `AsyncTokenry`; `run` gives it back as
it is, and `run_async` awaits it first. Hooks may be asynchronous where the framework is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeAlias, TypeVar

from tokenry import AsyncTokenry, Tokenry
from tokenry.edge import Engine, parts_of, session_of
from tokenry.edge.problems import Problem, refused
from tokenry.types import REFRESH_CODES, NotFound, Refused, Session, SessionTokens, StoreUnavailable, Valid

from .answers import problem
from .facts import Facts
from .guard import Guard, Need
from .hooks import Hooks, refresh_steps

R = TypeVar("R")
Steps: TypeAlias = Generator[Any, Any, R]
Verify: TypeAlias = Callable[[str, str | None, Need], Any]
"""Gives the verdict of a text from an address, or something to await for it."""


class Stopped(Exception):
    """A hook has answered in place of what was about to happen."""

    def __init__(self, answer: Any) -> None:
        super().__init__("a hook has answered")
        self.answer = answer


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
    """Return what asks an engine that waits."""
    return lambda text, ip, need: tk.verify(text, ip=ip, **need.asked)


def when_known(tk: AsyncTokenry) -> Verify:
    """Return what asks an engine that is awaited, at once where nothing has to wait."""
    engine = Engine(tk)

    def verify(text: str, ip: str | None, need: Need) -> Any:
        verdict = engine.recall(text, need.ask(ip)) if engine.is_inline else None
        return tk.verify(text, ip=ip, **need.asked) if verdict is None else verdict

    return verify


def admit(
    verify: Verify, guard: Guard, facts: Facts, need: Need, *, optional: bool = False
) -> Steps[Valid | Problem | None]:
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
    return guard.judged(verdict, facts, need)


def start(
    tk: Any, guard: Guard, hooks: Hooks, facts: Facts, owner: object, asked: Mapping[str, Any]
) -> Steps[SessionTokens | Problem]:
    """Start a session for an owner, who is made if there is none; raise Stopped when a hook answers."""
    if guard.is_foreign(facts):  # or another site signs its visitor in here as somebody of its choice
        return problem("cross_site")
    yield from _before(hooks, str(owner), None)
    # What is demanded of every credential here holds for those that are handed out here.
    options = {"tenant": guard.options.tenant, "audience": guard.options.audience}
    asked = {**{name: value for name, value in options.items() if value is not None}, **asked}
    within = {"tenant": asked["tenant"]} if "tenant" in asked else {}
    yield tk.owners.put(owner, **within)
    tokens: SessionTokens = yield tk.sessions.start(owner, **asked)
    yield from _after(hooks, tokens)
    return tokens


def refresh(tk: Any, guard: Guard, hooks: Hooks, facts: Facts, token: str | None) -> Steps[SessionTokens | Problem]:
    """Refresh by a token, or by the cookies of a request; raise Stopped when a hook answers."""
    text = token or guard.to_refresh(facts)
    access = guard.beside(facts, by_cookie=not token)
    if text is None:
        return problem("credential_missing")
    if isinstance(text, Problem):
        return text
    if isinstance(access, Problem):
        return access
    tenant = guard.options.tenant
    try:
        if hooks.step("before_new_access") is not None:
            session = yield session_of(tk, text, tenant)
            if session is not None:
                yield from _before(hooks, session.owner, session)
        result: SessionTokens | Refused = yield tk.sessions.refresh(text, access, tenant=tenant)
        if isinstance(result, Refused):
            told = refused(guard.throttled(result, facts), meanings=REFRESH_CODES)
            heard = any(hooks.step(name) for name in refresh_steps(told.code))
            return told._replace(session=(yield session_of(tk, text, tenant))) if heard else told
    except StoreUnavailable:
        return problem("store_unavailable")
    yield from _after(hooks, result)
    return result


def sign_out(tk: Any, guard: Guard, facts: Facts, token: str | None, *, everywhere: bool) -> Steps[Problem | None]:
    """End the session of a refresh token, of a request's cookies, or of its Bearer token; or all of its owner's."""
    text = token or guard.to_refresh(facts)
    access = None if token else guard.presented(facts.changing())
    if isinstance(text, Problem):
        return text
    if isinstance(access, Problem):
        return access
    if not text and access is None and guard.is_foreign(facts.changing()):
        return problem("cross_site")
    try:
        if text:
            session = yield tk.sessions.revoke_by_token(text, tenant=guard.options.tenant)
        else:
            verdict = (yield tk.verify(access, tenant=guard.options.tenant)) if access else None
            _, session, claims = parts_of(verdict) if verdict else (None, None, {})
            if everywhere and claims.get("narrowed"):  # handed on, to do less
                return refused(Refused("insufficient_scope"))
            if session is not None:
                session = yield tk.sessions.revoke(session.id, tenant=session.tenant)
        if everywhere and session is not None:
            yield tk.sessions.revoke_all(session.owner, tenant=session.tenant)
    except NotFound:
        return None  # nothing to end any more, which is what was wanted
    except StoreUnavailable:
        return problem("store_unavailable")
    return None


def _before(hooks: Hooks, owner: str, session: Session | None) -> Steps[None]:
    step = hooks.step("before_new_access")
    answer = (yield step(owner, session=session)) if step is not None else None
    if answer is not None:
        raise Stopped(answer)


def _after(hooks: Hooks, tokens: SessionTokens) -> Steps[None]:
    step = hooks.step("after_new_access")
    if step is not None:
        yield step(tokens)


def answered(hooks: Hooks, found: Problem, names: tuple[str, ...]) -> Steps[Any]:
    """Return what the first of some hooks answers to a problem; None when ours has to do."""
    for name in names:
        step = hooks.step(name)
        answer = (yield step(found)) if step is not None else None
        if answer is not None:
            return answer
    return None

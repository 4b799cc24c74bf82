"""Signing users in, keeping them signed in and signing them out, and what refuses them: the same in every framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypedDict
from uuid import UUID

from tokenry.edge import parts_of, session_of
from tokenry.edge.problems import Problem, refused
from tokenry.types import REFRESH_CODES, NotFound, Refused, Session, SessionTokens, StoreUnavailable

from . import cookies
from .answers import problem
from .facts import Facts
from .guard import Guard
from .hooks import ACCESS, Hooks, refresh_steps
from .steps import Steps

OwnerId: TypeAlias = str | int | UUID
"""The application's id of an owner."""


class Starting(TypedDict, total=False):
    """The options of a new session besides its claims; see `sessions.start`."""

    audience: str | Sequence[str] | None
    scopes: Sequence[str] | None
    device: Mapping[str, Any] | None
    client_id: str | None
    tenant: str
    by: str | None


class Answered(NamedTuple):
    """A response in place of what was asked for; `problem` is None where a hook stopped it."""

    response: Any
    problem: Problem | None = None


class Host:
    """One application: its engine, guard and hooks, and `respond`, which makes a response.

    `respond` is given a `Problem`, or what a hook returned. The engine is a `Tokenry` or an `AsyncTokenry`.
    """

    def __init__(self, tk: Any, guard: Guard, hooks: Hooks, respond: Callable[[Any], Any]) -> None:
        self.tk = tk
        self.guard = guard
        self.hooks = hooks
        self.respond = respond

    def refuse(self, found: Problem, names: tuple[str, ...] = ACCESS) -> Steps[Answered]:
        """Return the response to a problem: the first response of a hook, or ours."""
        for name in names:
            step = self.hooks.step(name)
            answer = (yield step(found)) if step is not None else None
            if answer is not None:
                return Answered(self.respond(answer), found)
        return Answered(self.respond(found), found)

    def start(self, facts: Facts, owner: object, asked: Mapping[str, Any]) -> Steps[SessionTokens | Answered]:
        """Start a session for an owner; create a missing owner."""
        if self.guard.is_foreign(facts):  # or another site signs its visitor in here as somebody of its choice
            return (yield from self.refuse(problem("cross_site")))
        stopped = yield from self._before(str(owner), None)
        if stopped is not None:
            return stopped
        # Credentials issued here must meet the requirements for every credential here.
        options = {"tenant": self.guard.options.tenant, "audience": self.guard.options.audience}
        asked = {**{name: value for name, value in options.items() if value is not None}, **asked}
        within = {"tenant": asked["tenant"]} if "tenant" in asked else {}
        yield self.tk.owners.put(owner, **within)
        tokens: SessionTokens = yield self.tk.sessions.start(owner, **asked)
        yield from self._after(tokens)
        return tokens

    def refresh(self, facts: Facts, token: str | None) -> Steps[SessionTokens | Answered]:
        """Refresh by a token, or by the cookies of a request, which a response takes back when they are spent."""
        found = yield from self._refresh(facts, token)
        if not isinstance(found, Problem):
            return found
        answered = yield from self.refuse(found, refresh_steps(found.code))
        if token is None and cookies.are_spent(found):
            cookies.clear(answered.response, self.guard.options, facts.root)
        return answered

    def sign_out(self, facts: Facts, token: str | None, *, everywhere: bool) -> Steps[Answered | None]:
        """End the session of a refresh token, of a request's cookies, or of its Bearer token; or all of its owner's."""
        found = yield from self._end(facts, token, everywhere)
        return None if found is None else (yield from self.refuse(found))

    def hand_out(self, response: Any, tokens: SessionTokens, facts: Facts, *, by_cookie: bool = True) -> Any:
        """Put the cookies of a session on a response, and return it."""
        if by_cookie:
            cookies.put(response, tokens, self.guard.options, facts.root)
        response.headers["Cache-Control"] = "no-store"
        return response

    def take_back(self, response: Any, facts: Facts) -> Any:
        """Take the cookies of a session away with a response, and return it."""
        if self.guard.may_clear(facts):
            cookies.clear(response, self.guard.options, facts.root)
        return response

    def _refresh(self, facts: Facts, token: str | None) -> Steps[SessionTokens | Answered | Problem]:
        text = token or self.guard.to_refresh(facts)
        access = self.guard.beside(facts, by_cookie=not token)
        if text is None:
            return problem("credential_missing")
        if isinstance(text, Problem):
            return text
        if isinstance(access, Problem):
            return access
        tenant = self.guard.options.tenant
        try:
            if self.hooks.step("before_new_access") is not None:
                session = yield session_of(self.tk, text, tenant)
                if session is not None:
                    stopped = yield from self._before(session.owner, session)
                    if stopped is not None:
                        return stopped
            result: SessionTokens | Refused = yield self.tk.sessions.refresh(text, access, tenant=tenant)
            if isinstance(result, Refused):
                problem_answer = refused(self.guard.throttled(result, facts), meanings=REFRESH_CODES)
                heard = any(self.hooks.step(name) for name in refresh_steps(problem_answer.code))
                return (
                    problem_answer._replace(session=(yield session_of(self.tk, text, tenant)))
                    if heard
                    else problem_answer
                )
        except StoreUnavailable:
            return problem("store_unavailable")
        yield from self._after(result)
        return result

    def _end(self, facts: Facts, token: str | None, everywhere: bool) -> Steps[Problem | None]:
        text = token or self.guard.to_refresh(facts)
        access = None if token else self.guard.presented(facts.changing())
        if isinstance(text, Problem):
            return text
        if isinstance(access, Problem):
            return access
        if not text and access is None and self.guard.is_foreign(facts.changing()):
            return problem("cross_site")
        try:
            if text:
                session = yield self.tk.sessions.revoke_by_token(text, tenant=self.guard.options.tenant)
            else:
                verdict = (yield self.tk.verify(access, tenant=self.guard.options.tenant)) if access else None
                _, session, claims = parts_of(verdict) if verdict else (None, None, {})
                if everywhere and claims.get("narrowed"):  # handed on, to do less
                    return refused(Refused("insufficient_scope"))
                if session is not None:
                    session = yield self.tk.sessions.revoke(session.id, tenant=session.tenant)
            if everywhere and session is not None:
                yield self.tk.sessions.revoke_all(session.owner, tenant=session.tenant)
        except NotFound:
            return None  # the session has ended already
        except StoreUnavailable:
            return problem("store_unavailable")
        return None

    def _before(self, owner: str, session: Session | None) -> Steps[Answered | None]:
        step = self.hooks.step("before_new_access")
        answer = (yield step(owner, session=session)) if step is not None else None
        return None if answer is None else Answered(self.respond(answer))

    def _after(self, tokens: SessionTokens) -> Steps[None]:
        step = self.hooks.step("after_new_access")
        if step is not None:
            yield step(tokens)

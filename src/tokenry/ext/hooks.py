"""Where an application has a say: functions that it registers for a step, by the same names in every framework."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, TypeVar

from tokenry.edge.problems import Problem
from tokenry.types import SessionTokens

F = TypeVar("F", bound=Callable[..., Any])
OfTokens = TypeVar("OfTokens", bound=Callable[[SessionTokens], Any])
OfProblem = TypeVar("OfProblem", bound=Callable[[Problem], Any])

ACCESS = ("access_refused", "error_answer")
"""The hooks that a refused request is told to."""


class Hooks:
    """The steps. Each decorator registers one function and returns it.

    `before_new_access(owner)` is called before a session starts or is refreshed, with the owner's external id. If it
    has a parameter `session`, it also gets the session that is refreshed, None at a sign-in. If it returns
    anything but None, that is the answer. `after_new_access(tokens)` is called with the new tokens. The others get a
    `Problem` and may return a response in place of ours: `access_refused`, `refresh_refused`, `theft_detected`,
    `not_yet_expired`, and `error_answer` if no other hook has answered. After a refused refresh
    `problem.session` is the session of the refresh token, None when the token is unknown.
    """

    def __init__(self) -> None:
        self._steps: dict[str, Callable[..., Any]] = {}

    def before_new_access(self, fn: F) -> F:
        """Register what is asked before a new access token."""
        self._steps["before_new_access"] = fn if _takes_session(fn) else lambda owner, session: fn(owner)
        return fn

    def after_new_access(self, fn: OfTokens) -> OfTokens:
        """Register what is told of new tokens."""
        return self._keep("after_new_access", fn)

    def access_refused(self, fn: OfProblem) -> OfProblem:
        """Register what answers a request whose credential is missing, bad or insufficient."""
        return self._keep("access_refused", fn)

    def refresh_refused(self, fn: OfProblem) -> OfProblem:
        """Register what answers a refresh that was refused."""
        return self._keep("refresh_refused", fn)

    def theft_detected(self, fn: OfProblem) -> OfProblem:
        """Register what answers a refresh token that was used before: its session has been ended."""
        return self._keep("theft_detected", fn)

    def not_yet_expired(self, fn: OfProblem) -> OfProblem:
        """Register what answers a refresh that came too early."""
        return self._keep("not_yet_expired", fn)

    def error_answer(self, fn: OfProblem) -> OfProblem:
        """Register what answers every problem that no other hook has answered."""
        return self._keep("error_answer", fn)

    def step(self, name: str) -> Callable[..., object] | None:
        """Return the function that is registered for a step."""
        return self._steps.get(name)

    def _keep(self, name: str, fn: F) -> F:
        self._steps[name] = fn
        return fn


def _takes_session(fn: Callable[..., Any]) -> bool:
    try:
        return "session" in signature(fn).parameters
    except ValueError:  # some functions that are written in C have none
        return False


def refresh_steps(code: str) -> tuple[str, ...]:
    """Return the hooks that a refused refresh of this code is told to, the most fitting first."""
    first = {"reused": "theft_detected", "too_early": "not_yet_expired"}.get(code)
    return (first, "refresh_refused", "error_answer") if first else ("refresh_refused", "error_answer")

"""The callbacks of a Flask token schema: the old names, called with as many arguments as each one takes."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Callbacks:
    """Decorators that register one function each and return it. Names that end in `_callback` do the same."""

    def __init__(self) -> None:
        self._callbacks: dict[str, Callable[..., Any]] = {}

    def verify_refresh_token(self, fn: F) -> F:
        """Register a function that checks a refresh token: `fn(refresh_token)`."""
        return self._keep("verify", fn)

    def refresh_token_compromised(self, fn: F) -> F:
        """Register a check for stolen refresh tokens: `fn(refresh_token)` or `fn(refresh_token, access_token)`."""
        return self._keep("compromised", fn)

    def create_refresh_token(self, fn: F) -> F:
        """Register a function that creates, stores and returns a refresh token: `fn(user_id, access_token)`."""
        return self._keep("create", fn)

    def revoke_user_refresh_tokens(self, fn: F) -> F:
        """Register a function that ends refresh tokens: `fn(user_id="", refresh_token="")`, one of the two given."""
        return self._keep("revoke", fn)

    def user_has_refresh_tokens(self, fn: F) -> F:
        """Register `fn(user_id)`, which is never called: a sign-in always ends the earlier tokens."""
        return self._keep("has", fn)

    def after_new_access_token_generated(self, fn: F) -> F:
        """Register a callback for a new access token: `fn(access_token)` or `fn(refresh_token, access_token)`."""
        return self._keep("after_new", fn, last=True)

    def invalid_refresh_token_error(self, fn: F) -> F:
        """Register a callback for a bad refresh token. Error callbacks take up to (refresh_token, access_token)."""
        return self._keep("invalid_refresh", fn)

    def invalid_access_token_error(self, fn: F) -> F:
        """Register a callback for a bad access token beside a good refresh token."""
        return self._keep("invalid_access", fn)

    def access_token_not_expired_error(self, fn: F) -> F:
        """Register a callback for a refresh before the access token has expired."""
        return self._keep("not_expired", fn)

    def compromised_tokens_error(self, fn: F) -> F:
        """Register a callback for a stolen refresh token. Its session has ended."""
        return self._keep("theft", fn)

    verify_refresh_token_callback = verify_refresh_token
    refresh_token_compromised_callback = refresh_token_compromised
    create_refresh_token_callback = create_refresh_token
    revoke_user_refresh_tokens_callback = revoke_user_refresh_tokens
    user_has_refresh_tokens_callback = user_has_refresh_tokens
    after_new_access_token_generated_callback = new_access_token_generated = after_new_access_token_generated
    invalid_refresh_token_error_callback = invalid_refresh_token_error
    invalid_access_token_error_callback = invalid_access_token_error
    access_token_not_expired_error_callback = access_token_not_expired_error
    compromised_tokens_error_callback = compromised_tokens_error

    def _keep(self, name: str, fn: F, *, last: bool = False) -> F:
        """Store a callback. A callback with fewer parameters gets the first arguments, or the `last` ones."""
        self._callbacks[name] = _fitted(fn, last) if name != "revoke" else fn
        return fn

    def _call(self, name: str, *arguments: object, **named: object) -> Any:
        """Call a callback, if there is one."""
        callback = self._callbacks.get(name)
        return callback(*arguments, **named) if callback is not None else None


def _fitted(fn: Callable[..., Any], last: bool) -> Callable[..., Any]:
    parameters = signature(fn).parameters.values()
    if any(one.kind is Parameter.VAR_POSITIONAL for one in parameters):
        return fn
    count = sum(one.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD) for one in parameters)
    return lambda *given: fn(*(given[max(0, len(given) - count) :] if last else given[:count]))

"""Hooks for the Sentry SDK that hide credentials of Tokenry in what a process is about to send."""

from __future__ import annotations

from typing import Any

from tokenry.edge import HIDDEN, unrepeated

__all__ = ["before_send"]

_DEPTH_MAX = 40
"""Sentry's own serialisation ends far above; a structure that refers to itself ends here."""


def before_send(event: Any, hint: Any = None) -> Any:
    """Return an event, a transaction or a breadcrumb with every key, token and keyring in its texts hidden.

    Pass it as `before_send`, `before_send_transaction` and `before_breadcrumb` of `sentry_sdk.init`.
    """
    return _hidden(event, _DEPTH_MAX)


def _hidden(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return unrepeated(value)
    if isinstance(value, dict | list | tuple) and depth == 0:
        return HIDDEN
    if isinstance(value, dict):
        return {_hidden(name, depth): _hidden(one, depth - 1) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(one, depth - 1) for one in value]
    return value

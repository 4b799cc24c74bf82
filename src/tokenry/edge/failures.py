"""Errors of the library as problems on the wire."""

from __future__ import annotations

import logging
from asyncio import CancelledError
from collections.abc import Callable

from ..core.errors import (
    Closed,
    ConfigError,
    Conflict,
    Denied,
    FieldError,
    Invalid,
    NestedCall,
    NotAllowed,
    NotFound,
    StoreUnavailable,
)
from ..core.plurals import counted
from .problems import Failed, Problem, problem, refused

_log = logging.getLogger("tokenry.api")


def of(error: BaseException, name: Callable[[str], str] = str) -> Problem:
    """Return the answer to an exception; `name` says what the wire calls a field of the library.

    An unexpected exception goes to the log, and the answer says nothing of it.
    """
    match error:
        case Failed():
            return error.problem
        case Denied():
            return refused(error.verdict)
        case NotFound():
            return problem("not_found", error.message)
        case Conflict():
            code = "idempotency_mismatch" if error.field == "idempotency_key" else "conflict"
            named = [FieldError(name(error.field), code, error.message)] if error.field else []
            return problem(code, error.message, errors=named)
        case Invalid():
            errors = [one._replace(field=name(one.field)) for one in error.errors]
            return problem("invalid", _counted(errors, error.count), errors=errors)
        case NotAllowed():
            return problem("not_allowed", error.message)
        case StoreUnavailable() if error.details.get("cause") in ("SQLITE_FULL", "DiskFull"):
            return problem("store_full", headers=[("Retry-After", "60")])
        # CancelledError: the server ends while the request waits for the database.
        case StoreUnavailable() | Closed() | NestedCall() | ConfigError() | CancelledError():
            return problem("store_unavailable")
    _log.error("a request failed", exc_info=error)
    return problem("internal")


def _counted(errors: list[FieldError], count: int) -> str:
    names = ", ".join(dict.fromkeys(one.field for one in errors))
    if count > len(errors):  # a request with very many mistakes is not read to its end
        return f"More than {len(errors)} values cannot be accepted: {names}, …"
    return f"{counted(count, 'value')} cannot be accepted: {names}"

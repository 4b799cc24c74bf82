"""Errors of a driver as Tokenry's errors: a name that was taken meanwhile, or a database that cannot be used."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tokenry.core.errors import Invalid, StoreUnavailable, TokenryError
from tokenry.core.ports import Clash
from tokenry.core.redaction import without_secrets

_log = logging.getLogger("tokenry.store")


@contextmanager
def translated() -> Iterator[None]:
    """Turn driver errors into `Clash` or `StoreUnavailable`; the private detail goes to the log without parameters."""
    try:
        yield
    except (DataError, UnicodeEncodeError, sqlite3.DataError):
        raise Invalid.one("value", "bad_text", "a text holds characters that the database cannot hold") from None
    except (IntegrityError, sqlite3.IntegrityError) as error:
        raise Clash(type(getattr(error, "orig", None) or error).__name__) from None
    except (DBAPIError, PoolTimeout, sqlite3.Error) as error:
        raise unavailable(getattr(error, "orig", None) or error) from None
    # Its text holds the parameters, on a connection of the host: raise another error without it.
    except StatementError as error:
        raise unfit(error.orig or error) from None


def unfit(error: BaseException) -> Invalid:
    """Return the error of a value that a driver did not take."""
    return Invalid.one("value", "bad_value", f"the database cannot hold it: {type(error).__name__}")


_USES = ("read", "read_beside", "change", "find", "find_async", "version", "fence")


@dataclass(frozen=True, slots=True)
class _Refused:
    """Stands in place of a call that must not be made."""

    error: TokenryError
    for_now: bool

    def __call__(self, *args: object, **options: object) -> NoReturn:
        raise self.error.with_traceback(None)


def refuse(database: object, error: TokenryError, *, for_now: bool = False) -> None:
    """Let every further use of a database raise an error: for good, or until it is allowed again."""
    for name in _USES:
        if hasattr(database, name):
            setattr(database, name, _Refused(error, for_now))


def allow(database: object) -> None:
    """Take back what was refused for now."""
    calls = vars(database)
    for name in _USES:
        call = calls.get(name)
        if isinstance(call, _Refused) and call.for_now:
            del calls[name]


def _first_line(error: BaseException) -> str:
    return without_secrets(str(error).partition("\n")[0][:1000])[:200]


def unavailable(error: BaseException) -> StoreUnavailable:
    """Log what the driver said and return the error that callers see."""
    _log.error("the database refused: %s: %s", type(error).__name__, _first_line(error))
    message = (
        "the database cannot be used right now; nothing was changed. Try again, and see the log of `tokenry.store`"
    )
    if "database is locked" in str(error):
        message += ". Inside a transaction of your own on the same SQLite file make changes with `using()`"
    return StoreUnavailable(message, cause=getattr(error, "sqlite_errorname", None) or type(error).__name__)

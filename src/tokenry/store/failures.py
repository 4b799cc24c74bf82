"""What a driver raises, in Tokenry's words: a name that was taken meanwhile, or a database that cannot be used."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tokenry.core.errors import Invalid, StoreUnavailable, TokenryError
from tokenry.core.ports import Clash

_log = logging.getLogger("tokenry.store")


@contextmanager
def translated() -> Iterator[None]:
    """Turn driver errors into `Clash` or `StoreUnavailable`; the private detail goes to the log without parameters."""
    try:
        yield
    except DataError:
        raise Invalid.one("value", "bad_text", "a text holds characters that the database cannot hold") from None
    except IntegrityError as error:
        raise Clash(type(error.orig).__name__) from None
    except (DBAPIError, PoolTimeout) as error:
        raise unavailable(getattr(error, "orig", None) or error) from None


_USES = ("read", "change", "find", "find_async", "version", "fence")


def refuse(database: object, error: TokenryError) -> None:
    """Let every further use of a database raise an error."""

    def refused(*args: object, **options: object) -> NoReturn:
        raise error.with_traceback(None)

    for name in _USES:
        if hasattr(database, name):
            setattr(database, name, refused)


def allow(database: object) -> None:
    """Take back what `refuse` did."""
    for name in _USES:
        vars(database).pop(name, None)


def unavailable(error: BaseException) -> StoreUnavailable:
    """Log what the driver said and return the error that callers see."""
    _log.error("the database refused: %s: %s", type(error).__name__, str(error).partition("\n")[0][:200])
    return StoreUnavailable(
        "the database cannot be used right now; nothing was changed. Try again, and see the log of `tokenry.store`",
        cause=getattr(error, "sqlite_errorname", None) or type(error).__name__,
    )

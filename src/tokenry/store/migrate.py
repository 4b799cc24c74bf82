"""Bring a database to the revision that this version of Tokenry works on, or back. Alembic is imported when needed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from tokenry.core.errors import ConfigError

from .tables import VERSION_TABLE

_SCRIPTS = Path(__file__).parent / "migrations"
HEAD = max(script.name[:4] for script in (_SCRIPTS / "versions").glob("[0-9]*.py"))
"""The newest revision."""


def revision(connection: Connection) -> str | None:
    """Return the revision that a database is at, or None when Tokenry's tables were never made in it."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    row = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).first()  # noqa: S608 a constant
    return str(row[0]) if row else None


def outdated(current: str | None) -> str | None:
    """Return why a database at a revision needs an upgrade, or None; raise ConfigError if it is newer than `HEAD`."""
    if current is None:
        return "this database does not have Tokenry's tables yet: call migrate() once, or run `tokenry db upgrade`"
    if current > HEAD:
        message = f"the database is at revision {current}, newer than this version of Tokenry ({HEAD}): upgrade Tokenry"
        raise ConfigError(message)
    if current < HEAD:
        return (
            f"the database is at revision {current}, this version of Tokenry needs {HEAD}: make a backup, then call "
            "migrate() once, or run `tokenry db upgrade`"
        )
    return None


def upgrade(connection: Connection, target: str = "head", *, sign: Callable[[], object] | None = None) -> None:
    """Bring a database up to date; do nothing when it is. The caller commits.

    `sign` signs the keys of a database that has keys from before there were signatures.
    """
    from alembic import command

    current = revision(connection)
    outdated(current)
    if current != HEAD or target != "head":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            command.upgrade(_config(connection, sign), target)


def downgrade(connection: Connection, target: str) -> None:
    """Take a database back to an older revision (`base`: remove every table of Tokenry's). The caller commits."""
    from alembic import command

    command.downgrade(_config(connection), target)


def _config(connection: Connection, sign: Any = None):  # type: ignore[no-untyped-def]  # alembic's, imported late
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["sign"] = sign
    return config

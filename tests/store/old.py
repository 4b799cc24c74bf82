"""A database as the version at revision 0004 left it, row by row, and what the server of that version answered."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from tokenry import Settings, Tokenry
from tokenry.store import migrate
from tokenry.store.tables import PREFIX
from tokenry.testing import FakeClock

RECORDED: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "revision_0004.json").read_text(encoding="utf-8")
)
KEYRING: Final[str] = RECORDED["keyring"]
SECRETS: Final[dict[str, str]] = RECORDED["secrets"]
AT: Final = datetime.fromisoformat(RECORDED["at"])
REVISION: Final = "0004"
_SEQUENCE = "SELECT setval(pg_get_serial_sequence('tokenry_event', 'sequence'), max(sequence)) FROM tokenry_event"


def make(url: str) -> None:
    """Make the database in an empty one."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with closing(engine.connect()) as connection, connection.begin():
        migrate.upgrade(connection, REVISION)
        made = sa.MetaData()
        made.reflect(connection, only=lambda name, _: name.startswith(PREFIX))
        for table in reversed(made.sorted_tables):
            if table.name in RECORDED["tables"]:
                connection.execute(sa.delete(table))
        for table in made.sorted_tables:
            rows = [
                {name: _value(value) for name, value in row.items()} for row in RECORDED["tables"].get(table.name, ())
            ]
            if rows:
                connection.execute(sa.insert(table), rows)
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text(_SEQUENCE))
    engine.dispose()


def opened(url: str, **options: Any) -> Tokenry:
    """Open the database at the moment when the old version left it."""
    settings = Settings(background=False, migrate=options.pop("migrate", True))
    return Tokenry(url, keyring=KEYRING, clock=FakeClock(AT), settings=settings)


def _value(value: Any) -> Any:
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value

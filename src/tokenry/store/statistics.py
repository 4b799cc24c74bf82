"""Statistics of PostgreSQL after many rows were written, before its own upkeep has seen them.

A table that has none looks as if every index that begins with the tenant were as good as the next one. A connection
that checked the first foreign keys then goes on to walk through all keys of the tenant for each new secret.
"""

from __future__ import annotations

import logging

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

_log = logging.getLogger("tokenry.store")
# Tables that others point at. Their statistics are renewed each time that they have grown eightfold.
_OUTGROWN = text("""
    SELECT relname FROM pg_class
    WHERE oid IN (to_regclass('tokenry_key'), to_regclass('tokenry_owner'))
    AND pg_relation_size(oid) > 8 * current_setting('block_size')::bigint * greatest(relpages, 1)
""")


def renew(connection: Connection) -> None:
    """Analyze the tables that have outgrown their statistics. It may fail: a role that owns no table is only warned."""
    try:
        with connection.begin():
            for name in connection.execute(_OUTGROWN).scalars().all():
                connection.exec_driver_sql(f"ANALYZE {name} (tenant_id, id)")
    except SQLAlchemyError as error:
        _log.info("statistics were not renewed: %s", type(error).__name__)

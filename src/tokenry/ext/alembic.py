"""For hosts that autogenerate their own migrations with Alembic beside Tokenry's tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

Parent: TypeAlias = Literal["schema_name", "table_name", "schema_qualified_table_name"]
_PREFIX = "tokenry_"


def include_name(name: str | None, type_: str, parent_names: Mapping[Parent, str | None]) -> bool:
    """Leave Tokenry's tables out of the host's autogenerate, which would drop these tables.

    Pass it in the host's `env.py`: `context.configure(…, include_name=include_name)`.
    """
    table = name if type_ == "table" else parent_names.get("table_name")
    return not (isinstance(table, str) and table.startswith(_PREFIX))

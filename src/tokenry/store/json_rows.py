"""Rows that travel to and from the database as JSON: one parameter or one value for all of them."""

from __future__ import annotations

_WORDS = {
    "sqlite": ("json_extract(value, '$[{place}]')", "json_each(:{parameter})"),
    "postgresql": ("CAST(value->>{place} AS {kind})", "json_array_elements(CAST(:{parameter} AS json))"),
}
ARRAYS = {
    "sqlite": {"array": "json_array", "array_of": "json_group_array"},
    "postgresql": {"array": "json_build_array", "array_of": "json_agg"},
}
"""How a statement makes an array of columns, and an array of all rows."""


def json_rows(parameter: str, **kinds: str) -> dict[str, str]:
    """Return the SELECT, by dialect, that reads rows from a parameter, as columns of these names and types."""
    return {dialect: _select(column, rows, parameter, kinds) for dialect, (column, rows) in _WORDS.items()}


def _select(column: str, rows: str, parameter: str, kinds: dict[str, str]) -> str:
    columns = [
        f'{column.format(place=place, kind=kind)} AS "{name}"' for place, (name, kind) in enumerate(kinds.items())
    ]
    return f"SELECT {', '.join(columns)} FROM {rows.format(parameter=parameter)}"  # noqa: S608 - of constants

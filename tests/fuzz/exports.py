"""Export files of other systems: whatever is in one, each key becomes a row or a refusal, or the form is refused."""

from __future__ import annotations

from collections.abc import Hashable

from tests.fuzz.fuzzer import Target
from tokenry import ConfigError
from tokenry.imports import ImportResult, ImportRow
from tokenry.sources import files
from tokenry.sources.reading import Asked, each, records_in


def check_export(data: bytes) -> Hashable:
    """A record is never an error of a kind that nobody expects, and a refusal never repeats it."""
    seen: set[Hashable] = set()
    for name, source in files.SOURCES.items():
        asked = Asked(name)
        try:
            found = [*each(records_in(data, source, asked), lambda record: source.rows(record, asked))]  # noqa: B023
        except ConfigError:
            continue
        assert all(isinstance(one, (ImportRow, ImportResult)) for one in found)
        seen |= {(name, one.errors[0].code if isinstance(one, ImportResult) else "row") for one in found}
    return tuple(sorted(seen))


TARGETS = {"export": Target(check_export)}

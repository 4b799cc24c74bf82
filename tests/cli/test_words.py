"""A count and its noun agree."""

import pytest

from tokenry.cli.output import counted


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (0, "key", "0 keys"),
        (1, "key", "1 key"),
        (2, "key", "2 keys"),
        (1, "entry", "1 entry"),
        (2, "entry", "2 entries"),
    ],
)
def test_one_is_singular(count: int, noun: str, text: str) -> None:
    assert counted(count, noun) == text

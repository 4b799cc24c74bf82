"""A count and its noun agree."""

import re
from pathlib import Path

import pytest

from tokenry.core.plurals import counted


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


def test_no_text_makes_a_plural_by_itself() -> None:
    by_hand = re.compile(r"'s'\[|'ies' if|\w\(s\) ")
    found = [
        f"{path}:{number}"
        for path in Path("src/tokenry").rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if by_hand.search(line)
    ]
    assert not found

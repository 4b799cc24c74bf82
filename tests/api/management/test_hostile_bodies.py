"""What a known caller gets wrong a hundred thousand times costs little more than what it gets wrong a hundred times."""

import json
import sys
from collections.abc import Callable

import pytest

from tokenry.api.bodies import decoded
from tokenry.api.management.reading import Reader
from tokenry.api.problems import Failed
from tokenry.operations import OPERATIONS

WRONG_KEY = {"owner": 1, "name": 2, "scopes": ["!"] * 30, "roles": ["!"] * 20, "more": 1}
BODIES: dict[str, tuple[str, Callable[[int], object]]] = {
    "unknown fields": ("keys.issue", lambda count: {f"{n:05}": 1 for n in range(60 * count)}),
    "wrong keys": ("keys.issue_many", lambda count: {"keys": [WRONG_KEY] * count}),
    "empty keys": ("keys.issue_many", lambda count: {"keys": [{}] * count}),
}


def calls(operation: str, body: bytes) -> int:
    """Return how many functions are called to name the mistakes of a body."""
    count = 0

    def note(*_: object) -> None:
        nonlocal count
        count += 1

    reader, found, before = Reader(OPERATIONS[operation]), decoded(body), sys.getprofile()
    sys.setprofile(note)
    try:
        reader.arguments([], found, [])
    except Failed as failed:
        named = failed.problem.errors
    finally:
        sys.setprofile(before)
    assert 0 < len(named) <= 100
    return count


@pytest.mark.parametrize("name", BODIES)
def test_mistakes_beyond_those_that_are_named_cost_little(name: str) -> None:
    operation, make = BODIES[name]
    few, many = [json.dumps(make(count)).encode() for count in (100, 1000)]
    assert calls(operation, many) < 2 * calls(operation, few)

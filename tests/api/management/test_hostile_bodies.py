"""What a known caller gets wrong a hundred thousand times costs little more than what it gets wrong a hundred times."""

import json
from collections.abc import Callable

import pytest

from tests.counting import calls
from tokenry.api.bodies import decoded
from tokenry.api.management.reading import Reader
from tokenry.edge.problems import Failed
from tokenry.operations import OPERATIONS

WRONG_KEY = {"owner": 1, "name": 2, "scopes": ["!"] * 30, "roles": ["!"] * 20, "more": 1}
BODIES: dict[str, tuple[str, Callable[[int], object]]] = {
    "unknown fields": ("keys.issue", lambda count: {f"{n:05}": 1 for n in range(60 * count)}),
    "wrong keys": ("keys.issue_many", lambda count: {"keys": [WRONG_KEY] * count}),
    "empty keys": ("keys.issue_many", lambda count: {"keys": [{}] * count}),
}


def mistakes(operation: str, body: bytes) -> int:
    """Return how many functions are called to name the mistakes of a body."""
    reader, found = Reader(OPERATIONS[operation]), decoded(body)

    def read() -> None:
        with pytest.raises(Failed) as failed:
            reader.arguments([], found, [])
        assert 0 < len(failed.value.problem.errors) <= 100

    return calls(read)


@pytest.mark.parametrize("name", BODIES)
def test_mistakes_beyond_those_that_are_named_cost_little(name: str) -> None:
    operation, make = BODIES[name]
    few, many = [json.dumps(make(count)).encode() for count in (100, 1000)]
    assert mistakes(operation, many) < 2 * mistakes(operation, few)


def test_values_that_nest_nothing_cost_no_call_each() -> None:
    body = json.dumps([[]] * 40 + [1] * 60_000).encode()
    assert calls(lambda: decoded(body)) < 200


def test_a_body_is_nested_as_deep_as_its_deepest_part() -> None:
    deep: object = []
    for _ in range(30):
        deep = [1, {"a": 1}, deep, "[[["]
    assert decoded(json.dumps({"deep": deep, "flat": [{}] * 40}).encode())
    with pytest.raises(Failed) as failed:
        decoded(json.dumps({"deep": [deep], "flat": [{}] * 40}).encode())
    assert "32 levels deep" in failed.value.problem.detail

"""What a process asks old systems: one caller of a key asks, the others get what that one learns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tokenry import StoreUnavailable
from tokenry.core.foreign import AGAIN
from tokenry.core.model import micros
from tokenry.core.verdict import Refused
from tokenry.runtime.asking import LATE_MAX, OF_PLACE_MAX, WAITING_MAX, Asking
from tokenry.testing import FakeClock

KEY = "sk_0123456789abcdef"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def asking(clock: FakeClock) -> Iterator[Asking]:
    made = Asking(lambda: micros(clock.now()))
    yield made
    made.close()


def waiting(asking: Asking, name: str = "old") -> Any:
    """Return the future of a caller that must not ask itself."""
    future = asking.join(name, KEY, None)
    assert future is not None
    return future


def test_others_get_what_the_first_caller_learns(asking: Asking) -> None:
    assert asking.join("old", KEY, None) is None
    others = [waiting(asking) for _ in range(3)]
    assert asking.join("another system", KEY, None) is None
    asking.end("old", KEY, "kid")
    assert [future.result(10) for future in others] == ["kid"] * 3
    assert asking.join("old", KEY, None) is None


def test_a_failure_is_told_to_all(asking: Asking) -> None:
    assert asking.join("old", KEY, None) is None
    other = waiting(asking)
    asking.fail("old", KEY, StoreUnavailable("down"))
    with pytest.raises(StoreUnavailable, match="down"):
        other.result(10)


def test_a_caller_that_was_cancelled_leaves_its_question_to_another(asking: Asking) -> None:
    asked: list[str] = []

    def ask(key: str) -> dict[str, Any]:
        asked.append(key)
        return {"owner": "ada"}

    assert asking.join("old", KEY, None) is None
    gone, stays = waiting(asking), waiting(asking)
    assert gone.cancel()
    asking.ask("old", KEY, ask, None).result(10)
    asking.leave("old", KEY)
    assert stays.result(10) == AGAIN
    assert asking.join("old", KEY, None) is None
    assert asking.ask("old", KEY, ask, None).result(10) == {"owner": "ada"}
    assert asked == [KEY]


def test_an_answer_that_could_not_be_kept_is_forgotten_after_a_while(asking: Asking, clock: FakeClock) -> None:
    asked: list[str] = []

    def ask(key: str) -> dict[str, Any]:
        asked.append(key)
        return {"owner": "ada"}

    for count in (1, 1, 2):
        assert asking.join("old", KEY, None) is None
        asking.ask("old", KEY, ask, None).result(10)
        asking.fail("old", KEY, StoreUnavailable("down"))
        assert len(asked) == count
        clock.advance(timedelta(seconds=16))


def test_what_waits_is_bounded(asking: Asking) -> None:
    begun = [asking.join("old", f"{KEY}{n}", None) for n in range(LATE_MAX + 1)]
    assert begun[:-1] == [None] * LATE_MAX
    assert is_throttled(begun[-1])
    begun = [asking.join("old", f"{KEY}a{n}", f"192.0.2.{n}") for n in range(OF_PLACE_MAX + 1)]
    assert begun[:-1] == [None] * OF_PLACE_MAX
    assert is_throttled(begun[-1])
    rest = WAITING_MAX - LATE_MAX - OF_PLACE_MAX
    begun = [asking.join("old", f"{KEY}b{n}", f"198.51.{n}.1") for n in range(rest + 1)]
    assert begun[:-1] == [None] * rest
    assert is_throttled(begun[-1])


def is_throttled(future: Any) -> bool:
    return future is not None and future.result(10) == Refused("throttled", 1)


def test_nothing_is_asked_after_the_end(asking: Asking) -> None:
    asking.close()
    with pytest.raises(StoreUnavailable):
        waiting(asking).result(10)
    with pytest.raises(StoreUnavailable):
        asking.ask("old", KEY, lambda key: None, None).result(10)

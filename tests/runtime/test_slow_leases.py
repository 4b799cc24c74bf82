"""A database that answers slowly delays a verification, and never holds it for ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tokenry import Limit, Settings, StoreUnavailable, Tokenry
from tokenry.config import fresh_keyring
from tokenry.store.limits import LimitRows
from tokenry.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tk(clock: FakeClock) -> Iterator[Tokenry]:
    settings = Settings(background=False, flush_interval=timedelta(hours=1))
    with Tokenry("sqlite://", keyring=fresh_keyring(), settings=settings, clock=clock) as instance:
        instance.owners.put("ada")
        yield instance


@pytest.fixture
def leases(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> list[float]:
    """Make leases take as long as the first entry says, and note each one after it."""
    noted = [0.0]
    lease = LimitRows.lease

    def slow(self: LimitRows, wants: Any) -> Any:
        noted.extend([noted[0]] * len(wants))
        clock.advance(timedelta(seconds=noted[0]))
        return lease(self, wants)

    monkeypatch.setattr(LimitRows, "lease", slow)
    return noted


@pytest.mark.parametrize("seconds", [0.1, 0.11, 5.0])
def test_a_used_up_limit_is_asked_about_once_however_slow_the_lease(
    tk: Tokenry, clock: FakeClock, leases: list[float], seconds: float
) -> None:
    issued = tk.keys.issue("ada", name="k", limits=[Limit("a", 1, 3600), Limit("b", 1, 86_400)])
    assert tk.verify(issued.secret)
    clock.advance(timedelta(seconds=1))
    leases[:] = [seconds]
    assert tk.verify(issued.secret).code == "rate_limited"
    assert len(leases) - 1 == 2  # one for each limit
    assert tk.verify(issued.secret).code == "rate_limited"


def test_leases_that_always_outlast_the_window_end_in_an_error(tk: Tokenry, leases: list[float]) -> None:
    issued = tk.keys.issue("ada", name="k", limits=[Limit("a", 1, 1)])
    leases[:] = [1.5]
    with pytest.raises(StoreUnavailable):
        tk.verify(issued.secret)

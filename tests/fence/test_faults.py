"""Nothing is valid after its end has been told, whatever happens to processes, connections and the server."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.counts import times
from tests.fence.rig import Rig
from tests.servers.postgres import Postgres

KEYS = 4000
LEASE_SECONDS = 3.0
SLOW_SECONDS_MAX = 6.0
"""A slow call takes 3.3 s; on a machine that is busy, longer."""


def for_seconds(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() < until


def check(rig: Rig, slow_max: int) -> None:
    assert rig.outcome.stale == []
    assert len(rig.outcome.slow) <= slow_max, rig.outcome.slow
    assert not rig.outcome.slow or max(rig.outcome.slow) < SLOW_SECONDS_MAX
    assert rig.outcome.ended > 2
    assert rig.outcome.from_memory > 0.3


def test_nothing_is_stale_while_all_is_well(durable_server: Postgres, tmp_path: Path) -> None:
    count = times(300, 2000)
    with Rig(durable_server, tmp_path, count) as rig:
        rig.end_while(lambda: True)
    assert rig.outcome.ended == count
    check(rig, 0)


def test_a_stopped_process_costs_two_slow_calls_and_is_not_stale_when_it_goes_on(
    durable_server: Postgres, tmp_path: Path
) -> None:
    with Rig(durable_server, tmp_path, KEYS) as rig:
        rig.after(0.5, lambda: rig.signal(0, signal.SIGSTOP))
        rig.after(0.5 + LEASE_SECONDS + 2, lambda: rig.signal(0, signal.SIGCONT))
        rig.end_while(for_seconds(LEASE_SECONDS + 4))
    check(rig, 2)


@pytest.mark.parametrize("fault", ["hole", "half"])
def test_a_connection_that_swallows_bytes_makes_nothing_stale(
    durable_server: Postgres, tmp_path: Path, fault: str
) -> None:
    with Rig(durable_server, tmp_path, KEYS) as rig:
        rig.after(0.5, lambda: setattr(rig.proxy, fault, True))
        rig.after(0.5 + LEASE_SECONDS + 3, lambda: setattr(rig.proxy, fault, False))
        rig.end_while(for_seconds(LEASE_SECONDS + 6))
    check(rig, 3)


def test_connections_that_are_cut_again_and_again_make_nothing_stale(durable_server: Postgres, tmp_path: Path) -> None:
    with Rig(durable_server, tmp_path, KEYS) as rig:
        for turn in range(10):
            rig.after(0.3 + 0.3 * turn, rig.proxy.cut)
        rig.end_while(for_seconds(5))
    check(rig, 2)


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_a_server_that_comes_back_makes_nothing_stale(durable_server: Postgres, tmp_path: Path, how: str) -> None:
    def fault() -> None:
        if how == "kill":
            durable_server.kill()
            durable_server.start()
        else:
            durable_server.restart()

    with Rig(durable_server, tmp_path, KEYS) as rig:
        rig.after(0.5, fault)
        rig.end_while(for_seconds(8))
    check(rig, 2)


def test_killed_processes_cost_two_slow_calls(durable_server: Postgres, tmp_path: Path) -> None:
    with Rig(durable_server, tmp_path, KEYS) as rig:
        for number in (0, 2):
            rig.after(0.5, lambda number=number: rig.signal(number, signal.SIGKILL))  # type: ignore[misc]
        rig.end_while(for_seconds(9))
    check(rig, 2)
    assert len(rig.outcome.slow) == 2


def test_the_wall_clock_of_a_process_may_jump(durable_server: Postgres, tmp_path: Path) -> None:
    with Rig(durable_server, tmp_path, KEYS, broken="the wall clock jumps") as rig:
        rig.end_while(for_seconds(4))
    check(rig, 0)


def test_a_proxy_that_gathers_small_packets_makes_it_slower_and_nothing_stale(
    durable_server: Postgres, tmp_path: Path
) -> None:
    with Rig(durable_server, tmp_path, KEYS, quick=False) as rig:
        rig.end_while(for_seconds(4))
    check(rig, 0)


@pytest.mark.parametrize("broken", ["no wait", "say before applying"])
def test_the_rig_sees_a_fence_that_is_broken(durable_server: Postgres, tmp_path: Path, broken: str) -> None:
    with Rig(durable_server, tmp_path, KEYS, broken=broken) as rig:
        seconds = for_seconds(20)
        rig.end_while(lambda: seconds() and not (rig.outcome.ended % 20 == 0 and rig.find_stale()))
    assert rig.outcome.stale


def test_the_rig_sees_a_lease_that_a_timer_turns_into_a_flag(durable_server: Postgres, tmp_path: Path) -> None:
    with Rig(durable_server, tmp_path, KEYS, broken="a timer sets a flag") as rig:
        for turn in range(12):
            rig.after(0.5 + 5 * turn, lambda: rig.signal(0, signal.SIGSTOP))
            rig.after(0.5 + 5 * turn + LEASE_SECONDS + 1, lambda: rig.signal(0, signal.SIGCONT))
        seconds = for_seconds(60)
        rig.end_while(lambda: seconds() and not (rig.outcome.ended % 20 == 0 and rig.find_stale()))
    assert rig.outcome.stale

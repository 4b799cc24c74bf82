"""Whatever bytes arrive on a connection: both ways answer the same, with whole answers, and neither fails."""

from __future__ import annotations

from collections.abc import Hashable

import pytest

from tests.api.lane.answer import read
from tests.api.lane.conftest import Place, Way
from tests.chaos.counts import times
from tests.fuzz.fuzzer import Target, fuzz, outcome, seeds
from tests.fuzz.test_parsers import SEED

WORDS = (
    b"\r\n", b"\r\n\r\n", b"Content-Length: 1", b"Transfer-Encoding: chunked", b"0\r\n\r\n", b"X-Api-Key: ", b": ",
    b"GET ", b"POST ", b"HEAD ", b" HTTP/1.1", b"HTTP/1.0", b"/v1/auth", b"/v1/verify", b"Connection: close", b"%00",
    b"?scopes=", b"Expect: 100-continue", b"X-Auth-Require-Scopes: a", b"Cookie: ", b"Host: y", b"X-Forwarded-For: ::1",
)  # fmt: skip


@pytest.fixture(scope="module")
def target(place: Place, lane: Way, plain: Way) -> Target:
    """Both ways at once; what stands for a key in the corpus is replaced by a real one."""

    def check(data: bytes) -> Hashable:
        data = data.replace(b"{key}", place.key.encode()).replace(b"{operator}", place.operator.encode())
        cut = data[0] % len(data) if data else 0
        answers, closed = lane.answer(data)
        assert (answers, closed) == plain.answer(data), "the two ways differ"
        assert (answers, closed) == lane.answer(data[:cut], data[cut:]), "it matters how bytes come in pieces"
        statuses = tuple(one.status for one in read(answers)) if b"HEAD" not in data else ()
        assert all(200 <= status < 500 for status in statuses), statuses
        return statuses, closed

    return Target(check, WORDS, cpu_seconds=2.0)


def test_every_connection_that_was_kept_is_answered_alike(target: Target) -> None:
    for data in seeds("wire"):
        outcome(target, data)


@pytest.mark.chaos
def test_every_connection_is_answered_alike(target: Target) -> None:
    assert fuzz(target, seeds("wire"), SEED, rounds=times(150, 0), seconds=times(0, 60)) >= 150

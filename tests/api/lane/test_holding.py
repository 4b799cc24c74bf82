"""What is held of requests that have not come whole: little for each connection, and a bound for all together."""

import gc
import json
import weakref
from collections.abc import Iterator

import pytest

from tokenry.api.hot.holding import SMALL_MAX, Holding

from .answer import read
from .conftest import Place, Way, run
from .requests import chunked, request, verify
from .wire import Talk

JSON = "Content-Type: application/json"


@pytest.fixture(params=["lane", "plain"])
def way(request: pytest.FixtureRequest, place: Place) -> Iterator[Way]:
    way: Way = request.getfixturevalue(request.param)
    before = way.served.holding
    yield way
    way.served.holding = before


def unfinished(size: int) -> bytes:
    return request("POST", "/v1/verify", JSON, f"Content-Length: {size + 1}") + b"x" * size


def test_the_oldest_unfinished_requests_make_room(way: Way, place: Place) -> None:
    async def work() -> list[list[int]]:
        holding = way.served.holding = Holding(100_000)
        talks = [Talk(way.protocol, way.app) for _ in range(6)]
        for talk in talks:
            await talk.send([unfinished(30_000)])
            assert holding.bytes <= 100_000
        honest = Talk(way.protocol, way.app)
        await honest.send([verify(place.operator, {"credential": place.key})])
        statuses = [[answer.status for answer in read(await talk.answers())] for talk in (*talks, honest)]
        for talk in (*talks, honest):
            await talk.end()
        assert (holding.bytes, len(holding._sizes)) == (0, 0)
        return statuses

    assert run(work()) == [[503], [503], [503], [], [], [], [200]]


def test_what_is_unread_counts_too_and_is_cut_off(way: Way, place: Place) -> None:
    async def work() -> list[bool]:
        way.served.holding = Holding(100_000)
        talks = [Talk(way.protocol, way.app) for _ in range(4)]
        for talk in talks:
            await talk.send([verify(place.operator, {"credential": place.key})])
            await talk.answers()
            talk.protocol.pause_writing()
        ended = [talk.wire.is_ended for talk in talks]
        talks[1].protocol.resume_writing()
        for talk in talks:
            await talk.end()
        assert way.served.holding.bytes == 0
        return ended

    assert run(work()) == [True, False, False, False]


@pytest.mark.parametrize("head", ["", "Authorization: Bearer tk_op_nonsense"])
def test_a_large_body_is_read_for_known_callers_alone(way: Way, place: Place, head: str) -> None:
    fields = [JSON, head] if head else [JSON]
    begun = request("POST", "/v1/verify/batch", *fields, "Content-Length: 900000")
    answers = read(way.answer(begun + b'{"questions":[')[0])
    assert [answer.status for answer in answers] == [401]


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_known_caller_sends_a_mebibyte(way: Way, place: Place, is_chunked: bool) -> None:
    questions = [{"credential": place.key, "audience": "x" * 9_900} for _ in range(100)]
    body = json.dumps({"questions": questions}).encode()
    assert len(body) > 900_000
    head = request("POST", "/v1/verify/batch", JSON, f"Authorization: Bearer {place.operator}")
    if is_chunked:
        data = chunked(head, body, 8000)
    else:
        data = head.replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % len(body)) + body
    uses = place.sync.verify(place.operator, environment="op").key.use_count  # type: ignore[union-attr]
    [answer] = read(way.answer(*[data[at : at + 60_000] for at in range(0, len(data), 60_000)])[0])
    assert answer.status == 200
    assert [one["code"] for one in answer.json["verdicts"]] == ["valid"] * 100
    assert place.sync.verify(place.operator, environment="op").key.use_count <= uses + 2  # type: ignore[union-attr]


def test_a_chunked_body_of_an_unknown_caller_ends_at_64_kib(way: Way) -> None:
    head = request("POST", "/v1/verify", JSON)
    data = chunked(head, b" " * (SMALL_MAX + 20_000), 4000)
    answers, closed = way.answer(*[data[at : at + 10_000] for at in range(0, len(data), 10_000)])
    assert [answer.status for answer in read(answers)] == [401]
    assert closed


@pytest.mark.parametrize("ends", [True, False])
def test_a_head_has_at_most_128_fields(way: Way, ends: bool) -> None:
    def answer(count: int) -> list[int]:
        data = request("GET", "/v1/auth", *["a:"] * (count - 1))
        return [one.status for one in read(way.answer(data if ends or count < 1000 else data[:-2])[0])]

    assert answer(128) == [401]
    assert answer(3000) == [431]
    assert answer(129) == [431]


def test_a_connection_with_many_requests_lets_others_have_their_turn(lane: Way, place: Place) -> None:
    async def work() -> None:
        many, other = Talk(lane.protocol, lane.app), Talk(lane.protocol, lane.app)
        many.protocol.data_received(request("GET", "/v1/auth") * 500)
        assert 0 < len(read(bytes(many.wire.written))) < 100
        assert many.wire.is_paused
        other.protocol.data_received(request("GET", "/v1/auth"))
        assert len(read(bytes(other.wire.written))) == 1
        for _ in range(40):
            await many.answers()
        assert len(read(bytes(many.wire.written))) == 500
        await many.end()
        await other.end()

    run(work())


def of_64_bytes(count: int) -> bytes:
    """Return requests that end where a part that is parsed at once ends, too."""
    one = request("GET", "/v1/auth", "X: ")
    one = one.replace(b"X: ", b"X: " + b"x" * (64 - len(one)))
    assert len(one) == 64
    return one * count


def test_whole_requests_that_wait_for_their_turn_are_weighed(way: Way) -> None:
    async def work() -> None:
        talk = Talk(way.protocol, way.app)
        talk.protocol.data_received(of_64_bytes(400))
        assert way.served.holding.bytes > 20_000
        answers = await talk.answers()
        while answers.count(b"HTTP/1.1 401 ") < 400:
            answers = await talk.answers()
        assert way.served.holding.bytes == 0
        await talk.end()

    run(work())


def test_a_large_read_waits_while_others_wait_for_their_turn(way: Way) -> None:
    async def work() -> None:
        first, second = Talk(way.protocol, way.app), Talk(way.protocol, way.app)
        first.protocol.data_received(of_64_bytes(400))
        second.protocol.data_received(of_64_bytes(17))
        assert (bytes(second.wire.written), second.wire.is_paused) == (b"", True)
        while (await second.answers()).count(b"HTTP/1.1 401 ") < 17:
            pass
        for talk in (first, second):
            await talk.end()
        assert way.served.holding.bytes == 0

    run(work())


def test_a_body_of_many_chunks_lets_others_have_their_turn(way: Way) -> None:
    async def work() -> None:
        talk = Talk(way.protocol, way.app)
        talk.protocol.data_received(request("GET", "/docs", "Transfer-Encoding: chunked") + b"1\r\nx\r\n" * 40_000)
        assert talk.wire.is_paused
        await talk.end()

    run(work())


def test_a_connection_that_ended_needs_no_garbage_collector(way: Way, place: Place) -> None:
    """The collector looks at old objects only when nobody asks: what waits for it is held until then."""

    async def work() -> weakref.ref[object]:
        talk = Talk(way.protocol, way.app)
        await talk.send([request("GET", "/v1/auth", f"Authorization: Bearer {place.operator}"), request("GET", "/x")])
        await talk.answers()
        await talk.end()
        talk.wire.protocol = None  # as a transport does at its end
        return weakref.ref(talk.protocol)

    run(work())  # what is made once is made
    gc.collect()
    gc.disable()
    try:
        assert run(work())() is None
    finally:
        gc.enable()

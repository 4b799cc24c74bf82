"""A connection from its beginning to its end: slow clients, clients that do not read, and shutting down."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from tokenry.api.process.access_log import AccessLog

from .answer import read
from .conftest import Place, Way, run
from .requests import auth, chunked, request, verify
from .wire import PEER, Talk, normal


@pytest.fixture(params=["lane", "plain"])
def way(request: pytest.FixtureRequest, place: Place) -> Way:  # whose thread is no test's own
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def open_talk(way: Way, keep_alive: float = 5) -> Talk:
    return Talk(way.protocol, way.app, keep_alive=keep_alive)


async def beats(talk: Talk, count: int) -> None:
    """Let so many keep-alive times pass."""
    for _ in range(count):
        if not talk.wire.is_ended:
            talk.protocol._watch()
        await asyncio.sleep(0)


def test_an_idle_connection_is_closed_and_a_busy_one_is_not(way: Way, place: Place) -> None:
    async def work() -> None:
        talk = open_talk(way)
        await beats(talk, 1)
        for _ in range(4):
            await talk.send([auth(place.key)])
            await talk.answers()
            await beats(talk, 1)
        assert not talk.wire.is_ended
        await beats(talk, 1)
        assert talk.wire.is_ended
        await talk.end()

    run(work())


@pytest.mark.parametrize(("piece", "patience"), [(b"", 2), (b"GET /v1/a", 3), (b"GET /v1/auth HTTP/1.1\r\nHost:", 3)])
def test_a_client_that_does_not_end_its_head_is_told_and_closed(way: Way, piece: bytes, patience: int) -> None:
    async def work() -> bytes:
        talk = open_talk(way)
        await talk.send([piece] if piece else [])
        await beats(talk, patience - 1)
        assert not talk.wire.is_ended
        await beats(talk, 1)
        assert talk.wire.is_ended
        await talk.end()
        return bytes(talk.wire.written)

    answers = run(work())
    assert [answer.status for answer in read(answers)] == ([408] if piece else [])


def test_a_body_that_trickles_has_longer_but_not_for_ever(way: Way, place: Place) -> None:
    data = verify(place.operator, {"credential": place.key})

    async def work(data: bytes) -> list[int]:
        talk = open_talk(way)
        await talk.send([data[:-10]])
        await beats(talk, 6)
        assert not talk.wire.is_ended
        await talk.send([data[-10:-9]])
        await beats(talk, 1)
        assert talk.wire.is_ended
        answers = bytes(talk.wire.written)
        await talk.end()
        return [answer.status for answer in read(answers)]

    assert run(work(data)) == [408]
    assert run(work(data.replace(b"Content-Type", b"Expect: 100-continue\r\nContent-Type"))) in ([408], [100, 408])


def test_a_client_that_does_not_read_is_not_answered_on_and_in_the_end_cut_off(way: Way, place: Place) -> None:
    async def work() -> None:
        talk = open_talk(way)
        await talk.send([auth(place.key)])
        await talk.answers()
        talk.protocol.pause_writing()
        before = talk.wire.writes
        for _ in range(5):
            await talk.send([auth(place.key)])
        await talk.answers()
        assert talk.wire.writes == before
        talk.protocol.resume_writing()
        assert len(read(await talk.answers())) == 6
        talk.protocol.pause_writing()
        await beats(talk, 7)
        assert talk.wire.is_ended
        await talk.end()

    run(work())


def test_a_client_that_does_not_read_is_cut_off_also_when_it_broke_the_protocol(way: Way, place: Place) -> None:
    async def work() -> None:
        talk = open_talk(way)
        talk.protocol.pause_writing()
        await talk.send([request("GET", "/v1/self", f"X-API-Key: {place.key}")])
        await talk.send([b"\0"])
        await beats(talk, 6)
        assert not talk.wire.is_ended
        await beats(talk, 1)
        assert talk.wire.is_ended
        await talk.end()

    run(work())


def test_a_client_that_does_not_read_the_last_answer_is_cut_off(
    way: Way, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        talk = open_talk(way)
        closing: list[bool] = []  # a transport is lost only when all that was written has gone
        monkeypatch.setattr(talk.wire, "close", lambda: closing.append(True))
        monkeypatch.setattr(talk.wire, "is_closing", lambda: bool(closing))
        monkeypatch.setattr(talk.wire, "abort", lambda: type(talk.wire).close(talk.wire))
        await talk.send([auth(place.key, "Connection: close")])
        await talk.answers()
        assert closing
        await beats(talk, 5)
        assert not talk.wire.is_ended
        await beats(talk, 2)
        assert talk.wire.is_ended

    run(work())


def test_what_is_being_received_when_the_server_ends_is_answered_and_the_connection_closed(
    way: Way, place: Place
) -> None:
    data = verify(place.operator, {"credential": place.key})

    async def work() -> tuple[bytes, bool]:
        talk = open_talk(way)
        await talk.send([data, data[:-10]])
        talk.protocol.shutdown()
        await talk.send([data[-10:]])
        answers, ended = await talk.answers(), talk.wire.is_ended
        await talk.end()
        return normal(answers), ended

    answers, ended = run(work())
    found = read(answers)
    assert [answer.status for answer in found] == [200, 200]
    assert ("connection" in found[0].fields, found[1].fields["connection"], ended) == (False, "close", True)


def test_an_idle_connection_ends_with_the_server(way: Way, place: Place) -> None:
    async def work() -> bool:
        talk = open_talk(way)
        await talk.send([auth(place.key)])
        await talk.answers()
        talk.protocol.shutdown()
        ended = talk.wire.is_ended
        await talk.end()
        return ended

    assert run(work())


def test_a_farewell_among_the_default_headers_closes_after_the_next_answer(way: Way, place: Place) -> None:
    async def work() -> tuple[bytes, bool]:
        talk = open_talk(way)
        await talk.send([auth(place.key)])
        await talk.answers()
        talk.state.default_headers = [(b"connection", b"close")]
        await talk.send([auth(place.key)])
        answers, ended = await talk.answers(), talk.wire.is_ended
        await talk.end()
        return normal(answers), ended

    answers, ended = run(work())
    assert answers.count(b"connection: close\r\n") == 1
    assert ended


def test_a_million_bodies_in_small_pieces_cost_what_they_weigh(way: Way, place: Place) -> None:
    body = b" " * 1_000_00 + b"{}"
    data = verify(place.operator, body)
    answers, _ = way.answer(*(data[place : place + 16] for place in range(0, len(data), 16)))
    assert [answer.status for answer in read(answers)] == [422]


class Serving:
    """A real server on a real socket, on a loop of its own."""

    def __init__(self, place: Place, way: Way) -> None:
        config = uvicorn.Config(
            way.app,
            http=way.protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
        )
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self._run, name="serving")
        self.thread.start()

    def _run(self) -> None:
        asyncio.run(self.server.serve(sockets=[self.listener]))

    def ask(self, data: bytes) -> bytes:
        """Send everything, then read to the end."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
            client.sendall(data)
            found = b""
            while piece := client.recv(65536):
                found += piece
            return found

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.listener.close()


@pytest.fixture
def serving(way: Way, place: Place) -> Iterator[Serving]:
    serving = Serving(place, way)
    yield serving
    serving.stop()


def test_what_is_pipelined_is_never_too_large_together(way: Way, place: Place) -> None:
    one = auth(place.key, "X-Long: " + "x" * 800)
    for before in (one * 50, verify(place.operator, b" " * 60_000)):
        count = before.count(b"HTTP/1.1")
        answers, closed = way.answer(before + one[:30], one[30:])
        assert (answers.count(b"HTTP/1.1 "), b"HTTP/1.1 431" in answers, closed) == (count + 1, False, False)


def test_a_head_that_never_ends_is_refused_when_it_is_too_large(way: Way, place: Place) -> None:
    pieces = [auth(place.key)[:-2] + b"X-Long: ", *[b"x" * 8192] * 5]
    assert way.answer(*pieces)[0].startswith(b"HTTP/1.1 431 ")


def test_hundreds_of_requests_for_another_protocol_in_one_piece_are_all_answered(way: Way, place: Place) -> None:
    async def work() -> None:
        talk = open_talk(way)
        await talk.send([auth(place.key, "Connection: upgrade", "Upgrade: h2c") * 600])
        for _ in range(60):
            answers = await talk.answers()
        assert answers.count(b"HTTP/1.1 200 ") == 600
        await talk.end()

    run(work())


def test_fields_behind_a_body_are_no_fields_of_the_request(place: Place) -> None:
    """A proxy adds to the head what it vouches for, and may pass on what a client writes behind the body."""
    for lane in (True, False):
        way = place.way(lane=lane, trusted_proxies=(PEER,))
        for credential, behind, status in (
            (f"X-API-Key: {place.bound}", b"X-Forwarded-For: 203.0.113.7", 403),
            ("X-Nothing: ", b"X-API-Key: " + place.key.encode(), 401),
        ):
            head = ["X-Forwarded-For: 192.0.2.1", "Transfer-Encoding: chunked", credential]
            asked = request("POST", "/v1/auth", *head) + b"0\r\n" + behind + b"\r\n\r\n"
            assert way.answer(asked)[0].startswith(b"HTTP/1.1 %d " % status)


def test_on_a_real_socket_too_errors_are_answered_before_the_end(serving: Serving, place: Place) -> None:
    def statuses(data: bytes) -> list[int]:
        return [answer.status for answer in read(serving.ask(data))]

    ending: Any = "Connection: close"
    question = {"credential": place.key}
    assert statuses(auth(place.key) * 3 + verify(place.operator, question, ending)) == [200] * 4
    assert statuses(auth(place.key) + b"\0") == [200, 400]
    assert statuses(verify(place.operator, b" " * (2 << 20))) == [413]
    assert statuses(auth(place.key, "X-Long: " + "x" * 100_000)) == [431]
    assert statuses(request("POST", "/v1/auth", "Transfer-Encoding: chunked", "Content-Length: 5") + b"0\r\n\r\n") == [
        400
    ]
    head, body = verify(place.operator, question, ending).split(b"\r\n\r\n", 1)
    head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length"))
    assert statuses(chunked(head + b"\r\n\r\n", body, 9)) == [200]


def test_answers_to_what_breaks_the_protocol_are_not_kept_and_carry_an_id(way: Way, place: Place) -> None:
    for data in (
        auth(place.key) + b"\0",
        request("GET", "/v1/self", "X-Long: " + "x" * 20_000),
        request("POST", "/v1/keys", "Content-Length: 2000000"),
        request("POST", "/v1/keys", "Content-Length: 1048577"),
        request("POST", "/v1/verify", "Content-Length: 5", "Transfer-Encoding: chunked"),
    ):
        last = read(way.answer(data)[0])[-1]
        assert last.status in (400, 413, 431)
        assert last.fields["cache-control"] == "no-store"
        assert last.fields["x-request-id"] == last.json["request_id"]
        assert "`detail`" not in last.json["detail"]


@pytest.mark.parametrize("size", [1 << 18, 100])
def test_of_thousands_of_requests_in_a_piece_few_weigh_anything_at_a_time(way: Way, place: Place, size: int) -> None:
    data = (auth(place.key, "Expect: 100-continue") + request("GET", "/nope")) * 1500

    async def work() -> tuple[int, bytes]:
        talk, most = open_talk(way), 0
        for begin in range(0, len(data), size):
            talk.protocol.data_received(data[begin : begin + size])  # as if reading could not be paused at all
            most = max(most, len(talk.protocol.pipeline))
        while talk.state.tasks:
            await asyncio.sleep(0)
            most = max(most, len(talk.protocol.pipeline))
        answers = await talk.answers()
        await talk.end()
        return most, answers

    most, answers = run(work())
    found = read(answers.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b""))
    assert [answer.status for answer in found] == [200, 404] * 1500
    assert most < 200


@pytest.mark.parametrize(
    "codings",
    [("identity", "chunked"), ("chunked", "chunked"), ("gzip, chunked",), ("x", "chunked"), ("chunked, chunked",)],
)
@pytest.mark.parametrize("path", ["/v1/auth", "/v1/self"])
def test_a_body_in_any_coding_but_chunked_is_refused(way: Way, place: Place, path: str, codings: tuple[str]) -> None:
    asked = request("POST", path, *[f"Transfer-Encoding: {coding}" for coding in codings]) + b"0\r\n\r\n"
    answers, closed = way.answer(asked + auth(place.key))
    assert ([answer.status for answer in read(answers)], closed) == ([400], True)
    spelled = request("POST", path, f"X-API-Key: {place.key}", "Transfer-Encoding:  Chunked ") + b"0\r\n\r\n"
    assert read(way.answer(spelled)[0])[0].status in (200, 405)


def test_of_a_share_of_a_flood_few_lines_are_logged_and_of_all_requests_all() -> None:
    some, every = AccessLog(0.5), AccessLog(1.0)
    assert sum(some.is_due(200) for _ in range(10_000)) <= 400  # a second may end while they are counted
    assert all(some.is_due(503) for _ in range(1000))
    assert all(every.is_due(200) for _ in range(10_000))

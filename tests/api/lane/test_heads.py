"""A head that comes again, on whichever connection, is not parsed again, and means what it meant."""

import asyncio
from collections.abc import Callable

import pytest

from tokenry.api.hot import guard
from tokenry.api.hot import head_cache as heads
from tokenry.api.hot.head_cache import Heads
from tokenry.api.hot.request import Request
from tokenry.edge import Proxies

from .answer import Read, read
from .conftest import KEY_IP, Place, Way, run
from .requests import auth, verify
from .wire import Talk, normal

PROXY, OTHER = "10.0.0.1", "198.51.100.20"


def ask(way: Way, data: bytes, peer: str | None = PROXY) -> Read:
    [answer] = read(way.answer(data, peer=peer)[0])
    return answer


@pytest.fixture
def count(lane: Way, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Tell how many heads were taken from those that are kept."""
    found: list[Request] = []
    get = lane.served.heads.get

    def counted(peer: str | None, data: bytes) -> Request | None:
        again = get(peer, data)
        if again is not None:
            found.append(again)
        return again

    monkeypatch.setattr(lane.served.heads, "get", counted)
    return lambda: len(found)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH"])
def test_the_same_head_on_another_connection_is_answered_the_same(
    place: Place, lane: Way, plain: Way, count: Callable[[], int], method: str
) -> None:
    data = auth(place.key, "X-Note: another connection", method=method)
    answers = [lane.answer(data, peer=PROXY) for _ in range(3)]
    assert count() == 2
    assert answers == [plain.answer(data, peer=PROXY)] * 3


def test_a_head_is_kept_for_who_is_connected(place: Place, lane: Way, count: Callable[[], int]) -> None:
    data = auth(place.bound, "X-Note: whose address")
    assert ask(lane, data, peer=KEY_IP).status == 200
    assert ask(lane, data, peer=OTHER).status == 403
    assert ask(lane, data, peer=KEY_IP).status == 200
    assert count() == 1


def test_what_ends_a_key_counts_at_once_however_often_its_head_came(fresh: Callable[..., Place]) -> None:
    place = fresh()
    lane, data = place.way(lane=True), auth(place.key)
    assert [ask(lane, data).status for _ in range(3)] == [200, 200, 200]
    verdict = place.sync.verify(place.key)
    assert verdict
    assert verdict.key is not None
    place.sync.keys.disable(verdict.key.id)
    assert [ask(lane, data).status for _ in range(2)] == [401, 401]
    place.sync.keys.enable(verdict.key.id)
    assert ask(lane, data).status == 200
    place.sync.keys.revoke(verdict.key.id)
    assert ask(lane, data).status == 401


def test_every_request_has_an_id_and_a_count_of_its_own(fresh: Callable[..., Place]) -> None:
    place = fresh()
    lane, data = place.way(lane=True), auth(place.key)
    ids = set()

    async def work() -> None:
        talks = [Talk(lane.protocol, lane.app, peer=PROXY) for _ in range(4)]
        for one in talks:
            await one.send([data])
        for one in talks:
            ids.add(read(await one.answers())[0].fields["x-request-id"])
            await one.end()

    before = place.sync.verify(place.key)
    assert before
    assert before.key is not None
    place.sync.flush()
    uses = place.sync.keys.get(before.key.id).use_count
    run(work())
    place.sync.flush()
    assert len(ids) == 4
    assert place.sync.keys.get(before.key.id).use_count == uses + 4
    assert lane.served.counters.lane_count == 4


def test_only_heads_that_let_somebody_in_are_kept(place: Place, lane: Way, count: Callable[[], int]) -> None:
    data = auth("tk_live_1" + "a" * 77, "X-Note: junk")
    named = auth(place.key, "X-Note: named", "X-Request-Id: mine")
    for one in (data, named):
        assert ask(lane, one) is not None
        ask(lane, one)
    assert count() == 0


def test_a_head_with_something_behind_it_is_another(place: Place, lane: Way, plain: Way) -> None:
    data = auth(place.key, "X-Note: behind")
    ask(lane, data)
    question = verify(place.operator, {"credential": place.key})
    for pieces in ([data + data], [data + question], [data[:20], data[20:]], [data, b"\r\n" + data], [data + b"\0"]):
        assert lane.answer(*pieces, peer=PROXY) == plain.answer(*pieces, peer=PROXY)


def test_a_head_after_one_that_was_answered_the_ordinary_way_is_parsed(place: Place, lane: Way, plain: Way) -> None:
    data = auth(place.key, "X-Note: after")
    ask(lane, data)
    ordinary = b"GET /healthz HTTP/1.1\r\nHost: keys.example\r\n\r\n"
    for pieces in ([ordinary, data], [data, ordinary, data, data], [ordinary + data, data]):
        found, expected = (normal(way.answer(*pieces, peer=PROXY)[0]) for way in (lane, plain))
        assert [answer.status for answer in read(found)] == [answer.status for answer in read(expected)]


def test_no_order_of_requests_makes_it_keep_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "BYTES_MAX", 16 * 1024)
    known, loop, sent = Heads(), asyncio.new_event_loop(), list[bytes]()
    asked = Request(b"", [], None, Proxies(()))
    for number in range(10):
        for place in range(4):
            sent.append(b"%d %d\r\n\r\n" % (number, place))
            known.keep(None, sent[-1], asked, loop)
        for data in sent:
            known.get(None, data)
            assert len(known._known) <= 8
    known.keep(None, b"x" * heads.LENGTH_MAX + b"\r\n\r\n", asked, loop)
    assert known.get(None, b"x" * heads.LENGTH_MAX + b"\r\n\r\n") is None
    loop.close()


def test_heads_that_nobody_sends_any_more_are_forgotten() -> None:
    known, loop = Heads(), asyncio.new_event_loop()

    def keep(name: str) -> None:
        fields = [(b"authorization", b"Bearer " + name.encode())]
        known.keep(None, name.encode() + b"\r\n\r\n", Request(b"", fields, None, Proxies(())), loop)

    def knows(name: str) -> bool:
        return known.get(None, name.encode() + b"\r\n\r\n") is not None

    for name in "abc":
        keep(name)
    assert [knows(name) for name in "abc"] == [True, True, True]
    known._age(loop)
    assert knows("a")
    known._age(loop)
    assert [knows(name) for name in "abc"] == [True, False, False]
    for _ in range(2):
        assert known._timer is not None
        known._age(loop)
    assert known._timer is None
    assert not knows("a")
    loop.close()


def test_what_is_held_behind_a_head_is_no_part_of_it(
    place: Place, lane: Way, plain: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_TAKE_SECONDS", 0.0)  # so that what follows the first part waits for another turn
    pad = guard._PART_BYTES - len(auth(place.key, "X-Pad: "))
    data = auth(place.key, "X-Pad: " + "x" * pad) + auth(place.acme_key)
    expected = plain.answer(data, data, data, peer=PROXY)
    assert expected[0].count(b"HTTP/1.1 200 ") == 6
    assert [lane.answer(data, data, data, peer=PROXY) for _ in range(2)] == [expected] * 2

"""Requests of a connection that differ only in values are not parsed again, and are answered as if they were."""

import asyncio
from collections.abc import Callable

import pytest

from tokenry.api.hot.answering import Answering
from tokenry.api.hot.lane import LaneProtocol

from .conftest import Place, Way
from .requests import auth, request, verify

PROXY, CLIENT, FAR = "10.0.0.1", "203.0.113.7", "192.0.2.1"


@pytest.fixture
def ways(place: Place) -> tuple[Way, Way]:
    """Return the lane and the ordinary way behind a proxy."""
    return tuple(place.way(lane=lane, trusted_proxies=(PROXY,)) for lane in (True, False))  # type: ignore[return-value]


class _Read:
    """How many requests were answered without the parser, on all connections that were made."""

    def __init__(self) -> None:
        self.connections: list[Answering] = []

    def __len__(self) -> int:
        return sum(one.count for one in self.connections)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> _Read:
    """Count the requests that were answered without the parser."""
    found = _Read()
    made = LaneProtocol.connection_made

    def noting(self: LaneProtocol, transport: asyncio.Transport) -> None:
        made(self, transport)
        found.connections.append(self._answering)

    monkeypatch.setattr(LaneProtocol, "connection_made", noting)
    return found


def both(ways: tuple[Way, Way], *pieces: bytes) -> None:
    lane, plain = ways
    assert lane.answer(*pieces, peer=PROXY) == plain.answer(*pieces, peer=PROXY)


def show(key: str, client: str = CLIENT, *fields: str, target: str = "/v1/auth") -> bytes:
    return auth(key, f"X-Forwarded-For: {client}", *fields, target=target)


def test_other_keys_and_addresses_are_answered_as_the_ordinary_way(
    place: Place, ways: tuple[Way, Way], read: _Read
) -> None:
    shown = [(place.key, CLIENT), (place.bound, CLIENT), (place.bound, FAR), ("junk", FAR), (place.key, FAR)]
    shown += [(place.bound, "::1"), (place.bound, "::ffff:203.0.113.9"), (place.spent, CLIENT), (place.acme_key, "1.2")]
    both(ways, *[show(key, client) for key, client in shown * 2])
    assert len(read) == 2 * len(shown) - 1


def test_questions_of_any_length_are_answered_as_the_ordinary_way(
    place: Place, ways: tuple[Way, Way], read: _Read
) -> None:
    asked = [{"credential": key} for key in (place.key, "junk", place.bound, place.acme_key)]
    asked += [{"credential": place.bound, "ip": ip} for ip in (CLIENT, FAR, "no address")]
    asked += [{"credential": place.key, "scopes": scopes} for scopes in ([], ["read:projects"], ["write:x"], "?")]
    both(ways, *[verify(place.operator, one) for one in asked * 2])
    assert len(read) > len(asked)
    both(ways, *[verify(caller, asked[0]) for caller in (place.operator, place.acme_operator, place.helpless, "x")])


def test_a_requirement_stays(place: Place, ways: tuple[Way, Way], read: _Read) -> None:
    keys = (place.key, place.bound, place.key)
    both(ways, *[show(key, CLIENT, target="/v1/auth?scopes=read:projects") for key in keys])
    both(ways, *[show(key, CLIENT, "X-Auth-Require-Scopes: read:projects") for key in keys])
    assert len(read) == 4
    both(ways, *[show(key, CLIENT, "X-Auth-Require-Scope: read:projects") for key in keys])
    assert len(read) == 4


Hostile = dict[str, Callable[[bytes], bytes]]

HOSTILE: Hostile = {
    "a space behind": lambda data: data.replace(b"key\r\n", b"key \r\n"),
    "two spaces": lambda data: data.replace(b"Bearer ", b"Bearer  "),
    "nothing": lambda data: data.replace(b"Bearer key", b"Bearer "),
    "a comma": lambda data: data.replace(b"key\r\n", b"key,x\r\n"),
    "a bare CR": lambda data: data.replace(b"key\r\n", b"key\rX-API-Key: x\r\n"),
    "a bare LF": lambda data: data.replace(b"key\r\n", b"key\nX-API-Key: x\r\n"),
    "folded": lambda data: data.replace(b"key\r\n", b"key\r\n x\r\n"),
    "one more": lambda data: data.replace(b"key\r\n", b"key\r\nX-API-Key: x\r\n"),
    "chunked": lambda data: data.replace(b"key\r\n", b"key\r\nTransfer-Encoding: chunked\r\n"),
    "NUL": lambda data: data.replace(b"key\r\n", b"k\0y\r\n"),
    "latin": lambda data: data.replace(b"key\r\n", b"k\xe9y\r\n"),
    "two addresses": lambda data: data.replace(b"203.0.113.7", b"198.51.100.1, 203.0.113.7"),
    "no address": lambda data: data.replace(b"203.0.113.7", b""),
    "a length too short": lambda data: data.replace(b"Length: 22", b"Length: 21"),
    "a length too long": lambda data: data.replace(b"Length: 22", b"Length: 23"),
    "a length with a sign": lambda data: data.replace(b"Length: 22", b"Length: +22"),
    "a length with a zero": lambda data: data.replace(b"Length: 22", b"Length: 022"),
    "a length twice": lambda data: data.replace(b"Length: 22", b"Length: 22\r\nContent-Length: 22"),
    "lines behind": lambda data: data + b"\r\n\r\n",
    "another behind": lambda data: data * 2,
    "half": lambda data: data[: len(data) // 2],
    "lines before": lambda data: b"\r\n" + data,
    "lower case": lambda data: data.replace(b"Authorization", b"authorization"),
    "an older version": lambda data: data.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "long": lambda data: data.replace(b"key\r\n", b"k" * 600 + b"\r\n"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_the_parser_would_read_otherwise_is_left_to_it(case: str, place: Place, ways: tuple[Way, Way]) -> None:
    fields = ("X-Forwarded-For: 203.0.113.7", "Content-Type: application/json")
    body = b'{"credential":"12345"}'
    asked, junk = (
        request("POST", "/v1/verify", f"Authorization: Bearer {caller}", *fields, body=body)
        for caller in (place.operator, "key")
    )
    for good, bad in ((show(place.key), show("key")), (asked, junk)):
        both(ways, good, good, HOSTILE[case](bad), good, show(place.bound), good)


def test_a_request_without_a_value_has_another_shape(place: Place, ways: tuple[Way, Way]) -> None:
    both(ways, show(place.bound), show(place.bound), auth(place.bound), show(place.bound), auth(place.key))
    named = [show(place.key, CLIENT, f"X-Request-Id: {name}") for name in ("one", "two", "a b", "three")]
    both(ways, *named, show(place.key), named[1])


def test_a_word_alone_is_a_scheme_and_never_becomes_a_credential(
    place: Place, ways: tuple[Way, Way], read: _Read
) -> None:
    json, body = "Content-Type: application/json", b'{"credential":"12345"}'
    for word in ("junk", "Bearer", "token"):
        both(ways, *[request("GET", "/v1/auth", f"Authorization: {one}") for one in (word, place.key, word)])
        callers = (word, place.operator, word)
        both(ways, *[request("POST", "/v1/verify", f"Authorization: {one}", json, body=body) for one in callers])
    assert not len(read)


def test_a_shape_keeps_no_credential(place: Place, ways: tuple[Way, Way], read: _Read) -> None:
    for piece in (show(place.bound), verify(place.operator, {"credential": place.bound})):
        ways[0].answer(piece, peer=PROXY)
        shape = read.connections[-1]._shape
        assert shape is not None
        held = repr([getattr(of, name, None) for of in (shape.asked, shape) for name in dir(of) if name[:2] != "__"])
        assert place.bound not in held
        assert place.operator not in held


def test_cookies_are_read_every_time(place: Place, ways: tuple[Way, Way], read: _Read) -> None:
    both(ways, *[show(place.key, CLIENT, f"Cookie: a={n}") for n in range(3)])
    assert not len(read)


def test_a_revoked_key_is_refused_in_every_shape(fresh: Callable[..., Place]) -> None:
    place = fresh(trusted_proxies=(PROXY,))
    way, text = place.way(lane=True), place.issue("to revoke")
    before, _ = way.answer(show(place.key), show(text), show(place.key), show(text), peer=PROXY)
    assert before.count(b"HTTP/1.1 200 ") == 4
    place.sync.keys.revoke(place.sync.keys.find(text).id)
    after, _ = way.answer(show(place.key), show(text), show(place.key), show(text), peer=PROXY)
    assert (after.count(b"HTTP/1.1 200 "), after.count(b"HTTP/1.1 401 ")) == (2, 2)

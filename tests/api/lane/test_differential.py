"""Whatever bytes arrive, in whatever pieces: the fast lane answers as the ordinary way does."""

import itertools
from collections.abc import Callable

import pytest

from .conftest import KEY_IP, Place, Way
from .requests import auth, chunked, request, verify

Make = Callable[[Place], bytes]
JWKS = "/.well-known/jwks.json"
KEY_SET = request("GET", JWKS)


def q(place: Place, **about: object) -> dict[str, object]:
    return {"credential": place.key, "scopes": ["read:projects"], "ip": KEY_IP, **about}


def body_of(data: bytes) -> tuple[bytes, bytes]:
    head, body = data.split(b"\r\n\r\n", 1)
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    return b"\r\n".join(lines) + b"\r\n\r\n", body


def in_chunks(place: Place, size: int) -> bytes:
    return chunked(*body_of(verify(place.operator, q(place))), size)


CASES: dict[str, Make] = {
    "verify": lambda p: verify(p.operator, q(p)),
    "verify twice the same": lambda p: verify(p.operator, q(p)) * 2,
    "verify, refused": lambda p: verify(p.operator, q(p, scopes=["write:projects"])),
    "verify, refused on HTTP": lambda p: verify(p.operator, q(p, scopes=["write:x"]), target="/v1/verify?status=http"),
    "verify, limited on HTTP": lambda p: verify(p.operator, {"credential": p.spent}, target="/v1/verify?status=http"),
    "verify, junk": lambda p: verify(p.operator, q(p, credential="junk")),
    "verify, unknown query": lambda p: verify(p.operator, q(p), target="/v1/verify?status=https"),
    "verify, empty query": lambda p: verify(p.operator, q(p), target="/v1/verify?"),
    "verify, fragment": lambda p: verify(p.operator, q(p), target="/v1/verify#x"),
    "verify, no caller": lambda p: verify("", q(p)),
    "verify, bad caller": lambda p: verify("tk_op_nonsense", q(p)),
    "verify, caller without the scope": lambda p: verify(p.helpless, q(p)),
    "verify, ordinary key as caller": lambda p: verify(p.key, q(p)),
    "verify, two callers": lambda p: verify(p.operator, q(p), "X-API-Key: other"),
    "verify, the same caller twice": lambda p: verify(p.operator, q(p), f"X-API-Key: {p.operator}"),
    "verify, malformed JSON": lambda p: verify(p.operator, b"{"),
    "verify, empty body": lambda p: request("POST", "/v1/verify", f"X-API-Key: {p.operator}"),
    "verify, not JSON": lambda p: verify(p.operator, q(p)).replace(b"application/json", b"text/plain"),
    "verify, JSON in UTF-8": lambda p: verify(p.operator, q(p)).replace(b"/json", b"/JSON; charset=utf-8"),
    "verify, a kind of JSON": lambda p: verify(p.operator, q(p)).replace(b"/json", b"/vnd.tokenry+json"),
    "verify, unknown field": lambda p: verify(p.operator, q(p, password="x")),
    "verify, wrong type": lambda p: verify(p.operator, q(p, cost="1")),
    "verify, GET": lambda p: request("GET", "/v1/verify", f"X-API-Key: {p.operator}"),
    "verify, HEAD": lambda p: request("HEAD", "/v1/verify", f"X-API-Key: {p.operator}"),
    "verify, PUT": lambda p: verify(p.operator, q(p)).replace(b"POST", b"PUT"),
    "verify, HTTP/1.0": lambda p: verify(p.operator, q(p), version="1.0"),
    "verify, HTTP/1.0 kept alive": lambda p: verify(p.operator, q(p), "Connection: keep-alive", version="1.0"),
    "verify, close": lambda p: verify(p.operator, q(p), "Connection: close"),
    "verify, close, and more": lambda p: verify(p.operator, q(p), "Connection: close") + auth(p.key),
    "verify, expect": lambda p: verify(p.operator, q(p), "Expect: 100-continue"),
    "verify, expect nothing known": lambda p: verify(p.operator, q(p), "Expect: 200-ok"),
    "verify, upgrade": lambda p: verify(p.operator, q(p), "Connection: upgrade", "Upgrade: websocket"),
    "verify, h2c": lambda p: verify(p.operator, q(p), "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"),
    "verify, absolute": lambda p: verify(p.operator, q(p), target="http://keys.example/v1/verify"),
    "verify, escaped": lambda p: verify(p.operator, q(p), target="/v1/%76erify"),
    "verify, below": lambda p: verify(p.operator, q(p), target="/v1/verify/"),
    "verify, double slash": lambda p: verify(p.operator, q(p), target="//v1/verify"),
    "verify, leading line": lambda p: b"\r\n" + verify(p.operator, q(p)),
    "verify, own id": lambda p: verify(p.operator, q(p), "X-Request-Id: abc.DEF-1_2") * 2,
    "verify, bad id": lambda p: verify(p.operator, q(p), "X-Request-Id: a b"),
    "verify, forwarded by a stranger": lambda p: verify(p.operator, q(p), "X-Forwarded-For: 203.0.113.9"),
    "verify, chunked": lambda p: in_chunks(p, 7),
    "verify, chunked in one": lambda p: in_chunks(p, 4096) + auth(p.key),
    "verify, long body": lambda p: verify(p.operator, b" " * 100_000 + b"{}"),
    "verify, largest body": lambda p: verify(p.operator, b" " * ((1 << 20) - 2) + b"{}"),
    "verify, body too large": lambda p: verify(p.operator, b" " * (1 << 20) + b"{}"),
    "verify, length too large": lambda p: request("POST", "/v1/verify", "Content-Length: 99999999999"),
    "verify, key too long": lambda p: verify(p.operator, q(p, credential="k" * 513)),
    "batch": lambda p: verify(p.operator, {"questions": [q(p), q(p, credential="x")]}, target="/v1/verify/batch"),
    "batch, empty": lambda p: verify(p.operator, {"questions": []}, target="/v1/verify/batch"),
    "batch, query": lambda p: verify(p.operator, {"questions": [q(p)]}, target="/v1/verify/batch?x=1"),
    "key set": lambda p: KEY_SET,
    "key set, again": lambda p: KEY_SET * 3,
    "key set, HEAD": lambda p: request("HEAD", JWKS),
    "key set, POST": lambda p: request("POST", JWKS, body=b"{}"),
    "key set, query": lambda p: request("GET", JWKS + "?a=b"),
    "key set, with a body": lambda p: request("GET", JWKS, body=b"{}"),
    "key set, close": lambda p: request("GET", JWKS, "Connection: close"),
    "key set, HTTP/1.0": lambda p: request("GET", JWKS, version="1.0"),
    "key set, then verify": lambda p: KEY_SET + verify(p.operator, q(p)) + KEY_SET,
    "auth": lambda p: auth(p.key),
    "auth four times": lambda p: auth(p.key) * 4,
    "auth, scopes": lambda p: auth(p.key, target="/v1/auth?scopes=read:projects"),
    "auth, more scopes": lambda p: auth(
        p.key, "X-Auth-Require-Scopes: write:x", target="/v1/auth?scopes=read:projects"
    ),
    "auth, bad scopes": lambda p: auth(p.key, target="/v1/auth?scopes=READ%20!"),
    "auth, below": lambda p: auth(p.key, target="/v1/auth/../verify?scopes=read:projects"),
    "auth, mistyped": lambda p: auth(p.key, target="/v1/auth?scope=read:projects") * 2 + auth(p.key),
    "auth, mistyped field": lambda p: auth(p.key) + auth(p.key, "X-Auth-Require-Scope: read:projects"),
    "auth, mistyped alias": lambda p: auth(p.key, "X_Auth_Require_Scopes: read:projects") * 2,
    "auth, appended": lambda p: auth(p.key, target="/v1/auth/for/x?scopes=write:x&a=%ff") * 2,
    "auth, appended, escaped": lambda p: auth(p.key, target="/v1/auth/%66or/x?a=1") + auth(p.key),
    "auth, appended, mistyped": lambda p: auth(p.key, "X-Auth-Require-Scope: write:x", target="/v1/auth/for/x?a=1"),
    "auth, not below": lambda p: auth(p.key, target="/v1/authority"),
    "auth, none": lambda p: request("GET", "/v1/auth"),
    "auth, basic": lambda p: request("GET", "/v1/auth", "Authorization: Basic abc"),
    "auth, two": lambda p: auth(p.key, "X-API-Token: other"),
    "auth, address unknown": lambda p: auth(p.bound),
    "auth, limited": lambda p: auth(p.spent),
    "auth, operator": lambda p: auth(p.operator),
    "auth, HEAD": lambda p: auth(p.key, method="HEAD") + auth("junk", method="HEAD"),
    "auth, any method": lambda p: auth(p.key, method="PROPFIND") + auth(p.key, method="DELETE"),
    "auth, OPTIONS": lambda p: auth(p.key, method="OPTIONS"),
    "auth, with a body": lambda p: request("POST", "/v1/auth", f"X-API-Key: {p.key}", body=b"ignored") + auth(p.key),
    "auth, long head": lambda p: auth(p.key, "X-Long: " + "x" * 15_000),
    "auth, head too large": lambda p: auth(p.key, "X-Long: " + "x" * 17_000),
    "auth, target too large": lambda p: auth(p.key, target="/v1/auth/" + "x" * 17_000),
    "auth, many fields": lambda p: auth(p.key, *(f"X-{n}: {n}" for n in range(4000))),
    "auth, one large after another": lambda p: auth(p.key) + auth(p.key, "X-Long: " + "x" * 17_000) + auth(p.key),
    "auth, latin": lambda p: auth(p.key, "X-API-Key: k\xe9y"),
    "auth, underscore alias": lambda p: auth(p.key, "X_API_Key: other"),
    "ordinary": lambda p: request("GET", "/v1/self", f"X-API-Key: {p.key}"),
    "ordinary, none": lambda p: request("GET", "/v1/nothing"),
    "ordinary, close": lambda p: request("GET", "/v1/self", f"X-API-Key: {p.key}", "Connection: close") + auth(p.key),
    "ordinary, body too large": lambda p: request("POST", "/v1/keys", "Content-Length: 1048577"),
    "ordinary, chunks too large": lambda p: chunked(
        request("POST", "/v1/keys", "Content-Type: application/json"), b"x" * (1 << 20) + b"x", 65536
    ),
    "smuggling: length and chunked": lambda p: verify(p.operator, q(p), "Transfer-Encoding: chunked"),
    "smuggling: chunked, then more": lambda p: verify(p.operator, q(p), "Transfer-Encoding: chunked, identity"),
    "smuggling: xchunked": lambda p: request("POST", "/v1/auth", "Transfer-Encoding: xchunked") + auth(p.key),
    "smuggling: two lengths": lambda p: verify(p.operator, q(p), "Content-Length: 5"),
    "smuggling: signed length": lambda p: request("POST", "/v1/auth", "Content-Length: +5") + b"12345",
    "smuggling: space before colon": lambda p: request("POST", "/v1/auth", "Content-Length : 5") + b"12345",
    "smuggling: bare LF": lambda p: auth(p.key).replace(b"\r\n", b"\n"),
    "smuggling: bare CR": lambda p: auth(p.key, "X-A: b\rX-B: c"),
    "smuggling: NUL": lambda p: auth(p.key, "X-A: \0"),
    "smuggling: folded": lambda p: auth(p.key, "X-A: b\r\n c: d"),
    "smuggling: bad chunk": lambda p: request("POST", "/v1/verify", "Transfer-Encoding: chunked") + b"zz\r\nab\r\n",
    "smuggling: chunk extension": lambda p: in_chunks(p, 4096).replace(b"\r\n{", b";a=b\r\n{"),
    "smuggling: behind a good one": lambda p: (
        auth(p.key) + b"GET /v1/auth HTTP/1.1\r\nBad Header\r\n\r\n" + auth(p.key)
    ),
    "smuggling: behind an ordinary one": lambda p: request("GET", "/v1/self", f"X-API-Key: {p.key}") + b"\0junk",
    "no host": lambda p: auth(p.key).replace(b"Host: keys.example\r\n", b""),
    "no host, HTTP/1.0": lambda p: auth(p.key, version="1.0").replace(b"Host: keys.example\r\n", b""),
    "no host behind a good one": lambda p: auth(p.key) + auth(p.key).replace(b"Host: keys.example\r\n", b""),
    "two hosts": lambda p: verify(p.operator, q(p), "host: other.example"),
    "the same host twice": lambda p: request("GET", "/v1/self", f"X-API-Key: {p.key}", "Host: keys.example"),
    "no version": lambda p: b"GET /v1/auth\r\n\r\n",
    "HTTP/2": lambda p: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.0": lambda p: auth(p.key, version="3.0"),
    "star": lambda p: request("OPTIONS", "*"),
    "connect": lambda p: request("CONNECT", "keys.example:443"),
    "a dot": lambda p: request("GET", "."),
    "TLS": lambda p: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("case", CASES)
def test_the_lane_answers_as_the_ordinary_way(case: str, place: Place, lane: Way, plain: Way) -> None:
    data = CASES[case](place)
    assert lane.answer(data) == plain.answer(data)


@pytest.mark.parametrize(
    "case", ["verify", "auth", "verify, chunked", "batch", "verify, HTTP/1.0", "verify, h2c", "smuggling: bad chunk"]
)
def test_it_answers_the_same_wherever_a_request_is_split(case: str, place: Place, lane: Way, plain: Way) -> None:
    data = CASES[case](place) + (auth(place.key) if case in ("verify", "auth") else b"")
    expected = plain.answer(data)
    assert expected == lane.answer(data)
    for place_of_cut in range(1, len(data), 3):
        pieces = data[:place_of_cut], data[place_of_cut:]
        assert lane.answer(*pieces) == expected, place_of_cut
    single = [data[place : place + 1] for place in range(len(data))]
    assert lane.answer(*single) == expected == plain.answer(*single)


def test_pipelined_requests_are_answered_in_their_order(place: Place, lane: Way, plain: Way) -> None:
    kinds = [
        verify(place.operator, q(place), "X-Request-Id: verify"),
        auth(place.key, "X-Request-Id: auth"),
        request("GET", "/v1/self", f"X-API-Key: {place.key}", "X-Request-Id: self"),
        chunked(*body_of(verify(place.operator, q(place), "X-Request-Id: chunks")), 50),
    ]
    names = ["verify", "auth", "self", "chunks"]
    for order in itertools.permutations(range(4)):
        data = b"".join(kinds[number] for number in order)
        answers, closed = lane.answer(data)
        found = [part.split(b"\r\n")[0].decode() for part in answers.split(b"x-request-id: ")[1:]]
        assert found == [names[number] for number in order]
        assert (answers, closed) == plain.answer(data)


def test_a_request_says_once_which_host_it_means(place: Place, lane: Way, plain: Way) -> None:
    for target in ("/v1/auth", "/v1/self", "/healthz"):
        asked = auth(place.key, target=target)
        for way in (lane, plain):
            for bad in (
                asked.replace(b"Host: keys.example\r\n", b""),
                asked.replace(b"\r\n\r\n", b"\r\nHOST: x\r\n\r\n"),
            ):
                answers, closed = way.answer(bad + asked)
                assert (answers[:13], answers.count(b"HTTP/1.1 "), closed) == (b"HTTP/1.1 400 ", 1, True)


def test_a_request_for_another_protocol_is_answered_in_ours_and_its_body_is_never_a_request(
    place: Place, lane: Way, plain: Way
) -> None:
    inner = request("GET", "/v1/self", f"X-API-Key: {place.key}")
    for way in (lane, plain):
        for fields in (["Connection: upgrade", "Upgrade: websocket"], ["Connection: Upgrade, close", "Upgrade: h2c"]):
            question = verify(place.operator, q(place), *fields)
            answers, closed = way.answer(question)
            assert (answers.count(b"HTTP/1.1 "), b'"valid":true' in answers, closed) == (1, True, "close" in fields[0])
            smuggled = request("POST", "/v1/auth", f"X-API-Key: {place.key}", *fields, body=inner)
            cut = len(smuggled) - len(inner)
            for pieces in ([smuggled], [smuggled[:cut], inner], [smuggled[: cut - 9], smuggled[cut - 9 :]]):
                answers, _ = way.answer(*pieces)
                assert answers.count(b"HTTP/1.1 ") == 1


def test_the_same_head_again_is_answered_again_in_pieces_too(place: Place, lane: Way, plain: Way) -> None:
    one, other = verify(place.operator, q(place)), verify(place.operator, q(place, scopes=["red1:projects"]))
    assert len(one) == len(other)
    for pieces in (
        [one, other, one],
        [one, one[:100], one[100:], one],
        [one, one + one, one],
        [one, one[:-5], one[-5:] + other, other],
        [one, one[:-1] + b"]", one],
        [one, request("GET", "/v1/self", f"X-API-Key: {place.key}"), one, one],
        [one, one, b"\0" * len(one), one],
        [one + b"\r\n", one + b"\r\n", one],
        [one + b"\r\n", one[:-2] + b"\r\n" + one[-2:], one],
        [one + b"\n", one + b"\n", one],
        [b"\r\n" + one, b"\r\n" + one, one],
    ):
        assert lane.answer(*pieces) == plain.answer(*pieces)


def test_the_lane_took_what_it_should_have_taken(place: Place, lane: Way, plain: Way) -> None:
    before = lane.served.counters.lane_count, plain.served.counters.lane_count
    for _ in range(3):
        lane.answer(verify(place.operator, q(place)) + auth(place.key))
        plain.answer(verify(place.operator, q(place)) + auth(place.key))
    assert (lane.served.counters.lane_count, plain.served.counters.lane_count) == (before[0] + 6, before[1])

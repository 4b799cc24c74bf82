"""Requests of webhooks: to no address inside, for no longer than their time, and with an answer that is cut."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.servers.receiving import LOOPBACK, receiving
from tokenry.core.targets import networks
from tokenry.core.webhooks import Attempt
from tokenry.runtime.posting import Poster, resolve

AT = datetime(2026, 11, 27, tzinfo=UTC)
LOCAL = networks(LOOPBACK)


def post(poster: Poster, url: str) -> Attempt:
    try:
        return poster(url, {"webhook-id": "evt_1"}, b'{"a":1}', AT)[0]
    finally:
        poster.close()


def names(*addresses: str, port: int = 80) -> Callable[[str, int], Sequence[tuple[int, Any]]]:
    """Return a resolver that knows one name."""

    def found(host: str, asked: int) -> Sequence[tuple[int, Any]]:
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, (one, port)) for one in addresses]

    return found


@contextmanager
def answering(*parts: bytes, pause: float = 0.0) -> Iterator[str]:
    """Listen, and answer every connection with these bytes, piece by piece, whatever comes."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                try:
                    for part in parts:
                        connection.sendall(part)
                        ended.wait(pause)
                except OSError:
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=10)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "0177.0.0.1", "0x7f.0.0.1", "2130706433", "127.1", "[::1]", "[::ffff:127.0.0.1]"),
        *("0.0.0.0", "[::]", "①②⑦.0.0.1"),
    ],
)
def test_no_form_of_loopback_is_reached(host: str) -> None:
    with receiving() as receiver:
        port = receiver.url.split(":")[2]
        attempt = post(Poster(), f"http://{host}:{port}")
        assert receiver.requests == []
    assert attempt.http_status is None
    assert "may not go to" in attempt.error or "not found" in attempt.error, attempt.error


def test_a_name_is_refused_when_any_of_its_addresses_is_inside() -> None:
    with receiving() as receiver:
        port = int(receiver.url.split(":")[2].partition("/")[0])
        poster = Poster(LOCAL, resolve=names("127.0.0.1", "169.254.169.254", port=port))
        attempt = post(poster, f"http://example.com:{port}/")
        assert receiver.requests == []
    assert "169.254.169.254" in attempt.error


def test_a_name_that_changes_its_address_is_checked_at_every_attempt() -> None:
    answers = [names("8.8.8.8"), names("127.0.0.1"), names("10.0.0.1")]
    asked = []

    def rebinding(host: str, port: int) -> Sequence[tuple[int, Any]]:
        asked.append(host)
        return answers[len(asked)](host, port)

    poster = Poster(resolve=rebinding)
    assert "127.0.0.1" in post(poster, "http://example.com/").error
    assert "10.0.0.1" in post(poster, "http://example.com/").error
    assert asked == ["example.com"] * 2


def test_the_connection_goes_to_the_address_that_was_checked_and_the_name_is_resolved_once() -> None:
    asked = []
    with receiving() as receiver:
        port = int(receiver.url.split(":")[2].partition("/")[0])

        def once(host: str, port: int) -> Sequence[tuple[int, Any]]:
            asked.append(host)
            return names("127.0.0.1", port=port)(host, port)

        attempt = post(Poster(LOCAL, resolve=once), f"http://no.such.name.example:{port}/a?b=c")
        headers, body = receiver.requests[0]
    assert attempt.http_status == 200
    assert (headers["host"], headers["webhook-id"], body) == (f"no.such.name.example:{port}", "evt_1", b'{"a":1}')
    assert asked == ["no.such.name.example"]


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with receiving() as receiver:
        assert post(Poster(LOCAL), receiver.url).http_status == 200


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with receiving() as inside, receiving(lambda number, body: (307, {"Location": inside.url})) as receiver:
        attempt = post(Poster(LOCAL), receiver.url)
        assert (attempt.http_status, bool(attempt), inside.requests) == (307, False, [])


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param((b"H",) * 1000, id="status line"),
        pytest.param((b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 1000), id="header fields"),
        pytest.param((b"HTTP/1.1 100 Continue\r\n\r\n",) * 1000, id="interim answers"),
        pytest.param((b"",), id="nothing"),
    ],
)
def test_an_answer_that_drips_ends_with_the_time_of_the_attempt(parts: tuple[bytes, ...]) -> None:
    with answering(*parts, pause=0.02 if len(parts) > 1 else 30) as url:
        began = time.monotonic()
        attempt = post(Poster(LOCAL, seconds=0.5), url)
        assert time.monotonic() - began < 5
    assert (attempt.http_status, attempt.error) == (None, "no answer within 0.5 seconds")


def test_a_body_that_drips_ends_too_and_the_status_counts() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    with answering(head, *[b"x"] * 1000, pause=0.02) as url:
        attempt = post(Poster(LOCAL, seconds=0.5), url)
    assert attempt.http_status == 200
    assert attempt.excerpt.strip("x") == ""


def test_four_kib_of_an_answer_are_read_and_one_is_kept() -> None:
    with answering(b"HTTP/1.1 500 No\r\nContent-Length: 100000000\r\n\r\n" + b"no room " * 700) as url:
        attempt = post(Poster(LOCAL), url)
    assert (attempt.http_status, attempt.excerpt) == (500, "no room " * 128)


@pytest.mark.parametrize(
    "answer",
    [
        *(b"\x00\xff" * 100, b"HTTP/9.9 abc\r\n\r\n", b"SSH-2.0-OpenSSH\r\n", b""),
        b"HTTP/1.1 200 OK\r\n" + b"a" * 70000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_failure_and_is_not_repeated(answer: bytes) -> None:
    with answering(answer) as url:
        attempt = post(Poster(LOCAL, seconds=2), url)
    assert not attempt
    assert attempt.http_status is None
    assert "SSH" not in attempt.error


def test_an_excerpt_can_be_stored_and_shows_no_credential() -> None:
    secret = "tk_live_" + "1" * 60
    body = b"\x00\x1b[31mbad\xff " + secret.encode()
    with answering(b"HTTP/1.1 400 No\r\nContent-Length: %d\r\n\r\n" % len(body) + body) as url:
        excerpt = post(Poster(LOCAL), url).excerpt
    assert "\x00" not in excerpt
    assert "\x1b" not in excerpt


def test_a_connection_is_kept_for_the_next_request_and_replaced_when_it_was_closed() -> None:
    with receiving() as receiver:
        poster = Poster(LOCAL)
        for _ in range(3):
            assert poster(receiver.url, {"webhook-id": "evt"}, b"{}", AT)[0].http_status == 200
        kept = poster._kept
        assert kept is not None
        kept[1]._socket.shutdown(socket.SHUT_RDWR)
        assert poster(receiver.url, {"webhook-id": "evt"}, b"{}", AT)[0].http_status == 200
        assert len(receiver.requests) == 4
        poster.close()


def test_a_port_where_nobody_listens_is_a_failure_that_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert "refused" in post(Poster(LOCAL), f"http://127.0.0.1:{port}/").error


def test_a_certificate_that_nobody_vouches_for_is_a_failure() -> None:
    with receiving() as receiver:
        attempt = post(Poster(LOCAL), receiver.url.replace("http:", "https:"))
    assert attempt.http_status is None
    assert attempt.error


def test_a_resolver_that_hangs_ends_with_the_attempt() -> None:
    release = threading.Event()

    def hanging(host: str, port: int) -> Sequence[tuple[int, Any]]:
        release.wait(30)
        return []

    try:
        assert "no answer within" in post(Poster(resolve=hanging, seconds=0.2), "https://example.com/").error
    finally:
        release.set()


def test_the_systems_resolver_is_asked_for_all_addresses() -> None:
    assert {address[0] for _, address in resolve("127.0.0.1", 80)} == {"127.0.0.1"}
    assert isinstance(ssl.create_default_context(), ssl.SSLContext)

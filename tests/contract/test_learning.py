"""Keys are learned from an old system: each asked for once, none accepted while it is down."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.contract.places import Installation
from tokenry import Invalid, StoreUnavailable
from tokenry.testing import FakeClock

KEY, OTHER, WRONG = "sk_0123456789abcdef", "sk_fedcba9876543210", "sk_aaaaaaaaaaaaaaaa"
STATUSES = {WRONG: 404} | {f"sk_{status:016d}": status for status in (301, 302, 307, 308, 400, 401, 410, 422, 500, 503)}


class Old:
    """An old system that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_down = False

    def __call__(self, key: str) -> dict[str, Any] | None:
        self.asked.append(key)
        if self.is_down:
            raise ConnectionError
        return {"owner": "ada", "scopes": ["read:a"]} if key in (KEY, OTHER) else None


@pytest.fixture
def old() -> Old:
    return Old()


@pytest.fixture(autouse=True)
def _learn(tk: Any, old: Old) -> None:
    tk.imports.learn("old", matches=r"^sk_[0-9a-z]{16}$", ask=old)


def code(tk: Any, text: str, **asked: Any) -> str:
    return str(tk.verify(text, **asked).code)


def test_a_key_is_asked_for_once_and_kept_with_its_owner(tk: Any, old: Old) -> None:
    for _ in range(3):
        assert tk.verify(KEY, scopes="read:a").owner.external_id == "ada"
    assert old.asked == [KEY]
    old.is_down = True
    assert tk.verify(KEY)
    (status,) = tk.imports.learning()
    assert (status.name, status.learned_count, status.last_learned_at is not None) == ("old", 1, True)


def test_a_learned_key_is_revoked_like_any_other(tk: Any, old: Old) -> None:
    assert tk.verify(KEY)
    tk.keys.revoke(tk.keys.list().items[0].id)
    assert code(tk, KEY) == "revoked"
    assert old.asked == [KEY]


def test_an_unknown_key_is_asked_for_again_after_five_minutes(tk: Any, old: Old, clock: FakeClock) -> None:
    assert [code(tk, WRONG) for _ in range(3)] == ["not_found"] * 3
    assert old.asked == [WRONG]
    clock.advance(timedelta(minutes=6))
    assert code(tk, WRONG) == "not_found"
    assert old.asked == [WRONG] * 2


def test_other_texts_are_never_asked_for(tk: Any, old: Old) -> None:
    assert {code(tk, text) for text in ("pk_0123456789abcdef", "sk_short", "", "sk_0123456789abcdeF")} == {"malformed"}
    assert old.asked == []


def test_nothing_is_accepted_while_the_old_system_is_down(tk: Any, old: Old, clock: FakeClock) -> None:
    old.is_down = True
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            tk.verify(KEY)
    assert old.asked == [KEY]
    old.is_down = False
    clock.advance(timedelta(seconds=11))
    assert tk.verify(KEY)


def test_three_silences_in_a_row_mean_that_the_old_system_is_down(tk: Any, old: Old, clock: FakeClock) -> None:
    old.is_down = True
    for n in range(5):
        with pytest.raises(StoreUnavailable):
            tk.verify(f"sk_{n:016d}")
    assert len(old.asked) == 3
    clock.advance(timedelta(seconds=11))
    with pytest.raises(StoreUnavailable):
        tk.verify(KEY)
    assert len(old.asked) == 4
    old.is_down = False
    with pytest.raises(StoreUnavailable):
        tk.verify(OTHER)
    clock.advance(timedelta(seconds=11))
    assert tk.verify(OTHER)
    assert tk.verify(KEY)


def test_a_key_that_the_old_system_stumbles_over_stops_no_other_key(tk: Any, old: Old) -> None:
    def ask(key: str) -> dict[str, Any] | None:
        if "bad" in key:
            raise ValueError(key)
        return old(key)

    tk.imports.learn("old", matches=r"^sk_", ask=ask)
    for n in range(20):
        with pytest.raises(StoreUnavailable):
            tk.verify(f"sk_bad{n:013d}", ip="192.0.2.1")
    assert tk.verify(KEY, ip="192.0.2.2")


def test_keys_of_one_network_that_time_out_stop_no_other_network(tk: Any, old: Old) -> None:
    def ask(key: str) -> dict[str, Any] | None:
        if "slow" in key:
            raise TimeoutError
        return old(key)

    tk.imports.learn("old", matches=r"^sk_", ask=ask)
    for n in range(10):
        with pytest.raises(StoreUnavailable):
            tk.verify(f"sk_slow{n:012d}", ip=f"192.0.2.{n}")
    assert tk.verify(KEY, ip="198.51.100.1")


def test_a_system_that_answers_nobody_is_left_alone_and_tried_again(tk: Any, old: Old, clock: FakeClock) -> None:
    old.is_down = True
    for n in range(10):
        with pytest.raises(StoreUnavailable):
            tk.verify(f"sk_{n:016d}", ip=f"192.0.{n}.1")
    assert len(old.asked) == 3
    old.is_down = False
    clock.advance(timedelta(seconds=11))
    assert tk.verify(KEY, ip="198.51.100.1")
    assert tk.verify(OTHER, ip="198.51.100.2")


def test_a_flood_from_many_addresses_stops_nobody_else(tk: Any, old: Old) -> None:
    codes = {code(tk, f"sk_{a:08d}{n:08d}", ip=f"192.0.2.{a}") for a in range(30) for n in range(20)}
    assert codes == {"not_found", "throttled"}
    assert code(tk, WRONG) == "throttled"
    assert tk.verify(KEY, ip="198.51.100.1")
    assert len(old.asked) <= 30 * 3 + 400 + 1


def test_an_address_that_guesses_is_throttled_and_others_are_not(tk: Any, old: Old) -> None:
    codes = [code(tk, f"sk_{n:016d}", ip="192.0.2.1") for n in range(101)]
    assert codes == ["not_found"] * 100 + ["throttled"]
    assert tk.verify(KEY, ip="192.0.2.2")


def test_what_the_old_system_says_is_checked(tk: Any) -> None:
    tk.imports.learn("old", matches=r"^sk_", ask=lambda key: {"owner": "ada", "scopes": ["no scope"]})
    assert code(tk, KEY) == "not_found"
    assert tk.imports.learning()[0].refused_count == 1
    assert tk.keys.list().items == ()


def test_nobody_is_asked_after_the_end(tk: Any, old: Old, clock: FakeClock) -> None:
    tk.imports.learn("old", matches=r"^sk_", ask=old, until=clock.now() + timedelta(days=1))
    clock.advance(timedelta(days=1))
    assert code(tk, KEY) == "malformed"
    assert old.asked == []


@pytest.mark.parametrize("wrong", [{"matches": "("}, {"ask": 5}, {"ask": "http://old.example.com/"}, {"until": "soon"}])
def test_wrong_arguments_are_refused(tk: Any, old: Old, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        tk.imports.learn("old", **{"matches": "^sk_", "ask": old, **wrong})


@pytest.fixture
def url() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            key = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["key"]
            body = json.dumps({"owner": "ada"}).encode()
            self.send_response(200 if key == KEY or self.path == "/elsewhere" else STATUSES.get(key, 500))
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/whose"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_url_is_asked_as_a_function_is(tk: Any, url: str) -> None:
    tk.imports.learn("old", matches=r"^sk_", ask=url)
    assert tk.verify(KEY)
    assert code(tk, WRONG) == "not_found"
    with pytest.raises(StoreUnavailable):
        tk.verify(OTHER)


@pytest.mark.parametrize("status", [400, 401, 410, 422])
def test_each_answer_of_4xx_means_an_unknown_key(tk: Any, url: str, status: int) -> None:
    tk.imports.learn("old", matches=r"^sk_", ask=url)
    assert code(tk, f"sk_{status:016d}") == "not_found"


def test_the_program_says_which_answers_mean_an_unknown_key(tk: Any, url: str) -> None:
    tk.imports.learn("old", matches=r"^sk_", ask=url, unknown_statuses=[404, 500])
    assert code(tk, f"sk_{500:016d}", ip="192.0.2.1") == "not_found"
    with pytest.raises(StoreUnavailable):
        tk.verify(f"sk_{401:016d}", ip="192.0.2.2")
    for wrong in ([200], ["404"], 404):
        with pytest.raises(Invalid, match="unknown_statuses"):
            tk.imports.learn("old", matches=r"^sk_", ask=url, unknown_statuses=wrong)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 500, 503])
def test_an_odd_answer_is_no_answer_and_redirects_are_not_followed(tk: Any, url: str, status: int) -> None:
    tk.imports.learn("old", matches=r"^sk_", ask=url)
    with pytest.raises(StoreUnavailable):
        tk.verify(f"sk_{status:016d}")
    assert tk.verify(KEY)


def test_many_callers_of_one_key_ask_once(tk: Any, old: Old) -> None:
    if hasattr(tk, "thing"):
        pytest.skip("the driver of the asynchronous face has one caller at a time")
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda _: tk.verify(KEY), range(40)))
    assert all(verdicts)
    assert len(tk.keys.list().items) == 1


def test_a_key_that_was_revoked_and_removed_is_not_learned_again(tk: Any, clock: FakeClock, old: Old) -> None:
    assert tk.verify(KEY)
    tk.keys.revoke(tk.keys.list().items[0].id)
    clock.advance(timedelta(days=1))
    assert tk.keys.purge(revoked_before=clock.now()) == 1
    assert [code(tk, KEY) for _ in range(3)] == ["not_found"] * 3
    assert old.asked == [KEY, KEY]
    (status,) = tk.imports.learning()
    assert (status.learned_count, status.refused_count) == (1, 1)


def test_a_key_that_cannot_be_kept_is_not_asked_for_each_time(tk: Any) -> None:
    asked: list[str] = []

    def ask(key: str) -> dict[str, Any]:
        asked.append(key)
        return {"owner": ""}

    tk.imports.learn("bad", matches=r"^xx_", ask=ask)
    assert [code(tk, "xx_0123456789") for _ in range(3)] == ["not_found"] * 3
    assert len(asked) == 1


@pytest.mark.lasting
def test_other_processes_wait_for_what_one_asks(tk: Any, old: Old, installation: Installation) -> None:
    if hasattr(tk, "thing"):
        pytest.skip("the driver of the asynchronous face has one caller at a time")
    others = [installation.open() for _ in range(3)]
    entered, go = threading.Event(), threading.Event()

    def ask(key: str) -> dict[str, Any] | None:
        entered.set()
        assert go.wait(30)
        return old(key)

    for one in (tk, *others):
        one.imports.learn("old", matches=r"^sk_[0-9a-z]{16}$", ask=ask)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(tk.verify, KEY)
        assert entered.wait(30)
        rest = [pool.submit(one.verify, KEY) for one in (*others, *others)]
        go.set()
        assert all(future.result() for future in (first, *rest))
        assert not any(pool.submit(one.verify, WRONG).result() for one in (tk, *others))
    assert old.asked == [KEY, WRONG]
    assert len(tk.keys.list().items) == 1


@pytest.mark.lasting
def test_a_question_of_a_process_that_died_is_asked_again(
    tk: Any, old: Old, clock: FakeClock, installation: Installation
) -> None:
    if hasattr(tk, "thing"):
        pytest.skip("KeyboardInterrupt would end the driver of the asynchronous face")
    other = installation.open()

    def killed(key: str) -> None:
        raise KeyboardInterrupt

    other.imports.learn("old", matches=r"^sk_[0-9a-z]{16}$", ask=killed)
    with pytest.raises(KeyboardInterrupt):
        other.verify(KEY)
    clock.advance(timedelta(seconds=30))
    assert tk.verify(KEY)
    assert old.asked == [KEY]

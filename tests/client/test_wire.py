"""What happens on the way: nothing is done twice, nothing is guessed, nothing of the key is told to anybody else."""

import asyncio
import contextlib
import json
import os
import pickle
import sys
import traceback
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.conftest import Scripted
from tokenry.client import AsyncClient, Client, records
from tokenry.client.wire import Answer, Pause, Sending, steps
from tokenry.edge.problems import KINDS
from tokenry.operations import OPERATIONS
from tokenry.operations.problems import error_of
from tokenry.types import (
    CallerRefused,
    ConfigError,
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    Secret,
    StoreUnavailable,
    TokenryError,
    VersionConflict,
)

KEY = "tk_op_18sylpYkTnlD3yzpmoQJSzpEpTHNfR8LzUSzbg5lkfKrfW93kJHQUy3UikA0XN1ymjQf2JJruv"
PAGE = json.dumps({"items": [], "next_cursor": None}).encode()
BUSY = (503, {"Retry-After": "0"}, b'{"code": "store_unavailable", "detail": "later"}')
BROKEN: tuple[int, dict[str, str], bytes] = (0, {}, b"")
REFUSED = json.dumps({"valid": False, "code": "revoked", "retry_after": None, "limits": []}).encode()


def test_a_read_is_asked_again(scripted: Scripted) -> None:
    scripted.answers = [BUSY, BROKEN, (200, {}, PAGE)]
    with Client(scripted.url, KEY) as tk:
        assert tk.keys.list().items == ()
    assert len(scripted.asked) == 3


def test_a_read_is_not_asked_for_ever(scripted: Scripted) -> None:
    scripted.answers = [BUSY] * 9
    with Client(scripted.url, KEY, retries=1) as tk, pytest.raises(StoreUnavailable):
        tk.keys.list()
    assert len(scripted.asked) == 2


@pytest.mark.parametrize("broken", [BUSY, BROKEN])
def test_a_change_and_a_verification_are_sent_once(scripted: Scripted, broken: Any) -> None:
    with Client(scripted.url, KEY) as tk:
        for call in (
            lambda: tk.keys.issue("ada", name="a"),
            lambda: tk.keys.rotate("key_x"),
            lambda: tk.keys.revoke("key_x"),
            lambda: tk.keys.delete("key_x"),
            lambda: tk.owners.put("ada"),
            lambda: tk.verify("x"),
        ):
            scripted.answers, scripted.asked = [broken], []
            with pytest.raises(StoreUnavailable):
                call()
            assert len(scripted.asked) == 1


def test_what_carries_an_idempotency_key_is_sent_again(scripted: Scripted) -> None:
    scripted.answers = [BROKEN, BUSY, (404, {}, b'{"code": "not_found", "detail": "no such owner"}')]
    with Client(scripted.url, KEY) as tk, pytest.raises(NotFound):
        tk.keys.issue("ada", name="a", idempotency_key="once")
    assert {headers["Idempotency-Key"] for _, _, headers, _ in scripted.asked} == {"once"}
    assert len({body for *_, body in scripted.asked}) == 1


def test_the_asynchronous_client_asks_again_too(scripted: Scripted) -> None:
    scripted.answers = [BUSY, BROKEN, (200, {}, PAGE)]

    async def ask() -> None:
        async with AsyncClient(scripted.url, KEY) as tk:
            assert (await tk.keys.list()).items == ()

    asyncio.run(ask())
    assert len(scripted.asked) == 3


def test_it_waits_as_long_as_the_server_asks_for_but_not_for_long() -> None:
    doing = steps(Sending("GET", "/x"), 2)
    doing.send(None)
    assert doing.send(Answer(503, {"retry-after": "3"}, b"")) == Pause(3.0)
    doing.send(None)
    with pytest.raises(StoreUnavailable):
        doing.send(Answer(503, {"retry-after": "60"}, b""))


def test_pauses_grow_and_differ() -> None:
    def pauses() -> list[float]:
        doing, found = steps(Sending("GET", "/x"), 3), []
        doing.send(None)
        for _ in range(3):
            wish = doing.send(Answer(failure="ConnectError"))
            assert isinstance(wish, Pause)
            found.append(wish.seconds)
            doing.send(None)
        return found

    first, second, third = pauses()
    assert 0.05 <= first <= 0.1 <= second <= 0.2 <= third <= 0.4
    assert len({tuple(pauses()) for _ in range(8)}) > 1


@pytest.mark.parametrize("after", ["9" * 5000, "-1", "1.5", "²", "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_a_pause_that_no_server_means_is_passed_over(after: str) -> None:
    error = error_of(429, {"code": "throttled"}, {"retry-after": after})
    assert isinstance(error, CallerRefused)
    assert error.verdict.retry_after is None


@pytest.mark.parametrize("code", KINDS)
def test_every_code_of_the_server_is_an_error_of_the_library(code: str) -> None:
    status = KINDS[code].status
    problem = {"code": code, "detail": "why", "errors": [{"field": "a", "code": "b", "message": "c"}]}
    error = error_of(status, problem, {"retry-after": "7"})
    refused = CallerRefused if code == "ip_not_allowed" else NotAllowed
    known = {401: CallerRefused, 429: CallerRefused, 403: refused, 404: NotFound, 409: Conflict, 412: VersionConflict}
    other = Invalid if status < 500 else StoreUnavailable
    assert isinstance(error, Conflict if code == "idempotency_mismatch" else known.get(status, other))
    assert type(error) is not TokenryError
    if isinstance(error, CallerRefused):
        assert (error.verdict.code, error.verdict.retry_after) == (code, 7)


NAMES = ["valid", "code", "key", "owner", "tenant", "items", "limits", "errors", "detail", "details", "message", "self"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=8,
)


READERS = [records.verdict, *(one.answer.read for one in OPERATIONS.values())]


@given(ANYTHING)
def test_whatever_answers_it_is_an_answer_or_an_error_of_ours(found: Any) -> None:
    for status in (200, 401, 422, 503):
        for read in READERS:
            doing = steps(Sending("GET", "/x", read=read), 0)
            doing.send(None)
            with contextlib.suppress(StopIteration, TokenryError):
                doing.send(Answer(status, {}, json.dumps(found).encode()))


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"null", b'{"valid": 1}', b"\xff", b'{"valid": true}'])
def test_what_is_no_verdict_is_never_valid(scripted: Scripted, content: bytes) -> None:
    scripted.answers = [(200, {}, content)]
    with Client(scripted.url, KEY) as tk, pytest.raises(TokenryError):
        assert not tk.verify("x")


def test_a_redirect_is_not_followed(scripted: Scripted) -> None:
    scripted.answers = [(307, {"Location": f"{scripted.url}/elsewhere"}, b""), (200, {}, REFUSED)]
    with Client(scripted.url, KEY) as tk, pytest.raises(TokenryError):
        tk.verify("x")
    assert len(scripted.asked) == 1


def test_no_path_is_left_by_an_id(scripted: Scripted) -> None:
    with Client(scripted.url, KEY, retries=0) as tk:
        for id in ("../tenants/default", "a/b", "a?b=c", "a#b", "%2e%2e", "ü\n"):
            with pytest.raises(TokenryError):
                tk.keys.get(id)
        for id in ("", ".", ".."):
            with pytest.raises(Invalid):
                tk.keys.get(id)
    assert all(
        path.startswith("/v1/keys/") and path.count("/") == 3 and "?" not in path for _, path, *_ in scripted.asked
    )


def test_the_key_is_shown_by_nothing(scripted: Scripted) -> None:
    tk = Client(scripted.url, Secret(KEY))
    shown = [repr(tk), str(tk), repr(tk.keys), repr(tk.__dict__.get("_remembered"))]
    hidden: Any = Secret(KEY)
    for call in (
        lambda: tk.verify(KEY),
        lambda: tk.verify("x", scopes=hidden),
        lambda: tk.verify("x", ip=hidden),
        lambda: tk.keys.issue("ada", name=hidden),
        lambda: tk.keys.get(hidden),
    ):
        scripted.answers = [(500, {}, b"")]
        try:
            call()
        except TokenryError:
            shown.append(traceback.format_exc())
    tk.close()
    assert not any(KEY in text for text in shown)
    assert KEY.encode() not in b"".join(body for *_, body in scripted.asked[1:])
    with pytest.raises(Exception, match=r"."):
        pickle.dumps(Secret(KEY))


def test_an_unreachable_server_says_so_and_names_no_key() -> None:
    with Client("http://127.0.0.1:1", KEY, timeout=timedelta(seconds=1), retries=0) as tk:
        for call in (lambda: tk.verify("x"), lambda: tk.keys.list()):
            with pytest.raises(StoreUnavailable, match="cannot be reached") as caught:
                call()
            assert KEY not in str(caught.value)


def test_a_silent_server_is_not_waited_for(scripted: Scripted) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(address, KEY, timeout=timedelta(milliseconds=50), retries=0) as tk, pytest.raises(StoreUnavailable):
            tk.verify("x")


@pytest.mark.parametrize("server", ["", "nonsense", "ftp://x", "http://", "http://a:b@x", "http://x?y", "http://x:y"])
def test_an_address_that_is_none_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKENRY_SERVER", raising=False)
    with pytest.raises(ConfigError, match="https://"):
        Client(server, KEY)


def test_a_key_that_is_none_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        Client("http://x", "a secret\nof two lines")
    assert "two lines" not in str(caught.value)


def test_the_environment_says_where_and_who(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENRY_SERVER", scripted.url + "/")
    monkeypatch.setenv("TOKENRY_KEY", KEY + "\n")
    scripted.answers = [(200, {}, REFUSED)]
    with Client() as tk:
        assert tk.verify("x").code == "revoked"
    assert scripted.asked[0][2]["Authorization"] == f"Bearer {KEY}"


def test_a_forked_child_opens_connections_of_its_own(scripted: Scripted) -> None:
    scripted.answers = [(200, {}, REFUSED)] * 2
    with Client(scripted.url, KEY) as tk:
        tk.verify("x")
        parents = tk._pool
        pid = os.fork()
        if pid == 0:
            try:
                os._exit(0 if tk.verify("x").code == "revoked" and tk._pool is not parents else 1)
            finally:
                os._exit(2)
        assert os.waitpid(pid, 0)[1] == 0
        assert tk._pool is parents


def test_importing_the_client_imports_neither_the_database_nor_http() -> None:
    import subprocess

    code = "import sys, tokenry.client; print(sorted({'sqlalchemy', 'httpx2', 'fastapi', 'typer'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""The server's logs: one JSON line per event whatever its fields hold, and never a credential."""

import io
import json
import logging
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tokenry.api.process.access_log import AccessLog
from tokenry.api.process.logs import REQUEST_ID, Logger, configure
from tokenry.api.process.redaction import redacted
from tokenry.api.process.settings import ServerSettings
from tokenry.store.slow import SlowStatements
from tokenry.testing import throwaway

JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What the server would write to stderr; logging is as it was afterwards."""
    root = logging.getLogger()
    kept = root.handlers[:], root.level, logging.getLogger("tokenry").level
    stream = io.StringIO()
    configure(ServerSettings(log_level="debug"), stream)
    yield stream
    logging.captureWarnings(False)
    root.handlers[:], level, ours = kept
    root.setLevel(level)
    logging.getLogger("tokenry").setLevel(ours)


@pytest.fixture
def lines(stream: io.StringIO) -> Lines:
    """Every line so far, each of which must be one JSON document."""
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def log(name: str = "tokenry.test") -> Any:
    return Logger(name)


class Unsayable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


STRANGE = {
    "newlines": "a\nb\r\nc\u2028d\u2029e\x85f",
    "control": "\x00\x1b[31mred\x7f",
    "surrogate": "\ud800",
    "quotes": '"},{"event":"forged"',
    "nan": float("nan"),
    "infinity": -float("inf"),
    "bytes": b"\xff\n",
    "nested": {"a": [{"b": ("c", {"d"})}], 7: {None: 1}},
    "unsayable": Unsayable(),
    "long": "x" * 100_000,
    "many": list(range(10_000)),
    "huge": 10**5000,
}


@pytest.mark.parametrize("name", STRANGE)
def test_an_event_is_one_line_whatever_a_field_holds(name: str, lines: Lines) -> None:
    log().info("strange", field=STRANGE[name])
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == ("strange", "info", "tokenry.test")
    assert len(json.dumps(line)) < 70_000


def test_an_event_that_contains_itself_is_still_one_line(lines: Lines) -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    log().info("endless", field=endless)
    assert len(lines()) == 1


def test_a_field_can_neither_replace_nor_forge_what_a_line_says(lines: Lines) -> None:
    log().info("spoken", level="critical", logger="root", at="never")
    (line,) = lines()
    assert line["event"] == "spoken"
    assert line["level"] == "info"
    assert line["at"].startswith("20")


def test_a_traceback_is_a_field_of_its_line(lines: Lines) -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        log().exception("failed")
        logging.getLogger("uvicorn.error").exception("failed there")
    ours, theirs = lines()
    assert "ValueError: broken" in ours["exception"]
    assert "ValueError: broken" in theirs["exception"]


def test_libraries_and_warnings_speak_json_too(lines: Lines) -> None:
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("sqlalchemy.engine").info("never shown")
    logging.getLogger("tokenry.store").error("refused: %s", "x")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("beware", stacklevel=1)
    assert [line["logger"] for line in lines()] == ["uvicorn.error", "tokenry.store", "py.warnings"]


def test_text_keeps_an_event_on_its_line_too() -> None:
    stream = io.StringIO()
    configure(ServerSettings(log_format="text"), stream)
    try:
        log().info("said\nforged", field="a\nb\x1b[2J")
        assert len(stream.getvalue().splitlines()) == 1
        assert "\x1b" not in stream.getvalue()
    finally:
        logging.captureWarnings(False)
        logging.getLogger().handlers.clear()


def test_500_planted_secrets_never_reach_a_line(stream: io.StringIO) -> None:
    with throwaway() as tk:
        tk.owners.put("ada")
        batch = tk.keys.issue_many([{"owner": "ada", "name": f"k{n}"} for n in range(100)])
        secrets = [str(issued.secret) for issued in batch]
    assert len(secrets) == 100
    choice = random.Random(7)
    for secret in secrets:
        for planted in (secret, secret[:-1], secret.upper()[:8].lower() + secret[8:], f"x{secret}", secret + "/.."):
            ways: list[Callable[[str], object]] = [
                lambda s: log().info("x", field=s),
                lambda s: log().info(f"presented {s} here"),
                lambda s: log().info("x", field={"deep": [{"deeper": s}]}, **{f"name{choice.random()}": s}),
                lambda s: log().info("x", headers=[(b"authorization", s.encode())]),
                lambda s: logging.getLogger("uvicorn.error").error("Exception for %s", s),
                lambda s: AccessLog(1.0)("GET", f"/v1/auth/{s}", 200, 0.1, s, s),
                lambda s: log().info("x", field={s: 1}),
            ]
            choice.choice(ways)(planted)
            try:
                raise RuntimeError(planted)
            except RuntimeError:
                log().exception("failed")
    written = stream.getvalue()
    assert len(written.splitlines()) == 1000
    assert [secret for secret in secrets if secret[-57:-14] in written or secret[-50:-20] in written] == []


@pytest.mark.parametrize(
    "message",
    [
        f"token={JWT}",
        f"Authorization: Bearer {JWT}",
        "authorization: basic aHVudGVyMjpodW50ZXIy",
        "Authorization: Digest hunter2",
        "{'authorization': 'hunter2'}",
        '"x-api-key": "hunter2"',
        "X-API-Token=hunter2&a=b",
        "Cookie: __Host-session=hunter2; other=1",
        "set-cookie: a=hunter2; HttpOnly",
        "postgresql://tokenry:hunter2@db/x",
        "postgresql://tokenry:hunter2@2@db/x",
        "password=hunter2",
        "/v1/keys/1hunter2" + "0aZ" * 22,
    ],
)
def test_what_looks_like_a_credential_is_hidden(message: str) -> None:
    shown = redacted(f"before {message}")
    assert shown.startswith("before ")
    assert "[hidden]" in shown
    for secret in ("hunter2", "eyJ", "aHVud"):
        assert secret not in shown


@pytest.mark.parametrize("name", ["authorization", "Cookie", "password", "client_secret", "credential", "x-api-key"])
def test_a_field_with_a_name_of_secrets_is_hidden_whatever_it_holds(name: str, lines: Lines) -> None:
    log().info("x", **{name: "plain"}, nested={name: ["plain"]})
    (line,) = lines()
    assert line[name] == line["nested"][name] == "[hidden]"


@pytest.mark.parametrize(
    "part", ["a_", "_1", "eyJ", "eyJaaaaaaaa.", "://a:", "cookie ", "token ", "Bearer", "_1a\n", "="]
)
def test_a_hostile_text_costs_no_more_than_its_length(part: str) -> None:
    began = time.process_time()
    redacted(part * (1_000_000 // len(part)))
    assert time.process_time() - began < 2


def test_ids_and_words_stay_readable() -> None:
    for message in (
        "the token expired",
        "key_01JABCDEFGHJKMNPQRSTVWXYZ0",
        "a tokenry of keys",
        "GET /v1/keys/key_0abc",
        "3f6d2c9a8b7e4d5f",
        "3f6d2c9a8b7e4d5f" * 4,
    ):
        assert redacted(message) == message


@pytest.mark.parametrize("share", [0.0, 0.01, 0.25, 1.0])
def test_the_access_log_tells_an_even_share_and_every_failure_of_ours(share: float, lines: Lines) -> None:
    access = AccessLog(share)
    for number in range(400):
        access("POST", "/v1/verify", 200, 0.0001, f"r{number}", "203.0.113.7")
    assert len(lines()) == pytest.approx(400 * share, abs=1)
    access("POST", "/v1/keys", 500, 1.5, "failed", "203.0.113.7")
    last = lines()[-1]
    assert (last["status"], last["ms"], last["request_id"], last["path"]) == (500, 1500.0, "failed", "/v1/keys")


@pytest.mark.parametrize("before", range(200, 256, 5))
def test_a_credential_in_a_path_is_hidden_wherever_the_path_is_cut(before: int, lines: Lines) -> None:
    secret = "tk_live_1" + "Q7x" * 20
    AccessLog(1.0)("GET", "/" + "a" * (before - 1) + secret, 404, 0.001, "id", "")
    [line] = lines()
    assert "Q7xQ7x" not in line["path"]


@pytest.mark.parametrize("before", range(8112, 8184, 6))
def test_a_credential_in_a_field_is_hidden_wherever_the_field_is_cut(before: int, lines: Lines) -> None:
    log().info("x", text="a" * before + " tk_live_1" + "Q7x" * 24 + " " + "a" * 4000)
    [line] = lines()
    assert "Q7xQ7x" not in line["text"]


def test_what_nobody_measured_is_not_told(lines: Lines) -> None:
    AccessLog(1.0).tell("GET", "/v1/auth", 200, None, "id", "192.0.2.1")
    AccessLog(1.0).tell("GET", "/v1/self", 200, 0.0015, "id", "192.0.2.1")
    assert [line.get("ms") for line in lines()] == [None, 1.5]


def test_a_slow_statement_is_logged_with_its_request_and_its_fields(lines: Lines) -> None:
    ticks = iter(range(100))
    engine = create_engine("sqlite://")
    SlowStatements(250, lambda: next(ticks) * 0.25).watch(engine)
    with engine.connect() as connection:
        token = REQUEST_ID.set("req-7")
        connection.execute(text("SELECT\n  :it"), {"it": "hunter2"})
        REQUEST_ID.reset(token)
    engine.dispose()
    (line,) = lines()
    assert (line["event"], line["request_id"], line["ms"], line["statement"]) == (
        "slow statement",
        "req-7",
        250,
        "SELECT ?",
    )
    assert (line["logger"], line["level"]) == ("tokenry.statements", "warning")
    assert "hunter2" not in json.dumps(line)


def test_a_logger_that_was_made_before_the_configuration_follows_it(lines: Lines) -> None:
    assert "tokenry.api.process.logs" in sys.modules
    from tokenry.api.process import logs

    logs.log.warning("early")
    assert [line["event"] for line in lines()] == ["early"]

"""GitHub's reports: only what GitHub has signed, and the answer names no token."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from tests.contract.conftest import Issue
from tests.servers.publishing import PEM, SAMPLE, SAMPLE_ID, SAMPLE_KEY, SAMPLE_SIGNATURE, document, signed
from tests.servers.receiving import LOOPBACK
from tokenry import AsyncTokenry, ConfigError, Invalid, NotAllowed, Settings, Tokenry
from tokenry.config import fresh_keyring


def send(tk: Any, matches: Any, **more: Any) -> Any:
    body = matches if isinstance(matches, bytes) else json.dumps(matches).encode()
    given = {"identifier": "k1", "signature": signed(body), "public_keys": document(("k0", SAMPLE_KEY), ("k1", PEM))}
    return tk.leaks.report_github(body, **given | more)


def test_the_published_sample_verifies(tk: Any) -> None:
    given = {"identifier": SAMPLE_ID, "public_keys": document((SAMPLE_ID, SAMPLE_KEY))}
    [answer] = tk.leaks.report_github(SAMPLE, signature=SAMPLE_SIGNATURE, **given)
    hashed = sha256(b"some_token").hexdigest()
    assert answer == {"token_hash": hashed, "token_type": "some_type", "label": "false_positive"}
    for body in (SAMPLE + b" ", SAMPLE.replace(b"some_url", b"other"), b"[]"):
        with pytest.raises(NotAllowed, match="not signed"):
            tk.leaks.report_github(body, signature=SAMPLE_SIGNATURE, **given)


def test_a_found_key_is_revoked_and_told_of(tk: Any, issue: Issue) -> None:
    issued, text = issue(), "tk_live_unknown"
    match = {"token": str(issued.secret), "type": "t", "url": "https://github.com/o/r", "source": "commit", "new": 1}
    answers = send(tk, [match, {"token": text}])
    assert [answer["label"] for answer in answers] == ["true_positive", "false_positive"]
    assert str(issued.secret) not in str(answers)
    assert tk.verify(issued.secret).code == "revoked"
    [event] = tk.events.list(types=["key.leaked"])
    assert (event.data["source"], event.data["url"]) == ("github/commit", "https://github.com/o/r")


def test_a_match_that_cannot_be_read_does_not_save_the_others(tk: Any, issue: Issue) -> None:
    found, nulls = issue(), issue()
    empty = {"token": str(nulls.secret), "type": None, "url": None, "source": None}
    unreadable = [{"token": None}, 7, {"token": str(found.secret), "url": 1}]
    answers = send(tk, [*unreadable, {"token": str(found.secret)}, empty])
    assert [answer["label"] for answer in answers] == ["true_positive", "true_positive"]
    codes = [tk.verify(one.secret).code for one in (found, nulls)]
    assert codes == ["revoked", "revoked"]
    assert send(tk, []) == []


def test_what_github_has_not_signed_does_nothing(tk: Any, issue: Issue) -> None:
    issued = issue()
    match = [{"token": str(issued.secret)}]
    wrong: list[dict[str, Any]] = [{"identifier": "k0"}, {"identifier": "k9"}, {"signature": ""}, {"signature": "é"}]
    wrong += [{"public_keys": one} for one in ({}, {"public_keys": "x"}, {"public_keys": [1]}, "x")]
    wrong += [{"public_keys": document(("k1", "no key"))}]
    for more in wrong:
        with pytest.raises(NotAllowed):
            send(tk, match, **more)
    for body in (b"{}", b"[1]", b'[{"type":"t"}]', b"nothing", b"[" + b'{"token":"a"},' * 1000 + b'{"token":"a"}]'):
        with pytest.raises(Invalid):
            send(tk, body)
    assert tk.verify(issued.secret)


def test_without_public_keys_the_setting_says_where_they_are(tmp_path: Path) -> None:
    source = tmp_path / "keys.json"
    source.write_text(json.dumps(document((SAMPLE_ID, SAMPLE_KEY))))
    given = {"identifier": SAMPLE_ID, "signature": SAMPLE_SIGNATURE}
    with Tokenry("sqlite://", settings=Settings(background=False, github_keys=str(source))) as tk:
        assert tk.leaks.report_github(SAMPLE, **given)[0]["label"] == "false_positive"
        with pytest.raises(NotAllowed, match="not signed"):
            tk.leaks.report_github(SAMPLE + b" ", **given)
    with (
        Tokenry("sqlite://", settings=Settings(background=False)) as tk,
        pytest.raises(ConfigError, match="set github_keys"),
    ):
        tk.leaks.report_github(SAMPLE, **given)


def test_an_event_loop_goes_on_while_the_keys_are_read(tmp_path: Path) -> None:
    body = json.dumps(document((SAMPLE_ID, SAMPLE_KEY))).encode()

    async def publish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    async def report() -> Any:
        # On the loop that has to answer: it could not while a call holds it.
        async with await asyncio.start_server(publish, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            settings = Settings(background=False, github_keys=url, webhook_networks=LOOPBACK)
            engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'keys.db'}")
            async with AsyncTokenry(engine=engine, keyring=fresh_keyring(), settings=settings) as tk:
                await tk.migrate()
                found = await tk.leaks.report_github(SAMPLE, identifier=SAMPLE_ID, signature=SAMPLE_SIGNATURE)
            await engine.dispose()
            return found

    assert asyncio.run(report())[0]["label"] == "false_positive"


@pytest.mark.parametrize(
    "url", ["http://example.com/keys", "https://127.0.0.1/", "ftp://example.com/", "https://localhost"]
)
def test_a_url_of_keys_is_public_and_encrypted(url: str) -> None:
    with pytest.raises(ConfigError, match="github_keys"):
        Tokenry("sqlite://", settings=Settings(background=False, github_keys=url))

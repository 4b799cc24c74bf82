"""Nothing that the real Sentry SDK sends holds a credential."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from tokenry.ext.sentry import before_send

KEY = "tk_live_14Zq0v1nUeXk2TtSb003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlfLiq1oLhI2yOmUW"
SECRET = KEY[25:60]
TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwcyJ9.c2lnbmF0dXJlLW9mLWE"
WEBHOOK = "whsec_" + "4Zq0v1nUeXk2TtSb003aUlTJC7tjlCTQj2uNU3MFagC="


class Kept(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.sent.append(envelope.serialize())


@pytest.fixture
def kept() -> Iterator[Kept]:
    transport = Kept()
    hooks: dict[str, Any] = {
        "before_send": before_send,
        "before_send_transaction": before_send,
        "before_breadcrumb": before_send,
    }
    sentry_sdk.init(
        dsn="https://key@sentry.example.com/1",
        transport=transport,
        traces_sample_rate=1.0,
        default_integrations=False,  # they would patch Flask, HTTP clients and logging in this process for good
        auto_enabling_integrations=False,
        auto_session_tracking=False,
        **hooks,
    )
    yield transport
    sentry_sdk.get_client().close(timeout=0)
    sentry_sdk.get_global_scope().set_client(None)


def fail(text: str) -> None:
    held = {"deep": [[{"key": text}]], text: (text,)}
    raise ValueError(f"{text} in {held}")


@pytest.mark.parametrize(("text", "secret"), [(KEY, SECRET), (TOKEN, TOKEN[-20:]), (WEBHOOK, WEBHOOK[10:40])])
def test_an_error_is_sent_without_the_credential_that_it_met(kept: Kept, text: str, secret: str) -> None:
    sentry_sdk.set_tag("note", text)
    sentry_sdk.set_extra("notes", {"list": [text, {"of": text}]})
    sentry_sdk.add_breadcrumb(message=f"asked with {text}", data={"header": text})
    try:
        fail(text)
    except ValueError as error:
        sentry_sdk.capture_exception(error)
    sentry_sdk.capture_message(f"met {text}")
    with sentry_sdk.start_transaction(name=f"GET /{text}", op="http"), sentry_sdk.start_span(name=f"ask {text}"):
        logging.getLogger("quiet").debug(text)
    assert len(kept.sent) == 3
    for sent in kept.sent:
        assert b"[hidden]" in sent
        assert secret.encode() not in sent


def test_what_holds_no_credential_is_sent_as_it_is() -> None:
    event = {"a": [1, None, 2.5, True, {"b": "key_01k9v5m0q2x8r7c4t6y3w1"}], "c": "x" * 60}
    assert before_send(json.loads(json.dumps(event)), {}) == event


def test_a_structure_that_refers_to_itself_ends() -> None:
    event: dict[str, Any] = {"key": KEY}
    event["self"] = event
    assert SECRET not in repr(before_send(event))

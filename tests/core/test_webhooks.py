"""Signatures and schedule of webhooks, against an implementation that nobody here wrote."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks

from tokenry import webhooks as receiving
from tokenry.core import webhooks
from tokenry.core.model import Event, micros
from tokenry.service import webhook_signing as signing

EVENT = Event(
    sequence=7,
    id="evt_1",
    type="key.revoked",
    at=datetime(2026, 11, 27, 12, 0, tzinfo=UTC),
    tenant="default",
    subject="key_1",
    actor="ada",
    data={"owner": "ada", "reason": "ge\u00e4ndert"},
)
OLD, NEW = (signing.WebhookSecret(bytes([n]) * 32, bytes([n + 100]) * 32) for n in (1, 2))


def sent(*secrets: signing.WebhookSecret, include: str | None = None) -> tuple[bytes, dict[str, str]]:
    """Return a body and its fields, sent at this moment."""
    body, at = webhooks.payload(EVENT, include), micros(datetime.now(UTC))
    return body, signing.Signer(secrets, at).headers(EVENT.id, at, body)


def test_a_receiver_with_the_package_of_the_specification_verifies() -> None:
    body, headers = sent(NEW)
    assert standardwebhooks.Webhook(NEW.text).verify(body, headers)["type"] == "key.revoked"
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(OLD.text).verify(body, headers)


def test_what_the_package_of_the_specification_signs_is_verified() -> None:
    body, now = '{"type": "x"}', datetime.now(UTC)
    signature = standardwebhooks.Webhook(NEW.text).sign("msg_1", now, body)
    headers = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": signature,
    }
    assert receiving.verify(body, headers, NEW.text) == {"type": "x"}


@pytest.mark.parametrize("secret", [OLD.text, NEW.text, OLD.public_key, NEW.public_key])
def test_during_a_rotation_either_secret_and_either_public_key_verifies(secret: str) -> None:
    body, headers = sent(NEW, OLD)
    assert receiving.verify(body, headers, secret)["data"]["subject"] == "key_1"
    if secret.startswith("whsec_"):
        standardwebhooks.Webhook(secret).verify(body, headers)


def test_a_secret_that_has_ended_signs_no_more() -> None:
    ended = signing.WebhookSecret(OLD.key, OLD.seed, ends_at=micros(datetime.now(UTC)))
    body, headers = sent(NEW, ended)
    with pytest.raises(receiving.BadSignature):
        receiving.verify(body, headers, [OLD.text, OLD.public_key])


@pytest.mark.parametrize("field", ["webhook-id", "webhook-timestamp", "webhook-signature", "body"])
def test_a_change_anywhere_is_found(field: str) -> None:
    body, headers = sent(NEW)
    if field == "body":
        body = body.replace(b"key_1", b"key_2")
    elif field == "webhook-timestamp":
        headers[field] = str(int(headers[field]) - 1)
    else:
        headers[field] = headers[field].swapcase()
    for secret in (NEW.text, NEW.public_key):
        with pytest.raises(receiving.BadSignature):
            receiving.verify(body, headers, secret)


def test_a_version_is_never_taken_for_the_other() -> None:
    body, headers = sent(NEW)
    v1, v1a = headers["webhook-signature"].split()
    with pytest.raises(receiving.BadSignature):
        receiving.verify(body, {**headers, "webhook-signature": v1}, NEW.public_key)
    with pytest.raises(receiving.BadSignature):
        receiving.verify(body, {**headers, "webhook-signature": v1a}, NEW.text)
    swapped = " ".join(one.replace("v1a,", "v1,") if one is v1a else one.replace("v1,", "v1a,") for one in (v1, v1a))
    with pytest.raises(receiving.BadSignature):
        receiving.verify(body, {**headers, "webhook-signature": swapped}, [NEW.text, NEW.public_key])


@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_old_or_early_request_is_refused(minutes: int) -> None:
    body, headers = sent(NEW)
    now = int(headers["webhook-timestamp"]) + 60 * minutes
    with pytest.raises(receiving.BadSignature, match="timestamp"):
        receiving.verify(body, headers, NEW.text, now=now)
    receiving.verify(body, headers, NEW.text, now=now, tolerance=timedelta(minutes=7))


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_field_is_refused(missing: str) -> None:
    body, headers = sent(NEW)
    del headers[missing]
    with pytest.raises(receiving.BadSignature, match="missing"):
        receiving.verify(body, headers, NEW.text)


def test_a_thin_payload_says_what_happened_to_what_and_a_full_one_what_was_recorded() -> None:
    thin, full = (json.loads(webhooks.payload(EVENT, include)) for include in (None, "object"))
    data = {"id": "evt_1", "tenant": "default", "subject": "key_1", "actor": "ada", "owner": "ada"}
    assert thin == {"type": "key.revoked", "timestamp": "2026-11-27T12:00:00Z", "data": data}
    assert full["data"] == {**data, "object": {"owner": "ada", "reason": "geändert"}}


def test_the_schedule_is_that_of_the_specification_with_a_fifth_of_jitter() -> None:
    assert sum(webhooks.SCHEDULE) / 3600 == pytest.approx(75.6, abs=0.05)
    for chance, share in ((0.0, 0.8), (0.5, 1.0), (1.0, 1.2)):
        waits = [webhooks.wait_after(count, chance) for count in range(1, 10)]
        assert waits == [pytest.approx(seconds * share * 1e6) for seconds in webhooks.SCHEDULE[1:]]
    assert webhooks.wait_after(len(webhooks.SCHEDULE), 0.5) is None


def test_an_endpoint_may_ask_for_a_longer_wait_up_to_a_day() -> None:
    assert webhooks.wait_after(1, 0.5, 120) == 120_000_000
    assert webhooks.wait_after(2, 0.5, 1) == 300_000_000
    assert webhooks.wait_after(1, 0.5, 10**9) == 24 * 3600 * 1_000_000


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120), (" 7 ", 7), ("-1", None), ("soon", None), (None, None), ("9" * 50, 24 * 3600), ("²", None)],
)
def test_retry_after_is_a_number_of_seconds(value: str | None, seconds: int | None) -> None:
    assert webhooks.read_retry_after(value, datetime.now(UTC)) == seconds


def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
    assert webhooks.read_retry_after("Fri, 27 Nov 2026 12:02:00 GMT", now) == 120
    assert webhooks.read_retry_after("Fri, 27 Nov 2026 11:02:00 GMT", now) == 0


def test_warnings_come_after_1_24_and_72_hours_once_each() -> None:
    hour = 3600 * 1_000_000
    assert [webhooks.warning_due(0, 0, h * hour) for h in (0, 1, 23, 24, 100)] == [None, 1, 1, 24, 72]
    assert [webhooks.warning_due(0, 1, h * hour) for h in (2, 24)] == [None, 24]
    assert webhooks.warning_due(0, 72, 100 * hour) is None


def test_secrets_are_kept_whole_and_never_shown() -> None:
    ended = signing.WebhookSecret(OLD.key, OLD.seed, ends_at=micros(datetime.now(UTC)))
    assert signing.load_secrets(signing.dump_secrets([NEW, ended])) == (NEW, ended)
    assert "key" not in repr(NEW)
    assert NEW.text not in repr(NEW)

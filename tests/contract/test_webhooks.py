"""Webhooks: events reach their endpoints, whatever the endpoints answer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.places import QUIET, Installation
from tests.servers.receiving import LOOPBACK, Receiver, receiving
from tokenry import Conflict, Invalid, NotAllowed, NotFound, Tokenry
from tokenry import webhooks as receiver_side
from tokenry.core.webhooks import SCHEDULE
from tokenry.testing import FakeClock
from tokenry.types import CreatedWebhook, Owner

SETTINGS = replace(QUIET, webhook_networks=LOOPBACK)
LONG = timedelta(days=2)

Deliver = Callable[[], int]


@pytest.fixture
def tk(installation: Installation) -> Any:
    return installation.open(settings=SETTINGS)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def deliver(installation: Installation, tk: Any) -> Iterator[Deliver]:
    """Give what sends all that is due. An AsyncEngine belongs to its loop, so there another instance does it."""
    if installation.place != "async-engine":
        yield tk.deliver
        return
    url = installation.url if installation.store == "sqlite" else installation.url.replace("+psycopg", "")
    with Tokenry(url, keyring=installation.keyring, settings=SETTINGS, clock=installation.clock) as other:
        yield other.deliver


@pytest.fixture
def hook(tk: Any, receiver: Receiver) -> CreatedWebhook:
    """Give an endpoint that is told of owners."""
    made: CreatedWebhook = tk.webhooks.create(receiver.url, types=["owner.*"])
    return made


def test_every_event_of_its_types_reaches_an_endpoint_in_order(
    tk: Any, hook: CreatedWebhook, receiver: Receiver, deliver: Deliver, clock: FakeClock
) -> None:
    for number in range(5):
        tk.owners.put(f"o{number}")
    tk.roles.put("reader", scopes=["read"])
    assert deliver() == 5
    assert deliver() == 0
    events = [event for event in tk.events.list().items if event.type == "owner.created"]
    assert receiver.ids == [event.id for event in events]
    now = clock.now().timestamp()
    for headers, body in receiver.requests:
        received = receiver_side.verify(body, headers, str(hook.secret), now=now)
        assert received == receiver_side.verify(body, headers, hook.webhook.public_key, now=now)
        assert received["type"] == "owner.created"
        assert "object" not in received["data"]
    done = tk.webhooks.deliveries(hook.webhook.id).items
    assert {one.status for one in done} == {"delivered"}
    assert {attempt.http_status for one in done for attempt in one.attempts} == {200}


def test_what_happened_before_an_endpoint_was_made_is_not_sent_to_it(
    tk: Any, receiver: Receiver, deliver: Deliver, ada: Owner
) -> None:
    tk.webhooks.create(receiver.url, types=["owner.created"])
    bob = tk.owners.put("bob")
    deliver()
    subjects = [json.loads(body)["data"]["subject"] for _, body in receiver.requests]
    assert bob.external_id in subjects
    if tk.events.list().items[0].type == "owner.created":
        assert subjects in (["bob"], ["ada", "bob"])  # PostgreSQL may not know yet that ada's transaction is over


def test_a_full_payload_holds_what_the_event_recorded(
    tk: Any, receiver: Receiver, deliver: Deliver, ada: Owner
) -> None:
    tk.webhooks.create(receiver.url, types=["key.revoked"], include="object")
    issued = tk.keys.issue("ada", name="CI")
    tk.keys.revoke(issued.key.id, reason="gone")
    deliver()
    body = receiver.requests[-1][1]
    assert json.loads(body)["data"]["object"]["reason"] == "gone"
    assert json.loads(body)["data"]["owner"] == "ada"
    assert str(issued.secret) not in body.decode()


def test_a_failed_delivery_is_tried_again_by_the_schedule_with_the_same_id_and_bytes(
    tk: Any, hook: CreatedWebhook, receiver: Receiver, deliver: Deliver, clock: FakeClock
) -> None:
    receiver.answer = lambda number, body: 500
    tk.owners.put("bob")
    assert deliver() == 1
    for count, seconds in enumerate(SCHEDULE[1:-1], start=1):
        clock.advance(timedelta(seconds=seconds * 0.79))
        assert deliver() == 0
        clock.advance(timedelta(seconds=seconds * 0.42))
        assert deliver() == 1, count
    receiver.answer = lambda number, body: 200
    clock.advance(LONG)
    assert deliver() == 1
    assert len(set(receiver.ids)) == 1
    assert len({body for _, body in receiver.requests}) == 1
    signatures = {headers["webhook-signature"] for headers, _ in receiver.requests}
    assert len(signatures) == len(receiver.requests) == len(SCHEDULE)
    one = tk.webhooks.deliveries(hook.webhook.id).items[0]
    assert (one.status, one.due_at, [attempt.http_status for attempt in one.attempts]) == (
        "delivered",
        None,
        [500] * 9 + [200],
    )


def test_an_endpoint_that_fails_to_the_end_of_the_schedule_is_paused_and_loses_nothing(
    tk: Any, hook: CreatedWebhook, receiver: Receiver, deliver: Deliver, clock: FakeClock
) -> None:
    receiver.answer = lambda number, body: 500
    tk.owners.put("first")
    for _ in SCHEDULE:
        deliver()
        clock.advance(LONG)
    paused = tk.webhooks.get(hook.webhook.id)
    assert (paused.status, paused.failure_count) == ("paused", len(SCHEDULE))
    tk.owners.put("second")
    assert deliver() == 0
    types = [event.type for event in tk.events.list().items if event.type.startswith("webhook.")]
    assert types == ["webhook.created", *["webhook.failing"] * 2, "webhook.paused"]
    receiver.answer = lambda number, body: 200
    receiver.requests.clear()
    resumed = tk.webhooks.resume(hook.webhook.id)
    assert (resumed.status, resumed.failure_count, resumed.failing_since) == ("active", 0, None)
    assert deliver() == 2
    assert [json.loads(body)["data"]["subject"] for _, body in receiver.requests] == ["first", "second"]


def test_warnings_are_told_to_other_endpoints_after_1_24_and_72_hours(
    tk: Any,
    hook: CreatedWebhook,
    receiver: Receiver,
    deliver: Deliver,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # With short waits throughout, the schedule ends before 72 hours, and the endpoint is paused.
    monkeypatch.setattr(random, "random", lambda: 0.5)
    receiver.answer = lambda number, body: 500
    tk.owners.put("bob")
    hours = []
    for _ in range(100):
        deliver()
        hours = [event.data["hours"] for event in tk.events.list(types=["webhook.failing"], limit=10).items]
        clock.advance(timedelta(hours=1, minutes=1))
    assert hours == [1, 24, 72]


def test_410_pauses_an_endpoint_at_once(tk: Any, hook: CreatedWebhook, receiver: Receiver, deliver: Deliver) -> None:
    receiver.answer = lambda number, body: 410
    tk.owners.put("bob")
    tk.owners.put("eve")
    assert deliver() == 1
    paused = tk.webhooks.get(hook.webhook.id)
    assert (paused.status, paused.pause_reason) == ("paused", "the endpoint answered 410 Gone")
    receiver.answer = lambda number, body: 200
    tk.webhooks.resume(hook.webhook.id)
    assert deliver() == 2


@pytest.mark.parametrize("status", [429, 503])
def test_an_endpoint_that_asks_for_a_pause_gets_it(
    tk: Any, hook: CreatedWebhook, receiver: Receiver, deliver: Deliver, clock: FakeClock, status: int
) -> None:
    receiver.answer = lambda number, body: (status, {"Retry-After": "3000"}) if number == 1 else 200
    for name in ("a", "b", "c"):
        tk.owners.put(name)
    assert deliver() == 1
    clock.advance(timedelta(seconds=2990))
    assert deliver() == 0
    clock.advance(timedelta(seconds=20))
    assert deliver() == 3


def test_redirects_are_failures(tk: Any, hook: CreatedWebhook, receiver: Receiver, deliver: Deliver) -> None:
    receiver.answer = lambda number, body: (302, {"Location": receiver.url})
    tk.owners.put("bob")
    assert deliver() == 1
    attempt = tk.webhooks.deliveries(hook.webhook.id).items[0].attempts[0]
    assert (attempt.http_status, attempt.error) == (302, "redirects are not followed")


def test_after_ten_failures_an_endpoint_gets_one_attempt_a_minute_until_one_succeeds(
    tk: Any, hook: CreatedWebhook, receiver: Receiver, deliver: Deliver, clock: FakeClock
) -> None:
    receiver.answer = lambda number, body: 500
    for number in range(14):
        tk.owners.put(f"o{number}")
    assert deliver() == 10
    assert deliver() == 0
    clock.advance(timedelta(seconds=61))
    assert deliver() == 1
    receiver.answer = lambda number, body: 200
    clock.advance(LONG)
    deliver()
    assert len(set(receiver.ids)) == 14
    assert tk.webhooks.get(hook.webhook.id).failure_count == 0


def test_during_a_rotation_requests_carry_both_signatures_and_after_it_one(
    tk: Any, hook: CreatedWebhook, receiver: Receiver, deliver: Deliver, clock: FakeClock
) -> None:
    rotated = tk.webhooks.rotate_secret(hook.webhook.id, grace=timedelta(hours=24))
    assert rotated.secret != hook.secret
    tk.owners.put("bob")
    deliver()
    headers, body = receiver.requests[-1]
    now = clock.now().timestamp()
    for secret in (hook.secret, rotated.secret):
        receiver_side.verify(body, headers, str(secret), now=now)
    clock.advance(timedelta(hours=24, seconds=1))
    tk.owners.put("eve")
    deliver()
    headers, body = receiver.requests[-1]
    now = clock.now().timestamp()
    receiver_side.verify(body, headers, str(rotated.secret), now=now)
    with pytest.raises(receiver_side.BadSignature):
        receiver_side.verify(body, headers, str(hook.secret), now=now)


def test_a_test_is_sent_once_even_to_a_paused_endpoint_and_says_nothing_of_its_health(
    tk: Any, hook: CreatedWebhook, receiver: Receiver, deliver: Deliver, clock: FakeClock
) -> None:
    receiver.answer = lambda number, body: 500
    tk.webhooks.pause(hook.webhook.id, reason="moving house")
    made = tk.webhooks.test(hook.webhook.id)
    assert (made.status, made.kind) == ("pending", "test")
    assert deliver() == 1
    clock.advance(LONG)
    assert deliver() == 0
    after = tk.webhooks.deliveries(hook.webhook.id).items[0]
    assert (after.id, after.status, after.type) == (made.id, "failed", "webhook.test")
    found = tk.webhooks.get(hook.webhook.id)
    assert (found.failure_count, found.pause_reason) == (0, "moving house")


def test_a_replay_sends_the_same_id_and_bytes_once_more_with_the_current_secret(
    tk: Any, hook: CreatedWebhook, receiver: Receiver, deliver: Deliver, clock: FakeClock
) -> None:
    begin = clock.now()
    for name in ("a", "b"):
        tk.owners.put(name)
        clock.advance(timedelta(hours=1))
    deliver()
    sent = {headers["webhook-id"]: body for headers, body in receiver.requests}
    rotated = tk.webhooks.rotate_secret(hook.webhook.id, grace=timedelta(0))
    replay = lambda **which: tk.webhooks.replay(hook.webhook.id, **which)  # noqa: E731
    assert replay(types=["owner.*"], dry_run=True).count == 2
    assert replay(since=begin, until=begin + timedelta(minutes=1), dry_run=True).count == 1
    assert replay(event=receiver.ids[1], dry_run=True).count == 1
    assert replay(failed=True, dry_run=True).count == 0
    assert deliver() == 0
    assert replay(types=["owner.*"]).count == 2
    receiver.requests.clear()
    receiver.answer = lambda number, body: 500
    assert deliver() == 2
    clock.advance(LONG)
    assert deliver() == 0
    assert {headers["webhook-id"]: body for headers, body in receiver.requests} == sent
    headers, body = receiver.requests[0]
    receiver_side.verify(body, headers, str(rotated.secret), tolerance=timedelta(days=9), now=clock.now().timestamp())
    assert tk.webhooks.get(hook.webhook.id).failure_count == 0
    assert replay(failed=True, dry_run=True).count == 2
    for wrong in ({}, {"types": ["no.such"]}, {"types": []}, {"since": "yesterday"}, {"failed": 1, "event": "x"}):
        with pytest.raises(Invalid):
            replay(**wrong)
    with pytest.raises(NotFound):
        replay(event="evt_none")


def test_an_endpoint_is_changed_and_found_and_removed(tk: Any, hook: CreatedWebhook, receiver: Receiver) -> None:
    id = hook.webhook.id
    changed = tk.webhooks.update(id, url=receiver.url + "/2", types=["key.*"], description="of ours")
    assert (changed.url, changed.types, changed.description, changed.version) == (
        receiver.url + "/2",
        ("key.*",),
        "of ours",
        2,
    )
    assert tk.webhooks.update(id, description="of ours") == changed == tk.webhooks.get(id)
    other = tk.webhooks.create(receiver.url).webhook
    assert [one.id for one in tk.webhooks.iterate(limit=1)] == [id, other.id]
    tk.webhooks.delete(id)
    for call in (tk.webhooks.get, tk.webhooks.delete, tk.webhooks.test, tk.webhooks.deliveries, tk.webhooks.resume):
        with pytest.raises(NotFound):
            call(id)
    assert str(hook.secret) not in repr(tk.events.list().items) + repr(tk.audit.list().items) + repr(hook)


def test_a_changed_url_takes_what_waits_with_it(
    tk: Any, hook: CreatedWebhook, receiver: Receiver, deliver: Deliver, clock: FakeClock
) -> None:
    receiver.answer = lambda number, body: 500
    tk.owners.put("bob")
    deliver()
    with receiving() as other:
        tk.webhooks.update(hook.webhook.id, url=other.url)
        clock.advance(LONG)
        assert deliver() == 1
        headers, body = other.requests[0]
        receiver_side.verify(body, headers, str(hook.secret), now=clock.now().timestamp())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            ("url", url)
            for url in ("http://example.com", "https://10.1.2.3/", "https://0251.0376.0251.0376/", "https://[fe80::1]/")
        ),
        *(("url", url) for url in ("https://2852039166/", "https://①⑥⑨.254.169.254/", "https://u@example.com", None)),
        *(("types", types) for types in ([], ["no.such"], "key.*", [7])),
        *[("include", "everything"), ("description", 7)],
    ],
)
def test_what_no_endpoint_can_have_is_refused(tk: Any, field: str, value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        tk.webhooks.create(**{"url": "https://example.com/", field: value})
    assert {error.field for error in refused.value.errors} == {field}


def test_webhooks_are_for_administrators_and_stay_in_their_tenant(
    tk: Any, hook: CreatedWebhook, receiver: Receiver, deliver: Deliver, acme: str, ada: Owner
) -> None:
    for call in (tk.webhooks.get, tk.webhooks.delete, tk.webhooks.rotate_secret):
        with pytest.raises(NotAllowed):
            call(hook.webhook.id, by="ada")
        with pytest.raises(NotFound):
            call(hook.webhook.id, tenant=acme)
    tk.owners.put("boss", admin=True)
    assert tk.webhooks.get(hook.webhook.id, by="boss")
    tk.owners.put("elsewhere", tenant=acme)
    deliver()
    assert "elsewhere" not in [json.loads(body)["data"]["subject"] for _, body in receiver.requests]


def test_a_row_that_was_changed_outside_sends_nothing_anywhere(
    tk: Any, installation: Installation, hook: CreatedWebhook, receiver: Receiver, deliver: Deliver
) -> None:
    if installation.place == "memory" and installation.store == "sqlite":
        return  # nobody else reaches it
    with receiving() as thief:
        installation.sql("UPDATE tokenry_endpoint SET url = :url", url=thief.url)
        tk.owners.put("bob")
        assert deliver() == 1
        assert thief.requests == receiver.requests == []
    attempt = tk.webhooks.deliveries(hook.webhook.id).items[0].attempts[0]
    assert attempt.http_status is None
    assert "cannot be decrypted" in attempt.error
    with pytest.raises(Conflict):
        tk.webhooks.rotate_secret(hook.webhook.id)

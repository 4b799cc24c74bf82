"""What is over is removed after its time, and never before: the size of a busy installation stays bounded."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.servers.receiving import LOOPBACK, receiving
from tokenry import ConfigError, Settings, Tokenry
from tokenry.store.tables import metadata
from tokenry.testing import FakeClock

DAY = timedelta(days=1)
SHORT = {
    "event_retention": 20 * DAY,
    "delivery_retention": 5 * DAY,
    "usage_hour_retention": 10 * DAY,
    "usage_retention": 60 * DAY,
    "session_retention": 10 * DAY,
    "key_retention": 30 * DAY,
    "audit_retention": 40 * DAY,
}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 1, 1, 10, 30, tzinfo=UTC))


def opened(clock: FakeClock, **settings: Any) -> Tokenry:
    return Tokenry("sqlite://", settings=Settings(background=False, **settings), clock=clock)


@pytest.fixture
def tk(clock: FakeClock) -> Iterator[Tokenry]:
    with opened(clock, **SHORT) as tk:
        tk.owners.put("ada")
        yield tk


def rows(tk: Tokenry) -> dict[str, int]:
    with tk._database.read() as read:
        count = "SELECT count(*) FROM {}"
        tables = [table.name for table in metadata.sorted_tables]
        return {name: read.core.exec_driver_sql(count.format(name)).scalar_one() for name in tables}


def keep_up(tk: Tokenry) -> None:
    tk.flush()
    for _ in range(50):
        if not tk._upkeep():
            return


def test_a_year_of_traffic_keeps_a_bounded_size(tk: Tokenry, clock: FakeClock) -> None:
    steady = tk.keys.issue("ada", name="steady", expires_in=timedelta(days=3000))
    sizes = []
    for step in range(61):
        for _ in range(4):
            assert tk.verify(steady.secret)
            clock.advance(timedelta(hours=36))
        gone = [tk.keys.issue("ada", name=f"key {step} {number}", expires_in=DAY) for number in range(4)]
        tk.verify(gone[0].secret, scopes="a:b")
        tk.keys.revoke(gone[0].key.id)
        for _ in range(2):
            tk.sessions.revoke(tk.sessions.start("ada").session.id)
        keep_up(tk)
        sizes.append(rows(tk))
    for name in sizes[0]:
        early, late = (max(size[name] for size in part) for part in (sizes[15:30], sizes[-15:]))
        assert late <= early * 1.25 + 3, f"{name} grows: {early}, then {late}"
    assert sum(usage.count for usage in tk.usage.get(steady.key.id)) == pytest.approx(60 / 6 * 4, abs=8)
    assert tk.audit.check()
    assert tk.verify(steady.secret)


def test_nothing_is_removed_before_its_time(tk: Tokenry, clock: FakeClock) -> None:
    issued = tk.keys.issue("ada", name="a")
    session = tk.sessions.start("ada").session
    tk.keys.revoke(issued.key.id)
    tk.sessions.revoke(session.id)
    events = [event.id for event in tk.events.list()]
    clock.advance(timedelta(days=9))
    keep_up(tk)
    assert tk.sessions.get(session.id).status == "revoked"
    assert [event.id for event in tk.events.list()][: len(events)] == events
    clock.advance(timedelta(days=20))
    keep_up(tk)
    assert tk.keys.get(issued.key.id).status == "revoked"
    clock.advance(timedelta(days=2))
    keep_up(tk)
    assert not list(tk.keys.list())
    assert events[0] not in [event.id for event in tk.events.list()]


def test_an_expired_key_is_removed_and_a_living_one_never(tk: Tokenry, clock: FakeClock) -> None:
    tk.keys.issue("ada", name="short", expires_in=DAY)
    kept = tk.keys.issue("ada", name="long", expires_in=timedelta(days=2000))
    clock.advance(timedelta(days=1000))
    keep_up(tk)
    assert [key.id for key in tk.keys.list()] == [kept.key.id]
    events = [event for event in tk.events.list() if event.type == "key.deleted"]
    assert len(events) == 1


def test_an_audit_log_is_cut_by_signed_checkpoints_alone(tk: Tokenry, clock: FakeClock) -> None:
    for number in range(130):
        tk.owners.put(f"owner {number}")
    count = tk.audit.check().entry_count
    clock.advance(timedelta(days=39))
    keep_up(tk)
    assert tk.audit.check().entry_count >= count
    clock.advance(timedelta(days=2))
    keep_up(tk)
    report = tk.audit.check()
    assert report
    assert report.entry_count < 20
    assert "audit.cut" in [entry.action for entry in tk.audit.list()]


@pytest.mark.parametrize("begin", range(0, 96, 7))
def test_usage_of_a_range_has_the_same_sums_before_and_after_the_roll_up(clock: FakeClock, begin: int) -> None:
    start = clock.now().replace(minute=0)
    with opened(clock, **SHORT) as tk:
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="a")
        for hour in range(96):
            for _ in range(hour % 5 + 1):
                tk.verify(issued.secret)
            tk.flush()
            clock.advance(timedelta(hours=1))
        since = start + timedelta(hours=begin, minutes=30)
        by_hour = tk.usage.get(issued.key.id, since=since)
        assert sum(one.count for one in by_hour) == sum(hour % 5 + 1 for hour in range(begin + 1, 96))
        clock.advance(timedelta(days=8))
        before = tk.usage.get(issued.key.id, since=since)
        keep_up(tk)
        assert rows(tk)["tokenry_usage_day"] > 0
        assert tk.usage.get(issued.key.id, since=since) == before
        assert {one.hour_count for one in before} <= {1, 24}
        days = [one for one in before if one.hour_count == 24]
        assert all(one.at == one.at.replace(hour=0) for one in days)
        # A range that cuts a day takes in all of that day.
        first = since if since >= start + timedelta(days=2) and not days else since.replace(hour=0, minute=0)
        assert all(one.at >= first.replace(minute=0) for one in before)


def test_usage_that_comes_late_is_added_to_its_day(tk: Tokenry, clock: FakeClock) -> None:
    issued = tk.keys.issue("ada", name="a")
    tk.verify(issued.secret)
    clock.advance(timedelta(days=15))
    keep_up(tk)
    first = tk.usage.get(issued.key.id)
    with tk._database.change() as change:
        (day,) = first
        change.core.exec_driver_sql(
            "INSERT INTO tokenry_usage_hour SELECT tenant_id, key_id, at + 3600000000, code, 4 FROM tokenry_usage_day"
        )
    assert [one.count for one in tk.usage.get(issued.key.id)] == [day.count + 4]
    keep_up(tk)
    assert [one.count for one in tk.usage.get(issued.key.id)] == [day.count + 4]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("event_retention", 3 * DAY),
        ("delivery_retention", 91 * DAY),
        ("usage_hour_retention", DAY),
        ("key_retention", 0 * DAY),
    ],
)
def test_a_retention_that_would_lose_what_is_needed_is_refused(name: str, value: timedelta) -> None:
    with pytest.raises(ConfigError, match="retention must be from"):
        Settings(**{name: value})  # type: ignore[arg-type]


def test_what_an_endpoint_still_has_to_get_is_kept_for_the_events_retention(clock: FakeClock) -> None:
    settings = {**SHORT, "webhook_networks": LOOPBACK}
    with receiving() as receiver, opened(clock, **settings) as tk:
        hook = tk.webhooks.create(receiver.url, types=["owner.*"]).webhook
        receiver.answer = lambda number, body: 500
        tk.owners.put("tried")
        tk.deliver()
        tk.webhooks.pause(hook.id)
        tk.owners.put("missed")
        clock.advance(19 * DAY)
        keep_up(tk)
        receiver.answer = lambda number, body: 200
        receiver.requests.clear()
        tk.webhooks.resume(hook.id)
        tk.deliver()
        assert [json.loads(body)["data"]["subject"] for _, body in receiver.requests] == ["tried", "missed"]
        receiver.answer = lambda number, body: 500
        tk.owners.put("too late")
        tk.deliver()
        tk.webhooks.pause(hook.id)
        clock.advance(21 * DAY)
        keep_up(tk)
        tk.webhooks.resume(hook.id)
        receiver.requests.clear()
        tk.deliver()
        assert receiver.requests == []
        [lost] = [one for one in tk.webhooks.deliveries(hook.id) if one.status == "failed"]
        assert "no longer kept" in (lost.attempts[-1].error or "")

"""Credits: when refills come, and what becomes of a balance and its holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenry.core.credits import (
    Account,
    Balance,
    Credits,
    OpenHold,
    changed,
    ended,
    opened,
    refill_after,
    settled,
)
from tokenry.core.model import micros, moment

DAILY, MONTHLY = Credits(10, refill="daily"), Credits(10, refill="monthly")


def after(credits: Credits, zone: str, *at: int) -> str:
    """Return the local time of the first refill after a local moment."""
    here = ZoneInfo(zone)
    found = refill_after(credits, zone, micros(datetime(*at, tzinfo=here)))  # type: ignore[misc, arg-type]
    assert found is not None
    return f"{moment(found).astimezone(here):%Y-%m-%d %H:%M %z}"


@pytest.mark.parametrize(
    ("credits", "zone", "at", "expected"),
    [
        (DAILY, "UTC", (2026, 1, 1), "2026-01-02 00:00 +0000"),
        (DAILY, "UTC", (2026, 12, 31, 23, 59, 59), "2027-01-01 00:00 +0000"),
        # The clocks change within the day, which has 23 or 25 hours.
        (DAILY, "Europe/Berlin", (2026, 3, 29, 0, 30), "2026-03-30 00:00 +0200"),
        (DAILY, "Europe/Berlin", (2026, 10, 25, 0, 30), "2026-10-26 00:00 +0100"),
        # There is no midnight: the day begins at one.
        (DAILY, "Africa/Cairo", (2026, 4, 23, 12), "2026-04-24 01:00 +0300"),
        (DAILY, "America/Sao_Paulo", (2018, 11, 3, 12), "2018-11-04 01:00 -0200"),
        # Midnight comes twice: the first one counts, and the second is no refill of its own.
        (DAILY, "America/Havana", (2026, 10, 31, 12), "2026-11-01 00:00 -0400"),
        (DAILY, "America/Havana", (2026, 11, 1, 0, 30), "2026-11-02 00:00 -0500"),
        # A day that never was.
        (DAILY, "Pacific/Apia", (2011, 12, 29, 12), "2011-12-31 00:00 +1400"),
        (DAILY, "Asia/Kathmandu", (2026, 1, 1, 12), "2026-01-02 00:00 +0545"),
        (MONTHLY, "UTC", (2026, 1, 1), "2026-02-01 00:00 +0000"),
        (MONTHLY, "UTC", (2026, 12, 15), "2027-01-01 00:00 +0000"),
        (replace(MONTHLY, refill_day=31), "UTC", (2026, 1, 31), "2026-02-28 00:00 +0000"),
        (replace(MONTHLY, refill_day=31), "UTC", (2028, 2, 1), "2028-02-29 00:00 +0000"),
        (replace(MONTHLY, refill_day=31), "UTC", (2026, 2, 28), "2026-03-31 00:00 +0000"),
        (replace(MONTHLY, refill_day=31), "UTC", (2026, 3, 31), "2026-04-30 00:00 +0000"),
        (replace(MONTHLY, refill_day=15), "UTC", (2026, 1, 14, 23), "2026-01-15 00:00 +0000"),
        (replace(MONTHLY, refill_day=15), "UTC", (2026, 1, 15), "2026-02-15 00:00 +0000"),
        (replace(MONTHLY, refill_day=29), "Europe/Berlin", (2026, 3, 1), "2026-03-29 00:00 +0100"),
    ],
)
def test_refills_come_at_local_midnight(credits: Credits, zone: str, at: tuple[int, ...], expected: str) -> None:
    assert after(credits, zone, *at) == expected


def test_without_refills_none_comes() -> None:
    assert refill_after(Credits(5), "UTC", 0) is None


def test_an_unknown_time_zone_counts_as_utc() -> None:
    assert refill_after(DAILY, "Europe/Atlantis", 0) == refill_after(DAILY, "UTC", 0)


@given(
    st.integers(946_684_800, 2_100_000_000),
    st.sampled_from(["UTC", "Europe/Berlin", "Africa/Cairo", "America/Havana", "Pacific/Apia", "Australia/Lord_Howe"]),
    st.one_of(st.just(DAILY), st.builds(Credits, st.just(1), st.just("monthly"), st.integers(1, 31))),
)
def test_the_next_refill_is_the_first_moment_of_a_fitting_day(seconds: int, zone: str, credits: Credits) -> None:
    now = seconds * 1_000_000
    found = refill_after(credits, zone, now)
    assert found is not None
    at, just_before = moment(found).astimezone(ZoneInfo(zone)), moment(found - 1).astimezone(ZoneInfo(zone))
    assert now < found <= now + timedelta(days=32) // timedelta(microseconds=1)
    assert at.date() > just_before.date()
    if credits.refill == "monthly":
        last = (at.date().replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        assert at.day == min(credits.refill_day, last.day)


def account(left: int, credits: Credits = DAILY, *holds: OpenHold, extra: int = 0) -> Account:
    held = sum(hold.amount for hold in holds)
    first = min([hold.expires_at for hold in holds], default=None)
    refill_at = None if credits.refill is None else 1000
    return Account(credits, "UTC", Balance(left, extra, held, 0, refill_at, first), holds)


def hold(amount: int, expires_at: int = 5000, on_expiry: str = "free") -> OpenHold:
    return OpenHold(f"hold_{amount}", amount, 0, 0, expires_at, on_expiry)


def test_nothing_due_changes_nothing() -> None:
    before = account(4, DAILY, hold(2))
    assert settled(before, 999) == before


def test_a_refill_replaces_what_was_left() -> None:
    balance = settled(account(4), 1000).balance
    assert (balance.left, balance.epoch, balance.refill_at) == (10, 1, 86_400_000_000)


def test_a_refill_keeps_added_credits_that_are_left() -> None:
    assert settled(account(8, extra=5), 1000).balance.left == 15
    after_use = settled(account(3, extra=5), 1000).balance
    assert (after_use.left, after_use.extra) == (13, 3)
    assert settled(account(-2, extra=5), 1000).balance.left == 10


def test_a_hold_that_expires_is_freed_or_charged() -> None:
    freed = settled(account(4, Credits(10), hold(2, 500)), 500)
    assert (freed.balance.left, freed.balance.held, freed.balance.hold_at) == (6, 0, None)
    charged = settled(account(4, Credits(10), hold(2, 500, "charge")), 500)
    assert (charged.balance.left, charged.balance.held) == (4, 0)
    assert [cost for _, cost in (*freed.charged, *charged.charged)] == [0, 2]


def test_what_a_hold_frees_after_a_refill_is_lost() -> None:
    late = settled(account(4, DAILY, hold(6, 2000)), 2000)
    assert (late.balance.left, late.balance.held) == (10, 0)
    early = settled(account(4, DAILY, hold(6, 900), extra=10), 1000)  # freed first, then all of it is kept
    assert (early.balance.left, early.balance.extra) == (20, 10)


def test_added_credits_in_a_hold_come_back_after_a_refill() -> None:
    refilled = settled(account(0, DAILY, hold(15, 2000), extra=10), 1000)
    assert (refilled.balance.left, refilled.balance.extra, refilled.carried) == (10, 0, (("hold_15", 10),))
    [open_hold] = refilled.holds or ()
    for charge, left in ((15, 10), (10, 15), (5, 20), (0, 20)):
        assert ended(refilled, open_hold, charge).balance.left == left


def test_a_lower_amount_takes_what_was_not_used_and_a_higher_one_gives() -> None:
    assert changed(account(4), Credits(3, refill="daily"), 0).balance.left == -3
    back = changed(changed(account(4), Credits(3), 0), DAILY, 0).balance
    assert back.left == 4


def test_a_new_refill_counts_from_now() -> None:
    assert changed(account(4), MONTHLY, 0).balance.refill_at == refill_after(MONTHLY, "UTC", 0)
    assert changed(account(4), Credits(10), 0).balance.refill_at is None
    assert opened(MONTHLY, "UTC", 0) == Balance(10, refill_at=refill_after(MONTHLY, "UTC", 0))


_HOLDS = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3000), st.sampled_from(["free", "charge"])), max_size=5)


@given(_HOLDS, st.integers(0, 50), st.integers(0, 40), st.integers(0, 3000))
def test_what_is_left_held_and_charged_is_never_more_than_was_given(
    holds: list[tuple[int, int, str]], left: int, extra: int, now: int
) -> None:
    opened_holds = [OpenHold(str(i), amount, 0, 0, at, what) for i, (amount, at, what) in enumerate(holds)]
    before = account(left, DAILY, *sorted(opened_holds, key=lambda one: one.expires_at), extra=extra)
    total = left + before.balance.held
    found = settled(before, now)
    given_now = 10 if now >= 1000 else 0
    charged = sum(cost for _, cost in found.charged)
    assert found.balance.left + found.balance.held + charged <= total + given_now
    assert found.balance.held == sum(one.amount for one in found.holds or ())
    for one in found.holds or ():
        found = ended(found, one, 0)
    assert found.balance.held == 0
    assert found.balance.left + charged <= total + given_now
    if now >= 1000:
        assert found.balance.left <= 10 + min(extra, total)


def test_many_holds_end_together_in_one_pass() -> None:
    holds = tuple([OpenHold(str(n), 1, 0, 0, n, ("free", "charge")[n % 2]) for n in range(20_000)])
    account = Account(Credits(0), "UTC", Balance(0, held=20_000, hold_at=0), holds)
    after = settled(account, 19_998)
    assert (after.balance.left, after.balance.held, after.balance.hold_at) == (10_000, 1, 19_999)
    assert (after.holds, len(after.charged)) == (holds[-1:], 19_999)

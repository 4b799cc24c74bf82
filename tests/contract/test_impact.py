"""The effects of revoking a key, as they are shown before: all that is known, and no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import NotFound, Settings, Tokenry
from tokenry.edge.portal import enter
from tokenry.testing import FakeClock

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


def test_calls_of_a_day_and_the_latest_addresses(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret, ip="192.0.2.1")
    tk.flush()
    clock.advance(26 * HOUR)
    for ip in ("192.0.2.2", "192.0.2.3"):
        assert tk.verify(issued.secret, ip=ip)
        clock.advance(timedelta(minutes=1))
    assert not tk.verify(issued.secret, scopes="no:such", ip="192.0.2.9")
    tk.flush()
    found = tk.keys.impact(issued.key.id)
    assert (found.key, found.owner, found.name, found.status) == (issued.key.id, "ada", issued.key.name, "active")
    assert (found.since, found.valid_count, found.refused_count) == (START + 2 * HOUR, 2, 1)
    # Of the valid ones only the last address is recorded.
    assert [(one.ip, one.code) for one in found.addresses] == [
        ("192.0.2.9", "insufficient_scope"),
        ("192.0.2.3", "valid"),
    ]
    assert found.addresses[1].at == found.last_used_at
    assert found.kids == (issued.key.secrets[0].kid,)


def test_each_living_secret_tells_of_its_last_address(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue()
    newer = tk.keys.rotate(issued.key.id, grace=HOUR)
    for secret, ip in ((issued.secret, "192.0.2.1"), (newer.secret, "192.0.2.2")):
        assert tk.verify(secret, ip=ip)
        clock.advance(timedelta(seconds=1))
    tk.flush()
    found = tk.keys.impact(issued.key.id)
    assert [one.ip for one in found.addresses] == ["192.0.2.2", "192.0.2.1"]
    assert len(found.kids) == 2
    tk.keys.revoke(issued.key.id)
    assert tk.keys.impact(issued.key.id).kids == ()


def test_a_key_that_was_never_used_ends_nothing_but_its_secret(tk: Any, issue: Issue) -> None:
    found = tk.keys.impact(issue().key.id)
    assert (found.valid_count, found.refused_count, found.last_used_at) == (0, 0, None)
    assert (found.addresses, found.offline_until, found.owner_session_count) == ((), None, 0)


def test_tokens_end_with_the_key_and_offline_a_day_later_at_most(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(expires_in=timedelta(days=3))
    assert tk.verify(issued.secret)
    tk.flush()
    assert tk.keys.impact(issued.key.id).offline_until is None, "no token was ever signed here"
    token = tk.exchange(issued.secret, expires_in=24 * HOUR)
    tk.flush()
    found = tk.keys.impact(issued.key.id)
    assert found.offline_until == token.expires_at == clock.now() + 24 * HOUR
    tk.keys.revoke(issued.key.id)
    assert tk.verify(token.access).code == "revoked"
    assert tk.verify(token.access, offline=True)
    clock.advance(24 * HOUR)
    assert tk.keys.impact(issued.key.id).offline_until is None
    assert not tk.verify(token.access, offline=True)


def test_a_token_may_outlive_an_expiry_that_was_shortened_since(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(expires_in=timedelta(days=30))
    token = tk.exchange(issued.secret, expires_in=24 * HOUR)
    tk.keys.update(issued.key.id, expires_in=HOUR)
    assert tk.keys.impact(issued.key.id).offline_until == token.expires_at
    clock.advance(2 * HOUR)
    assert tk.keys.get(issued.key.id).status == "expired"
    assert tk.verify(token.access, offline=True)
    assert tk.keys.impact(issued.key.id).offline_until == token.expires_at + HOUR, "derived before it expired"
    clock.advance(23 * HOUR)
    assert tk.keys.impact(issued.key.id).offline_until is None


def test_a_token_counts_before_its_use_is_written(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue()
    token = tk.exchange(issued.secret, expires_in=24 * HOUR)
    assert tk.keys.impact(issued.key.id).offline_until == token.expires_at
    tk.keys.disable(issued.key.id)
    clock.advance(HOUR)
    assert tk.keys.impact(issued.key.id).offline_until == token.expires_at
    clock.advance(23 * HOUR)
    assert tk.keys.impact(issued.key.id).offline_until is None


def test_a_refusal_hides_no_valid_use_of_its_address(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret, ip="192.0.2.1")
    clock.advance(timedelta(minutes=1))
    assert not tk.verify(issued.secret, scopes="no:such", ip="192.0.2.1")
    tk.flush()
    found = tk.keys.impact(issued.key.id).addresses
    assert [(one.ip, one.code) for one in found] == [("192.0.2.1", "insufficient_scope"), ("192.0.2.1", "valid")]


def test_sessions_of_the_owner_go_on_and_are_counted(tk: Any, issue: Issue) -> None:
    issued, tokens = issue(), tk.sessions.start("ada")
    ended = tk.sessions.start("ada")
    tk.sessions.revoke(ended.session.id)
    assert tk.keys.impact(issued.key.id).owner_session_count == 1
    tk.keys.revoke(issued.key.id)
    assert tk.verify(tokens.access)
    assert tk.keys.impact(issued.key.id).owner_session_count == 1


def test_visits_of_links_that_the_key_made_end_with_it(tk: Any, clock: FakeClock, issue: Issue) -> None:
    maker = issue(environment="op", scopes=["tokenry:sessions:write"])
    other = issue(environment="op", scopes=["tokenry:sessions:write"])
    for key in (maker, maker, other):
        tk.portal.open("ada", expires_in=HOUR, by=tk.require(key.secret, environment="op"))
    assert tk.keys.impact(maker.key.id).visit_count == 2
    assert tk.keys.impact(issue().key.id).visit_count == 0
    clock.advance(HOUR)
    assert tk.keys.impact(maker.key.id).visit_count == 0


def test_a_link_counts_while_it_works_and_a_visit_while_its_key_does(tk: Any, clock: FakeClock, issue: Issue) -> None:
    maker = issue(environment="op", scopes=["tokenry:sessions:write"])
    tk.portal.open("ada", expires_in=HOUR, by=tk.require(maker.secret, environment="op"))
    clock.advance(timedelta(minutes=5))
    assert tk.keys.impact(maker.key.id).visit_count == 0, "nobody can use the link any more"
    tk.portal.open("ada", expires_in=HOUR, by=tk.require(maker.secret, environment="op"))
    assert tk.keys.impact(maker.key.id).visit_count == 1
    tk.keys.disable(maker.key.id)
    assert tk.keys.impact(maker.key.id).visit_count == 0


def test_a_visit_counts_until_it_ends(clock: FakeClock) -> None:
    with Tokenry("sqlite://", settings=Settings(background=False), clock=clock) as tk:
        tk.owners.put("ada")
        maker = tk.keys.issue("ada", name="m", environment="op", scopes=["tokenry:sessions:write"])
        link = tk.portal.open("ada", expires_in=HOUR, by=tk.require(maker.secret, environment="op"))
        assert enter(tk, str(link.url).partition("#code=")[2], None, None)
        clock.advance(timedelta(minutes=59))
        assert tk.keys.impact(maker.key.id).visit_count == 1
        clock.advance(timedelta(minutes=1))
        assert tk.keys.impact(maker.key.id).visit_count == 0


def test_links_that_only_name_a_key_take_no_place_of_its_own(tk: Any, issue: Issue) -> None:
    maker, other = (issue(environment="op", scopes=["tokenry:sessions:write"]) for _ in range(2))
    by = tk.require(other.secret, environment="op")
    for _ in range(101):
        tk.portal.open("ada", expires_in=HOUR, return_to=f"https://x.example/?key={maker.key.id}", by=by)
    tk.portal.open("ada", expires_in=2 * HOUR, by=tk.require(maker.secret, environment="op"))
    assert tk.keys.impact(maker.key.id).visit_count == 1
    assert tk.keys.impact(other.key.id).visit_count == 100


def test_it_changes_nothing(tk: Any, issue: Issue) -> None:
    issued = issue()
    before = tk.keys.get(issued.key.id)
    tk.keys.impact(issued.key.id)
    assert tk.keys.get(issued.key.id) == before
    assert tk.verify(issued.secret)
    assert not [entry for entry in tk.audit.list() if "impact" in entry.action]


def test_counts_are_for_those_who_may_read_them(tk: Any, issue: Issue, acme: str) -> None:
    issued = issue()
    tk.sessions.start("ada")
    assert not tk.verify(issued.secret, scopes="no:such", ip="192.0.2.9")
    tk.flush()

    def by(*scopes: str) -> Any:
        key = issue(environment="op", scopes=[f"tokenry:{scope}" for scope in scopes])
        return tk.require(key.secret, environment="op")

    reader = tk.keys.impact(issued.key.id, by=by("keys:read"))
    counts = (reader.valid_count, reader.refused_count, reader.visit_count, reader.owner_session_count)
    assert counts == (None,) * 4
    assert reader.addresses == ()
    counter = tk.keys.impact(issued.key.id, by=by("keys:read", "usage:read", "sessions:read"))
    assert (counter.valid_count, counter.refused_count, counter.owner_session_count) == (0, 1, 1)
    assert [one.ip for one in counter.addresses] == ["192.0.2.9"]
    assert tk.keys.impact(issued.key.id, by="ada") == counter
    for other in (by("usage:read"), by("keys:write"), "bob"):
        with pytest.raises(NotFound):
            tk.keys.impact(issued.key.id, by=other)
    with pytest.raises(NotFound):
        tk.keys.impact(issued.key.id, tenant=acme)

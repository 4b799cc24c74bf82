"""Rotation: a new secret for the same key, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Conflict, Invalid, Limit, NotFound
from tokenry.testing import FakeClock

MINUTE = timedelta(minutes=1)


def test_rotation_keeps_everything_but_the_secret_over_20_rotations(tk: Any, clock: FakeClock, issue: Issue) -> None:
    tk.roles.put("reader", scopes=["read:a"])
    issued = issue(
        "CI",
        description="text",
        scopes=["a", "b"],
        roles=["reader"],
        allowed_ips=["10.0.0.0/8"],
        limits=[Limit("day", 100, 86_400)],
        expires_in=timedelta(days=30),
        metadata={"a": 1},
        environment="test",
    )
    secrets = {str(issued.secret)}
    latest = issued
    for _ in range(20):
        clock.advance(timedelta(days=1))
        assert tk.verify(latest.secret, ip="10.0.0.1")
        latest = tk.keys.rotate(issued.key.id)
        secrets.add(str(latest.secret))
    tk.flush()
    key = tk.keys.get(issued.key.id)
    expected = replace(
        issued.key,
        version=21,
        updated_at=clock.now(),
        secrets=latest.key.secrets,
        use_count=20,
        last_used_at=clock.now(),
        last_used_ip="10.0.0.1",
    )
    assert key == expected
    assert len(secrets) == 21
    assert [bool(tk.verify(secret, ip="10.0.0.1")) for secret in secrets].count(True) == 1
    assert tk.verify(latest.secret, ip="10.0.0.1", scopes=["a", "read:a"])
    clock.set(issued.key.expires_at)
    assert tk.verify(latest.secret, ip="10.0.0.1").code == "expired"


@pytest.mark.parametrize("warm", [False, True])
def test_without_grace_the_old_secret_ends_at_once(tk: Any, issue: Issue, warm: bool) -> None:
    issued = issue()
    if warm:
        assert tk.verify(issued.secret)
    rotated = tk.keys.rotate(issued.key.id)
    assert tk.verify(issued.secret).code == "revoked"
    assert tk.verify(rotated.secret)
    assert [secret.kid for secret in rotated.key.secrets] == [
        secret.kid for secret in tk.verify(rotated.secret).key.secrets
    ]
    assert len(rotated.key.secrets) == 1


@pytest.mark.parametrize("warm", [False, True])
def test_with_grace_the_old_secret_works_until_that_moment(tk: Any, clock: FakeClock, issue: Issue, warm: bool) -> None:
    issued = issue()
    rotated = tk.keys.rotate(issued.key.id, grace=MINUTE)
    assert [secret.ends_at for secret in rotated.key.secrets] == [None, clock.now() + MINUTE]
    if warm:
        assert tk.verify(issued.secret)
    clock.advance(MINUTE - timedelta(microseconds=1))
    assert tk.verify(issued.secret)
    assert tk.verify(rotated.secret)
    clock.advance(timedelta(microseconds=1))
    assert tk.verify(issued.secret).code == "revoked"
    assert tk.verify(rotated.secret)
    assert [secret.ends_at for secret in tk.keys.get(issued.key.id).secrets] == [None]


@pytest.mark.parametrize("grace", [timedelta(0), timedelta(hours=1)], ids=str)
def test_a_third_secret_ends_the_first_at_once(tk: Any, issue: Issue, grace: timedelta) -> None:
    first = issue()
    second = tk.keys.rotate(first.key.id, grace=timedelta(hours=1))
    assert tk.verify(first.secret)
    third = tk.keys.rotate(first.key.id, grace=grace)
    assert tk.verify(first.secret).code == "revoked"
    assert bool(tk.verify(second.secret)) == bool(grace)
    assert tk.verify(third.secret)


def test_a_grace_never_outlives_the_key(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue(expires_in=MINUTE)
    rotated = tk.keys.rotate(issued.key.id, grace=timedelta(days=1))
    clock.advance(MINUTE)
    for secret in (issued.secret, rotated.secret):
        assert tk.verify(secret).code == "expired"


@pytest.mark.parametrize("death", ["revoke", "disable", "expire"])
def test_a_dead_key_cannot_be_rotated(tk: Any, clock: FakeClock, issue: Issue, death: str) -> None:
    issued = issue(expires_in=MINUTE)
    if death == "expire":
        clock.advance(MINUTE)
    else:
        getattr(tk.keys, death)(issued.key.id)
    before = tk.keys.get(issued.key.id)
    with pytest.raises(Conflict) as conflict:
        tk.keys.rotate(issued.key.id)
    assert conflict.value.details["field"] == "status"
    assert tk.keys.get(issued.key.id) == before
    assert tk.events.list(types=["key.rotated"]).items == ()


def test_a_revoked_key_dies_with_all_its_secrets(tk: Any, issue: Issue) -> None:
    issued = issue()
    rotated = tk.keys.rotate(issued.key.id, grace=timedelta(hours=1))
    assert tk.verify(issued.secret)
    assert tk.verify(rotated.secret)
    assert tk.keys.revoke(issued.key.id).secrets == ()
    for secret in (issued.secret, rotated.secret):
        assert tk.verify(secret).code == "revoked"


def test_rotating_an_unknown_key_is_not_found(tk: Any, issue: Issue, acme: str) -> None:
    issued = issue()
    for id, tenant in ((issued.key.id, acme), ("key_" + "0" * 22, "default"), ("nonsense", "default")):
        with pytest.raises(NotFound):
            tk.keys.rotate(id, tenant=tenant)
    assert tk.verify(issued.secret)


@pytest.mark.rules
@pytest.mark.parametrize("grace", [-MINUTE, timedelta(days=366), 60, None], ids=repr)
def test_a_grace_is_a_length_from_0_to_a_year(tk: Any, issue: Issue, grace: Any) -> None:
    issued = issue()
    with pytest.raises(Invalid):
        tk.keys.rotate(issued.key.id, grace=grace)
    assert tk.verify(issued.secret)


def test_a_rotation_is_one_event_and_one_entry_that_name_the_kids(tk: Any, issue: Issue) -> None:
    issued = issue()
    rotated = tk.keys.rotate(issued.key.id, grace=MINUTE)
    [event] = tk.events.list(types=["key.rotated"])
    [entry] = tk.audit.list(action="key.rotated")
    new, old = (secret.kid for secret in rotated.key.secrets)
    for details in (event.data, entry.after):
        assert (details["kid"], details["replaces"], details["grace_seconds"]) == (new, [old], 60.0)
    assert event.subject == entry.subject == issued.key.id


def test_the_use_of_each_secret_is_counted_apart(tk: Any, issue: Issue) -> None:
    issued = issue()
    rotated = tk.keys.rotate(issued.key.id, grace=MINUTE)
    for secret in (issued.secret, rotated.secret, rotated.secret):
        assert tk.verify(secret)
    tk.flush()
    key = tk.keys.get(issued.key.id)
    assert [secret.use_count for secret in key.secrets] == [2, 1]
    assert key.use_count == 3

"""Events: what happened, for readers and for subscribers in the same process."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import Installation
from tokenry import Credits, Invalid
from tokenry.imports import Hash, Hint, ImportRow
from tokenry.testing import FakeClock
from tokenry.types import EVENT_TYPES, Event, Owner

DAY = timedelta(days=1)


def test_events_are_read_in_order_from_any_place_and_none_is_missed(tk: Any, ada: Owner) -> None:
    for number in range(7):
        tk.owners.put(f"o{number}")
    seen: list[Event] = []
    while page := tk.events.list(after=seen[-1].sequence if seen else 0, limit=3):
        seen += page.items
        if len(page) < 3:
            break
    assert [event.subject for event in seen] == ["ada", *(f"o{number}" for number in range(7))]
    assert [event.sequence for event in seen] == sorted({event.sequence for event in seen})
    assert len({event.id for event in seen}) == 8
    assert tk.events.list(after=seen[-1].sequence).items == ()


def test_an_event_says_what_happened(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue("CI")
    tk.keys.revoke(issued.key.id, reason="gone", by="ada")
    event = tk.events.list().items[-1]
    assert (event.type, event.at, event.tenant, event.actor) == ("key.revoked", clock.now(), "default", "ada")
    assert (event.subject, event.data["reason"]) == (issued.key.id, "gone")


def test_events_are_filtered_by_type(tk: Any, issue: Issue) -> None:
    issued = issue()
    tk.keys.disable(issued.key.id)
    assert [event.type for event in tk.events.list(types=["key.disabled"])] == ["key.disabled"]
    assert [event.type for event in tk.events.list(types=["key.*"])] == ["key.issued", "key.disabled"]
    assert len(tk.events.list(types=["*"])) == 3
    assert len(tk.events.list(types=["owner.*", "key.issued"])) == 2
    for types in (["no.such"], ["key"], "key.*", [None], ["key.*", "x.*"]):
        with pytest.raises(Invalid):
            tk.events.list(types=types)
    for after in (-1, None, "0", True, 1.5):
        with pytest.raises(Invalid):
            tk.events.list(after=after)


def test_a_reader_waits_for_an_event_and_no_longer(tk: Any, installation: Installation, ada: Owner) -> None:
    engine = tk.thing._sync if installation.face == "async" else tk
    last = tk.events.latest()
    writer = threading.Thread(target=engine.owners.put, args=("late",))
    writer.start()
    page = tk.events.list(after=last, wait=timedelta(minutes=1))
    writer.join()
    assert [event.subject for event in page] == ["late"]
    assert tk.events.list(after=page.items[-1].sequence, wait=timedelta(milliseconds=1)).items == ()
    for wait in (timedelta(minutes=2), timedelta(seconds=-1), 5, None):
        with pytest.raises(Invalid):
            tk.events.list(wait=wait)


def test_events_are_followed_each_once_until_nothing_comes(tk: Any, ada: Owner) -> None:
    for number in range(230):
        tk.owners.put(f"o{number}")
    tk.tenants.update("default", name="Changed")
    followed = list(tk.events.follow(after=0, idle=timedelta(0)))
    assert [event.id for event in followed] == [event.id for event in tk.events.iterate()]
    assert [one.type for one in tk.events.follow(after=0, types=["tenant.*"], idle=timedelta(0))] == ["tenant.updated"]
    assert list(tk.events.follow(idle=timedelta(milliseconds=1))) == [], "by default from now on"
    with pytest.raises(Invalid):
        tk.events.follow(idle=5)


def test_events_of_a_tenant_stay_in_it(tk: Any, acme: str, ada: Owner) -> None:
    first = tk.events.list(tenant=acme).items[0]
    assert {event.tenant for event in tk.events.list(tenant=acme)} == {acme}
    assert [event.subject for event in tk.events.list(after=first.sequence)] == ["ada"]


def test_a_subscriber_hears_of_what_it_asked_for_after_the_commit(tk: Any, issue: Issue) -> None:
    heard: list[tuple[str, str]] = []
    all_of_them: list[str] = []
    stop = tk.events.subscribe(lambda event: heard.append((event.type, event.subject)), types=["key.issued", "owner.*"])
    tk.events.subscribe(lambda event: all_of_them.append(event.type))
    issued = issue()
    tk.keys.disable(issued.key.id)
    tk.owners.put("bob")
    assert heard == [("key.issued", issued.key.id), ("owner.created", "bob")]
    assert all_of_them == ["key.issued", "key.disabled", "owner.created"]
    stop()
    tk.owners.put("eve")
    assert len(heard) == 2
    assert len(all_of_them) == 4


def test_a_refused_call_tells_nobody(tk: Any, issue: Issue) -> None:
    issue("CI")
    heard: list[Event] = []
    tk.events.subscribe(heard.append)
    with pytest.raises(Exception):  # noqa: B017
        issue("CI")
    tk.owners.put("ada")
    assert heard == []


def test_a_failing_subscriber_harms_nothing_and_nobody(tk: Any, issue: Issue, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    def fail(event: Event) -> None:
        raise RuntimeError("the subscriber is broken")

    tk.events.subscribe(fail)
    tk.events.subscribe(lambda event: heard.append(event.type))
    with caplog.at_level(logging.ERROR, "tokenry.events"):
        issued = issue()
    assert heard == ["key.issued"]
    assert "key.issued" in caplog.text
    assert tk.verify(issued.secret)
    assert [key.id for key in tk.keys.list()] == [issued.key.id]
    tk.keys.revoke(issued.key.id)
    assert tk.verify(issued.secret).code == "revoked"


def test_a_subscriber_may_use_the_engine(tk: Any, installation: Installation, issue: Issue) -> None:
    seen: list[str] = []
    engine = tk.thing._sync if installation.face == "async" else tk  # a subscriber is a plain function, it cannot await

    def look(event: Event) -> None:
        if event.type == "key.issued":
            seen.append(engine.keys.get(event.subject).name)
            engine.keys.disable(event.subject)

    tk.events.subscribe(look)
    issued = issue("CI")
    assert seen == ["CI"]
    assert tk.verify(issued.secret).code == "disabled"


def test_unknown_types_cannot_be_subscribed_to(tk: Any) -> None:
    for types in (["no.such"], "key.*", [7]):
        with pytest.raises(Invalid):
            tk.events.subscribe(print, types=types)


def test_first_use_is_told_once(tk: Any, issue: Issue) -> None:
    issued, unused = issue(), issue()
    for _ in range(3):
        assert tk.verify(issued.secret)
        tk.flush()
    rotated = tk.keys.rotate(issued.key.id)
    assert tk.verify(rotated.secret)
    tk.flush()
    tk.keys.disable(unused.key.id)
    assert not tk.verify(unused.secret)
    tk.flush()
    assert [event.subject for event in tk.events.list(types=["key.first_used"])] == [issued.key.id]


@pytest.mark.lasting
def test_expiring_is_told_once_at_30_7_and_1_days(installation: Installation) -> None:
    tk = installation.open()
    tk.owners.put("ada")
    for name, days in (("long", 40), ("short", 5), ("never", None)):
        tk.keys.issue("ada", name=name, expires_in=None if days is None else timedelta(days=days))
    notices: list[tuple[int, str, int]] = []
    start = installation.clock.now()
    for day in (0, 3, 4, 5, 9, 10, 11, 32, 33, 38, 39, 40):
        installation.clock.set(start + day * DAY)
        tk = installation.reopen(tk)  # upkeep is done when an instance is closed, if not before
        names = {key.id: key.name for key in tk.keys.list()}
        events = tk.events.list(types=["key.expiring"]).items[len(notices) :]
        notices += [(day, names[event.subject], event.data["within_seconds"] // 86_400) for event in events]
    assert notices == [(0, "short", 7), (4, "short", 1), (10, "long", 30), (33, "long", 7), (39, "long", 1)]


@pytest.mark.lasting
def test_a_new_expiry_is_told_anew(installation: Installation) -> None:
    tk = installation.open()
    tk.owners.put("ada")
    id = tk.keys.issue("ada", name="k", expires_in=DAY).key.id
    tk = installation.reopen(tk)
    tk.keys.update(id, expires_in=2 * DAY)
    tk = installation.reopen(tk)
    assert [event.data["within_seconds"] for event in tk.events.list(types=["key.expiring"])] == [86_400, 604_800]


@pytest.mark.lasting
def test_failures_are_told_in_one_event_per_tenant(installation: Installation) -> None:
    tk = installation.open()
    tk.owners.put("ada")
    issued = tk.keys.issue("ada", name="k")
    for _ in range(3):
        tk.verify("nonsense")
        tk.verify(issued.secret, scopes="a")
    tk.verify(issued.secret)
    tk.keys.revoke(issued.key.id)
    tk.verify(issued.secret)
    assert tk.events.list(types=["auth.failed"]).items == ()
    tk = installation.reopen(tk)
    [event] = tk.events.list(types=["auth.failed"])
    assert event.data["counts"] == {"insufficient_scope": 3, "revoked": 1}
    [event] = tk.events.list(types=["auth.failed"], tenant="system")
    assert event.data["counts"] == {"malformed": 3}


def test_everything_that_happens_has_a_word_for_it(tk: Any, issue: Issue) -> None:
    issued = issue()
    tk.keys.delete(issued.key.id)
    assert {event.type for event in tk.events.list()} <= set(EVENT_TYPES)


@pytest.mark.lasting
def test_every_event_of_a_key_or_a_session_names_its_owner(
    installation: Installation, tk: Any, clock: FakeClock, issue: Issue
) -> None:
    one, other = issue("one", expires_in=8 * DAY), issue("other", expires_in=8 * DAY)
    assert tk.verify(one.secret)
    tk.flush()
    tk.keys.update(one.key.id, description="x", credits=Credits(5))
    tk.credits.add(one.key.id, 1)
    tk.credits.set(one.key.id, 1)
    tk.keys.disable(one.key.id)
    tk.keys.enable(one.key.id)
    tk.keys.rotate(one.key.id, grace=DAY)
    assert tk.verify(one.secret)
    tk.flush()
    tk.keys.revoke(one.key.id)
    tk.keys.revoke_where(owner="ada", dry_run=False)
    started = tk.sessions.start("ada")
    tk.sessions.refresh(tk.sessions.refresh(started.refresh).refresh)
    clock.advance(timedelta(minutes=1))
    assert tk.sessions.refresh(started.refresh).code == "reused"
    tk.sessions.revoke(tk.sessions.start("ada").session.id)
    tk.sessions.start("ada")
    tk.sessions.revoke_all("ada")
    changed = issue("changed behind our back")
    installation.sql("UPDATE tokenry_secret SET seal = 'x' WHERE kid = :kid", kid=changed.key.secrets[0].kid)
    assert tk.verify(changed.secret).code == "not_found"
    tk.flush()
    tk.owners.put("bob")
    tk.keys.hand_over(issue("given").key.id, "bob")
    tk.leaks.report(issue("leaked").secret)
    tk.leaks.report(tk.sessions.start("ada").refresh)
    assert not tk.verify(issue("decoy", decoy=True).secret)
    old = Hash("sha256", sha256(b"tt_imported").hexdigest())
    tk.imports.run([ImportRow(id="1", owner="ada", hash=old, hint=Hint(prefix="tt_"))])
    assert tk.verify("tt_imported")
    tk.keys.delete(other.key.id)
    tk.keys.purge(revoked_before=clock.now())
    issue("expires soon", expires_in=8 * DAY, max_idle=3 * DAY)
    clock.advance(2 * DAY)
    # Upkeep is done when an instance is closed.
    tk = installation.reopen(tk)

    seen = [event for event in tk.events.list(limit=100) if event.type.startswith(("key.", "session."))]
    owned = {type for type in EVENT_TYPES if type.startswith(("key.", "session."))}
    assert {event.type for event in seen} == owned
    assert {event.data["owner"] for event in seen if event.type != "key.handed_over"} == {"ada"}
    assert [event.data["owner"] for event in seen if event.type == "key.handed_over"] == ["bob"]

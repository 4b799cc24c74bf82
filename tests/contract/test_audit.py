"""The audit log: one entry for every change, and tampering of every kind is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from enum import Enum
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import Installation
from tests.contract.test_batches import interrupted
from tokenry import Invalid, NotAllowed, NotFound
from tokenry.service import audit
from tokenry.testing import FakeClock
from tokenry.types import Owner

DAY = timedelta(days=1)
TABLES = ("tokenry_audit_entry", "tokenry_audit_head")


@pytest.fixture
def story(tk: Any, clock: FakeClock) -> list[str]:
    """Let ten things happen and seal them."""
    for number in range(10):
        clock.advance(timedelta(seconds=1))
        tk.scoped(traceparent=f"00-{number + 1:032x}-00f067aa0ba902b7-01").owners.put(f"o{number}")
    tk.audit.head()
    return [entry.id for entry in tk.audit.list(limit=100)][::-1]


def test_every_change_is_one_entry_and_one_event_and_reading_is_none(tk: Any, ada: Owner, issue: Issue) -> None:
    issued = issue()
    tk.owners.put("root")
    changes = {
        "tenant.updated": lambda: tk.tenants.update("default", name="x"),
        "owner.created": lambda: tk.owners.put("bob"),
        "owner.updated": lambda: tk.owners.put("bob", name="Bob"),
        "owner.disabled": lambda: tk.owners.disable("bob"),
        "owner.enabled": lambda: tk.owners.enable("bob"),
        "owner.deleted": lambda: tk.owners.delete("bob"),
        "role.updated": lambda: tk.roles.put("r", scopes=["a"]),
        "role.deleted": lambda: tk.roles.delete("r"),
        "scopes.defined": lambda: tk.scopes.define(["a"]),
        "key.issued": lambda: tk.keys.issue("ada", name="new"),
        "key.updated": lambda: tk.keys.update(issued.key.id, description="x"),
        "key.disabled": lambda: tk.keys.disable(issued.key.id),
        "key.enabled": lambda: tk.keys.enable(issued.key.id),
        "key.handed_over": lambda: tk.keys.hand_over(issued.key.id, "root"),
        "key.rotated": lambda: tk.keys.rotate(issued.key.id),
        "key.revoked": lambda: tk.keys.revoke(issued.key.id),
        "key.deleted": lambda: tk.keys.delete(issued.key.id),
        "tenant.suspended": lambda: tk.tenants.suspend("default"),
        "tenant.resumed": lambda: tk.tenants.resume("default"),
    }
    for action, change in changes.items():
        before = len(tk.audit.list(limit=100)), len(tk.events.list())
        change()
        entries, events = tk.audit.list(limit=100), tk.events.list()
        assert (len(entries), len(events)) == (before[0] + 1, before[1] + 1), action
        assert (entries.items[0].action, events.items[-1].type) == (action, action)
        assert entries.items[0].subject == events.items[-1].subject
    for call in (tk.keys.list, tk.owners.list, tk.roles.list, tk.tenants.list, tk.audit.check, lambda: tk.verify("x")):
        call()
    assert len(tk.audit.list(limit=100)) == before[0] + 1


def test_a_failed_call_leaves_no_entry(tk: Any, ada: Owner) -> None:
    for call in (
        lambda: tk.keys.issue("ada", name=""),
        lambda: tk.keys.issue("nobody", name="k"),
        lambda: tk.keys.revoke("key_" + "0" * 22),
        lambda: tk.owners.put("x", by="ada"),
    ):
        with pytest.raises((Invalid, NotFound, NotAllowed)):
            call()
    assert [entry.action for entry in tk.audit.list()] == ["owner.created"]


def test_an_entry_says_who_what_whom_when_and_how_it_was(tk: Any, clock: FakeClock, issue: Issue) -> None:
    issued = issue("CI", scopes=["a"])
    there = tk.scoped(by="ada", ip="192.0.2.1", request_id="r-1")
    clock.advance(DAY)
    there.keys.update(issued.key.id, name="other", scopes=[])
    entry = tk.audit.list().items[0]
    assert (entry.at, entry.tenant, entry.actor, entry.action) == (clock.now(), "default", "ada", "key.updated")
    assert (entry.subject, entry.ip, entry.request_id) == (issued.key.id, "192.0.2.1", "r-1")
    assert entry.before == {"name": "CI", "scopes": ["a"]}
    assert entry.after == {"name": "other", "scopes": []}
    issued_entry = tk.audit.list(action="key.issued").items[0]
    assert issued_entry.before is None
    assert (issued_entry.trace_id, entry.trace_id) == (None, None)
    assert (issued_entry.actor, issued_entry.after["name"], issued_entry.after["owner"]) == ("", "CI", "ada")


def test_an_entry_names_the_trace_of_its_request(tk: Any, issue: Issue) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    issued = issue("CI")
    for field, trace_id in ((f"00-{trace}-00f067aa0ba902b7-00", trace), ("malformed", None), ("", None), (None, None)):
        tk.scoped(traceparent=field).keys.disable(issued.key.id)
        assert tk.audit.list(action="key.disabled").items[0].trace_id == trace_id
        tk.keys.enable(issued.key.id)
    origins = [(None, "r-1", f"00-{trace}-00f067aa0ba902b7-01"), (None, "r-2", "malformed")]
    tk.keys.issue_many([{"owner": "ada", "name": name} for name in ("a", "b")], origins=origins)
    assert {one.request_id: one.trace_id for one in tk.audit.list(limit=2)} == {"r-1": trace, "r-2": None}
    assert tk.audit.check()


def test_the_log_is_filtered_and_comes_in_pages_the_newest_first(tk: Any, story: list[str]) -> None:
    tk.owners.disable("o3")
    tk.keys.issue("o4", name="k", by="o4")
    assert [entry.action for entry in tk.audit.list(subject="o3")] == ["owner.disabled", "owner.created"]
    assert [entry.action for entry in tk.audit.list(actor="o4")] == ["key.issued"]
    assert [entry.subject for entry in tk.audit.list(action="owner.disabled")] == ["o3"]
    assert tk.audit.list(subject="o3", actor="o4").items == ()
    seen, cursor = [], None
    while True:
        page = tk.audit.list(limit=5, cursor=cursor)
        seen += [entry.id for entry in page]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen[::-1][:10] == story
    assert len(seen) == len(set(seen)) == 12


def test_a_whole_log_is_found_whole(tk: Any, story: list[str], acme: str) -> None:
    report = tk.audit.check()
    assert report
    assert (report.entry_count, report.problems) == (10, ())
    assert tk.audit.check(tenant=acme)
    assert tk.audit.check(head=tk.audit.head())


def test_what_was_just_written_counts_too(tk: Any, story: list[str]) -> None:
    tk.owners.put("new")
    assert tk.audit.check().entry_count == 11
    assert tk.audit.head().position == 11


def test_positions_follow_the_order_of_events(tk: Any, story: list[str]) -> None:
    entries = tk.audit.list(limit=100).items[::-1]
    assert [entry.position for entry in entries] == list(range(1, 11))
    assert [entry.subject for entry in entries] == [event.subject for event in tk.events.list()]


EDITS = [
    "UPDATE tokenry_audit_entry SET actor = 'root' WHERE id = :third",
    "UPDATE tokenry_audit_entry SET action = 'owner.deleted' WHERE id = :third",
    "UPDATE tokenry_audit_entry SET subject = 'o9' WHERE id = :third",
    "UPDATE tokenry_audit_entry SET at = at + 1 WHERE id = :third",
    "UPDATE tokenry_audit_entry SET after = '{}' WHERE id = :third",
    "UPDATE tokenry_audit_entry SET before = '{}' WHERE id = :third",
    "UPDATE tokenry_audit_entry SET ip = '10.0.0.1' WHERE id = :third",
    "UPDATE tokenry_audit_entry SET request_id = 'x' WHERE id = :third",
    "UPDATE tokenry_audit_entry SET trace_id = 'x' WHERE id = :third",
    "UPDATE tokenry_audit_entry SET trace_id = NULL WHERE id = :fourth",
    "UPDATE tokenry_audit_entry SET mac = (SELECT mac FROM tokenry_audit_entry WHERE id = :fourth) WHERE id = :third",
    "UPDATE tokenry_audit_entry SET chain = 'x' WHERE id = :third",
    "UPDATE tokenry_audit_entry SET generation = 'x' WHERE id = :third",
    "UPDATE tokenry_audit_entry SET position = 100 WHERE id = :last",
    "UPDATE tokenry_audit_entry SET position = NULL, chain = NULL WHERE id = :third",
    "UPDATE tokenry_audit_entry SET position = NULL, chain = NULL WHERE id = :last",
    "DELETE FROM tokenry_audit_entry WHERE id = :first",
    "DELETE FROM tokenry_audit_entry WHERE id = :third",
    "DELETE FROM tokenry_audit_entry WHERE id = :last",
    "DELETE FROM tokenry_audit_entry",
    "DELETE FROM tokenry_audit_head",
    "UPDATE tokenry_audit_head SET position = position - 1",
    "UPDATE tokenry_audit_head SET chain = 'x'",
    "UPDATE tokenry_audit_head SET at = at + 1",
    "UPDATE tokenry_audit_head SET cut_position = 3",
    "INSERT INTO tokenry_audit_entry (tenant_id, id, at, actor, action, subject, generation, mac)"
    " SELECT tenant_id, 'aud_planted', at, actor, action, subject, generation, mac FROM tokenry_audit_entry"
    " WHERE id = :third",
]


@pytest.mark.lasting
def test_every_edit_of_the_log_is_found(installation: Installation, tk: Any, story: list[str]) -> None:
    names = {"first": story[0], "third": story[2], "fourth": story[3], "last": story[-1]}
    saved = {table: installation.sql(f"SELECT * FROM {table}") for table in TABLES}
    missed = []
    for edit in EDITS:
        installation.sql(edit, **{name: id for name, id in names.items() if f":{name}" in edit})
        if tk.audit.check():
            missed.append(edit)
        installation.restore(saved)
    assert tk.audit.check(), "restored"
    assert missed == []


@pytest.mark.lasting
def test_swapped_entries_are_found(installation: Installation, tk: Any, story: list[str]) -> None:
    [third, fourth] = [
        installation.sql("SELECT position, chain FROM tokenry_audit_entry WHERE id = :id", id=id)[0]
        for id in story[2:4]
    ]
    move = "UPDATE tokenry_audit_entry SET position = :position, chain = :chain WHERE id = :id"
    installation.sql(move, position=None, chain=None, id=story[2])
    installation.sql(move, position=third.position, chain=third.chain, id=story[3])
    installation.sql(move, position=fourth.position, chain=fourth.chain, id=story[2])
    assert not tk.audit.check()


@pytest.mark.lasting
def test_a_tail_cut_off_with_its_head_is_found_with_a_head_kept_elsewhere(
    installation: Installation, tk: Any, story: list[str]
) -> None:
    early = installation.sql("SELECT * FROM tokenry_audit_head")
    tk.owners.put("secret deed")
    kept = tk.audit.head()
    installation.sql("DELETE FROM tokenry_audit_entry WHERE subject = 'secret deed'")
    installation.restore({"tokenry_audit_head": early})
    assert tk.audit.check(), "without a head from elsewhere it cannot be found"
    report = tk.audit.check(head=kept)
    assert not report
    assert "tail" in report.problems[0]


@pytest.mark.lasting
def test_a_forged_or_foreign_head_proves_nothing(tk: Any, story: list[str], acme: str) -> None:
    kept = tk.audit.head()
    for forged in (
        replace(kept, position=3),
        replace(kept, chain="x"),
        replace(kept, signature="x"),
        replace(kept, signature="x:" + kept.signature.partition(":")[2]),
        replace(kept, at=kept.at + DAY),
        tk.audit.head(tenant=acme),
    ):
        assert not tk.audit.check(head=forged), forged


@pytest.mark.lasting
def test_an_entry_of_another_tenant_is_found(installation: Installation, tk: Any, story: list[str], acme: str) -> None:
    [there] = installation.sql("SELECT id FROM tokenry_tenant WHERE slug = :slug", slug=acme)
    installation.sql(
        "UPDATE tokenry_audit_entry SET tenant_id = :there, position = NULL WHERE id = :id",
        there=there.id,
        id=story[-1],
    )
    assert not tk.audit.check(tenant=acme)
    assert not tk.audit.check()


def test_names_that_are_members_of_an_enumeration_are_no_forgery(tk: Any) -> None:
    class Name(str, Enum):  # noqa: UP042 - as before `StrEnum`, where `str()` of a member is "Name.ADA"
        ADA = "ada-1"

    tk.owners.put(Name.ADA)
    tk.roles.put(Name.ADA, scopes=["read:a"])
    key = tk.keys.issue(Name.ADA, name="k").key
    tk.keys.revoke(key.id, by=Name.ADA)
    report = tk.audit.check()
    assert report, report.problems


def test_old_entries_are_cut_up_to_a_signed_checkpoint(tk: Any, clock: FakeClock, story: list[str]) -> None:
    assert tk.audit.cut(before=clock.now() - timedelta(days=1)) == 0
    clock.advance(DAY)
    tk.owners.put("later")
    assert tk.audit.cut(before=clock.now()) == 10
    assert [entry.action for entry in tk.audit.list()] == ["audit.cut", "owner.created"]
    report = tk.audit.check()
    assert report, report.problems
    assert tk.audit.head().position == 12
    assert tk.audit.cut(before=clock.now()) == 0


def test_a_cut_with_a_limit_removes_at_most_so_many_and_fewer_when_none_is_left(
    tk: Any, clock: FakeClock, story: list[str]
) -> None:
    clock.advance(DAY)
    before = clock.now()
    assert [tk.audit.cut(before=before, limit=limit) for limit in (4, 4, 4)] == [4, 4, 2]
    assert [entry.action for entry in tk.audit.list()] == ["audit.cut"] * 3
    assert tk.audit.check()
    with pytest.raises(Invalid, match="1 to 1000 entries"):
        tk.audit.cut(before=before, limit=0)


@pytest.mark.lasting
def test_a_cut_leaves_what_was_slipped_in_front_of_the_checkpoint_and_counts_none_of_it(
    installation: Installation, tk: Any, clock: FakeClock, story: list[str]
) -> None:
    clock.advance(DAY)
    before = clock.now()
    assert tk.audit.cut(before=before, limit=3) == 3
    installation.sql("UPDATE tokenry_audit_entry SET position = 1 WHERE position = 6")
    assert tk.audit.cut(before=before, limit=2) == 2
    assert any("in front of position 1" in problem for problem in tk.audit.check().problems)


def test_a_cut_goes_in_batches_that_an_interruption_leaves_whole(
    tk: Any, clock: FakeClock, story: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_SLICE", 4)
    clock.advance(DAY)
    before = clock.now()
    with interrupted(monkeypatch, audit, "_cut", 1):
        tk.audit.cut(before=before)
    assert [entry.action for entry in tk.audit.list()][:1] == ["audit.cut"]
    assert tk.audit.check()
    assert tk.audit.cut(before=before) == 6
    assert tk.audit.check()


@pytest.mark.lasting
def test_what_was_cut_by_hand_is_told_from_a_checkpoint(
    installation: Installation, tk: Any, clock: FakeClock, story: list[str]
) -> None:
    tk.audit.cut(before=clock.now() - timedelta(seconds=5))
    assert tk.audit.check()
    for edit in (
        "DELETE FROM tokenry_audit_entry WHERE position = (SELECT min(position) FROM tokenry_audit_entry)",
        "UPDATE tokenry_audit_head SET cut_position = cut_position + 1",
        "UPDATE tokenry_audit_head SET cut_chain = 'x'",
        "UPDATE tokenry_audit_head SET cut_signature = 'x'",
        "UPDATE tokenry_audit_head SET cut_position = 0, cut_chain = '', cut_signature = ''",
    ):
        saved = {table: installation.sql(f"SELECT * FROM {table}") for table in TABLES}
        installation.sql(edit)
        assert not tk.audit.check(), edit
        installation.restore(saved)
    assert tk.audit.check()


def test_a_head_from_before_a_cut_is_told_to_be_too_old(tk: Any, clock: FakeClock, story: list[str]) -> None:
    kept = tk.audit.head()
    clock.advance(DAY)
    tk.owners.put("later")
    tk.audit.cut(before=clock.now() + DAY)
    report = tk.audit.check(head=kept)
    assert [problem for problem in report.problems if "older" in problem]


def test_only_who_runs_the_installation_cuts_and_admins_read(tk: Any, clock: FakeClock, story: list[str]) -> None:
    tk.owners.put("root", admin=True)
    for by in ("o1", "root", "nobody"):
        with pytest.raises(NotAllowed):
            tk.audit.cut(before=clock.now(), by=by)
    assert tk.audit.check(by="root")
    for call in (tk.audit.list, tk.audit.check, tk.audit.head):
        with pytest.raises(NotAllowed):
            call(by="o1")
    for before in (None, "now", clock.now().replace(tzinfo=None)):
        with pytest.raises(Invalid):
            tk.audit.cut(before=before)


def test_a_log_in_which_nothing_was_written_is_whole_and_has_no_head(tk: Any) -> None:
    assert tk.audit.check().entry_count == 0
    with pytest.raises(NotFound):
        tk.audit.head()


@pytest.mark.lasting
def test_the_chain_goes_on_after_a_restart(installation: Installation, tk: Any, story: list[str]) -> None:
    kept = tk.audit.head()
    tk = installation.reopen(tk)
    tk.owners.put("after")
    assert tk.audit.check(head=kept).entry_count == 11


def test_numbers_of_every_size_pass_through_entries_and_events(tk: Any, issue: Issue) -> None:
    """JSON knows whole numbers of more than 64 bits, and fractions have more than one way of writing."""
    numbers = {"wide": 2**70, "low": -(2**70), "large": 1e22, "small": 1.5e-9, "text": "\x7f\u2028é"}
    issued = issue(metadata=numbers)
    (entry,) = tk.audit.list(subject=issued.key.id)
    (event,) = [event for event in tk.events.list() if event.subject == issued.key.id]
    assert entry.after["metadata"] == event.data["metadata"] == numbers
    assert tk.audit.check()

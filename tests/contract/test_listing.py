"""Lists: filters, pages and cursors, which never cross a tenant."""

from __future__ import annotations

from base64 import urlsafe_b64encode as b64encode
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Invalid, NotFound
from tokenry.testing import FakeClock
from tokenry.types import NOT_GIVEN

DAY = timedelta(days=1)


def names(page: Any) -> set[str]:
    return {key.name for key in page}


def all_pages(call: Any, **given: Any) -> list[Any]:
    """Return the items of every page, each page checked for its size."""
    items, cursor = [], None
    while True:
        page = call(cursor=cursor, **given)
        assert len(page) == len(page.items) <= given["limit"]
        items += page.items
        cursor = page.next_cursor
        if cursor is None:
            return items


@pytest.fixture
def mixed(tk: Any, clock: FakeClock, issue: Issue) -> Any:
    """Keys of every state, of two owners."""
    tk.owners.put("bob")
    issue("active", scopes=["read:a", "write:b"], description="For the Build")
    tk.keys.disable(issue("disabled", scopes=["read:a"]).key.id)
    tk.keys.revoke(issue("revoked").key.id)
    issue("expired", expires_in=timedelta(seconds=1))
    tk.keys.disable(issue("disabled and expired", expires_in=timedelta(seconds=1)).key.id)
    tk.keys.issue("bob", name="bobs", environment="test")
    clock.advance(timedelta(seconds=1))


def test_all_states_are_listed_unless_status_says_which(tk: Any, mixed: None) -> None:
    assert len(tk.keys.list()) == 6
    assert names(tk.keys.list(status="active")) == {"active", "bobs"}
    assert names(tk.keys.list(status="disabled")) == {"disabled", "disabled and expired"}
    assert names(tk.keys.list(status="revoked")) == {"revoked"}
    assert names(tk.keys.list(status="expired")) == {"expired"}
    for status in ("active", "disabled", "revoked", "expired"):
        assert {key.status for key in tk.keys.list(status=status)} == {status}


def test_filters_narrow_the_list_together(tk: Any, mixed: None) -> None:
    assert names(tk.keys.list(owner="bob")) == {"bobs"}
    assert names(tk.keys.list(scope="read:a")) == {"active", "disabled"}
    assert names(tk.keys.list(scope="read:")) == set()
    assert names(tk.keys.list(scope="READ:A")) == set()
    assert names(tk.keys.list(environment="test")) == {"bobs"}
    assert names(tk.keys.list(text="BUILD")) == {"active"}
    assert names(tk.keys.list(text="abled")) == {"disabled", "disabled and expired"}
    assert names(tk.keys.list(scope="read:a", status="disabled")) == {"disabled"}
    assert names(tk.keys.list(owner="bob", scope="read:a")) == set()


def test_wildcards_of_sql_are_plain_characters(tk: Any, issue: Issue) -> None:
    issue("100%")
    issue("a_b")
    issue("back\\slash")
    assert names(tk.keys.list(text="%")) == {"100%"}
    assert names(tk.keys.list(text="_")) == {"a_b"}
    assert names(tk.keys.list(text="\\")) == {"back\\slash"}
    assert names(tk.keys.list(text="'; DROP TABLE tokenry_key; --")) == set()


def test_text_is_found_whatever_its_case(tk: Any, issue: Issue) -> None:
    issue("Straße", description="Für ÄRGER")
    assert names(tk.keys.list(text="STRASSE")) == {"Straße"}
    for asked in ("straße", "für ärger", "FÜR ÄRGER", "fur arger", "Straße"):
        assert names(tk.keys.list(text=asked)) == {"Straße"}, asked
    tk.keys.update(tk.keys.list().items[0].id, description="Über")
    assert names(tk.keys.list(text="ärger")) == set()
    assert names(tk.keys.list(text="ÜBER")) == names(tk.keys.list(text="straße")) == {"Straße"}
    tk.keys.update(tk.keys.list().items[0].id, name="Élan")
    assert names(tk.keys.list(text="strasse")) == set()
    assert names(tk.keys.list(text="elan")) == names(tk.keys.list(text="über")) == {"Élan"}


def test_keys_last_used_before_a_moment_include_those_never_used(tk: Any, clock: FakeClock, issue: Issue) -> None:
    old, new = issue("old"), issue("new")
    issue("never")
    assert tk.verify(old.secret)
    clock.advance(DAY)
    assert tk.verify(new.secret)
    tk.flush()
    assert names(tk.keys.list(last_used_before=clock.now())) == {"old", "never"}
    assert names(tk.keys.list(last_used_before=clock.now() - DAY)) == {"never"}


def test_pages_show_everything_once_the_newest_first(tk: Any, clock: FakeClock, issue: Issue) -> None:
    made = []
    for number in range(7):
        made.append(issue().key.id)
        clock.advance(timedelta(seconds=number % 2))
    for limit in (1, 3, 7, 100):
        assert [key.id for key in all_pages(tk.keys.list, limit=limit)] == made[::-1]
    assert tk.keys.list(limit=7).next_cursor is None


LISTS: dict[str, Callable[[Any], Any]] = {
    "tenants": lambda tk: tk.tenants.list,
    "owners": lambda tk: tk.owners.list,
    "owners by text": lambda tk: partial(tk.owners.list, text="o"),
    "roles": lambda tk: tk.roles.list,
    "roles of an owner": lambda tk: partial(tk.roles.list, by="ada"),
    "keys": lambda tk: tk.keys.list,
    "keys of an owner": lambda tk: partial(tk.keys.list, owner="ada"),
    "keys that expire": lambda tk: partial(tk.keys.expiring, within=365 * DAY),
    "sessions": lambda tk: tk.sessions.list,
    "sessions of an owner": lambda tk: partial(tk.sessions.list, "ada"),
    "events": lambda tk: tk.events.list,
    "events after one": lambda tk: partial(tk.events.list, after=3),
    "events of a type": lambda tk: partial(tk.events.list, types=["key.*"]),
    "entries": lambda tk: tk.audit.list,
    "entries of an action": lambda tk: partial(tk.audit.list, action="key.issued"),
}


@pytest.mark.parametrize("name", LISTS)
def test_every_list_is_shown_whole_by_pages_of_any_size(tk: Any, issue: Issue, name: str) -> None:
    for number in range(5):
        tk.tenants.create(f"t{number}")
        tk.owners.put(f"o{number}")
        tk.roles.put(f"r{number}", scopes=["a"])
        issue(f"k{number}")
        tk.sessions.start("ada")
    tk.owners.put("ada", roles=[f"r{number}" for number in range(5)])
    ask = LISTS[name](tk)
    whole = ask(limit=100)
    assert len(whole) >= 5
    assert whole.next_cursor is None
    for limit in (1, 2, len(whole) - 1, len(whole)):
        assert tuple(all_pages(ask, limit=limit)) == whole.items
    assert (ask(limit=len(whole)).next_cursor, ask(limit=len(whole) - 1).next_cursor is None) == (None, False)


def test_an_owner_finds_itself_only_by_what_it_is_called(tk: Any) -> None:
    tk.owners.put("ada", name="Ärger")
    for text, found in (("ärger", 1), ("ADA", 1), ("bob", 0)):
        assert len(tk.owners.list(text=text, by="ada")) == found


def test_a_page_is_not_disturbed_by_what_happens_meanwhile(tk: Any, issue: Issue) -> None:
    made = [issue().key.id for _ in range(4)]
    first = tk.keys.list(limit=2)
    tk.keys.delete(made[2])
    issue()
    assert [key.id for key in tk.keys.list(limit=2, cursor=first.next_cursor)] == made[1::-1]


def test_iterating_gives_one_page(tk: Any, issue: Issue) -> None:
    for _ in range(3):
        issue()
    page = tk.keys.list(limit=2)
    assert (len(list(page)), len(page), page.next_cursor is None) == (2, 2, False)


def test_a_filter_looks_at_so_many_rows_a_page_and_all_pages_show_everything(
    tk: Any, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [issue(scopes=["rare"] if number in (0, 8) else []).key.id for number in range(10)]
    for number in range(5):
        tk.owners.put(f"o{number}", name="rare" if number == 4 else "")
    everything = tk.audit.list(action="key.issued").items
    monkeypatch.setattr("tokenry.store.reach.ROWS", 3)
    first = tk.keys.list(scope="rare")
    assert [key.id for key in first] == [made[8]]
    assert (tk.keys.list(scope="no:such").items, tk.keys.list(scope="no:such").next_cursor) == ((), first.next_cursor)
    for limit in (1, 2, 100):
        assert [key.id for key in all_pages(tk.keys.list, scope="rare", limit=limit)] == [made[8], made[0]]
        assert [key.id for key in all_pages(tk.keys.list, status="active", limit=limit)] == made[::-1]
        assert all_pages(tk.keys.list, owner="ada", status="revoked", limit=limit) == []
        assert all_pages(tk.audit.list, action="key.issued", limit=limit) == list(everything)
        assert [owner.external_id for owner in all_pages(tk.owners.list, text="rare", limit=limit)] == ["o4"]
    assert tk.owners.list(text="rare").next_cursor is not None
    assert (len(tk.keys.list()), len(tk.keys.list(owner="ada"))) == (10, 10)
    assert (tk.events.list(types=["role.updated"]).items, tk.events.list(limit=100).next_cursor) == ((), None)
    for limit in (1, 2, 100):
        put = all_pages(tk.events.list, types=["owner.created"], limit=limit)
        assert [event.subject for event in put] == ["ada", "o0", "o1", "o2", "o3", "o4"]
    assert {item.key.id for item in tk.keys.revoke_where(scope="rare", dry_run=False)} == {made[8], made[0]}


def test_expiring_keys_are_looked_for_among_so_many_rows_a_page(
    tk: Any, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    tk.owners.put("bob")
    made = [issue(expires_in=(number // 2 + 1) * DAY).key.id for number in range(8)]
    late = tk.keys.issue("bob", name="late", expires_in=9 * DAY).key.id
    for id in made[1:4]:
        tk.keys.disable(id)
    del made[1:4]
    monkeypatch.setattr("tokenry.store.reach.ROWS", 2)
    assert len(tk.keys.expiring(within=10 * DAY)) == 1
    assert [key.id for key in tk.keys.expiring(within=10 * DAY, owner="bob")] == [late]
    for limit in (1, 2, 100):
        pages = all_pages(tk.keys.expiring, within=10 * DAY, owner="bob", limit=limit)
        assert [key.id for key in pages] == [late]
        everybody = [key.id for key in all_pages(tk.keys.expiring, within=10 * DAY, limit=limit)]
        assert (sorted(everybody[:-1]), everybody[-1]) == (sorted(made), late)


def test_a_cursor_is_of_its_own_list_and_nothing_else(tk: Any, issue: Issue) -> None:
    for number in range(3):
        issue()
        tk.owners.put(f"o{number}")
    cursor, of_owners = tk.keys.list(limit=2).next_cursor, tk.owners.list(limit=2).next_cursor
    made_up = [b64encode(text.encode()).decode() for text in ("key:", "key", "key:\x00", "", ":key_1")]
    for bad in ("nonsense", "", "ä", of_owners, 7, *made_up):
        with pytest.raises(Invalid):
            tk.keys.list(limit=2, cursor=bad)
    with pytest.raises(Invalid):
        tk.owners.list(cursor=cursor)
    for place in ("x:y", "1", "99999999999999999999:" + issue().key.id, "-1:key_1", "1:\x00"):
        with pytest.raises(Invalid):
            tk.keys.expiring(within=DAY, cursor=b64encode(f"expiring:{place}".encode()).decode())


def test_a_page_has_1_to_100_items(tk: Any) -> None:
    for call in (tk.keys.list, tk.owners.list, tk.roles.list, tk.tenants.list, tk.audit.list, tk.events.list):
        for limit in (0, -1, 101, 1.0, True, None, "5"):
            with pytest.raises(Invalid):
                call(limit=limit)


@pytest.mark.rules
@pytest.mark.parametrize(
    "given",
    [
        {"status": "live"},
        {"status": ""},
        {"status": None},
        {"scope": None},
        {"scope": ""},
        {"environment": None},
        {"text": None},
        {"text": ""},
        {"owner": None},
        {"owner": ""},
        {"expiring_within": None},
        {"expiring_within": -DAY},
        {"expiring_within": 7},
        {"last_used_before": None},
        {"last_used_before": "now"},
    ],
    ids=repr,
)
def test_an_empty_or_malformed_filter_is_invalid_and_never_everything(tk: Any, issue: Issue, given: Any) -> None:
    issue()
    if None not in given.values():  # which means any, in a list
        with pytest.raises(Invalid):
            tk.keys.list(**given)
    with pytest.raises(Invalid):
        tk.keys.revoke_where(dry_run=False, **given)
    assert len(tk.keys.list(status="active")) == 1


def test_an_unknown_owner_is_not_found_and_never_everybody(tk: Any, issue: Issue) -> None:
    issue()
    with pytest.raises(NotFound):
        tk.keys.list(owner="nobody")


def test_no_list_crosses_a_tenant(tk: Any, issue: Issue, acme: str) -> None:
    for number in range(3):
        issue(f"here {number}", scopes=["a"])
        tk.keys.issue("ada", name=f"there {number}", scopes=["a"], tenant=acme)
    tk.roles.put("here", scopes=[])
    tk.roles.put("there", scopes=[], tenant=acme)
    tk.owners.put("bob", tenant=acme)
    cursor = tk.keys.list(limit=1).next_cursor
    for given in ({}, {"owner": "ada"}, {"scope": "a"}, {"text": "here"}, {"status": "active"}, {"cursor": cursor}):
        assert all(key.tenant == acme and "there" in key.name for key in tk.keys.list(tenant=acme, **given))
    assert len(tk.keys.list(tenant=acme)) == 3
    assert [role.name for role in tk.roles.list(tenant=acme)] == ["there"]
    assert [owner.external_id for owner in tk.owners.list(tenant=acme)] == ["ada", "bob"]
    assert [owner.external_id for owner in tk.owners.list()] == ["ada"]
    assert {entry.tenant for entry in tk.audit.list(tenant=acme)} == {acme}
    assert {event.tenant for event in tk.events.list(tenant=acme)} == {acme}


def test_a_key_is_found_by_its_secret_or_its_kid_whatever_its_state(tk: Any, issue: Issue, acme: str) -> None:
    issued = issue()
    kid = issued.key.secrets[0].kid
    assert tk.keys.find(issued.secret) == tk.keys.find(str(issued.secret)) == tk.keys.find(kid=kid) == issued.key
    tk.keys.rotate(issued.key.id)
    assert tk.keys.find(kid=kid).id == issued.key.id
    tk.keys.revoke(issued.key.id)
    assert tk.keys.find(kid=kid).status == "revoked"
    for unknown in ("0" * 16, "nonsense", "", "x" * 1000):
        with pytest.raises(NotFound):
            tk.keys.find(kid=unknown)
    for both in ({}, {"secret": issued.secret, "kid": kid}):
        with pytest.raises(Invalid):
            tk.keys.find(**both)
    with pytest.raises(NotFound):
        tk.keys.find(kid=kid, tenant=acme)


def test_no_list_ever_shows_a_secret_or_a_digest(tk: Any, issue: Issue) -> None:
    issued = issue()
    text = str(issued.secret)
    shown = [tk.keys.list(), tk.keys.get(issued.key.id), tk.keys.find(issued.secret), tk.audit.list(), tk.events.list()]
    shown += [tk.keys.expiring(within=100 * DAY), tk.verify(issued.secret).key, issued]
    for one in shown:
        assert text[-57:-14] not in repr(one)
        assert "digest" not in repr(one)


def test_iterate_walks_all_pages_of_every_list(tk: Any, mixed: None) -> None:
    for number in range(4):
        tk.owners.put(f"o{number}")
        tk.roles.put(f"r{number}", scopes=["read:a"])
        tk.tenants.create(f"t{number}", name="T")
        tk.sessions.start("bob")
    for group in (tk.keys, tk.owners, tk.roles, tk.tenants, tk.sessions, tk.events, tk.audit):
        everything = all_pages(group.list, limit=3)
        assert len(everything) > 3
        assert list(group.iterate(limit=2)) == list(group.iterate()) == everything
    assert names(tk.keys.iterate(owner="ada", status="active", limit=1)) == {"active"}
    assert {session.owner for session in tk.sessions.iterate("bob", limit=1)} == {"bob"}
    rest = tk.owners.iterate(limit=2, cursor=tk.owners.list(limit=2).next_cursor)
    assert [owner.external_id for owner in rest] == ["o0", "o1", "o2", "o3"]
    with pytest.raises(Invalid):
        list(tk.keys.iterate(limit=0))


def test_none_means_any_in_every_filter_of_a_list(tk: Any, mixed: None) -> None:
    tk.sessions.start("bob")
    nothing = dict.fromkeys(
        ("owner", "status", "scope", "environment", "text", "expiring_within", "last_used_before"), None
    )
    assert tk.keys.list(**nothing) == tk.keys.list()
    assert tk.keys.expiring(within=DAY, owner=None) == tk.keys.expiring(within=DAY)
    assert tk.sessions.list(None) == tk.sessions.list(owner=None) == tk.sessions.list()
    assert tk.owners.list(text=None) == tk.owners.list()
    assert tk.audit.list(subject=None, actor=None, action=None) == tk.audit.list()
    assert tk.events.list(types=None) == tk.events.list()
    assert tk.audit.list(subject="ada", actor=NOT_GIVEN) == tk.audit.list(subject="ada") != tk.audit.list()
    assert tk.sessions.list(NOT_GIVEN) == tk.sessions.list()
    assert tk.keys.list(owner=NOT_GIVEN) == tk.keys.list()


def test_a_bulk_call_does_not_take_none_for_a_filter(tk: Any, mixed: None) -> None:
    for given in ({}, {"owner": None}, {"owner": None, "status": "active"}, {"status": None}, {"text": None}):
        with pytest.raises(Invalid):
            tk.keys.revoke_where(**given, dry_run=False)
    with pytest.raises(Invalid):
        tk.keys.purge()
    with pytest.raises(Invalid):
        tk.sessions.revoke_all(None)
    assert len(tk.keys.list(status="revoked")) == 1

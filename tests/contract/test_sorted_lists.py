"""Lists of keys in each order, page by page, and the counts that a list is filtered by."""

from __future__ import annotations

from base64 import urlsafe_b64encode as b64encode
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.test_listing import all_pages
from tokenry import Invalid
from tokenry.core.key_filter import SORTS
from tokenry.testing import FakeClock
from tokenry.types import FacetCount

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
ORDERS = {
    "created": ["beta", "Alpha", "gamma", "delta", "ärger"],
    "name": ["Alpha", "beta", "delta", "gamma", "ärger"],
    "expires": ["gamma", "beta", "delta", "Alpha", "ärger"],
    "last_used": ["beta", "delta", "ärger", "gamma", "Alpha"],
}


@pytest.fixture
def keys(tk: Any, clock: FakeClock, issue: Issue) -> dict[str, Any]:
    """Five keys that stand differently in every order; two never expire, three were never used."""
    lasting = {"beta": 2 * DAY, "Alpha": None, "gamma": DAY, "delta": 2 * DAY, "ärger": None}
    made = {name: issue(name, expires_in=expires_in) for name, expires_in in lasting.items()}
    for name in ("gamma", "Alpha"):
        clock.advance(MINUTE)
        assert tk.verify(made[name].secret)
    tk.flush()
    return made


def names(items: Any) -> list[str]:
    return [key.name for key in items]


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_every_order_is_shown_whole_in_both_directions(tk: Any, keys: Any, limit: int) -> None:
    for by, order in ORDERS.items():
        assert names(all_pages(tk.keys.list, sort=by, limit=limit)) == order
        assert names(all_pages(tk.keys.list, sort=f"-{by}", limit=limit)) == order[::-1]
        assert names(all_pages(tk.keys.list, sort=by, owner="ada", limit=limit)) == order
        assert names(all_pages(tk.keys.list, sort=by, status="active", limit=limit)) == order
    assert tk.keys.list() == tk.keys.list(sort="-created")


def test_an_order_is_whole_when_a_page_may_look_at_few_keys(
    tk: Any, keys: Any, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    tk.owners.put("bob")
    for number in range(3):
        tk.keys.issue("bob", name=f"bob {number}", expires_in=number * DAY or None)
    monkeypatch.setattr("tokenry.store.reach.ROWS", 2)
    for by, order in ORDERS.items():
        for limit in (1, 2, 100):
            assert names(all_pages(tk.keys.list, sort=by, owner="ada", limit=limit)) == order
            assert names(all_pages(tk.keys.list, sort=f"-{by}", owner="ada", limit=limit)) == order[::-1]
            assert names(all_pages(tk.keys.list, sort=by, text="delta", limit=limit)) == ["delta"]
            assert len(all_pages(tk.keys.list, sort=by, limit=limit)) == 8


def test_filters_narrow_an_order(tk: Any, clock: FakeClock, keys: Any) -> None:
    clock.advance(DAY)
    assert names(tk.keys.list(sort="name", status="expired")) == ["gamma"]
    assert names(tk.keys.list(sort="expires", status="expired")) == ["gamma"]
    assert names(tk.keys.list(sort="-expires", expiring_within=2 * DAY)) == ["delta", "beta"]
    unused = tk.keys.list(sort="-last_used", last_used_before=clock.now() - DAY)
    assert names(unused) == ["gamma", "ärger", "delta", "beta"]
    assert names(tk.keys.list(sort="last_used", text="a", status="active")) == ["beta", "delta", "ärger", "Alpha"]


def test_a_page_goes_on_behind_the_key_of_its_cursor_whatever_happened_to_it(tk: Any, keys: Any) -> None:
    first = tk.keys.list(sort="name", limit=2)
    tk.keys.delete(keys["beta"].key.id)
    assert names(tk.keys.list(sort="name", cursor=first.next_cursor)) == ["delta", "gamma", "ärger"]
    first = tk.keys.list(sort="expires", limit=3)
    tk.keys.delete(keys["Alpha"].key.id)
    assert names(tk.keys.list(sort="expires", cursor=first.next_cursor)) == ["ärger"]


def test_equal_names_stand_in_the_order_in_which_they_were_made(tk: Any, issue: Issue) -> None:
    tk.owners.put("bob")
    made = [tk.keys.issue(owner, name="same").key.id for owner in ("ada", "bob")]
    made.append(tk.keys.issue(tk.owners.put("cy").external_id, name="SAME").key.id)
    assert [key.id for key in all_pages(tk.keys.list, sort="name", limit=1)] == made
    assert [key.id for key in all_pages(tk.keys.list, sort="-name", limit=1)] == made[::-1]


def test_a_use_of_a_replaced_secret_is_a_use_of_its_key(tk: Any, clock: FakeClock, keys: Any) -> None:
    tk.keys.rotate(keys["beta"].key.id, grace=DAY)
    clock.advance(MINUTE)
    assert tk.verify(keys["beta"].secret)
    tk.flush()
    assert names(tk.keys.list(sort="-last_used", limit=2)) == ["beta", "Alpha"]


def test_a_cursor_goes_on_in_its_own_order_only(tk: Any, keys: Any) -> None:
    cursors = {sort: tk.keys.list(sort=sort, limit=1).next_cursor for sort in SORTS}
    for sort in SORTS:
        for other, cursor in cursors.items():
            if sort != other:
                with pytest.raises(Invalid):
                    tk.keys.list(sort=sort, cursor=cursor)
    id = keys["beta"].key.id
    for place in ("key.expires:x", f"key.expires:{id}:x", f"key.expires:{id}:{'9' * 19}", "key.name:key_1:a"):
        with pytest.raises(Invalid):
            tk.keys.list(sort=place.partition(":")[0][4:], cursor=b64encode(place.encode()).decode())


@pytest.mark.rules
@pytest.mark.parametrize("sort", ["", "id", "Name", "--name", "+name", None, 7, ["name"]])
def test_an_unknown_order_is_invalid(tk: Any, sort: Any) -> None:
    with pytest.raises(Invalid, match="must be one of"):
        tk.keys.list(sort=sort)


def test_no_order_crosses_a_tenant(tk: Any, keys: Any, acme: str) -> None:
    tk.keys.issue("ada", name="there", tenant=acme)
    for sort in SORTS:
        assert names(tk.keys.list(sort=sort, tenant=acme)) == ["there"]
        assert "there" not in names(tk.keys.list(sort=sort))


def test_facets_count_keys_by_status_environment_owner_and_tag(tk: Any, clock: FakeClock, issue: Issue) -> None:
    tk.owners.put("bob")
    issue("a", tags=["ci", "billing"])
    tk.keys.disable(issue("b", tags=["ci"]).key.id)
    tk.keys.revoke(issue("c").key.id)
    issue("d", expires_in=timedelta(seconds=1))
    tk.keys.issue("bob", name="e", environment="test")
    clock.advance(MINUTE)
    found = tk.keys.facets()
    assert (found.counted_count, found.is_complete) == (5, True)
    assert found.statuses == (
        FacetCount("active", 2),
        FacetCount("disabled", 1),
        FacetCount("expired", 1),
        FacetCount("revoked", 1),
    )
    assert found.environments == (FacetCount("live", 4), FacetCount("test", 1))
    assert found.owners == (FacetCount("ada", 4), FacetCount("bob", 1))
    assert found.tags == (FacetCount("ci", 2), FacetCount("billing", 1))
    found = tk.keys.facets(owner="bob")
    assert (found.counted_count, found.statuses, found.tags) == (1, (FacetCount("active", 1),), ())
    assert tk.keys.facets(text="no such").counted_count == 0
    assert tk.keys.facets(by="bob").owners == (FacetCount("bob", 1),)


def test_facets_count_keys_by_the_scopes_and_roles_that_they_hold_and_that_were_asked_for(
    tk: Any, clock: FakeClock, issue: Issue
) -> None:
    tk.roles.put("reader", scopes=["read:b"])
    asked, quiet = issue("asked", scopes=["read:a", "write:a"]), issue("quiet", scopes=["read:a"], roles=["reader"])
    assert tk.verify(asked.secret, scopes="write:a")
    assert tk.verify(quiet.secret)
    tk.flush()
    found = tk.keys.facets()
    assert found.scopes == (FacetCount("read:a", 2), FacetCount("write:a", 1))
    assert found.roles == (FacetCount("reader", 1),)
    assert found.asked_scopes == (FacetCount("write:a", 1),)
    clock.advance(timedelta(days=91))
    assert tk.keys.facets().asked_scopes == ()


def test_facets_count_the_newest_keys_and_say_when_there_are_more(
    tk: Any, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        issue(f"k{number}", environment="old" if number < 2 else "live", tags=[f"t{number}"])
    monkeypatch.setattr("tokenry.store.key_facets.ROWS", 4)
    found = tk.keys.facets()
    assert (found.counted_count, found.is_complete) == (4, False)
    assert found.environments == (FacetCount("live", 4),)
    monkeypatch.setattr("tokenry.store.key_facets.VALUES_MAX", 2)
    assert tk.keys.facets().tags == (FacetCount("t2", 1), FacetCount("t3", 1))


def test_facets_never_count_keys_of_another_tenant(tk: Any, issue: Issue, acme: str) -> None:
    issue("here", tags=["here"])
    tk.keys.issue("ada", name="there", tags=["there"], tenant=acme)
    assert tk.keys.facets(tenant=acme).tags == (FacetCount("there", 1),)
    assert tk.keys.facets().counted_count == 1

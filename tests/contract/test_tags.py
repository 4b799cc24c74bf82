"""Tags are short labels of a key: set, changed, shown, and the filter of lists and bulk calls."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Conflict, Invalid
from tokenry.types import Issued, Key, Owner

LABELS = ("ci", "Team:billing", "0.1_x-y")


def names(items: Any) -> set[str]:
    return {key.name for key in items}


def test_tags_are_shown_wherever_the_key_is(tk: Any, issue: Issue) -> None:
    issued = issue(tags=LABELS)
    id = issued.key.id
    shown: list[Key] = [
        issued.key,
        tk.keys.get(id),
        *tk.keys.list(),
        tk.keys.find(issued.secret),
        tk.verify(issued.secret).key,
        tk.keys.disable(id),
        tk.keys.enable(id),
        tk.keys.rotate(id).key,
        tk.keys.revoke(id),
    ]
    assert {key.tags for key in shown} == {LABELS}
    [entry] = tk.audit.list(action="key.issued")
    assert entry.after["tags"] == [*LABELS]


def test_a_key_has_no_tags_unless_told(tk: Any, issue: Issue) -> None:
    issued = issue()
    assert issued.key.tags == tk.verify(issued.secret).key.tags == ()


def test_an_update_replaces_the_tags_and_counts_at_once(tk: Any, issue: Issue) -> None:
    issued = issue(tags=["a", "b"])
    assert tk.verify(issued.secret).key.tags == ("a", "b")
    assert tk.keys.update(issued.key.id, description="x").tags == ("a", "b")
    assert tk.keys.update(issued.key.id, tags=["c"]).tags == ("c",)
    assert tk.verify(issued.secret).key.tags == ("c",)
    assert tk.keys.update(issued.key.id, tags=[]).tags == ()
    entry = tk.audit.list(action="key.updated").items[0]
    assert (entry.before, entry.after) == ({"tags": ["c"]}, {"tags": []})


def test_each_of_many_keys_has_its_own(tk: Any, ada: Owner) -> None:
    drafts: list[dict[str, Any]] = [{"name": "a", "tags": ["x"]}, {"name": "b"}, {"name": "c", "tags": "x"}]
    made = tk.keys.issue_many([{"owner": "ada", **draft} for draft in drafts])
    assert [one.key.tags for one in made[:2]] == [("x",), ()]
    assert [error.field for error in made[2].errors] == ["tags"]


@pytest.mark.rules
@pytest.mark.parametrize(
    ("tags", "codes"),
    [
        (["x" * 33], ["bad_tag"]),
        (["", " a", ".a", "ü", "a b", 'a"b', "a\n", "a,b", 5, None], ["bad_tag"] * 10),
        ([f"t{number}" for number in range(21)], ["too_many"]),
        ("abc", ["not_a_list"]),
        (5, ["not_a_list"]),
        (None, ["not_a_list"]),
    ],
)
def test_bad_tags_are_named(tk: Any, issue: Issue, tags: Any, codes: list[str]) -> None:
    id = issue().key.id
    for call in (lambda: issue(tags=tags), lambda: tk.keys.update(id, tags=tags)):
        with pytest.raises(Invalid) as refused:
            call()
        assert [(error.field, error.code) for error in refused.value.errors] == [("tags", code) for code in codes]


@pytest.mark.rules
def test_the_most_tags_and_the_longest_are_kept_in_order_and_each_once(issue: Issue) -> None:
    most = ["9" * 32, *(f"t{number}" for number in range(19))]
    assert issue(tags=iter(most)).key.tags == (*most,)
    assert issue(tags=["b", "a", "b"]).key.tags == ("b", "a")


@pytest.fixture
def labelled(issue: Issue) -> dict[str, Issued]:
    """Keys with labels that look alike."""
    lists = {"one": ["ci"], "two": ["ci", "blue"], "longer": ["ci-2", "xci"], "loud": ["CI"], "none": []}
    return {name: issue(name, tags=tags) for name, tags in lists.items()}


@pytest.mark.usefixtures("labelled")
def test_the_filter_means_whole_labels(tk: Any) -> None:
    assert names(tk.keys.list(tag="ci")) == {"one", "two"}
    assert names(tk.keys.list(tag="CI")) == {"loud"}
    for nobody in ("c", "ci-", "%", "_i", "c_", 'ci","blue', '"ci"', "[", ","):
        assert names(tk.keys.list(tag=nobody)) == set(), nobody
    assert names(tk.keys.list(tag="ci", text="two")) == {"two"}
    with pytest.raises(Invalid):
        tk.keys.list(tag="")


def test_a_bulk_revocation_ends_what_has_the_label(tk: Any, labelled: dict[str, Issued]) -> None:
    assert names(item.key for item in tk.keys.revoke_where(tag="ci")) == {"one", "two"}
    assert tk.verify(labelled["one"].secret)
    done = tk.keys.revoke_where(tag="ci", dry_run=False)
    assert {item.key.name: item.key.tags for item in done} == {"one": ("ci",), "two": ("ci", "blue")}
    assert {name for name, issued in labelled.items() if not tk.verify(issued.secret)} == {"one", "two"}


def test_a_repeat_with_other_tags_is_a_conflict(tk: Any, ada: Owner) -> None:
    first = tk.keys.issue("ada", name="CI", tags=["a"], idempotency_key="one")
    assert tk.keys.issue("ada", name="CI", tags=["a"], idempotency_key="one") == first
    for other in ({"tags": ["b"]}, {"tags": []}, {}):
        with pytest.raises(Conflict):
            tk.keys.issue("ada", name="CI", idempotency_key="one", **other)

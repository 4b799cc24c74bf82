"""What callers pass: a wrong value is `Invalid` and names its field, and texts that look alike are one."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Conflict, Invalid
from tokenry.types import Owner

pytestmark = pytest.mark.rules
CAFE = "caf\u00e9", "cafe\u0301"

WRONG: dict[str, Callable[[Any], Any]] = {
    "roles": lambda tk: tk.keys.issue("ada", name="k", roles=[["a"]]),
    "roles of an owner": lambda tk: tk.owners.put("ada", roles=[{"a": 1}]),
    "name of a role": lambda tk: tk.roles.put(["a"], scopes=[]),
    "scopes": lambda tk: tk.scopes.check([["a"]]),
    "scopes of nothing": lambda tk: tk.scopes.check(None),
    "metadata": lambda tk: tk.keys.issue("ada", name="k", metadata={"a": "\ud800"}),
    "metadata key": lambda tk: tk.keys.issue("ada", name="k", metadata={"\ud800": 1}),
    "text": lambda tk: tk.owners.list(text=5),
    "after": lambda tk: tk.events.list(after=2**70),
    "expires_at": lambda tk: tk.keys.issue("ada", name="k", expires_at=timedelta(days=1)),
    "expires_in": lambda tk: tk.keys.issue("ada", name="k", expires_in=datetime(2030, 1, 1, tzinfo=UTC)),
    "email": lambda tk: tk.owners.put("ada", email="a@b\nBcc: x"),
    "name of an owner": lambda tk: tk.owners.put("ada", name="a\nb"),
    "description": lambda tk: tk.keys.issue("ada", name="k", description="a\0b"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_value_is_invalid_and_stores_nothing(tk: Any, ada: Owner, what: str) -> None:
    before = len(tk.audit.list())
    with pytest.raises(Invalid) as invalid:
        WRONG[what](tk)
    assert {error.field for error in invalid.value.errors} == {what.split()[0]}
    assert len(tk.audit.list()) == before


@pytest.mark.parametrize("version", ["1", True, 1.0, b"1"])
def test_a_version_is_a_whole_number(tk: Any, issue: Issue, version: Any) -> None:
    with pytest.raises(Invalid) as invalid:
        tk.keys.update(issue().key.id, description="x", if_version=version)
    assert invalid.value.errors[0].field == "if_version"


def test_one_wrong_item_of_many_keeps_no_other_from_being_issued(tk: Any, ada: Owner) -> None:
    good = {"owner": "ada", "name": "good"}
    found = tk.keys.issue_many(["x", None, {1: 2, "y": 3}, {"owner": ["ada"], "name": "k"}, good])
    assert [getattr(one, "code", "issued") for one in found] == ["invalid"] * 4 + ["issued"]


@pytest.mark.parametrize("mark", [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))])
def test_no_name_turns_the_direction_of_writing(tk: Any, issue: Issue, mark: str) -> None:
    key = issue("plain").key
    for call in (
        lambda: issue(f"a{mark}b"),
        lambda: tk.keys.update(key.id, name=f"{mark}ab"),
        lambda: tk.owners.put("ada", name=f"a{mark}b"),
        lambda: tk.tenants.update("default", name=f"a{mark}b"),
    ):
        with pytest.raises(Invalid):
            call()


@pytest.mark.parametrize(("first", "second"), [CAFE, CAFE[::-1], ("STRASSE", "straße"), ("\u212b", "a\u030a")])
def test_names_that_look_alike_are_one_name(tk: Any, issue: Issue, first: str, second: str) -> None:
    key = issue(first).key
    assert key.name == unicodedata.normalize("NFC", first)
    with pytest.raises(Conflict):
        issue(second)
    with pytest.raises(Conflict):
        tk.keys.update(issue("other").key.id, name=second)
    [twin] = tk.keys.issue_many([{"owner": "ada", "name": second}])
    assert twin.details["field"] == "name"
    assert [found.id for found in tk.keys.list(text=second)] == [key.id]


def test_line_ends_of_a_description_become_one_kind(tk: Any, issue: Issue) -> None:
    key = issue(description=" a\r\nb\rc\nd\te\r\n").key
    assert key.description == "a\nb\nc\nd\te"
    assert tk.keys.update(key.id, description="x\r\ny").description == "x\ny"
    assert tk.keys.revoke(key.id, reason="lost\r\nfound").revoke_reason == "lost\nfound"

"""What callers pass: a wrong value is `Invalid` and names its field, and texts that look alike are one."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Conflict, Invalid, NotFound
from tokenry.types import Owner

pytestmark = pytest.mark.rules
BEFORE_TIME = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
AFTER_TIME = datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-14)))
"""Moments that a database holds as numbers, and that cannot be read again in UTC."""

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
    "not_before of the past": lambda tk: tk.keys.issue("ada", name="k", not_before=BEFORE_TIME),
    "not_before of the future": lambda tk: tk.keys.issue("ada", name="k", not_before=AFTER_TIME),
    "last_used_before": lambda tk: tk.keys.list(last_used_before=BEFORE_TIME),
    "expired_before": lambda tk: tk.keys.purge(expired_before=AFTER_TIME),
    "since": lambda tk: tk.usage.get("key_0000000000000000000000", since=BEFORE_TIME),
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


@pytest.mark.parametrize("text", ["\0", "a\0", "\ud800", "a\n", "x" * 10_000])
def test_a_text_that_no_database_holds_names_nothing(tk: Any, ada: Owner, text: str) -> None:
    kinds: tuple[type[Exception], ...] = (NotFound, Invalid)
    for call in (tk.owners.list, tk.keys.list, tk.sessions.list, tk.events.list, tk.signing_keys.list, tk.audit.list):
        with pytest.raises(kinds):
            call(tenant=text)
    with pytest.raises(kinds):
        tk.tenants.get(text)
    with pytest.raises(kinds):
        tk.owners.put("ada", tenant=text)
    for name in ("subject", "actor", "action"):
        assert len(tk.audit.list(**{name: text})) == 0


class Word(StrEnum):
    """A class that is derived from `str`, as texts of frameworks are."""

    ADA = "ada"
    READ = "read:projects"
    ROLE = "reader"


def test_texts_of_derived_classes_are_taken(tk: Any) -> None:
    tk.roles.put(Word.ROLE, scopes=[Word.READ])
    tk.owners.put(Word.ADA, roles=[Word.ROLE])
    asked = {"name": "k", "scopes": [Word.READ], "roles": [Word.ROLE], "idempotency_key": "once"}
    first, again = [tk.keys.issue(Word.ADA, **asked) for _ in range(2)]
    assert (str(again.secret), again.key.scopes) == (str(first.secret), ("read:projects",))
    assert tk.verify(first.secret, scopes=Word.READ)
    assert [event.subject for event in tk.events.list()][:2] == ["reader", "ada"]

"""An error names a bounded number of mistakes, in a bounded text."""

from typing import get_args

import pytest

from tokenry.core import addresses, fields, limits, mistakes, scopes
from tokenry.core.errors import (
    ERRORS_MAX,
    LIST_MAX,
    Conflict,
    ErrorCode,
    FieldError,
    Invalid,
    NotFound,
    TokenryError,
    VersionConflict,
    shown,
)

KEY = "tk_live_17RiJxkEgOGusQGwp003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf071KV1mu2HVM20"
LISTS = {
    "scopes": scopes.check_list,
    "allowed_ips": addresses.check_list,
    "limits": limits.check_list,
    "roles": fields.roles,
}


def test_of_many_mistakes_the_first_are_named_and_all_are_counted() -> None:
    error = Invalid(FieldError(f"f{number}", "bad", "is bad") for number in range(100_000))
    assert (error.count, len(error.errors)) == (100_000, ERRORS_MAX)
    assert str(error).endswith("; f99: is bad; and 99900 more")


def test_long_mistakes_are_named_in_sixteen_kibibytes() -> None:
    error = Invalid(FieldError("f", "bad", "so bad " * 1000) for _ in range(100))
    assert error.count == 100
    assert len(str(error)) < 17_000
    assert len(str(Invalid.one("f" * 100_000, "bad", "bad " * 100_000))) < 3000
    assert len(str(NotFound("there is no such thing " * 10_000))) < 33_000


def test_an_error_names_as_much_as_fits_and_says_how_much_more_there_is() -> None:
    text = ("no. " * 256)[:1023]
    exact = [FieldError("f", "bad", text)] * 16
    assert [len(Invalid(errors).errors) for errors in (exact, [*exact, exact[0]])] == [16, 16]
    assert len(Invalid([FieldError("ff", "bad", text), *exact[1:]]).errors) == 15
    assert not str(Invalid(exact)).endswith("more")
    assert str(Invalid([*exact, exact[0]])).endswith("no.; and 1 more")
    assert str(Invalid([FieldError("f", "bad", "a"), FieldError("g", "bad", "b")])) == "f: a; g: b"


def test_a_value_is_shown_shortened() -> None:
    text = "ab " * 100
    assert (shown(text[:80]), shown(text[:81])) == (repr(text[:80]), repr(text[:80]))
    assert (shown([text[:196]]), shown([text[:197]])) == (repr([text[:196]]), repr([text[:197]])[:200])


def test_details_hold_no_credential() -> None:
    error = Conflict("x", text=KEY, listed=["a", KEY], count=5)
    assert error.details == {"text": "tk_live[hidden]", "listed": ["a", "tk_live[hidden]"], "count": 5}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_read_no_further_than_one_item_beyond_the_longest(name: str) -> None:
    read = iter(["!"] * 5000)
    LISTS[name](name, read, [])
    assert len(list(read)) == 5000 - LIST_MAX - 1


@pytest.mark.parametrize("name", LISTS)
def test_a_list_that_is_far_too_long_is_refused_before_its_items_are_read(name: str) -> None:
    errors: list[FieldError] = []
    read = iter(["!"] * 5000)
    assert LISTS[name](name, read, errors) == ()
    assert [error.code for error in errors] == ["too_many"]
    assert len(list(read)) > 3900


def test_every_class_of_error_has_a_code_of_its_own_which_is_a_type() -> None:
    kinds = [TokenryError, *TokenryError.__subclasses__(), *Conflict.__subclasses__()]
    assert sorted(kind.code for kind in kinds) == sorted(get_args(ErrorCode))


def test_a_conflict_names_its_field() -> None:
    assert Conflict("taken", field="name").field == "name"
    assert Conflict("a state").field == ""
    assert VersionConflict("changed meanwhile").field == "version"


def test_mistakes_have_one_code_each_wherever_they_are() -> None:
    found = [mistakes.missing("a"), mistakes.duplicate("a"), mistakes.not_an_object("a"), mistakes.unknown("a", "x")]
    assert [(one.field, one.code) for one in found] == [
        ("a", "missing"), ("a", "duplicate"), ("a", "not_an_object"), ("a", "unknown_field"),
    ]  # fmt: skip
    assert mistakes.not_an_object("").field == "body"
    assert mistakes.within(mistakes.item(mistakes.within("", "keys"), 3), "name") == "keys[3].name"

"""An unknown name is answered with the one that was probably meant, at a bounded cost."""

from __future__ import annotations

import pytest

from tokenry.core import mistakes
from tokenry.core.errors import ERRORS_MAX, FieldError

KNOWN = ("owner", "name", "scopes", "environment", "expires_in_seconds", "not_before", "never")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("scope", "scopes"),
        ("ownr", "owner"),
        ("expires_in", "expires_in_seconds"),
        ("env", "environment"),
        ("ne", None),
        ("colour", None),
        ("", None),
        ("scopes" * 100, None),
    ],
)
def test_the_name_that_was_meant_is_named_where_one_is_near(name: str, meant: str | None) -> None:
    assert mistakes.meant(name, KNOWN) == (f": did you mean {meant}?" if meant else "")


def test_names_that_several_could_be_short_for_get_no_hint() -> None:
    assert mistakes.meant("key", ("key_status", "key_owner_name")) == ""


def test_of_many_unknown_names_the_first_get_hints() -> None:
    errors: list[FieldError] = []
    mistakes.name_unknown((f"name{number}" for number in range(10_000)), KNOWN, errors)
    assert len(errors) == ERRORS_MAX + 1
    assert [error.message.endswith(": did you mean name?") for error in errors[:12]] == [True] * 10 + [False] * 2


def test_a_mistyped_scope_is_answered_with_the_one_of_the_catalogue() -> None:
    (error,) = mistakes.scopes_unknown(["read:projcts"], ["read:projects", "write:invoices"])
    assert error.message == "'read:projcts' is not in the tenant's catalogue: did you mean read:projects?"

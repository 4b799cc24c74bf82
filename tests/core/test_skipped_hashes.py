"""A hash that was taken of the end of a key only, and a pepper by which bytes were made of it first."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from tokenry.core.foreign import Hint, check_hint
from tokenry.core.hashes import Hash, read_hash
from tokenry.service.old_hashes import matches

TEXT = "ak_v1-0123-abcdefgh"
END = "abcdefgh"


def recipe(scheme: str, value: str, **params: Any) -> Any:
    errors: list[Any] = []
    found = read_hash(Hash(scheme, value, params=params), errors)
    assert errors == []
    return found


def test_the_skipped_beginning_is_left_out_of_the_hash() -> None:
    found = recipe("sha256", hashlib.sha256(END.encode()).hexdigest(), skip=11)
    assert matches(found, TEXT)
    assert not matches(found, TEXT + "x")
    assert not matches(found, END)
    assert not found.is_plain, "so it is no lookup hint by itself"


@pytest.mark.parametrize(
    ("first", "code"), [(TEXT[:11], []), (TEXT[:10], ["too_short"]), ("", ["missing", "too_short"])]
)
def test_the_hint_must_hold_what_the_hash_leaves_out(first: str, code: list[str]) -> None:
    errors: list[Any] = []
    check_hint(Hint(first=first), recipe("sha256", "0" * 64, skip=11), None, errors)
    assert [error.code for error in errors] == code


@pytest.mark.parametrize("skip", [0, -1, 65, True, "11"])
def test_a_number_that_cannot_be_skipped_is_named(skip: Any) -> None:
    errors: list[Any] = []
    read_hash(Hash("sha256", "0" * 64, params={"skip": skip}), errors)
    assert [error.field for error in errors] == ["hash.params.skip"]


def test_a_pepper_may_make_bytes_of_a_key() -> None:
    mixed = hmac.digest(b"pepper", TEXT.encode(), "sha256")
    found = recipe("sha256", hashlib.sha256(mixed).hexdigest(), pepper="pepper", pepper_use="hmac-sha256-bytes")
    assert matches(found, TEXT)
    assert not matches(found, END)

"""Every field at its edges: the largest value that is accepted, the smallest that is not, and the word for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.core.test_fields import NOW, tenant
from tests.core.test_stored_forms import KEY
from tokenry.core import addresses, fields, limits, scopes
from tokenry.core.errors import LIST_MAX, FieldError, Invalid
from tokenry.core.limits import COUNT_MAX, LIMITS_MAX, WINDOW_MAX, Limit
from tokenry.core.model import NOT_GIVEN

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001


def deep(levels: int) -> dict[str, Any]:
    """Return a mapping with so many lists and mappings within each other, itself included."""
    inner: Any = "x"
    for _ in range(levels - 1):
        inner = [inner]
    return {"a": inner}


def bounded(field: str, value: object, errors: list[FieldError]) -> object:
    return fields.length(field, value, errors, least=SECOND, most=2 * DAY)


def sized(bytes_: int) -> dict[str, str]:
    """Return metadata that is so long as JSON."""
    return {"a": "x" * (bytes_ - len('{"a": ""}'))}


def named(count: int) -> list[Limit]:
    return [Limit(f"l{number}", 1, 1) for number in range(count)]


GOOD: list[tuple[Callable[..., Any], Any, Any]] = [
    (fields.name, " x ", "x"),
    (fields.name, "x" * 100, "x" * 100),
    (fields.text, "", ""),
    (fields.text, "x" * 1000, "x" * 1000),
    (fields.prose, "a\r\nb\rc\n\td", "a\nb\nc\n\td"),
    (fields.prose, "x" * 1000, "x" * 1000),
    (fields.slug, "a", "a"),
    (fields.slug, "a" + "-" * 61 + "b", "a" + "-" * 61 + "b"),
    (fields.environment, "a" + "0" * 11, "a" + "0" * 11),
    (fields.roles, ["b", "a", "b", "r" * 64], ("b", "a", "r" * 64)),
    (fields.roles, ["r"] * LIST_MAX, ("r",)),
    (fields.metadata, None, {}),
    (fields.metadata, {"a": (1, 2.5, None)}, {"a": [1, 2.5, None]}),
    (fields.metadata, sized(8192), sized(8192)),
    (fields.metadata, deep(32), deep(32)),
    (fields.moment, None, None),
    (fields.moment, NOW, NOW),
    (bounded, SECOND, SECOND),
    (bounded, 2 * DAY, 2 * DAY),
    (addresses.check_list, ["10.0.0.0/8", "::1", "::1"], ("10.0.0.0/8", "::1")),
    (addresses.check_list, [f"10.0.{n}.1" for n in range(256)], tuple(f"10.0.{n}.1" for n in range(256))),
    (addresses.check_list, ["::1"] * LIST_MAX, ("::1",)),
    (limits.check_list, [Limit("n" * 32, COUNT_MAX, WINDOW_MAX)], (Limit("n" * 32, COUNT_MAX, WINDOW_MAX),)),
    (limits.check_list, [{"name": "n", "limit": 1, "window_seconds": 1}], (Limit("n", 1, 1),)),
    (limits.check_list, named(LIMITS_MAX), tuple(named(LIMITS_MAX))),
    (scopes.check_list, ["s" * 64, "a:*", "s" * 64], ("s" * 64, "a:*")),
    (scopes.check_list, ["tokenry:verify"], ("tokenry:verify",)),
    (scopes.check_list, ["s"] * LIST_MAX, ("s",)),
]


@pytest.mark.parametrize(("read", "value", "clean"), GOOD)
def test_what_is_within_its_bounds_is_accepted(read: Callable[..., Any], value: Any, clean: Any) -> None:
    errors: list[FieldError] = []
    assert (read("field", value, errors), errors) == (clean, [])


BAD: list[tuple[Callable[..., Any], Any, list[str], Any]] = [
    (fields.name, "  ", ["blank"], ""),
    (fields.name, "x" * 101, ["too_long"], "x" * 101),
    (fields.name, 5, ["not_a_text"], ""),
    (fields.text, "x" * 1001, ["too_long"], "x" * 1001),
    (fields.prose, "x" * 1001, ["too_long"], "x" * 1001),
    (fields.prose, "a\0b", ["control_character"], "a\0b"),
    (fields.prose, None, ["not_a_text"], ""),
    (fields.slug, "", ["bad_slug"], ""),
    (fields.slug, "a" * 64, ["bad_slug"], ""),
    (fields.slug, "-a", ["bad_slug"], ""),
    (fields.slug, "a\n", ["bad_slug"], ""),
    (fields.slug, 5, ["bad_slug"], ""),
    (fields.environment, "rt", ["bad_environment"], ""),
    (fields.environment, "a" * 13, ["bad_environment"], ""),
    (fields.environment, "0a", ["bad_environment"], ""),
    (fields.environment, None, ["bad_environment"], ""),
    (fields.roles, "admin", ["not_a_list"], ()),
    (fields.roles, 5, ["not_a_list"], ()),
    (fields.roles, ["r" * 65, "", 5, "ok"], ["bad_role"] * 3, ("ok",)),
    (fields.roles, ["r"] * (LIST_MAX + 1), ["too_many"], ()),
    (fields.text, f"see {KEY}", ["holds_credential"], f"see {KEY}"),
    (fields.prose, f"see\n{KEY}", ["holds_credential"], f"see\n{KEY}"),
    (fields.metadata, {"a": [KEY]}, ["holds_credential"], {"a": [KEY]}),
    (fields.metadata, [], ["not_a_mapping"], {}),
    (fields.metadata, {1: 2}, ["not_a_mapping"], {}),
    (fields.metadata, {"a": object()}, ["not_json"], {}),
    (fields.metadata, {"a": float("nan")}, ["not_json"], {}),
    (fields.metadata, sized(8193), ["too_long"], {}),
    (fields.metadata, deep(33), ["too_deep"], {}),
    (fields.moment, NAIVE, ["not_a_moment"], None),
    (fields.moment, "2026-01-01", ["not_a_moment"], None),
    (bounded, 1, ["not_a_length"], SECOND),
    (bounded, timedelta(0), ["out_of_range"], timedelta(0)),
    (bounded, 2 * DAY + timedelta(microseconds=1), ["out_of_range"], 2 * DAY + timedelta(microseconds=1)),
    (addresses.check_list, "::1", ["not_a_list"], ()),
    (addresses.check_list, 5, ["not_a_list"], ()),
    (addresses.check_list, ["::1", "x", "fe80::1%1", "10.0.0.1/8", "::1/x", None], ["bad_address"] * 5, ("::1",)),
    (addresses.check_list, ["10.0.0.0/255.0.0.0"], ["bad_address"], ()),
    (addresses.check_list, [f"10.{n // 256}.{n % 256}.1" for n in range(257)], ["too_many"], None),
    (addresses.check_list, ["::1"] * (LIST_MAX + 1), ["too_many"], ()),
    (limits.check_list, "x", ["not_a_list"], ()),
    (limits.check_list, {}, ["not_a_list"], ()),
    (limits.check_list, [Limit("n", 1, 1), Limit("n", 2, 2)], ["duplicate"], (Limit("n", 1, 1), Limit("n", 2, 2))),
    (limits.check_list, named(LIMITS_MAX + 1), ["too_many"], tuple(named(LIMITS_MAX + 1))),
    (limits.check_list, named(LIST_MAX), ["too_many"], tuple(named(LIST_MAX))),
    (limits.check_list, named(LIST_MAX + 1), ["too_many"], ()),
    (scopes.check_list, "read:x", ["not_a_list"], ()),
    (scopes.check_list, ["s" * 65, "A", "", "a:", "ok"], ["bad_scope"] * 4, ("ok",)),
    (scopes.check_list, ["tokenry:*", "tokenry:keys:*"], ["bad_scope"] * 2, ()),
]


@pytest.mark.parametrize(("read", "value", "codes", "clean"), BAD)
def test_what_is_beyond_its_bounds_is_named(read: Callable[..., Any], value: Any, codes: list[str], clean: Any) -> None:
    errors: list[FieldError] = []
    found = read("field", value, errors)
    assert [error.code for error in errors] == codes
    assert {error.field for error in errors} == {"field"}
    assert clean is None or found == clean


BAD_LIMITS: list[tuple[Any, list[tuple[str, str]]]] = [
    (Limit("n", 0, 1), [("limits[1].limit", "bad_limit")]),
    (Limit("n", COUNT_MAX + 1, 1), [("limits[1].limit", "bad_limit")]),
    (Limit("n", True, 1), [("limits[1].limit", "bad_limit")]),
    (Limit("n", 1.0, 1), [("limits[1].limit", "bad_limit")]),  # type: ignore[arg-type]
    (Limit("n", 1, 0), [("limits[1].window_seconds", "bad_limit")]),
    (Limit("n", 1, WINDOW_MAX + 1), [("limits[1].window_seconds", "bad_limit")]),
    (Limit("n" * 33, 1, 1), [("limits[1].name", "bad_limit")]),
    (Limit("", 1, 1), [("limits[1].name", "bad_limit")]),
    (
        {"name": "n", "limit": 1, "per": 60},
        [("limits[1].per", "unknown_field"), ("limits[1].window_seconds", "missing")],
    ),
    (5, [("limits[1]", "bad_limit")]),
]


@pytest.mark.parametrize(("value", "named"), BAD_LIMITS)
def test_a_bad_limit_is_named_by_its_place(value: Any, named: list[tuple[str, str]]) -> None:
    errors: list[FieldError] = []
    good = Limit("good", 1, 1)
    assert limits.check_list("limits", [good, value], errors) == (good,)
    assert [error[:2] for error in errors] == named


EXPIRIES: list[tuple[dict[str, Any], Any, Any, str, Any]] = [
    ({}, SECOND, NOT_GIVEN, "", NOW + SECOND),
    ({}, NOT_GIVEN, NOW + SECOND, "", NOW + SECOND),
    ({}, NOT_GIVEN, NOT_GIVEN, "", NOW + 90 * DAY),
    ({}, None, NOT_GIVEN, "", None),
    ({"never_allowed": False}, None, NOT_GIVEN, "expires_in: never_not_allowed", None),
    ({"never_allowed": False}, NOT_GIVEN, None, "expires_at: never_not_allowed", None),
    ({}, DAY, NOW, "expires_at: ambiguous", None),
    ({}, timedelta(0), NOT_GIVEN, "expires_in: out_of_range", None),
    ({}, NOT_GIVEN, NOW, "expires_at: out_of_range", None),
    ({"expires_in_max": DAY}, DAY, NOT_GIVEN, "", NOW + DAY),
    ({"expires_in_max": DAY}, DAY + SECOND, NOT_GIVEN, "expires_in: out_of_range", None),
    ({}, 5, NOT_GIVEN, "expires_in: not_a_length", None),
    ({}, NOT_GIVEN, NAIVE, "expires_at: not_a_moment", None),
    ({}, NOT_GIVEN, 5, "expires_at: not_a_moment", None),
]


@pytest.mark.parametrize(("policy", "expires_in", "expires_at", "mistake", "ends"), EXPIRIES)
def test_when_a_key_expires(policy: dict[str, Any], expires_in: Any, expires_at: Any, mistake: str, ends: Any) -> None:
    errors: list[FieldError] = []
    assert fields.expiry(tenant(**policy), NOW, expires_in, expires_at, errors) == ends
    assert "; ".join(f"{error.field}: {error.code}" for error in errors) == mistake


def test_an_owner_is_read_field_by_field() -> None:
    given = {"name": " Ada ", "email": None, "roles": ["dev"], "admin": True}
    assert fields.owner(given) == {"name": "Ada", "email": None, "roles": ("dev",), "admin": True}
    assert fields.owner({"name": "x" * 320}) == {"name": "x" * 320}
    assert fields.owner({}) == {}
    with pytest.raises(Invalid) as refused:
        fields.owner({"name": "x" * 321, "email": 5, "roles": "dev", "admin": 1})
    codes = [("name", "too_long"), ("email", "not_a_text"), ("roles", "not_a_list"), ("admin", "not_a_bool")]
    assert [(error.field, error.code) for error in refused.value.errors] == codes


@pytest.mark.parametrize(("value", "is_good"), [(1, True), (100, True), (0, False), (101, False), (True, False)])
def test_a_page_has_1_to_100_items(value: Any, is_good: bool) -> None:
    if is_good:
        assert fields.limit_of_page(value) == value
        return
    with pytest.raises(Invalid) as refused:
        fields.limit_of_page(value)
    assert [(error.field, error.code) for error in refused.value.errors] == [("limit", "out_of_range")]


@pytest.mark.parametrize(("value", "is_good"), [(None, True), (0, True), (7, True), (True, False), ("1", False)])
def test_a_version_is_a_number_or_none(value: Any, is_good: bool) -> None:
    if is_good:
        assert fields.version(value) == value
        return
    with pytest.raises(Invalid) as refused:
        fields.version(value)
    assert [(error.field, error.code) for error in refused.value.errors] == [("if_version", "not_a_number")]


def test_bounds_are_told_in_days_or_seconds() -> None:
    errors: list[FieldError] = []
    fields.length("a", 3 * DAY, errors, least=SECOND, most=2 * DAY)
    fields.length("a", 3 * DAY, errors, least=2 * SECOND, most=DAY)
    assert [error.message for error in errors] == ["must be from 1 second to 2 days", "must be from 2 seconds to 1 day"]


def test_a_blank_name_is_told_how_long_it_must_be() -> None:
    errors: list[FieldError] = []
    fields.text("a", "", errors, least=1)
    fields.text("a", "x", errors, least=2)
    assert [error.message for error in errors] == [f"must have at least {n}" for n in ("1 character", "2 characters")]


def test_an_address_that_is_none_is_refused_by_its_field() -> None:
    for text in ("", "x", "1.2.3", "1.2.3.4.5", "::g", "1.2.3.4\0"):
        with pytest.raises(Invalid) as refused:
            addresses.read(text)
        assert [(error.field, error.code) for error in refused.value.errors] == [("ip", "bad_address")], text


def test_the_bounds_that_are_documented_are_the_bounds() -> None:
    assert (fields.NAME_MAX, fields.TEXT_MAX, fields.METADATA_MAX, fields.DEPTH_MAX) == (100, 1000, 8192, 32)
    assert fields.GRACE_MAX == 365 * DAY
    assert (COUNT_MAX, WINDOW_MAX, LIMITS_MAX) == (1_000_000_000_000, 366 * 86_400, 8)
    assert (addresses.ENTRIES_MAX, scopes.LENGTH_MAX, scopes.ASKED_MAX) == (256, 64, 256)


def test_an_empty_address_list_restricts_nothing() -> None:
    assert addresses.compiled(()) is None
    compiled = addresses.compiled(("10.0.0.0/8",))
    assert compiled is not None
    assert compiled.holds(addresses.read("10.255.255.255"))
    assert not compiled.holds(addresses.read("11.0.0.0"))

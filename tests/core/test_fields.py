"""Fields: whatever is passed becomes a clean value or a named error, never an exception of another kind."""

from __future__ import annotations

import json
import sys
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tokenry.core import addresses, fields, limits, scopes
from tokenry.core.errors import FieldError
from tokenry.core.model import NOT_GIVEN, Tenant, micros, moment

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=5)
    | st.just(object()),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=5), parts, max_size=3),
    max_leaves=5,
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # turn the direction of writing: disguise
READERS: dict[str, Any] = {
    "name": fields.name,
    "text": fields.text,
    "slug": fields.slug,
    "environment": fields.environment,
    "roles": fields.roles,
    "metadata": fields.metadata,
    "moment": fields.moment,
    "scopes": scopes.check_list,
    "allowed_ips": addresses.check_list,
    "limits": limits.check_list,
}


@given(ANYTHING)
def test_a_reader_gives_a_value_or_names_its_field(value: Any) -> None:
    for field, read in READERS.items():
        errors: list[FieldError] = []
        read(field, value, errors)
        assert all(error.field.partition("[")[0] == field and error.code and error.message for error in errors)


# Characters that a name may not hold are drawn often: among all of Unicode they are too rare to be met.
FORBIDDEN = st.sampled_from([*TURNING, *"\0\t\n\r\x1b\x7f\x85\u2028\u2029\ud800"])
NAMES = st.text(max_size=120) | st.text(st.characters() | FORBIDDEN, max_size=120)


@example(f"ab{TURNING[4]}cd")
@given(NAMES)
def test_a_name_is_clean_or_refused(text: str) -> None:
    errors: list[FieldError] = []
    name = fields.name("name", text, errors)
    clean = unicodedata.normalize("NFC", text.strip())
    control = any(c in TURNING or unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in clean)
    good = 1 <= len(clean) <= 100 and not control
    assert (not errors) == good
    if not errors:
        assert name == clean
        assert fields.name("name", name, errors) == name


@pytest.mark.parametrize("character", TURNING)
def test_a_character_that_turns_the_direction_of_writing_is_refused_wherever_it_stands(character: str) -> None:
    for text in (f"{character}ab", f"a{character}b", f"ab{character}"):
        errors: list[FieldError] = []
        fields.name("name", text, errors)
        assert [error.code for error in errors] == ["control_character"], repr(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=5), parts, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_metadata_is_what_json_makes_of_it(value: dict[str, Any]) -> None:
    errors: list[FieldError] = []
    clean = fields.metadata("metadata", value, errors)
    if not errors:
        assert clean == json.loads(json.dumps(value))


@given(st.datetimes(timezones=st.timezones()))
def test_a_moment_goes_through_microseconds_and_back(at: datetime) -> None:
    assert moment(micros(at)) == at.astimezone(UTC)


def tenant(**fields_: Any) -> Tenant:
    values: dict[str, Any] = {
        "id": "t", "slug": "s", "name": "n", "prefix": "tk", "status": "active", "created_at": NOW,
        "expires_in_default": timedelta(days=90), "expires_in_max": timedelta(days=3650), "never_allowed": True,
        "self_rotation_allowed": False,
    }  # fmt: skip
    return Tenant(**(values | fields_))


@given(st.timedeltas())
def test_an_expiry_is_within_its_bounds_or_refused_and_both_ways_of_giving_it_agree(life: timedelta) -> None:
    errors: list[FieldError] = []
    by_length = fields.expiry(tenant(), NOW, life, NOT_GIVEN, errors)
    good = timedelta(seconds=1) <= life <= timedelta(days=3650)
    assert (not errors) == good
    assert by_length == (NOW + life if good else None)
    if good:
        assert fields.expiry(tenant(), NOW, NOT_GIVEN, NOW + life, errors) == by_length
    assert (not errors) == good


def test_never_is_explicit() -> None:
    errors: list[FieldError] = []
    assert fields.expiry(tenant(), NOW, NOT_GIVEN, NOT_GIVEN, errors) == NOW + timedelta(days=90)
    assert fields.expiry(tenant(), NOW, None, NOT_GIVEN, errors) is None
    assert errors == []
    fields.expiry(tenant(never_allowed=False), NOW, NOT_GIVEN, None, errors)
    assert [error.code for error in errors] == ["never_not_allowed"]


def test_what_is_searched_is_the_same_in_every_case_and_composition_of_a_character() -> None:
    for number in (*range(0xD800), *range(0xE000, sys.maxunicode + 1)):
        char = chr(number)
        forms = {char, char.upper(), char.lower(), char.title(), char.swapcase(), char.casefold()}
        forms |= {unicodedata.normalize(form, char) for form in ("NFC", "NFD", "NFKC", "NFKD")}
        if len(forms) > 1:
            assert len({fields.searchable(form) for form in forms}) == 1, hex(number)


def test_what_is_searched_loses_case_and_accents_and_no_letter() -> None:
    assert fields.searchable("Ärger", "Straße") == "arger\nstrasse"
    assert fields.searchable("Łódź ĞÜÇ Işık") == "łodz guc isik"
    assert fields.searchable("Ёлка Йод") == "елка иод"
    assert fields.searchable("日本 हिन्दी") == "日本 हिन्दी"

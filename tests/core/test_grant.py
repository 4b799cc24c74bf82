"""The hot lookup: a row becomes the grant that decisions read, field by field."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
import pytest

from tests.core.test_token import KEY_RECORD, OWNER_RECORD, TENANT_RECORD, grant
from tokenry.core.credits import Credits
from tokenry.core.grant import COLUMNS, Grant, Row, compile_row, read_row, size_of_grant, with_owner
from tokenry.core.limits import CountedLimit, state
from tokenry.core.model import moment
from tokenry.core.scopes import granted, size_of
from tokenry.core.verdict import KeyValid

STORED: dict[str, Any] = {
    "kid": "the kid", "pepper_id": "gen001", "ends_at": 1, "key_id": "key_1", "tenant_id": "ten_1",
    "scopes": '["a","b"]', "role_scopes": '[["b","c"],["d"]]', "allowed_ips": '["10.0.0.0/8"]',
    "limits": '[["m",5,60]]', "credits": None, "environment": "live", "disabled_at": None, "expires_at": 3,
    "not_before": 2, "revoked_at": None, "use_count": 0, "owner_status": "active", "slug": "acme",
    "tenant_status": "active", "key_record": msgspec.Raw(KEY_RECORD), "owner_record": msgspec.Raw(OWNER_RECORD),
    "tenant_record": msgspec.Raw(TENANT_RECORD),
    "owner_limits": '[["o",6,60]]', "tenant_limits": '[["t",7,60]]',
    "owner_limits_version": 2, "tenant_limits_version": 3,
}  # fmt: skip


LIMITS = (CountedLimit("m", 5, 60), CountedLimit("o", 6, 60, "owner"), CountedLimit("t", 7, 60, "tenant"))


def row(**given: Any) -> Row:
    return Row(**(STORED | given))


def fields_of(found: Grant) -> dict[str, Any]:
    """Return what a grant says, with lists in place of what is compiled."""
    values = {name: getattr(found, name) for name in Grant.__struct_fields__}
    assert found.addresses is not None
    return values | {"scopes": found.scopes.scopes, "addresses": found.addresses.entries}


def test_a_row_is_read_as_it_was_selected() -> None:
    assert tuple(STORED) == COLUMNS
    found = read_row(b"digest", msgspec.json.encode(list(STORED.values())).decode())
    assert {name: getattr(found, name) for name in COLUMNS} == STORED
    assert (found.digest, found.grant) == (b"digest", None)
    assert repr(found) == "Row(kid='the kid', key_id='key_1', tenant='acme')"
    assert found.__rich_repr__() == [("kid", "the kid"), ("key_id", "key_1"), ("tenant", "acme")]


def test_every_field_of_a_row_has_its_place_in_the_grant() -> None:
    assert fields_of(compile_row(row())) == {
        "kid": "the kid", "tenant": "acme", "environment": "live", "suspended": False, "revoked": False, "ends_at": 1,
        "disabled": False, "not_before": 2, "expires_at": 3, "owner_disabled": False, "scopes": ("a", "b", "c", "d"),
        "own_scopes": ("a", "b"), "addresses": ("10.0.0.0/8",), "limits": LIMITS,
        "key_record": KEY_RECORD, "owner_record": OWNER_RECORD, "tenant_record": TENANT_RECORD,
        "limits_versions": (2, 3), "proof": b"",
        "counters": None, "unused": True, "read_at": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stored", "turned"),
    [
        ({"tenant_status": "suspended"}, "suspended"),
        ({"revoked_at": 0}, "revoked"),
        ({"disabled_at": 0}, "disabled"),
        ({"owner_status": "disabled"}, "owner_disabled"),
        ({"owner_status": "deleted"}, "owner_disabled"),
        ({"use_count": 1}, "unused"),
    ],
)
def test_a_status_turns_its_own_flag_alone(stored: dict[str, Any], turned: str) -> None:
    before, after = fields_of(compile_row(row())), fields_of(compile_row(row(**stored)))
    assert {name for name in after if after[name] != before[name]} == {turned}


def test_a_key_without_roles_or_a_list_of_addresses() -> None:
    found = compile_row(row(role_scopes=None, allowed_ips="[]"))
    assert (found.scopes.scopes, found.addresses) == (("a", "b"), None)


def test_what_keys_share_is_kept_once() -> None:
    one, other = compile_row(row()), compile_row(row(kid="other"))
    assert one.owner_record is other.owner_record
    assert one.tenant_record is other.tenant_record
    assert one.scopes is other.scopes
    assert one.addresses is other.addresses


def test_credits_are_in_the_grant_of_a_key_that_has_some_and_take_no_room_in_others() -> None:
    with_some, without = compile_row(row(credits='[5,"monthly",31,true]')), compile_row(row())
    assert with_some.credits == Credits(5, "monthly", 31, shared=True) == with_some.key("active").credits
    assert without.credits is without.key("active").credits is None
    assert sys.getsizeof(without) < sys.getsizeof(with_some)


def test_a_host_says_who_an_owner_is_and_leaves_what_it_does_not_say() -> None:
    facts = {"name": "Ada L.", "email": None, "roles": ("dev", "ops"), "admin": True, "id": "own_2", "status": "x"}
    owner = compile_row(with_owner(row(), facts)).owner()
    assert (owner.id, owner.name, owner.email, owner.roles, owner.admin) == (
        "own_1", "Ada L.", None, ("dev", "ops"), True,
    )  # fmt: skip
    unchanged = compile_row(with_owner(row(), {})).owner()
    assert unchanged == compile_row(row()).owner()


def test_a_larger_grant_is_taken_for_larger() -> None:
    small, long = grant(key_record=b"x" * 100), grant(key_record=b"x" * 300)
    assert size_of_grant(long) == size_of_grant(small) + 200
    many = grant(key_record=b"x" * 100, own_scopes=("a",) * 100)
    assert size_of_grant(many) > size_of_grant(small) + 1000
    assert size_of_grant(small) > 100


def test_scopes_of_roles_that_no_other_grant_shares_count_in_full() -> None:
    few, many = granted(("a", "b")), granted(tuple(f"area:{number}" for number in range(1000)))
    assert granted(few.scopes) is few
    assert granted(many.scopes) is not many
    assert size_of_grant(grant(scopes=few)) == size_of_grant(grant(scopes=granted(())))
    assert size_of_grant(grant(scopes=many)) - size_of_grant(grant(scopes=few)) == size_of(many.scopes)


def test_a_verdict_tells_of_its_key() -> None:
    found = compile_row(row(expires_at=7))
    limit = found.limits[0]
    verdict = KeyValid(found, ((limit, 3, 2),))
    assert verdict
    assert (verdict.kind, verdict.code, verdict.online) == ("key", "valid", True)
    assert (verdict.key, verdict.owner, verdict.tenant) == (found.key("active"), found.owner(), found.tenant_of())
    assert (verdict.scopes, verdict.limits) == (("a", "b", "c", "d"), (state(limit, 3, 2),))
    assert (verdict.expires_at, KeyValid(compile_row(row(expires_at=None))).expires_at) == (moment(7), None)
    assert repr(verdict) == "KeyValid(key='key_1', owner='ada', tenant='acme')"
    assert KeyValid(found).limits == ()

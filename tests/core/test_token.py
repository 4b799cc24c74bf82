"""A token is what its parent is, narrowed to what the token says."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tokenry.core.decide import Ask
from tokenry.core.grant import KEY_SHOWN, OWNER_SHOWN, SESSION_SHOWN, TENANT_SHOWN, Grant
from tokenry.core.jwt import Claims
from tokenry.core.model import moment
from tokenry.core.records import SECRET, Stored
from tokenry.core.scopes import granted, require
from tokenry.core.token import Checked, OfflineValid, alone, checked, is_meant, joined, narrowed, offline
from tokenry.core.verdict import SessionValid, TokenValid

SECOND = 1_000_000
ASK = Ask()
VALUES: dict[str, dict[str, Any]] = {
    "key": {
        "id": "key_1", "name": "k", "description": "", "roles": "[]", "created_at": 1, "version": 3, "metadata": "{}",
        "updated_at": 1, "tags": "[]", "limits": "[]",
    },
    "secret": {
        "kid": "kid", "created_at": 2, "ends_at": None, "last_used_at": None, "last_used_ip": None, "use_count": 0,
    },
    "session": {
        "id": "ses_1", "scopes": '["a"]', "audience": "[]", "claims": "{}", "device": "{}", "client_id": "c",
        "generation": 2, "created_at": 1, "rotated_at": 2, "idle_expires_at": 3, "expires_at": 4,
    },
    "owner": {
        "id": "own_1", "external_id": "ada", "name": "Ada", "email": None, "roles": "[]", "admin": 0, "created_at": 1,
        "updated_at": 1, "default_limits": "[]", "shared_limits": "[]",
    },
    "tenant": {
        "id": "ten_1", "name": "Acme", "key_prefix": "tk", "expires_in_default": 5, "expires_in_max": 7,
        "never_allowed": 1, "self_rotation_allowed": 0, "created_at": 1, "default_limits": "[]", "shared_limits": "[]",
        "time_zone": "UTC",
    },
}  # fmt: skip


def stored(*kinds: tuple[str, Stored[Any]]) -> bytes:
    # A field that was added later is null here, and none of the tests is about it.
    return json.dumps([VALUES[name].get(column) for name, kind in kinds for column in kind.columns]).encode()


KEY_RECORD = stored(("key", KEY_SHOWN), ("secret", SECRET))
OWNER_RECORD, TENANT_RECORD = stored(("owner", OWNER_SHOWN)), stored(("tenant", TENANT_SHOWN))


def token(**claims: Any) -> Checked:
    payload: dict[str, Any] = {
        "iss": "i", "sub": "ada", "aud": "api", "exp": 200, "iat": 100, "jti": "j", "client_id": "c", "tid": "acme",
        "scope": "read:a write:*", "key": "kid",
    }  # fmt: skip
    found = checked(Claims(**(payload | claims)), b'{"exp":200}', "k1")
    assert found is not None
    return found


def grant(**given: Any) -> Grant:
    values: dict[str, Any] = {
        "kid": "kid", "tenant": "acme", "environment": "", "suspended": False, "revoked": False, "ends_at": None,
        "disabled": False, "not_before": None, "expires_at": None, "owner_disabled": False,
        "scopes": granted(("read:*", "write:b")), "own_scopes": ("read:*", "write:b"), "addresses": None, "limits": (),
        "key_record": KEY_RECORD, "owner_record": OWNER_RECORD, "tenant_record": TENANT_RECORD,
    }  # fmt: skip
    return Grant(**(values | given))


@pytest.mark.parametrize(
    ("sid", "key", "kind"), [("ses_1", None, "session"), (None, "kid", "token"), (None, None, ""), ("ses_1", "kid", "")]
)
def test_a_token_hangs_on_exactly_one_thing(sid: str | None, key: str | None, kind: str) -> None:
    claims = Claims("i", "ada", ("a", "b"), 200, 100, "j", "c", "acme", "x", sid=sid, key=key)
    found = checked(claims, b"{}", "k1")
    assert (found.kind if found else "") == kind
    if found:
        assert found.parent_id == (sid or key)
        assert found.audience == ("a", "b")
        assert repr(found) == f"Checked({(sid or key)!r})"
        assert found.__rich_repr__() == [("parent_id", sid or key)]


@pytest.mark.parametrize(
    ("expires_at", "not_before", "ends", "begins"),
    [
        (None, None, 200, 100),
        (150, 120, 150, 120),
        (300, 50, 200, 100),
    ],
)
def test_a_token_lives_within_its_parents_life(
    expires_at: int | None, not_before: int | None, ends: int, begins: int
) -> None:
    times = {"expires_at": expires_at and expires_at * SECOND, "not_before": not_before and not_before * SECOND}
    found = joined(token(), grant(**times))
    assert (found.expires_at, found.not_before) == (ends * SECOND, begins * SECOND)
    assert found.kid == "kid"


def test_a_join_is_kept_for_the_same_parent_alone() -> None:
    one, parent, other = token(), grant(), grant(revoked=True)
    assert joined(one, parent) is joined(one, parent)
    assert joined(one, other).revoked
    assert not joined(one, parent).revoked


def test_scopes_are_what_both_cover() -> None:
    own, parent = granted(("write:*", "read:a", "x")), granted(("read:*", "write:b", "y"))
    both = narrowed(own, parent)
    assert both.scopes == ("write:b", "read:a")
    one = token(scope="write:* read:a x")
    assert joined(one, grant(scopes=parent)).scopes.scopes == ("write:b", "read:a")
    assert [both.covers(scope) for scope in ("read:a", "read:b", "write:b", "write:c", "x", "y")] == [
        True, False, True, False, False, False,
    ]  # fmt: skip
    assert narrowed(own, own) is own
    assert narrowed(own, parent) is both


def test_the_key_of_a_derived_token_has_its_own_times() -> None:
    parent = grant(expires_at=900 * SECOND)
    verdict = TokenValid(token(), joined(token(), parent))
    assert verdict.kind == "token"
    assert verdict.online
    assert verdict.key.expires_at == moment(900 * SECOND)
    assert not hasattr(verdict, "session")
    assert verdict.claims == {"exp": 200}
    assert verdict.expires_at == moment(200 * SECOND)
    assert repr(verdict) == f"TokenValid(token={parent.key_id!r}, owner='ada', tenant='acme')"


def test_the_token_of_a_session_tells_of_it() -> None:
    parent = grant(key_record=stored(("session", SESSION_SHOWN)))
    one = token(sid="ses_1", key=None)
    verdict = SessionValid(one, joined(one, parent))
    session = verdict.session
    assert (verdict.kind, verdict.claims) == ("session", {"exp": 200})
    assert (session.id, session.owner, session.tenant, session.status) == ("ses_1", "ada", "acme", "active")
    assert (session.scopes, session.client_id, session.generation) == (("a",), "c", 2)
    times = (session.created_at, session.refreshed_at, session.idle_expires_at, session.expires_at)
    assert times == tuple(map(moment, (1, 2, 3, 4)))
    assert (session.revoked_at, session.revoke_reason) == (None, "")
    assert verdict.expires_at == moment(4)
    assert repr(verdict) == "SessionValid(session='ses_1', owner='ada', tenant='acme')"


def test_a_token_alone_is_what_it_says() -> None:
    found = alone(token())
    assert (found.expires_at, found.not_before, found.environment) == (200 * SECOND, 100 * SECOND, "")
    assert (found.kid, found.tenant, found.own_scopes) == ("kid", "acme", ("read:a", "write:*"))
    assert alone(token(scope="a tokenry:verify")).environment == "op"
    assert not any((found.suspended, found.revoked, found.disabled, found.owner_disabled))
    assert (found.ends_at, found.addresses, found.limits) == (None, None, ())


def test_offline_a_token_holds_by_its_times_scopes_and_audience() -> None:
    one = token(aud=("a", "b"))
    assert offline(one, ASK, 100 * SECOND)
    assert offline(one, ASK, 200 * SECOND - 1)
    assert offline(one, ASK, 200 * SECOND).code == "expired"
    assert offline(one, ASK, 100 * SECOND - 1).code == "not_yet_valid"
    assert offline(one, Ask(requirement=require("read:b")), 150 * SECOND).code == "insufficient_scope"
    assert offline(one, Ask(audience="b"), 150 * SECOND)
    assert offline(one, Ask(audience="c"), 150 * SECOND).code == "not_found"
    assert [is_meant(one, Ask(audience=audience)) for audience in (None, "a", "c")] == [True, True, False]


def test_offline_nothing_is_told_but_what_the_token_says() -> None:
    verdict = offline(token(roles=("dev",)), ASK, 150 * SECOND)
    assert isinstance(verdict, OfflineValid)
    assert not verdict.online
    assert not hasattr(verdict, "key")
    assert not hasattr(verdict, "session")
    assert repr(verdict) == "OfflineValid(token='c', owner='ada', tenant='acme')"
    owner, tenant = verdict.owner, verdict.tenant
    assert (owner.id, owner.external_id, owner.tenant, owner.roles) == ("", "ada", "acme", ("dev",))
    assert (owner.admin, owner.status, owner.created_at) == (False, "active", moment(0))
    assert (tenant.id, tenant.slug, tenant.name, tenant.status) == ("", "acme", "acme", "active")
    assert (tenant.never_allowed, tenant.self_rotation_allowed) == (False, False)
    assert tenant.expires_in_default == tenant.expires_in_max == timedelta(0)
    assert tenant.created_at == moment(0)


def test_a_grant_tells_its_records() -> None:
    found = grant(suspended=True, owner_disabled=True)
    assert (found.key_id, found.tenant_id, found.external_id) == ("key_1", "ten_1", "ada")
    assert found.holder("key") == ("key_1", (3, 0, 0))
    assert [found.holder(of) for of in ("owner", "tenant")] == [("own_1", (0,)), ("ten_1", (0,))]
    assert repr(found) == "Grant(kid='kid', tenant='acme')"
    assert found.__rich_repr__() == [("kid", "kid"), ("tenant", "acme")]
    assert (found.owner().status, found.tenant_of().status) == ("disabled", "suspended")
    assert (grant().owner().status, grant().tenant_of().status) == ("active", "active")
    tenant = found.tenant_of()
    assert (tenant.expires_in_default, tenant.expires_in_max) == (timedelta(microseconds=5), timedelta(microseconds=7))
    assert (tenant.never_allowed, tenant.self_rotation_allowed) == (True, False)
    key = found.key("active")
    assert (key.id, key.name, key.version, key.scopes, key.secrets[0].kid) == (
        "key_1", "k", 3, ("read:*", "write:b"), "kid",
    )  # fmt: skip
    assert (key.created_at, key.secrets[0].created_at, key.expires_at) == (moment(1), moment(2), None)

"""Every mistake of a caller by the field and the code that name it, and every state that stands in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tokenry import Conflict, Invalid
from tokenry.testing import throwaway

DAY = timedelta(days=1)
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001
SIZED = {"a": "x" * (4096 - len('{"a": ""}'))}


@pytest.fixture
def tk() -> Iterator[Any]:
    with throwaway() as instance:
        instance.owners.put("ada")
        instance.keys.issue("ada", name="taken")
        yield instance


def key(tk: Any) -> str:
    """Return the id of the one key."""
    [found] = tk.keys.list()
    return str(found.id)


MISTAKES: list[tuple[Callable[[Any], object], str]] = [
    (lambda tk: tk.owners.get("ada", by=None), "by: missing"),
    (lambda tk: tk.owners.get("ada", by=1.5), "by: bad_actor"),
    (lambda tk: tk.owners.get("", by="ada"), "owner: bad_external_id"),
    (lambda tk: tk.owners.get("x" * 256), "owner: bad_external_id"),
    (lambda tk: tk.owners.get(True), "owner: bad_external_id"),
    (lambda tk: tk.owners.put(str(tk.keys.issue("ada", name="k").secret)), "owner: holds_credential"),
    (lambda tk: tk.owners.list(tenant=""), "tenant: not_a_text"),
    (lambda tk: tk.owners.list(tenant=5), "tenant: not_a_text"),
    (lambda tk: tk.owners.list(tenant=None), "tenant: not_a_text"),
    (lambda tk: tk.owners.list(text="x" * 321), "text: too_long"),
    (lambda tk: tk.owners.list(limit=0), "limit: out_of_range"),
    (lambda tk: tk.owners.list(cursor="x"), "cursor: bad_cursor"),
    (lambda tk: tk.owners.put("ada", roles=["ghost"]), "roles: unknown_role"),
    (lambda tk: tk.keys.rotate(key(tk), grace=366 * DAY), "grace: out_of_range"),
    (lambda tk: tk.keys.rotate(key(tk), idempotency_key=""), "idempotency_key: bad_key"),
    (lambda tk: tk.keys.rotate(key(tk), idempotency_key="x" * 256), "idempotency_key: bad_key"),
    (lambda tk: tk.keys.rotate(key(tk), idempotency_key=5), "idempotency_key: bad_key"),
    (lambda tk: tk.keys.revoke_where(), "filter: missing"),
    (lambda tk: tk.keys.revoke(key(tk), reason="x" * 501), "reason: too_long"),
    (lambda tk: tk.keys.purge(), "expired_before: missing"),
    (lambda tk: tk.keys.purge(revoked_before=NAIVE), "revoked_before: not_a_moment"),
    (lambda tk: tk.keys.purge(expired_before=NAIVE), "expired_before: not_a_moment"),
    (lambda tk: tk.keys.list(status="gone"), "status: unknown"),
    (lambda tk: tk.keys.list(text=""), "text: blank"),
    (lambda tk: tk.keys.list(text="x" * 201), "text: too_long"),
    (lambda tk: tk.keys.list(expiring_within=-DAY), "expiring_within: out_of_range"),
    (lambda tk: tk.keys.list(expiring_within=36_501 * DAY), "expiring_within: out_of_range"),
    (lambda tk: tk.keys.list(last_used_before=NAIVE), "last_used_before: not_a_moment"),
    (lambda tk: tk.keys.expiring(within=-DAY), "within: out_of_range"),
    (lambda tk: tk.keys.issue_many("x"), "keys: not_a_list"),
    (lambda tk: tk.keys.issue_many({}), "keys: not_a_list"),
    (lambda tk: tk.keys.issue_many([{}] * 1001), "keys: too_many"),
    (lambda tk: tk.keys.issue_many([{}], origins=[]), "origins: bad_length"),
    (lambda tk: tk.keys.issue("ada", name="k", environment="live", not_before=NAIVE), "not_before: not_a_moment"),
    (lambda tk: tk.keys.issue("ada", name="k", scopes=["tokenry:verify"]), "scopes: operator_scope"),
    (lambda tk: tk.keys.issue("ada", name="k", scopes=["read"], environment="op"), "scopes: operator_scope"),
    (lambda tk: tk.keys.issue("ada", name="k", roles=["ghost"]), "roles: unknown_role"),
    (lambda tk: tk.events.list(after=-1), "after: out_of_range"),
    (lambda tk: tk.events.list(after=1 << 63), "after: out_of_range"),
    (lambda tk: tk.events.list(after=True), "after: out_of_range"),
    (lambda tk: tk.events.list(types="key.revoked"), "types: not_a_list"),
    (lambda tk: tk.events.list(types=["key.gone"]), "types: unknown_type"),
    (lambda tk: tk.events.subscribe(print, types=[5]), "types: unknown_type"),
    (lambda tk: tk.roles.put("", scopes=[]), "name: bad_role"),
    (lambda tk: tk.roles.put("r", scopes=["tokenry:verify"]), "scopes: operator_scope"),
    (lambda tk: tk.scopes.define(["tokenry:verify"]), "scopes: operator_scope"),
    (lambda tk: tk.scopes.check(5), "scopes: not_a_list"),
    (lambda tk: tk.scopes.check(["a"] * 1001), "scopes: too_many"),
    (lambda tk: tk.scopes.check(["a", 5]), "scopes: bad_scope"),
    (lambda tk: tk.audit.cut(before=NAIVE), "before: not_a_moment"),
    (lambda tk: tk.audit.cut(before=None), "before: not_a_moment"),
    (lambda tk: tk.usage.get(key(tk), since=NAIVE), "since: not_a_moment"),
    (lambda tk: tk.sessions.revoke_all("ada", keep="x"), "keep: bad_id"),
    (lambda tk: tk.sessions.start("ada", claims=[]), "claims: not_a_mapping"),
    (lambda tk: tk.sessions.start("ada", claims={"iss": "x"}), "claims: reserved_claim"),
    (lambda tk: tk.sessions.start("ada", claims={"a": SIZED["a"] + "x"}), "claims: too_long"),
    (lambda tk: tk.sessions.start("ada", audience=[]), "audience: not_an_audience"),
    (lambda tk: tk.sessions.start("ada", audience=["a"] * 21), "audience: not_an_audience"),
    (lambda tk: tk.sessions.start("ada", audience="x" * 256), "audience: too_long"),
    (lambda tk: tk.sessions.start("ada", client_id=""), "client_id: blank"),
    (lambda tk: tk.sessions.start("ada", client_id="x" * 256), "client_id: too_long"),
    (lambda tk: tk.sessions.start("ada", scopes=[f"{'s' * 60}{n:03}" for n in range(100)]), "scopes: too_long"),
    (lambda tk: tk.tenants.create("-"), "slug: bad_slug"),
    (lambda tk: tk.tenants.create("a", prefix="A"), "prefix: bad_prefix"),
    (lambda tk: tk.tenants.create("a", prefix="a" * 20), "prefix: bad_prefix"),
    (lambda tk: tk.tenants.create("a", never_allowed=1), "never_allowed: not_a_bool"),
    (lambda tk: tk.tenants.create("a", self_rotation_allowed="no"), "self_rotation_allowed: not_a_bool"),
    (lambda tk: tk.tenants.create("a", expires_in_max=36_501 * DAY), "expires_in_max: out_of_range"),
    (lambda tk: tk.tenants.create("a", expires_in_default=timedelta(0)), "expires_in_default: out_of_range"),
    (lambda tk: tk.tenants.update("default", expires_in_default=3651 * DAY), "expires_in_default: out_of_range"),
    (lambda tk: tk.verify("x", cost=-1), "cost: out_of_range"),
    (lambda tk: tk.verify("x", cost=10**9 + 1), "cost: out_of_range"),
    (lambda tk: tk.verify("x", cost=True), "cost: out_of_range"),
    (lambda tk: tk.verify("x", scopes={"any": ["a", []]}), "scopes: bad_question"),
    (lambda tk: tk.verify("x", ip="nowhere"), "ip: bad_address"),
]


@pytest.mark.parametrize(
    ("call", "mistake"), MISTAKES, ids=[f"{n} {mistake}" for n, (_, mistake) in enumerate(MISTAKES)]
)
def test_a_mistake_is_named_by_its_field_and_code(tk: Any, call: Callable[[Any], object], mistake: str) -> None:
    with pytest.raises(Invalid) as refused:
        call(tk)
    assert {f"{error.field}: {error.code}" for error in refused.value.errors} == {mistake}


GOOD: list[Callable[[Any], object]] = [
    lambda tk: tk.owners.put("x" * 255),
    lambda tk: tk.owners.put(7),
    lambda tk: tk.owners.list(text="x" * 320),
    lambda tk: tk.keys.rotate(key(tk), grace=365 * DAY),
    lambda tk: tk.keys.rotate(key(tk), idempotency_key="x" * 255),
    lambda tk: tk.keys.revoke(key(tk), reason="x" * 500),
    lambda tk: tk.keys.list(text="x" * 200, expiring_within=36_500 * DAY),
    lambda tk: tk.keys.list(expiring_within=timedelta(0)),
    lambda tk: tk.keys.issue_many([]),
    lambda tk: tk.events.list(after=(1 << 63) - 1),
    lambda tk: tk.scopes.check(["a"] * 1000),
    lambda tk: tk.sessions.start("ada", claims=SIZED),
    lambda tk: tk.sessions.start("ada", audience=["a"] * 20),
    lambda tk: tk.sessions.start("ada", audience="x" * 255, client_id="x" * 255),
    lambda tk: tk.tenants.create("a", prefix="a" * 19),
    lambda tk: tk.tenants.create("a", expires_in_max=36_500 * DAY, expires_in_default=36_500 * DAY),
    lambda tk: tk.tenants.update("default", expires_in_default=3650 * DAY, expires_in_max=3650 * DAY),
    lambda tk: tk.verify("x", cost=10**9),
    lambda tk: tk.verify("x", cost=0),
    lambda tk: tk.verify("x", scopes=[]),
]


@pytest.mark.parametrize("call", GOOD)
def test_what_is_just_within_its_bounds_is_accepted(tk: Any, call: Callable[[Any], object]) -> None:
    call(tk)


def ended(tk: Any) -> str:
    tk.keys.revoke(key(tk))
    return key(tk)


def repeated(tk: Any) -> None:
    tk.keys.issue("ada", name="a", idempotency_key="x")
    tk.keys.issue("ada", name="b", idempotency_key="x")


def off(tk: Any) -> None:
    tk.keys.disable(key(tk))
    tk.keys.rotate(key(tk))


CONFLICTS: list[tuple[Callable[[Any], object], str, str]] = [
    (lambda tk: tk.keys.issue("ada", name="Taken"), "name", "already has a key named 'Taken'"),
    (lambda tk: tk.keys.update(key(tk), name="x", if_version=7), "version", "is at version 1, not 7"),
    (lambda tk: tk.keys.update(ended(tk), name="x"), "status", "cannot be changed"),
    (lambda tk: tk.keys.enable(ended(tk)), "status", "stays revoked"),
    (lambda tk: tk.keys.disable(ended(tk)), "status", "stays revoked"),
    (lambda tk: tk.keys.rotate(ended(tk)), "status", "this one is revoked"),
    (off, "status", "this one is disabled"),
    (repeated, "idempotency_key", "other arguments"),
    (lambda tk: (tk.owners.disable("ada"), tk.keys.issue("ada", name="x")), "owner", "the owner is not active"),
    (lambda tk: (tk.owners.disable("ada"), tk.sessions.start("ada")), "owner", "the owner is not active"),
    (lambda tk: (tk.tenants.suspend("default"), tk.keys.issue("ada", name="x")), "owner", "the tenant is not active"),
    (lambda tk: (tk.tenants.suspend("default"), tk.sessions.start("ada")), "owner", "the tenant is not active"),
    (lambda tk: tk.tenants.create("default"), "slug", "already is a tenant 'default'"),
    (lambda tk: tk.tenants.suspend("system"), "slug", "operators cannot be suspended"),
    (lambda tk: tk.tenants.delete("default"), "slug", "always exists"),
    (lambda tk: tk.tenants.delete("system"), "slug", "always exists"),
    (lambda tk: (tk.tenants.create("a"), tk.tenants.delete("a")), "status", "only a suspended tenant without owners"),
]


@pytest.mark.parametrize(("call", "field", "words"), CONFLICTS, ids=[words for *_, words in CONFLICTS])
def test_a_state_that_stands_in_the_way_is_named(
    tk: Any, call: Callable[[Any], object], field: str, words: str
) -> None:
    with pytest.raises(Conflict, match=words) as refused:
        call(tk)
    assert refused.value.field == field

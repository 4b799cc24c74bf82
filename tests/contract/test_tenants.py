"""Tenants: made, changed, suspended, and deleted when they are empty."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tokenry import Conflict, Invalid, NotFound
from tokenry.testing import FakeClock

DAY = timedelta(days=1)


def test_default_and_system_always_exist(tk: Any) -> None:
    assert [tenant.slug for tenant in tk.tenants.list()] == ["default", "system"]
    default = tk.tenants.get("default")
    assert (default.prefix, default.status, default.never_allowed) == ("tk", "active", True)
    assert not default.self_rotation_allowed
    assert (default.expires_in_default, default.expires_in_max) == (90 * DAY, 3650 * DAY)


def test_a_tenant_is_what_was_asked_for(tk: Any, clock: FakeClock) -> None:
    tenant = tk.tenants.create(
        "acme", name="Acme Inc.", prefix="acme_eu", expires_in_default=DAY, expires_in_max=2 * DAY
    )
    assert (tenant.slug, tenant.name, tenant.prefix, tenant.status) == ("acme", "Acme Inc.", "acme_eu", "active")
    assert (tenant.expires_in_default, tenant.expires_in_max, tenant.never_allowed) == (DAY, 2 * DAY, False)
    assert tenant.created_at == clock.now()
    assert tk.tenants.get("acme") == tenant
    assert tk.tenants.create("other").name == "other"


def test_a_taken_slug_is_a_conflict(tk: Any, acme: str) -> None:
    for slug in (acme, "default", "system"):
        with pytest.raises(Conflict) as conflict:
            tk.tenants.create(slug)
        assert conflict.value.details["field"] == "slug"


@pytest.mark.rules
@pytest.mark.parametrize(
    "fields",
    [
        {"slug": ""},
        {"slug": "A"},
        {"slug": "-a"},
        {"slug": "a-"},
        {"slug": "a_b"},
        {"slug": "a" * 64},
        {"slug": None},
        {"name": ""},
        {"name": "x" * 101},
        {"prefix": "Acme"},
        {"prefix": "1a"},
        {"prefix": "a__b"},
        {"prefix": "_a"},
        {"prefix": ""},
        {"prefix": "a" * 20},
        {"prefix": "é"},
        {"expires_in_default": timedelta(0)},
        {"expires_in_default": 7},
        {"expires_in_default": None},
        {"expires_in_default": 3651 * DAY},
        {"expires_in_max": DAY},
        {"never_allowed": None},
        {"self_rotation_allowed": 1},
    ],
    ids=repr,
)
def test_bad_fields_are_invalid_and_nothing_is_stored(tk: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        tk.tenants.create(**({"slug": "acme"} | fields))
    assert len(tk.tenants.list()) == 2
    if "slug" not in fields:
        before = tk.tenants.get("default")
        with pytest.raises(Invalid):
            tk.tenants.update("default", **fields)
        assert tk.tenants.get("default") == before


def test_an_update_changes_what_is_given(tk: Any, acme: str) -> None:
    before = tk.tenants.get(acme)
    assert tk.tenants.update(acme, name="New", prefix="new") == replace(before, name="New", prefix="new")
    assert tk.tenants.update(acme, name="New") == replace(before, name="New", prefix="new")
    assert len(tk.events.list(tenant=acme, types=["tenant.updated"])) == 1


def test_keys_keep_the_prefix_they_were_made_with(tk: Any, acme: str) -> None:
    old = tk.keys.issue("ada", name="a", tenant=acme)
    tk.tenants.update(acme, prefix="new")
    new = tk.keys.rotate(old.key.id, tenant=acme, grace=DAY)
    assert str(old.secret).startswith("acme_live_")
    assert str(new.secret).startswith("new_live_")
    assert tk.verify(old.secret)
    assert tk.verify(new.secret)


def test_prefix_and_environment_have_24_characters_together(tk: Any) -> None:
    tk.tenants.create("long", prefix="a" * 19)
    tk.owners.put("ada", tenant="long")
    assert tk.keys.issue("ada", name="a", tenant="long")
    with pytest.raises(Invalid) as refused:
        tk.keys.issue("ada", name="b", tenant="long", environment="staging")
    assert [error.field for error in refused.value.errors] == ["environment"]


def test_suspending_is_reversible_and_one_event_each(tk: Any, acme: str) -> None:
    issued = tk.keys.issue("ada", name="a", tenant=acme)
    assert tk.verify(issued.secret)
    for _ in range(2):
        assert tk.tenants.suspend(acme).status == "suspended"
    assert tk.verify(issued.secret).code == "tenant_suspended"
    for _ in range(2):
        assert tk.tenants.resume(acme).status == "active"
    assert tk.verify(issued.secret)
    types = ["tenant.suspended", "tenant.resumed"]
    assert [event.type for event in tk.events.list(tenant=acme, types=types)] == types


def test_a_suspended_tenant_does_not_touch_others(tk: Any, acme: str) -> None:
    tk.owners.put("ada")
    issued = tk.keys.issue("ada", name="a")
    tk.tenants.suspend(acme)
    assert tk.verify(issued.secret)


def test_the_tenant_of_the_operators_cannot_be_suspended(tk: Any) -> None:
    with pytest.raises(Conflict):
        tk.tenants.suspend("system")


def test_a_tenant_is_deleted_when_it_is_suspended_and_empty(tk: Any, acme: str) -> None:
    issued = tk.keys.issue("ada", name="a", tenant=acme)
    tk.roles.put("r", scopes=["a"], tenant=acme)
    tk.scopes.define(["a"], tenant=acme)
    assert tk.verify(issued.secret)
    tk.flush()
    with pytest.raises(Conflict):
        tk.tenants.delete(acme)
    tk.tenants.suspend(acme)
    with pytest.raises(Conflict):
        tk.tenants.delete(acme)
    tk.owners.delete("ada", tenant=acme)
    tk.tenants.delete(acme)
    for call in (tk.tenants.get, tk.tenants.delete, tk.tenants.resume):
        with pytest.raises(NotFound):
            call(acme)
    assert tk.verify(issued.secret).code == "not_found"
    assert tk.tenants.create(acme)
    assert len(tk.owners.list(tenant=acme)) == 0
    assert tk.scopes.list(tenant=acme) == ()


def test_default_and_system_are_never_deleted(tk: Any) -> None:
    tk.tenants.suspend("default")
    for slug in ("default", "system"):
        with pytest.raises(Conflict):
            tk.tenants.delete(slug)


@pytest.mark.lasting
def test_the_audit_entries_of_a_deleted_tenant_stay(installation: Any, tk: Any, acme: str) -> None:
    tk.owners.delete("ada", tenant=acme)
    tk.tenants.suspend(acme)
    tk.tenants.delete(acme)
    actions = [row.action for row in installation.sql("SELECT action FROM tokenry_audit_entry ORDER BY id")]
    for action in ("owner.deleted", "tenant.suspended", "tenant.deleted"):
        assert action in actions


def test_tenants_are_listed_by_slug_in_pages(tk: Any) -> None:
    for slug in ("zeta", "alpha"):
        tk.tenants.create(slug)
    first = tk.tenants.list(limit=3)
    rest = tk.tenants.list(limit=3, cursor=first.next_cursor)
    assert [tenant.slug for tenant in (*first, *rest)] == ["alpha", "default", "system", "zeta"]

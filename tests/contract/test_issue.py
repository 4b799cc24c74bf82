"""Issuing keys: what a key needs, what it gets, and what is refused without a trace."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Conflict, Invalid, Limit, NotFound
from tokenry.testing import FakeClock
from tokenry.types import Issued, Owner


def nothing_was_stored(tk: Any) -> bool:
    """Tell whether no key, no event and no entry about a key is there."""
    return not (
        len(tk.keys.list()) or tk.events.list(types=["key.*"]).items or tk.audit.list(action="key.issued").items
    )


def fields_of(refused: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [error.field for error in refused.value.errors]


def test_a_key_is_what_was_asked_for(tk: Any, clock: FakeClock, ada: Owner) -> None:
    tk.roles.put("developer", scopes=["read:projects"])
    issued = tk.keys.issue(
        owner="ada",
        name="  CI ",
        description="runs the tests\nat night",
        scopes=["read:projects"],
        roles=["developer"],
        expires_in=timedelta(days=30),
        not_before=clock.now() + timedelta(days=1),
        allowed_ips=["10.0.0.0/8"],
        limits=[Limit("default", 1000, 3600)],
        environment="test",
        metadata={"team": "core", "nested": {"a": [1, None, True]}},
    )
    key = issued.key
    assert key.id.startswith("key_")
    assert (key.tenant, key.owner, key.name, key.description) == (
        "default",
        "ada",
        "CI",
        "runs the tests\nat night",
    )
    assert (key.scopes, key.roles, key.allowed_ips) == (("read:projects",), ("developer",), ("10.0.0.0/8",))
    assert (key.limits, key.environment) == ((Limit("default", 1000, 3600),), "test")
    assert key.metadata == {"team": "core", "nested": {"a": [1, None, True]}}
    assert (key.status, key.version, key.use_count) == ("active", 1, 0)
    assert (key.created_at, key.expires_at) == (clock.now(), clock.now() + timedelta(days=30))
    assert key.not_before == clock.now() + timedelta(days=1)
    assert (key.revoked_at, key.revoke_reason, key.last_used_at, key.last_used_ip) == (None, "", None, None)
    [secret] = key.secrets
    assert secret.kid in str(issued.secret)
    assert (secret.created_at, secret.ends_at, secret.use_count) == (clock.now(), None, 0)
    assert tk.keys.get(key.id) == key
    assert tk.keys.list().items == (key,)


def test_a_key_may_be_as_short_as_owner_and_name(tk: Any, ada: Owner) -> None:
    key = tk.keys.issue("ada", name="k").key
    assert (key.scopes, key.roles, key.allowed_ips, key.limits, key.metadata) == ((), (), (), (), {})
    assert (key.environment, key.not_before, key.description) == ("live", None, "")


def test_an_owner_is_named_by_id_or_record(tk: Any, ada: Owner) -> None:
    assert tk.keys.issue(ada, name="k").key.owner == "ada"
    tk.owners.put(42)
    assert tk.keys.issue(42, name="k").key.owner == "42"


@pytest.mark.parametrize("owner", ["nobody", "Ada", 7])
def test_an_unknown_owner_is_not_found(tk: Any, ada: Owner, owner: object) -> None:
    with pytest.raises(NotFound):
        tk.keys.issue(owner, name="k")
    assert nothing_was_stored(tk)


def test_an_owner_of_another_tenant_is_not_found(tk: Any, ada: Owner, acme: str) -> None:
    tk.owners.put("bob", tenant=acme)
    with pytest.raises(NotFound):
        tk.keys.issue("bob", name="k")
    assert nothing_was_stored(tk)


@pytest.mark.rules
@pytest.mark.parametrize("owner", [None, "", "a\nb", "a" * 256, True, 1.5, []], ids=repr)
def test_what_cannot_name_an_owner_is_invalid(tk: Any, owner: object) -> None:
    with pytest.raises(Invalid):
        tk.keys.issue(owner, name="k")


def test_a_disabled_owner_gets_no_key(tk: Any, ada: Owner) -> None:
    tk.owners.disable("ada")
    with pytest.raises(Conflict):
        tk.keys.issue("ada", name="k")
    assert nothing_was_stored(tk)


def test_nobody_in_a_suspended_tenant_gets_a_key(tk: Any, acme: str) -> None:
    tk.tenants.suspend(acme)
    with pytest.raises(Conflict):
        tk.keys.issue("ada", name="k", tenant=acme)
    assert len(tk.keys.list(tenant=acme)) == 0


def test_an_unknown_tenant_is_not_found(tk: Any, ada: Owner) -> None:
    for call in (lambda: tk.keys.issue("ada", name="k", tenant="nowhere"), lambda: tk.keys.list(tenant="nowhere")):
        with pytest.raises(NotFound):
            call()


@pytest.mark.parametrize("tenant", [None, "", 7])
def test_no_tenant_at_all_is_invalid(tk: Any, ada: Owner, tenant: object) -> None:
    for call in (lambda: tk.keys.issue("ada", name="k", tenant=tenant), lambda: tk.keys.list(tenant=tenant)):
        with pytest.raises(Invalid):
            call()


def test_every_mistake_is_named_and_nothing_is_stored(tk: Any, ada: Owner) -> None:
    with pytest.raises(Invalid) as refused:
        tk.keys.issue(
            "ada",
            name=" ",
            description="x" * 1001,
            scopes=["Bad"],
            roles=["a b"],
            allowed_ips=["nowhere"],
            limits=[Limit("a", 0, 1)],
            environment="No",
            metadata={"a": object()},
            expires_in=timedelta(0),
            not_before="tomorrow",
        )
    assert set(fields_of(refused)) == {
        "name", "description", "scopes", "roles", "allowed_ips", "limits[0].limit", "environment", "metadata",
        "expires_in", "not_before",
    }  # fmt: skip
    assert nothing_was_stored(tk)


def test_names_are_trimmed_and_have_1_to_100_characters(tk: Any, issue: Issue) -> None:
    assert issue("  a b  ").key.name == "a b"
    assert issue("x" * 100).key.name == "x" * 100
    assert issue("  " + "y" * 100 + "  ").key.name == "y" * 100
    assert issue("Schlüssel 🔑").key.name == "Schlüssel 🔑"
    for name in (
        "",
        "   ",
        "x" * 101,
        "a\nb",
        "a\tb",
        "a\x00b",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "\ud800",
        None,
        7,
        b"x",
    ):
        with pytest.raises(Invalid) as refused:
            issue(name) if name else tk.keys.issue("ada", name=name)
        assert set(fields_of(refused)) == {"name"}, name
    assert len(tk.keys.list()) == 4


def test_a_name_is_unique_among_the_owners_keys_whatever_its_case(tk: Any, issue: Issue, acme: str) -> None:
    first = issue("Straße")
    for name in ("Straße", "STRASSE", "strasse", "  straße "):
        with pytest.raises(Conflict) as conflict:
            issue(name)
        assert conflict.value.details["field"] == "name"
    tk.owners.put("bob")
    assert tk.keys.issue("bob", name="Straße")
    assert tk.keys.issue("ada", name="Straße", tenant=acme)
    tk.keys.disable(first.key.id)
    with pytest.raises(Conflict):
        issue("Straße")
    tk.keys.revoke(first.key.id)
    assert issue("STRASSE")


def test_a_name_of_an_expired_key_is_still_taken(tk: Any, clock: FakeClock, issue: Issue) -> None:
    first = issue("CI", expires_in=timedelta(hours=1))
    clock.advance(timedelta(hours=2))
    with pytest.raises(Conflict):
        issue("CI")
    tk.keys.revoke(first.key.id)
    assert issue("CI")


@pytest.mark.rules
@pytest.mark.parametrize(
    "metadata",
    [[], "text", {1: 2}, {"a": float("nan")}, {"a": object()}, {"a": "x" * 8200}, {"a": {1, 2}}],
    ids=lambda value: repr(value)[:20],
)
def test_metadata_is_a_mapping_that_json_can_hold(issue: Issue, metadata: Any) -> None:
    with pytest.raises(Invalid) as refused:
        issue(metadata=metadata)
    assert fields_of(refused) == ["metadata"]


@pytest.mark.rules
@pytest.mark.parametrize("environment", ["", "Live", "a_b", "rt", "x" * 13, "1a", "a b", None, 7])
def test_a_bad_environment_is_invalid(issue: Issue, environment: Any) -> None:
    with pytest.raises(Invalid) as refused:
        issue(environment=environment)
    assert fields_of(refused) == ["environment"]


def test_many_keys_are_issued_at_once_with_a_result_each(tk: Any, ada: Owner) -> None:
    tk.keys.issue("ada", name="taken")
    results = tk.keys.issue_many(
        [
            {"owner": "ada", "name": "one", "scopes": ["a"]},
            {"owner": "ada", "name": "TAKEN"},
            {"owner": "nobody", "name": "two"},
            {"owner": "ada", "name": ""},
            {"owner": "ada", "name": "three", "scope": "a"},
            {"owner": "ada", "name": "One"},
            {"owner": "ada", "name": "four"},
            {"owner": "ada"},
        ]
    )
    kinds = [Issued, Conflict, NotFound, Invalid, Invalid, Conflict, Issued, Invalid]
    assert [type(result) for result in results] == kinds
    assert {key.name for key in tk.keys.list()} == {"taken", "one", "four"}
    assert [bool(tk.verify(result.secret)) for result in results if isinstance(result, Issued)] == [True, True]
    assert len(tk.audit.list(action="key.issued")) == 3


def test_1000_keys_are_issued_at_once_and_1001_are_not(tk: Any, ada: Owner) -> None:
    results = tk.keys.issue_many({"owner": "ada", "name": f"k{number}"} for number in range(1000))
    assert len({str(result.secret) for result in results}) == 1000
    assert tk.verify(results[0].secret)
    assert tk.verify(results[999].secret)
    with pytest.raises(Invalid):
        tk.keys.issue_many({"owner": "ada", "name": f"m{number}"} for number in range(1001))
    assert len(tk.keys.list(text="m")) == 0
    assert tk.keys.issue_many([]) == []


def test_a_failure_in_a_batch_of_somebody_who_may_not_is_each_keys_own(tk: Any, ada: Owner) -> None:
    tk.owners.put("bob")
    results = tk.keys.issue_many(
        [
            {"owner": "bob", "name": "mine"},
            {"owner": "ada", "name": "hers"},
            {"owner": "bob", "name": "x", "scopes": ["a"]},
        ],
        by="bob",
    )
    assert [getattr(result, "code", "issued") for result in results] == ["issued", "not_found", "not_allowed"]


def test_texts_of_many_keys_are_kept_as_they_are(tk: Any) -> None:
    tk.owners.put("ada")
    texts = ['"quoted"', "it's", "back\\slash\\", '\\"', "{a,b}", "NULL", "", "\\x00", "%s %(name)s :name", "é 🔑", "1"]
    asked = [
        {"owner": "ada", "name": f"k{at}", "description": text, "metadata": {"text": text}}
        for at, text in enumerate(texts)
    ]
    issued = tk.keys.issue_many(asked)
    for one, text in zip(issued, texts, strict=True):
        key = tk.keys.get(one.key.id)
        assert (key.description, key.metadata) == (text, {"text": text})
        assert tk.verify(one.secret).key.metadata == {"text": text}
    assert tk.audit.check()

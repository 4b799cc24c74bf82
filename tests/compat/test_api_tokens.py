"""The face of a time tracker's `ApiTokenService`: its calls, parameters and result dictionaries on our engine."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from tokenry import ConfigError, StoreUnavailable, Tokenry
from tokenry.compat import ApiToken, ApiTokenService
from tokenry.compat.api_tokens import SCOPES
from tokenry.ext.flask import FlaskTokenry
from tokenry.testing import FakeClock, throwaway

CLOCK = FakeClock()


@pytest.fixture
def tk() -> Iterator[Tokenry]:
    with throwaway(clock=CLOCK) as tk:
        tk.owners.put(1)
        tk.owners.put(2)
        tk.owners.put(3, admin=True)
        yield tk


@pytest.fixture
def service(tk: Tokenry) -> ApiTokenService:
    return ApiTokenService(tk)


def naive_now() -> datetime:
    return CLOCK.now().astimezone(UTC).replace(tzinfo=None)


def create(service: ApiTokenService, **asked: Any) -> tuple[str, ApiToken]:
    result = service.create_token(**{"user_id": 1, "name": "API Token", "scopes": "read:projects", **asked})
    assert result["success"], result
    return result["token"], result["api_token"]


OLD = {
    "create_token": "user_id name description='' scopes='' expires_days=None ip_whitelist=None",
    "rotate_token": "token_id user_id",
    "revoke_token": "token_id user_id",
    "get_expiring_tokens": "days_ahead=7",
    "validate_scopes": "scopes",
    "check_token_rate_limit": "token_id max_requests_per_hour=1000",
}


@pytest.mark.parametrize("name", OLD)
def test_every_old_call_is_there_with_its_parameters_in_their_order(name: str) -> None:
    parameters = [*inspect.signature(getattr(ApiTokenService, name)).parameters.values()][1:]
    signature = [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters]
    assert " ".join(signature) == OLD[name]


def test_the_old_example_runs(tk: Tokenry) -> None:
    service = ApiTokenService(tk)
    result = service.create_token(
        user_id=1, name="API Token", scopes="read:projects,write:time_entries", expires_days=30
    )
    assert result["success"]
    verdict = tk.verify(result["token"], scopes=["read:projects", "write:time_entries"])
    assert verdict
    assert verdict.owner.external_id == "1"


def test_a_created_token_is_told_as_the_old_model_told_it(service: ApiTokenService) -> None:
    result = service.create_token(1, "CI", "builds", "read:projects, write:tasks", 30, "192.0.2.1, 10.0.0.0/8")
    token = result["api_token"]
    assert set(result) == {"success", "message", "token", "api_token"}
    assert (token.user_id, token.name, token.description) == (1, "CI", "builds")
    assert (token.scopes, token.ip_whitelist) == ("read:projects,write:tasks", "192.0.2.1,10.0.0.0/8")
    assert (token.created_at, token.expires_at) == (naive_now(), naive_now() + timedelta(days=30))
    assert (token.is_active, token.usage_count, token.last_used_at) == (True, 0, None)
    assert token.token_prefix
    assert token.token_prefix in result["token"]


def test_an_owner_whose_id_is_no_number_keeps_it(tk: Tokenry, service: ApiTokenService) -> None:
    for name in ("ada", "007", "٣"):
        tk.owners.put(name)
        assert create(service, user_id=name)[1].user_id == name


def test_an_unknown_user_gets_no_token(service: ApiTokenService) -> None:
    result = service.create_token(99, "x")
    assert (result["success"], result["error"]) == (False, "invalid_user")
    assert "token" not in result


def test_a_user_whom_the_host_answers_for_gets_one(tk: Tokenry, service: ApiTokenService) -> None:
    tk.owner_loader(lambda external_id, tenant: external_id == "77" or None)
    assert create(service, user_id=77)[1].user_id == 77
    assert service.create_token(78, "x")["error"] == "invalid_user"


@pytest.mark.parametrize("user", [None, "", True, -1])
def test_what_names_no_user_is_an_invalid_user(service: ApiTokenService, user: Any) -> None:
    assert service.create_token(user, "x")["error"] == "invalid_user"


def test_fields_of_a_form_that_were_not_filled_in_may_be_none(service: ApiTokenService) -> None:
    token = service.create_token(1, "x", description=None, scopes=None, expires_days=None, ip_whitelist=None)
    assert token["success"], token
    assert (token["api_token"].description, token["api_token"].scopes) == ("", "")
    assert service.validate_scopes(None) == {"valid": True, "invalid": []}


def test_scopes_that_nobody_knows_are_named(service: ApiTokenService) -> None:
    result = service.create_token(1, "x", scopes="read:projects,bogus,delete:all")
    assert (result["error"], result["invalid_scopes"]) == ("invalid_scopes", ["bogus", "delete:all"])
    assert "bogus, delete:all" in result["message"]


@pytest.mark.parametrize("scope", SCOPES)
def test_every_old_scope_is_known(service: ApiTokenService, scope: str) -> None:
    assert service.validate_scopes(scope) == {"valid": True, "invalid": []}
    assert create(service, scopes=scope)[1].scopes == scope


def test_scopes_are_split_and_stripped(service: ApiTokenService) -> None:
    assert service.validate_scopes(" read:projects , ,nope,") == {"valid": False, "invalid": ["nope"]}
    assert service.validate_scopes("") == {"valid": True, "invalid": []}


def test_a_catalogue_of_the_tenant_counts_in_place_of_the_old_scopes(tk: Tokenry, service: ApiTokenService) -> None:
    tk.scopes.define(["read:rooms"])
    assert service.validate_scopes("read:rooms,read:*,read:projects")["invalid"] == ["read:projects"]


def test_a_token_without_scopes_may_do_nothing_that_asks_for_one(tk: Tokenry, service: ApiTokenService) -> None:
    text, _ = create(service, scopes="")
    assert tk.verify(text)
    assert tk.verify(text, scopes=["read:projects"]).code == "insufficient_scope"


def test_an_address_that_is_not_listed_is_refused_and_a_malformed_list_makes_no_token(
    tk: Tokenry, service: ApiTokenService
) -> None:
    text, _ = create(service, ip_whitelist="10.0.0.0/8")
    assert tk.verify(text, ip="10.1.2.3")
    assert tk.verify(text, ip="192.0.2.1").code == "ip_not_allowed"
    result = service.create_token(1, "bad", ip_whitelist="10.0.0.0/8;192.0.2.1")
    assert (result["success"], result["error"]) == (False, "creation_error")


def test_without_days_a_token_never_expires_where_the_tenant_allows_that(tk: Tokenry, service: ApiTokenService) -> None:
    assert create(service)[1].expires_at is None
    tk.tenants.update("default", never_allowed=False)
    assert create(service, name="ends")[1].expires_at == naive_now() + timedelta(days=90)


@pytest.mark.parametrize("days", [0, -1, 10**8, 10**12, float("nan"), "30"])
def test_no_number_of_days_means_for_ever(service: ApiTokenService, days: Any) -> None:
    result = service.create_token(1, "x", expires_days=days)
    assert result["error"] == "creation_error"
    assert "expires" in result["message"]


def test_a_second_token_of_one_name_is_refused(service: ApiTokenService) -> None:
    create(service)
    result = service.create_token(1, "API Token")
    assert result["error"] == "creation_error"
    assert "already has a key named" in result["message"]


def test_rotation_keeps_everything_and_ends_the_old_text(tk: Tokenry, service: ApiTokenService) -> None:
    text, before = create(service, expires_days=30, ip_whitelist="10.0.0.0/8")
    result = service.rotate_token(before.id, 1)
    assert set(result) == {"success", "message", "new_token", "api_token", "old_token"}
    after, old = result["api_token"], result["old_token"]
    assert (after.id, after.name, after.scopes) == (before.id, before.name, before.scopes)
    assert (after.expires_at, after.ip_whitelist) == (before.expires_at, before.ip_whitelist)
    assert (after.is_active, old.is_active, old.token_prefix) == (True, False, before.token_prefix)
    assert tk.verify(result["new_token"], ip="10.0.0.1")
    assert not tk.verify(text, ip="10.0.0.1")


def test_only_its_owner_rotates_a_token(tk: Tokenry, service: ApiTokenService) -> None:
    text, token = create(service)
    for somebody in (2, 3, 99):
        assert service.rotate_token(token.id, somebody)["error"] == "permission_denied"
    assert service.rotate_token("key_unknown", 1)["error"] == "not_found"
    assert tk.verify(text)


def test_rotation_revives_nothing(service: ApiTokenService) -> None:
    _, token = create(service)
    service.revoke_token(token.id, 1)
    result = service.rotate_token(token.id, 1)
    assert (result["success"], result["error"]) == (False, "not_active")


def test_a_user_does_not_renew_a_token_for_administrators(service: ApiTokenService) -> None:
    _, token = create(service, scopes="admin:all")
    assert service.rotate_token(token.id, 1)["error"] == "permission_denied"


@pytest.mark.parametrize("somebody", [1, 3])
def test_its_owner_and_administrators_revoke_a_token(tk: Tokenry, service: ApiTokenService, somebody: int) -> None:
    text, token = create(service)
    result = service.revoke_token(token.id, somebody)
    assert set(result) == {"success", "message"}
    assert result["success"]
    assert not tk.verify(text)
    assert service.revoke_token(token.id, somebody)["success"], "twice is fine"


def test_nobody_else_revokes_a_token(tk: Tokenry, service: ApiTokenService) -> None:
    text, token = create(service)
    for somebody in (2, 99):
        assert service.revoke_token(token.id, somebody)["error"] == "permission_denied"
    assert service.revoke_token("42", 1)["error"] == "not_found"
    assert tk.verify(text)


def test_expiring_tokens_are_the_active_ones_within_the_days(service: ApiTokenService) -> None:
    for days in (1, 6, 8, 20):
        create(service, name=f"in {days}", expires_days=days)
    _, ended = create(service, name="ended", expires_days=2)
    service.revoke_token(ended.id, 1)
    assert [token.name for token in service.get_expiring_tokens()] == ["in 1", "in 6"]
    assert [token.name for token in service.get_expiring_tokens(days_ahead=10)] == ["in 1", "in 6", "in 8"]


def test_a_token_expires_within_the_days_up_to_their_last_moment_and_until_it_has_expired(
    service: ApiTokenService, tk: Tokenry
) -> None:
    _, last = create(service, name="at the last moment", expires_days=7)
    _, off = create(service, name="disabled", expires_days=1)
    tk.keys.disable(off.id)
    create(service, name="never")
    assert [token.id for token in service.get_expiring_tokens(days_ahead=7)] == [last.id]
    CLOCK.advance(timedelta(days=7))
    assert service.get_expiring_tokens(days_ahead=7) == []


def test_every_change_is_an_event_that_names_the_token_and_its_user(service: ApiTokenService, tk: Tokenry) -> None:
    _, token = create(service)
    service.rotate_token(token.id, 1)
    service.revoke_token(token.id, 1)
    events = tk.events.list(types=["key.issued", "key.rotated", "key.revoked"]).items
    assert [event.type for event in events] == ["key.issued", "key.rotated", "key.revoked"]
    assert {(event.subject, event.data["owner"]) for event in events} == {(token.id, "1")}


@pytest.mark.parametrize("id", [17, None, ""])
def test_an_id_of_the_old_table_is_an_unknown_token(service: ApiTokenService, id: Any) -> None:
    assert service.rotate_token(id, 1)["error"] == "not_found"
    assert service.revoke_token(id, 1)["error"] == "not_found"
    assert service.check_token_rate_limit(id)["error"] == "token_not_found"


def test_all_expiring_tokens_are_found_however_many(tk: Tokenry, service: ApiTokenService) -> None:
    tk.keys.issue_many([{"owner": 1, "name": f"k{n}", "expires_in": timedelta(days=1)} for n in range(205)])
    assert len({token.id for token in service.get_expiring_tokens()}) == 205


def test_the_rate_limit_counts_requests(service: ApiTokenService) -> None:
    CLOCK.set(datetime(2026, 3, 1, 12, 30, tzinfo=UTC))
    _, token = create(service)
    reports = [service.check_token_rate_limit(token.id, 2) for _ in range(3)]
    assert [(report["allowed"], report["remaining"]) for report in reports] == [(True, 1), (True, 0), (False, 0)]
    assert reports[-1]["reset_at"] == datetime(2026, 3, 1, 13, tzinfo=UTC).replace(tzinfo=None)
    CLOCK.advance(timedelta(minutes=30))
    assert service.check_token_rate_limit(token.id, 2)["allowed"]
    assert service.check_token_rate_limit(token.id)["remaining"] == 1000 - 2


def test_an_unknown_token_has_no_rate_limit(service: ApiTokenService) -> None:
    report = service.check_token_rate_limit("42")
    assert report == {"allowed": False, "remaining": 0, "error": "token_not_found"}


def test_the_tokens_of_a_tenant_are_its_own(tk: Tokenry, service: ApiTokenService) -> None:
    tk.tenants.create("acme")
    tk.owners.put(1, tenant="acme")
    acme = ApiTokenService(tk, tenant="acme")
    _, token = create(acme)
    assert service.revoke_token(token.id, 1)["error"] == "not_found"
    assert acme.revoke_token(token.id, 1)["success"]


def test_without_an_engine_that_of_the_flask_application_is_used(tk: Tokenry) -> None:
    app, service = Flask(__name__), ApiTokenService()
    with app.app_context(), pytest.raises(ConfigError):
        service.create_token(1, "x")
    FlaskTokenry(app, tk)
    with app.app_context():
        assert service.create_token(1, "x")["success"]


def test_a_database_that_does_not_answer_is_a_result(
    service: ApiTokenService, tk: Tokenry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is full")

    _, token = create(service)
    for call in ("issue", "rotate", "revoke"):
        monkeypatch.setattr(tk.keys, call, fail)
    results = [
        service.create_token(1, "x", expires_days=1),
        service.rotate_token(token.id, 1),
        service.revoke_token(token.id, 1),
    ]
    assert [result["error"] for result in results] == ["database_error"] * 3

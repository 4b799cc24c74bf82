"""`/oauth/introspect` and `/oauth/revoke`, and what is public about an issuer."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.api.oauth.conftest import Issuer
from tests.servers import web

INACTIVE = b'{"active":false}'


def test_an_active_token_tells_what_it_is_and_no_claim_of_its_own_says_otherwise(issuer: Issuer) -> None:
    claims = {"plan": "pro", "active": False, "token_type": "none", "username": "eve"}
    started = issuer.start(claims=claims, audience="billing")
    answer = issuer.introspect(started["access"])
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["active"], body["token_type"], body["sub"], body["plan"]) == (True, "Bearer", "ada", "pro")
    assert (body["iss"], body["aud"], body["scope"]) == (issuer.url, "billing", "read:*")
    assert body["sid"] == started["session"]["id"]
    assert body["exp"] - body["iat"] == 300


def test_scopes_are_those_of_this_moment(issuer: Issuer) -> None:
    access = issuer.start()["access"]
    issuer.call("PUT", f"/v1/roles/developer?tenant={issuer.slug}", {"scopes": ["read:projects"]})
    assert issuer.introspect(access).json()["scope"] == "read:projects"


def test_a_key_tells_the_same_of_itself(issuer: Issuer) -> None:
    id, secret = issuer.issue("ada", scopes=["read:projects"])
    body = issuer.introspect(secret).json()
    assert body.pop("exp") - body.pop("iat") == 90 * 86_400
    assert body == {
        "active": True,
        "token_type": "Bearer",
        "iss": issuer.url,
        "sub": "ada",
        "client_id": id,
        "tid": issuer.slug,
        "scope": "read:projects",
    }


def test_whatever_is_not_active_is_exactly_that(issuer: Issuer, request: pytest.FixtureRequest) -> None:
    started = issuer.start()
    forged = started["access"][:-3] + "AAA"
    foreign = issuer.server.call("PUT", "/v1/owners/eve", {}) and issuer.server.call(
        "POST", "/v1/sessions", {"owner": "eve"}
    )
    issuer.call("POST", f"/v1/owners/ada/disable?tenant={issuer.slug}", {})
    for token in (started["refresh"], started["access"], forged, foreign["access"], issuer.service[1], "x", "a.b.c"):
        answer = issuer.introspect(token)
        assert (answer.status_code, answer.content) == (200, INACTIVE)


def test_only_a_key_that_may_verify_is_told(issuer: Issuer) -> None:
    access = issuer.start()["access"]
    helpless = issuer.issue("api", environment="op", scopes=["tokenry:keys:read"])
    assert issuer.post("/oauth/introspect", {"token": access}).status_code == 401
    for auth in (issuer.issue("ada"), (issuer.service[0], "wrong"), ("key_other", issuer.service[1])):
        answer = issuer.introspect(access, auth)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert answer.headers["www-authenticate"].startswith("Basic")
    answer = issuer.introspect(access, helpless)
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    for headers in ({"Authorization": f"Bearer {issuer.service[1]}"}, {"X-API-Key": issuer.service[1]}):
        assert issuer.post("/oauth/introspect", {"token": access}, headers=headers).json()["active"] is True


def test_an_operator_is_told_of_its_own_tenant_and_the_endpoint_narrows_everybody(issuer: Issuer) -> None:
    access, server = issuer.start()["access"], issuer.server
    everywhere = {"Authorization": f"Bearer {server.operator_key}"}
    form, here = {"token": access}, f"{issuer.url}/oauth/introspect"
    assert web.post(here, data=form, headers=everywhere).json()["active"] is True
    assert web.post(f"{server.url}/oauth/introspect", data=form, headers=everywhere).json()["active"] is True
    assert web.post(f"{server.url}/oauth/introspect", data=form, auth=issuer.service).json()["active"] is True
    elsewhere = f"{server.url}/t/default/oauth/introspect"
    assert web.post(elsewhere, data=form, headers=everywhere).content == INACTIVE
    assert web.post(elsewhere, data=form, auth=issuer.service).content == INACTIVE
    server.call("PUT", "/v1/owners/eve", {})
    foreign = {"token": server.call("POST", "/v1/sessions", {"owner": "eve"})["access"]}
    assert web.post(f"{server.url}/oauth/introspect", data=foreign, headers=everywhere).json()["active"] is True
    assert web.post(f"{server.url}/oauth/introspect", data=foreign, auth=issuer.service).content == INACTIVE


def test_one_connection_may_say_another_client_with_every_request(issuer: Issuer) -> None:
    """The same head again is read once; what stands in the body is read each time."""
    access, (id, secret) = issuer.start()["access"], issuer.service
    with httpx2.Client(timeout=web.SECONDS) as client:
        url = f"{issuer.server.url}/oauth/introspect"
        for given, status in ((secret, 200), (secret[:-1] + "-", 401), (secret, 200), ("wrong" * 10, 401)):
            form = {"token": access, "client_id": id, "client_secret": given}
            assert client.post(url, data=form).status_code == status
        headers = {"Authorization": f"Bearer {secret}"}
        for token, active in ((access, True), (access[:-1] + "!", False), (access, True)):
            assert client.post(url, data={"token": token}, headers=headers).json()["active"] is active
        for form in ({"token": access, "client_id": "key_x"}, {"token": access, "client_id": id, "client_secret": "x"}):
            assert client.post(url, data=form, headers=headers).status_code in (400, 401)


@pytest.mark.parametrize("kind", ["refresh", "access"])
def test_revoking_a_token_ends_its_session_at_once(issuer: Issuer, kind: str) -> None:
    started = issuer.start()
    assert issuer.introspect(started["access"]).json()["active"] is True
    assert issuer.post("/oauth/revoke", {"token": started[kind]}).status_code == 200
    assert issuer.introspect(started["access"]).content == INACTIVE
    entries = issuer.call("GET", f"/v1/audit?tenant={issuer.slug}")["items"]
    [entry] = [one for one in entries if one["action"] == "session.revoked"]
    assert (entry["actor"], entry["ip"]) == ("ada", "127.0.0.1")
    assert issuer.refresh(started["refresh"]).json()["error"] == "invalid_grant"
    assert issuer.post("/oauth/revoke", {"token": started[kind]}).status_code == 200


def test_revoking_what_is_unknown_foreign_or_only_an_id_ends_nothing(issuer: Issuer) -> None:
    mine, bound = issuer.start(), issuer.start(client_id="spa")
    asked: list[tuple[str, dict[str, Any]]] = [
        (issuer.url, {"token": mine["session"]["id"]}),
        (issuer.url, {"token": "nonsense", "token_type_hint": "refresh_token"}),
        (issuer.server.url, {"token": mine["refresh"]}),
        (issuer.server.url, {"token": mine["access"]}),
        (issuer.url, {"token": bound["refresh"], "client_id": "other"}),
        (issuer.url, {"token": bound["access"], "client_id": "other"}),
    ]
    for url, form in asked:
        assert web.post(f"{url}/oauth/revoke", data=form).status_code == 200
    for started in (mine, bound):
        assert issuer.session(started["session"]["id"])["status"] == "active"


def test_keys_and_derived_tokens_say_that_they_end_elsewhere(issuer: Issuer) -> None:
    secret = issuer.issue("ada")[1]
    for token in (secret, issuer.exchange(secret).json()["access_token"]):
        answer = issuer.post("/oauth/revoke", {"token": token})
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_token_type")
        assert issuer.introspect(token).json()["active"] is True


def test_what_is_public_may_be_kept_for_a_while_and_read_by_pages_of_anybody(issuer: Issuer) -> None:
    for path in ("/.well-known/jwks.json", "/.well-known/oauth-authorization-server"):
        answer = web.get(issuer.url + path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=60"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert httpx2.head(issuer.url + path).content == b""
        assert web.post(issuer.url + path).status_code == 405
        assert web.get(f"{issuer.server.url}/t/nobody{path}").status_code == 404


def test_metadata_is_where_rfc_8414_has_it_and_below_the_issuer(issuer: Issuer) -> None:
    root = "/.well-known/oauth-authorization-server"
    metadata = web.get(f"{issuer.server.url}{root}/t/{issuer.slug}").json()
    assert metadata == web.get(issuer.url + root).json()
    assert metadata["issuer"] == issuer.url
    assert web.get(metadata["jwks_uri"]).json()["keys"][0]["alg"] == "ES256"
    assert all("d" not in key for key in web.get(metadata["jwks_uri"]).json()["keys"])
    assert web.get(issuer.server.url + root).json()["issuer"] == f"{issuer.server.url}/t/default"

"""OAuth clients that nobody here wrote find what they expect."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.oauth.conftest import ACCESS_TOKEN, EXCHANGE, Issuer, node


def asked(issuer: Issuer) -> dict[str, Any]:
    """Return what a script is told of a tenant: sessions to refresh, and a key to exchange."""
    id, secret = issuer.service
    session = issuer.start()
    return {
        "issuer": issuer.url,
        "refresh": session["refresh"],
        "access": session["access"],
        "wide": issuer.start()["refresh"],
        "key": {"id": id, "secret": secret},
        "subject": issuer.issue("ada", scopes=["read:*"])[1],
    }


# Their names for the tenant's own client are the tenant's.
@pytest.fixture
def of_default(server: Any) -> Issuer:
    """Give the tenant `default`, made once."""
    issuer = object.__new__(Issuer)
    issuer.server, issuer.slug, issuer.url = server, "default", f"{server.url}/t/default"
    issuer.call("PUT", "/v1/roles/developer", {"scopes": ["read:*"]})
    issuer.call("PUT", "/v1/owners/ada", {"roles": ["developer"]})
    issuer.service = issuer.issue("ada", environment="op", scopes=["tokenry:verify"])
    return issuer


def test_oauth4webapi_discovers_refreshes_exchanges_introspects_and_revokes(of_default: Issuer) -> None:
    results = node("oauth4webapi.mjs", asked(of_default))
    assert results["pair"]["token_type"] == "bearer"
    assert results["pair"]["scope"] == "read:*"
    assert results["again"]["refresh_token"] == results["pair"]["refresh_token"]
    assert results["claims"]["sub"] == "ada"
    assert results["claims"]["client_id"] == "default"
    assert results["too_wide"] == {"error": "invalid_scope", "status": 400}
    assert results["foreign_client"] == {"error": "invalid_grant", "status": 400}
    assert results["derived"]["issued_token_type"] == ACCESS_TOKEN
    assert results["derived_claims"]["scope"] == "read:projects"
    assert results["beyond"] == {"error": "invalid_scope", "status": 400}
    assert results["active"]["active"] is True
    assert results["active"]["sub"] == "ada"
    assert results["active_by_post"]["active"] is True
    assert results["nonsense"] == results["revoked"] == {"active": False}
    assert results["after"] == {"error": "invalid_grant", "status": 400}


def test_openid_client_discovers_refreshes_exchanges_introspects_and_revokes(of_default: Issuer) -> None:
    results = node("openid-client.mjs", asked(of_default))
    assert results["pair"]["scope"] == "read:*"
    assert results["pair"]["expires_in"] > 290
    assert results["too_wide"] == {"error": "invalid_scope", "status": 400}
    assert results["derived"]["scope"] == "read:projects"
    assert results["active"]["active"] is True
    assert results["wrong_client"] == {
        "error": "OAUTH_WWW_AUTHENTICATE_CHALLENGE",
        "status": 401,
    }  # by which it means that
    assert results["nonsense"] == results["revoked"] == {"active": False}
    assert results["after"] == {"error": "invalid_grant", "status": 400}


def test_authlib_refreshes_exchanges_introspects_and_revokes(issuer: Issuer) -> None:
    from authlib.integrations.httpx_client import OAuth2Client
    from authlib.oauth2.rfc6749 import OAuth2Token

    session, subject = issuer.start(client_id="spa"), issuer.issue("ada", scopes=["read:*"])[1]
    endpoints = {"token_endpoint": f"{issuer.url}/oauth/token"}
    with OAuth2Client("spa", token_endpoint_auth_method="none", **endpoints) as browser:
        pair = browser.refresh_token(f"{issuer.url}/oauth/token", session["refresh"])
        assert isinstance(pair, OAuth2Token)
        assert pair["scope"] == "read:*"
        derived = browser.fetch_token(
            grant_type=EXCHANGE, subject_token=subject, subject_token_type=ACCESS_TOKEN, scope="read:projects"
        )
        assert derived["scope"] == "read:projects"
    id, secret = issuer.service
    with OAuth2Client(id, secret, token_endpoint_auth_method="client_secret_basic") as service:
        body = service.introspect_token(f"{issuer.url}/oauth/introspect", pair["access_token"]).json()
        assert (body["active"], body["client_id"]) == (True, "spa")
        # The session is another client's: there is nothing that this one could end.
        assert service.revoke_token(f"{issuer.url}/oauth/revoke", pair["refresh_token"]).status_code == 200
        assert issuer.session(session["session"]["id"])["status"] == "active"
    with OAuth2Client("spa", token_endpoint_auth_method="none") as browser:
        assert browser.revoke_token(f"{issuer.url}/oauth/revoke", pair["refresh_token"]).status_code == 200
    assert issuer.session(session["session"]["id"])["status"] == "revoked"
    assert issuer.introspect(pair["access_token"]).content == b'{"active":false}'

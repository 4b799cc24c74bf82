"""`/oauth/token`: refreshing and exchanging, and what gets nothing."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.api.oauth.conftest import ACCESS_TOKEN, Issuer
from tests.servers import web
from tests.servers.serving import Serving


def refused(answer: httpx2.Response) -> tuple[int, str]:
    """Return the status and the error of an answer, which has the form of RFC 6749 and is kept by nobody."""
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) - {"code"} == {"error", "error_description"}
    assert not set(answer.json()["error_description"]) & set('"\\')
    return answer.status_code, answer.json()["error"]


def test_a_pair_is_kept_by_nobody_on_the_way(issuer: Issuer) -> None:
    answer = issuer.refresh(issuer.start()["refresh"])
    assert answer.status_code == 200
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}


def test_all_who_present_the_same_token_at_once_get_the_same_successor(issuer: Issuer) -> None:
    token = issuer.start()["refresh"]
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(issuer.refresh, [token] * 48))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


def test_many_sessions_at_once_each_get_their_own(issuer: Issuer) -> None:
    started = [issuer.start() for _ in range(24)]
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda one: issuer.refresh(one["refresh"]), started))
    assert {answer.status_code for answer in answers} == {200}
    for one, answer in zip(started, answers, strict=True):
        assert issuer.introspect(answer.json()["access_token"]).json()["sid"] == one["session"]["id"]


def test_a_batch_with_a_bad_token_refuses_that_one_alone(issuer: Issuer) -> None:
    good = [issuer.start()["refresh"] for _ in range(8)]
    ended = issuer.start()
    issuer.call("POST", f"/v1/sessions/{ended['session']['id']}/revoke?tenant={issuer.slug}", {})
    mixed = [token for one in good for token in (one, ended["refresh"], "nonsense")]
    with ThreadPoolExecutor(24) as pool:
        statuses = [answer.status_code for answer in pool.map(issuer.refresh, mixed)]
    assert statuses == [200, 400, 400] * 8


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"scope": "write:projects"}, "invalid_scope"),
        ({"scope": "read:* write:projects"}, "invalid_scope"),
        ({"scope": "Not A Scope"}, "invalid_scope"),
        ({"client_id": "somebody"}, "invalid_grant"),
    ],
)
def test_more_than_the_session_holds_or_another_client_is_refused_and_the_session_goes_on(
    issuer: Issuer, form: dict[str, str], error: str
) -> None:
    started = issuer.start()
    assert refused(issuer.refresh(started["refresh"], **form)) == (400, error)
    assert issuer.refresh(started["refresh"]).status_code == 200


def test_a_foreign_tenant_refuses_and_the_session_goes_on(issuer: Issuer) -> None:
    started = issuer.start()
    for url in (issuer.server.url, f"{issuer.server.url}/t/default", f"{issuer.server.url}/t/nobody"):
        form = {"grant_type": "refresh_token", "refresh_token": started["refresh"]}
        assert refused(web.post(f"{url}/oauth/token", data=form)) == (400, "invalid_grant")
    assert issuer.refresh(started["refresh"]).status_code == 200


def test_a_public_client_is_named_and_one_with_a_key_shows_it(issuer: Issuer) -> None:
    spa = issuer.start(client_id="spa")
    assert refused(issuer.refresh(spa["refresh"])) == (400, "invalid_grant")
    assert issuer.refresh(spa["refresh"], client_id="spa").status_code == 200
    id, secret = issuer.issue("api")
    confidential = issuer.start(client_id=id)
    form = {"grant_type": "refresh_token", "refresh_token": confidential["refresh"]}
    assert refused(issuer.post("/oauth/token", {**form, "client_id": id})) == (401, "invalid_client")
    assert refused(issuer.post("/oauth/token", form, auth=(id, "wrong"))) == (401, "invalid_client")
    assert refused(issuer.post("/oauth/token", form, auth=issuer.issue("api"))) == (400, "invalid_grant")
    assert refused(issuer.post("/oauth/token", form, auth=("key_other", secret))) == (401, "invalid_client")
    assert issuer.post("/oauth/token", form, auth=(id, secret)).status_code == 200
    assert issuer.post("/oauth/token", {**form, "client_id": id, "client_secret": secret}).status_code == 200
    assert issuer.post("/oauth/token", form, headers={"Authorization": f"Bearer {secret}"}).status_code == 200


def test_the_slug_of_a_tenant_names_the_client_of_sessions_without_one_and_of_those_that_say_it(issuer: Issuer) -> None:
    for fields in ({}, {"client_id": issuer.slug}):
        started = issuer.start(**fields)
        assert refused(issuer.refresh(started["refresh"], client_id="other")) == (400, "invalid_grant")
        for form in ({}, {"client_id": issuer.slug}):
            assert issuer.refresh(started["refresh"], **form).status_code == 200
        for token in (started["access"], started["refresh"]):
            ended = {"token": token, "client_id": "other"}
            assert issuer.post("/oauth/revoke", ended).json() == {}
            assert issuer.session(started["session"]["id"])["status"] == "active"
        assert issuer.post("/oauth/revoke", {"token": started["access"], "client_id": issuer.slug}).json() == {}
        assert issuer.session(started["session"]["id"])["status"] == "revoked"
    spa = issuer.start(client_id="spa")
    assert refused(issuer.refresh(spa["refresh"], client_id=issuer.slug)) == (400, "invalid_grant")


def test_an_operator_of_another_tenant_is_no_client_here(issuer: Issuer, server: Serving) -> None:
    stranger = Issuer(server, f"{issuer.slug}-next-door").service
    started = issuer.start(client_id=stranger[0])
    form = {"grant_type": "refresh_token", "refresh_token": started["refresh"]}
    assert refused(issuer.post("/oauth/token", form, auth=stranger)) == (401, "invalid_client")
    assert refused(issuer.post("/oauth/revoke", {"token": started["refresh"]}, auth=stranger)) == (
        401,
        "invalid_client",
    )
    assert issuer.session(started["session"]["id"])["status"] == "active"


@pytest.mark.parametrize(
    "token",
    [
        b'\xff\xfexxxxxxxxx"}',
        b'{"jti":"\xed\xa0\x80xxxxxxxx"}',
        b"[" * 3000 + b'"}',
        b'{"exp":1e400,"jti":"xxxxxxxxxxxx"}',
    ],
)
def test_no_made_up_token_is_ever_the_servers_own_fault(issuer: Issuer, token: bytes) -> None:
    started = issuer.start()
    head, _, signature = started["access"].split(".")
    text = f"{head}.{base64.urlsafe_b64encode(token).decode().rstrip('=')}.{signature}"
    assert issuer.introspect(text).content == b'{"active":false}'
    assert issuer.post("/oauth/revoke", {"token": text}).status_code == 200
    assert refused(issuer.exchange(text)) == (400, "invalid_request")
    status, answer = issuer.server.try_call("POST", "/v1/verify", {"credential": text})
    assert (status, answer["code"]) == (200, "malformed")
    tried = {"refresh": started["refresh"], "access": text}
    assert issuer.call("POST", f"/v1/sessions/refresh?tenant={issuer.slug}", tried)["code"] == "access_invalid"
    for path in ("/v1/auth", "/v1/self"):
        assert issuer.server.try_call("GET", path, key=text)[0] == 401


def test_a_session_that_ends_gets_nothing_from_that_moment_on(issuer: Issuer) -> None:
    started = issuer.start()
    pair = issuer.refresh(started["refresh"]).json()
    issuer.call("POST", f"/v1/sessions/{started['session']['id']}/revoke?tenant={issuer.slug}", {})
    for token in (started["refresh"], pair["refresh_token"]):
        assert refused(issuer.refresh(token)) == (400, "invalid_grant")
    for token in (started["access"], pair["access_token"]):
        assert issuer.introspect(token).content == b'{"active":false}'


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": ""}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "\0"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x" * 10_000}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": ["a", "b"]}, "invalid_request"),
        ({"grant_type": ["refresh_token", "refresh_token"], "refresh_token": "a"}, "invalid_request"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(issuer: Issuer, form: dict[str, Any], error: str) -> None:
    assert refused(issuer.post("/oauth/token", form)) == (400, error)


def test_what_is_no_form_or_stands_in_the_url_is_refused(issuer: Issuer) -> None:
    url, token = f"{issuer.url}/oauth/token", issuer.start()["refresh"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    assert refused(web.post(url, json=form)) == (400, "invalid_request")
    assert refused(web.post(url, params=form, data={})) == (400, "invalid_request")
    assert refused(web.post(url, params={"scope": "read:*"}, data=form)) == (400, "invalid_request")
    revoke = web.post(f"{issuer.url}/oauth/revoke", params={"token": "x"}, data={"token": token})
    assert refused(revoke) == (400, "invalid_request")
    assert refused(web.get(url)) == (405, "invalid_request")
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert refused(web.post(url, content=b"grant_type=%ff", headers=kind)) == (400, "invalid_request")
    assert issuer.refresh(token).status_code == 200


def test_two_ways_to_authenticate_are_one_too_many(issuer: Issuer) -> None:
    id, secret = issuer.service
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": id, "client_secret": secret}
    assert refused(issuer.post("/oauth/token", form, auth=(id, secret))) == (400, "invalid_request")
    headers = {"Authorization": "Basic no-base64"}
    assert refused(issuer.post("/oauth/token", {"grant_type": "x"} | form, headers=headers)) == (401, "invalid_client")


def test_a_key_gets_a_token_that_does_less(issuer: Issuer) -> None:
    id, secret = issuer.issue("ada", scopes=["read:*"])
    audience = ["https://a.example.com", "b"]
    answer = issuer.exchange(secret, scope="read:projects", audience=audience, expires_in="60")
    assert set(answer.json()) == {"access_token", "issued_token_type", "token_type", "expires_in", "scope"}
    assert answer.json()["issued_token_type"] == ACCESS_TOKEN
    assert answer.json()["expires_in"] <= 60
    body = issuer.introspect(answer.json()["access_token"]).json()
    assert (body["client_id"], body["scope"], body["aud"]) == (id, "read:projects", audience)
    issuer.call("POST", f"/v1/keys/{id}/revoke?tenant={issuer.slug}", {})
    assert issuer.introspect(answer.json()["access_token"]).content == b'{"active":false}'
    assert refused(issuer.exchange(secret)) == (400, "invalid_request")


def test_an_exchange_gives_no_more_than_the_key_holds_and_takes_nothing_but_keys(issuer: Issuer) -> None:
    secret = issuer.issue("ada", scopes=["read:projects"])[1]
    assert refused(issuer.exchange(secret, scope="read:*")) == (400, "invalid_scope")
    assert refused(issuer.exchange(secret, expires_in="soon")) == (400, "invalid_request")
    assert refused(issuer.exchange(secret, audience=["x"] * 21)) == (400, "invalid_target")
    assert refused(issuer.exchange(secret, subject_token_type="other")) == (400, "invalid_request")
    assert refused(issuer.exchange(secret, requested_token_type="saml")) == (400, "invalid_request")
    assert refused(issuer.exchange(secret, actor_token="x")) == (400, "invalid_request")
    derived, session = issuer.exchange(secret).json()["access_token"], issuer.start()
    for token in (derived, session["access"], session["refresh"], "nonsense", issuer.service[1]):
        assert refused(issuer.exchange(token)) == (400, "invalid_request")


def test_a_key_beyond_its_limits_is_told_when_to_come_back(issuer: Issuer) -> None:
    limits = [{"name": "all", "limit": 1, "window_seconds": 86_400}]
    secret = issuer.issue("ada", limits=limits)[1]
    assert issuer.exchange(secret).status_code == 200
    answer = issuer.exchange(secret)
    assert refused(answer) == (429, "temporarily_unavailable")
    assert 0 < int(answer.headers["retry-after"]) <= 86_400

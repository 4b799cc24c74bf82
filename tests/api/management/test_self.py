"""What a key may do with itself."""

from __future__ import annotations

import pytest

from tests.api.management.conftest import Api
from tokenry.types import Limit


def test_a_key_is_told_who_it_is(api: Api) -> None:
    secret = api.key(scopes=["read:a"], limits=[Limit("day", 1, 86_400)])
    answer = api.client(secret).get("/v1/self")
    body = answer.json()
    assert (body["owner"]["external_id"], body["tenant"], body["scopes"]) == ("ada", "default", ["read:a"])
    assert answer.headers["RateLimit"].startswith('"day";r=1')
    assert answer.headers["Cache-Control"] == "no-store"
    assert secret not in answer.text


def test_asking_takes_nothing_and_a_key_out_of_its_limits_may_still_end_itself(api: Api) -> None:
    secret = api.key(limits=[Limit("day", 1, 86_400)])
    client = api.client(secret)
    client.get("/v1/self")
    assert api.tk.verify(secret)
    assert api.tk.verify(secret).code == "rate_limited"
    assert client.post("/v1/self/revoke", json={"reason": "leaked"}).json()["status"] == "revoked"
    assert api.tk.verify(secret).code == "revoked"
    assert client.get("/v1/self").json()["code"] == "revoked"


def test_an_operator_ends_itself_whatever_it_may_do_otherwise(api: Api) -> None:
    client = api.client(api.operator_of("acme", ("tokenry:verify",)))
    assert client.get("/v1/self").json()["tenant"] == "acme"
    assert client.post("/v1/self/revoke").status_code == 200
    assert client.get("/v1/self").status_code == 401


def test_a_rotation_of_itself_must_survive_a_lost_answer(api: Api) -> None:
    client = api.client(api.operator)
    refused = client.post("/v1/self/rotate", json={"grace_seconds": 59})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "grace_seconds")
    answer = client.post("/v1/self/rotate", json={"grace_seconds": 60})
    assert answer.status_code == 200
    assert client.get("/v1/self").status_code == 200, "the old secret works for its grace"
    successor = api.client(answer.json()["secret"])
    headers = {"Idempotency-Key": "once"}
    again = [successor.post("/v1/self/rotate", json={"grace_seconds": 0}, headers=headers) for _ in range(2)]
    assert again[0].status_code == 200
    assert again[1].status_code == 401, "with no grace, whoever repeats needs another credential"


def test_a_key_of_an_application_renews_itself_where_its_tenant_allows_it(api: Api) -> None:
    secret = api.key(scopes=["read:a"])
    client = api.client(secret)
    refused = client.post("/v1/self/rotate")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    allowing = {"self_rotation_allowed": True}
    assert api.client(api.operator).patch("/v1/tenants/default", json=allowing).status_code == 200
    short = client.post("/v1/self/rotate", json={"grace_seconds": 59})
    assert (short.status_code, short.json()["errors"][0]["field"]) == (422, "grace_seconds")
    headers = {"Idempotency-Key": "once"}
    lost, answer = (client.post("/v1/self/rotate", headers=headers).json() for _ in range(2))
    assert answer["secret"] == lost["secret"] != secret
    assert api.tk.verify(answer["secret"], scopes=["read:a"])
    again = client.post("/v1/self/rotate", headers={"Idempotency-Key": "twice"})
    assert (again.status_code, again.json()["code"]) == (409, "conflict"), "the old secret renews nothing"
    assert len(api.tk.events.list(types=["key.rotated"])) == 1


def test_without_grace_a_lost_answer_is_lost(api: Api) -> None:
    api.tk.tenants.update("default", self_rotation_allowed=True)
    client, headers = api.client(api.key()), {"Idempotency-Key": "once"}
    first = client.post("/v1/self/rotate", json={"grace_seconds": 0}, headers=headers)
    again = client.post("/v1/self/rotate", json={"grace_seconds": 0}, headers=headers)
    assert (again.status_code, again.json()["code"]) == (401, "revoked")
    successor = api.client(first.json()["secret"])
    repeated = successor.post("/v1/self/rotate", json={"grace_seconds": 0}, headers=headers)
    assert repeated.json() == first.json()


def test_a_token_derived_from_a_key_neither_renews_nor_ends_it(api: Api) -> None:
    api.tk.tenants.update("default", self_rotation_allowed=True)
    secret = api.key(scopes=["read:a"])
    client = api.client(str(api.tk.exchange(secret).access))
    for path in ("rotate", "revoke"):
        assert client.post(f"/v1/self/{path}").status_code == 401
    assert api.tk.verify(secret)


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_both_headers_carry_a_credential_and_two_that_differ_are_refused(api: Api, header: str) -> None:
    value = f"Token {api.operator}" if header == "Authorization" else api.operator
    client = api.client(None)
    assert client.get("/v1/self", headers={header: value}).status_code == 200
    other = "X-API-Key" if header == "Authorization" else "Authorization"
    both = client.get("/v1/self", headers={header: value, other: "Bearer other"})
    assert (both.status_code, both.json()["code"]) == (400, "credential_ambiguous")
    assert client.get("/v1/self", headers={"Authorization": "Basic YTpi"}).json()["code"] == "credential_missing"

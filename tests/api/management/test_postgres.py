"""The same on PostgreSQL, where every lookup may wait."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.management.conftest import Api
from tests.conftest import STORES
from tests.servers.postgres import Postgres
from tokenry import Settings, Tokenry
from tokenry.api.management import Callers, Management
from tokenry.config import fresh_keyring
from tokenry.installation import make_operator_key

pytestmark = pytest.mark.skipif("postgres" not in STORES, reason="PostgreSQL is not among the stores")


@pytest.fixture
def url(postgres_server: Postgres) -> str:
    """Give the URL of an empty database."""
    return postgres_server.create_database()


@pytest.fixture
def api(url: str) -> Iterator[Api]:
    """Give an installation on PostgreSQL."""
    with Tokenry(url, keyring=fresh_keyring(), settings=Settings(background=False)) as tk:
        operator = str(make_operator_key(tk).secret)
        tk.owners.put("ada")
        yield Api(tk, Management(tk, Callers(tk)), operator)


def test_a_key_lives_from_its_issue_to_its_end(api: Api) -> None:
    client = api.client(api.operator)
    issued = client.post("/v1/keys", json={"owner": "ada", "name": "CI", "metadata": {"ü": [1.5, None]}})
    assert issued.status_code == 201
    id = issued.json()["key"]["id"]
    assert client.get(f"/v1/keys/{id}").json() == issued.json()["key"]
    headers = {"Idempotency-Key": "once"}
    answers = [client.post(f"/v1/keys/{id}/rotate", headers=headers).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert api.client(answers[0]["secret"]).get("/v1/self").json()["key"]["id"] == id
    assert client.post(f"/v1/keys/{id}/revoke").json()["status"] == "revoked"
    assert api.client(answers[0]["secret"]).get("/v1/self").json()["code"] == "revoked"


def test_names_that_are_taken_at_the_same_moment_are_told_to_whom_they_are_refused(api: Api) -> None:
    with api.client(api.operator) as client, ThreadPoolExecutor(8) as pool:

        def ask(number: int) -> int:
            return client.post("/v1/keys", json={"owner": "ada", "name": f"key {number % 8}"}).status_code

        statuses = sorted(pool.map(ask, range(24)))
    assert statuses == [201] * 8 + [409] * 16


def test_a_database_that_is_gone_is_told_of_with_503(api: Api, url: str, postgres_server: Postgres) -> None:
    postgres_server.drop_database(url)
    answer = api.client(api.operator).get("/v1/keys")
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.headers["Retry-After"]

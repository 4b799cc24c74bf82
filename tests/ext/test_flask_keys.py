"""Flask views behind keys: who is let in, and how everybody else is answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tokenry import Invalid, Limit, Tokenry
from tokenry.ext.flask import FlaskTokenry, current_credential, current_user
from tokenry.testing import throwaway

auth = FlaskTokenry()


def application(tk: Tokenry, **config: Any) -> Flask:
    app = Flask(__name__)
    app.config.update(config)
    auth.init_app(app, tk)

    @app.get("/open")
    @auth.credential_required(optional=True)
    def anybody() -> dict[str, Any]:
        return {"owner": current_credential.owner.external_id if current_credential else None}

    @app.route("/projects", methods=["GET", "POST"])
    @auth.key_required("read:projects")
    def projects() -> dict[str, Any]:
        return {"owner": current_credential.owner.external_id}

    @app.get("/either")
    @auth.key_required({"any": ["read:projects", "admin:all"]})
    async def either() -> dict[str, Any]:
        return {"owner": current_credential.owner.external_id}

    @app.get("/bare")
    @auth.key_required
    def bare() -> dict[str, Any]:
        return {"owner": current_credential.owner.external_id}

    @app.get("/signed-in")
    @auth.session_required
    def signed_in() -> str:
        return "never by a key"

    return app


@pytest.fixture
def tk() -> Iterator[Tokenry]:
    with throwaway() as tk:
        tk.owners.put("ada")
        yield tk


@pytest.fixture
def client(tk: Tokenry) -> FlaskClient:
    return application(tk).test_client()


def issue(tk: Tokenry, *scopes: str, **asked: Any) -> str:
    return str(tk.keys.issue("ada", name=f"key {len(tk.keys.list().items)}", scopes=scopes, **asked).secret)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_a_key_with_the_scope_is_let_in(tk: Tokenry, client: FlaskClient) -> None:
    headers = bearer(issue(tk, "read:projects"))
    for path in ("/projects", "/either", "/bare", "/open"):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.json) == (200, {"owner": "ada"}), path


def test_an_api_key_header_will_do_and_needs_no_origin(tk: Tokenry, client: FlaskClient) -> None:
    headers = {
        "X-API-Key": issue(tk, "read:projects"),
        "Sec-Fetch-Site": "cross-site",
        "Origin": "https://evil.example",
    }
    assert client.post("/projects", headers=headers).status_code == 200


def test_nothing_is_401_with_a_challenge_and_a_problem(client: FlaskClient) -> None:
    answer = client.get("/projects")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["code"] == "credential_missing"


@pytest.mark.parametrize("path", ["/projects", "/open"])
@pytest.mark.parametrize("text", ["", "nonsense", "x" * 10_000, "a.b.c", "tk_live_1" + "0" * 73])
def test_a_bad_credential_is_401_and_never_nobody(client: FlaskClient, path: str, text: str) -> None:
    answer = client.get(path, headers=bearer(text))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert answer.get_json()["code"] == "malformed"
    assert text not in answer.text or not text


def test_too_little_scope_is_403_and_says_what_is_missing(tk: Tokenry, client: FlaskClient) -> None:
    answer = client.get("/projects", headers=bearer(issue(tk, "write:projects")))
    assert answer.status_code == 403
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="read:projects"'


def test_two_different_credentials_are_400(tk: Tokenry, client: FlaskClient) -> None:
    one, other = issue(tk, "read:projects"), issue(tk, "read:projects")
    assert client.get("/projects", headers={**bearer(one), "X-API-Key": other}).status_code == 400
    assert client.get("/projects", headers={**bearer(one), "X-API-Key": one}).status_code == 200
    joined = f"Bearer {one},Bearer {other}"
    assert client.get("/projects", headers={"Authorization": joined}).status_code == 400


def test_a_used_up_limit_is_429_and_says_when_to_come_back(tk: Tokenry, client: FlaskClient) -> None:
    headers = bearer(issue(tk, "read:projects", limits=[Limit("hour", 2, 3600)]))
    first = client.get("/projects", headers=headers)
    assert first.headers["RateLimit-Policy"] == '"hour";q=2;w=3600'
    assert client.get("/projects", headers=headers).status_code == 200
    answer = client.get("/projects", headers=headers)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["RateLimit"].startswith('"hour";r=0;t=')
    assert answer.get_json()["code"] == "rate_limited"


def test_a_key_is_no_session(tk: Tokenry, client: FlaskClient) -> None:
    answer = client.get("/signed-in", headers=bearer(issue(tk)))
    assert (answer.status_code, answer.get_json()["code"]) == (403, "wrong_kind")


def test_a_revoked_key_is_refused_at_once(tk: Tokenry, client: FlaskClient) -> None:
    issued = tk.keys.issue("ada", name="k", scopes=["read:projects"])
    assert client.get("/projects", headers=bearer(str(issued.secret))).status_code == 200
    tk.keys.revoke(issued.key.id)
    assert client.get("/projects", headers=bearer(str(issued.secret))).get_json()["code"] == "revoked"


def test_a_mistaken_demand_shows_when_the_module_is_loaded() -> None:
    with pytest.raises(Invalid):
        auth.key_required("Not A Scope")


def test_guesses_of_one_address_are_throttled_and_a_good_key_is_not(tk: Tokenry) -> None:
    client = application(tk, TOKENRY_FAILURES_MAX=3).test_client()
    codes = [client.get("/projects", headers=bearer("guess")).status_code for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]
    assert int(client.get("/projects", headers=bearer("guess")).headers["Retry-After"]) > 0
    assert client.get("/projects", headers=bearer(issue(tk, "read:projects"))).status_code == 200


def test_an_address_that_is_only_claimed_counts_for_nothing(tk: Tokenry, client: FlaskClient) -> None:
    headers = bearer(issue(tk, "read:projects", allowed_ips=["203.0.113.0/24"]))
    assert client.get("/projects", headers={**headers, "X-Forwarded-For": "203.0.113.7"}).status_code == 403
    outside = {"REMOTE_ADDR": "203.0.113.7"}
    assert client.get("/projects", headers=headers, environ_overrides=outside).status_code == 200


def test_trusted_proxies_say_who_the_client_is(tk: Tokenry) -> None:
    client = application(tk, TOKENRY_TRUSTED_PROXIES=["127.0.0.0/8"]).test_client()
    headers = bearer(issue(tk, "read:projects", allowed_ips=["203.0.113.0/24"]))
    for forwarded, status in (("203.0.113.7", 200), ("203.0.113.7, 198.51.100.1", 403), ("nonsense", 403)):
        assert client.get("/projects", headers={**headers, "X-Forwarded-For": forwarded}).status_code == status
    stranger = {"REMOTE_ADDR": "198.51.100.9"}
    claimed = {**headers, "X-Forwarded-For": "203.0.113.7"}
    assert client.get("/projects", headers=claimed, environ_overrides=stranger).status_code == 403


def test_a_database_that_is_gone_is_503_and_lets_nobody_in(tk: Tokenry, client: FlaskClient) -> None:
    secret = issue(tk, "read:projects")
    tk._memory.clear()
    tk._database.find = _gone  # type: ignore[method-assign]
    answer = client.get("/projects", headers=bearer(secret))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "database" not in answer.text


def _gone(kid: str) -> None:
    from tokenry import StoreUnavailable

    raise StoreUnavailable("the database is gone")


def test_hosts_that_keep_their_users_load_them(tk: Tokenry) -> None:
    users = {"ada": "Ada Lovelace"}
    own = FlaskTokenry()
    app = Flask(__name__)
    own.init_app(app, tk)
    own.user_loader(users.get)

    @app.get("/me")
    @own.key_required
    def me() -> str:
        return str(current_user)

    headers = bearer(issue(tk))
    assert app.test_client().get("/me", headers=headers).text == "Ada Lovelace"
    users.clear()
    answer = app.test_client().get("/me", headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "unknown_user")


def test_hooks_answer_in_place_of_ours(tk: Tokenry) -> None:
    own = FlaskTokenry()
    app = Flask(__name__)
    own.init_app(app, tk)

    @own.access_refused
    def refused(problem: Any) -> Any:
        return ({"oops": problem.code}, 418) if problem.status != 403 else None

    @own.error_answer
    def anything(problem: Any) -> Any:
        return {"error": problem.code}, problem.status

    @app.get("/")
    @own.key_required("a")
    def index() -> str:
        return "in"

    client = app.test_client()
    assert (client.get("/").status_code, client.get("/").json) == (418, {"oops": "credential_missing"})
    answer = client.get("/", headers=bearer(issue(tk)))
    assert (answer.status_code, answer.json) == (403, {"error": "insufficient_scope"})

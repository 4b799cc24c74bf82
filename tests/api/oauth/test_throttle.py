"""Who guesses is told nothing after a while; who shares the address and has a good token gets in."""

from __future__ import annotations

from pathlib import Path

from tests.api.oauth.conftest import ACCESS_TOKEN, EXCHANGE
from tests.servers import web
from tests.servers.serving import serving


def test_guesses_are_throttled_at_every_endpoint_and_good_tokens_never(tmp_path: Path) -> None:
    with serving(tmp_path, TOKENRY_FAILURES_MAX="3") as server:
        server.call("PUT", "/v1/owners/ada", {})
        session = server.call("POST", "/v1/sessions", {"owner": "ada"})
        key = server.issue("good")
        guess = {"grant_type": "refresh_token", "refresh_token": "tk_rt_guess"}
        answers = [web.post(f"{server.url}/oauth/token", data=guess) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [400, 400, 400, 429]
        assert answers[3].json()["error"] == "temporarily_unavailable"
        assert 0 < int(answers[3].headers["retry-after"]) <= 900
        exchange = {"grant_type": EXCHANGE, "subject_token_type": ACCESS_TOKEN}
        for path, form in (
            ("/oauth/token", {**exchange, "subject_token": "tk_live_guess"}),
            ("/oauth/token", {**guess, "client_id": "key_x", "client_secret": "tk_live_guess"}),
            ("/oauth/revoke", {"token": "guess"}),
            ("/oauth/introspect", {"token": "x", "client_secret": "tk_op_guess"}),
        ):
            assert web.post(server.url + path, data=form).status_code == 429, path
        good = {"grant_type": "refresh_token", "refresh_token": session["refresh"]}
        assert web.post(f"{server.url}/oauth/token", data=good).status_code == 200
        assert web.post(f"{server.url}/oauth/token", data={**exchange, "subject_token": key}).status_code == 200
        assert web.post(f"{server.url}/oauth/revoke", data={"token": session["refresh"]}).status_code == 200


def test_tokens_that_a_client_with_a_key_presents_throttle_nobody(tmp_path: Path) -> None:
    with serving(tmp_path, TOKENRY_FAILURES_MAX="3") as server:
        server.call("PUT", "/v1/owners/ada", {})
        client = {"client_secret": server.issue("client")}
        operator = {"client_secret": server.operator_key}
        refresh = {"grant_type": "refresh_token", "refresh_token": "tk_rt_guess"}
        for path, form, status in (
            ("/oauth/introspect", {"token": "tk_live_guess", **operator}, 200),
            ("/oauth/token", {**refresh, **client}, 400),
            ("/oauth/revoke", {"token": "guess", **client}, 200),
        ):
            answers = [web.post(server.url + path, data=form) for _ in range(5)]
            assert [answer.status_code for answer in answers] == [status] * 5, path
        answers = [web.post(f"{server.url}/oauth/token", data=refresh) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [400, 400, 400, 429]


def test_without_a_url_as_issuer_there_is_no_metadata_and_everything_else(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        metadata = web.get(f"{server.url}/.well-known/oauth-authorization-server")
        assert (metadata.status_code, "TOKENRY_ISSUER" in metadata.json()["detail"]) == (404, True)
        assert web.get(f"{server.url}/.well-known/jwks.json").status_code == 200

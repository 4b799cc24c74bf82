"""Whatever an anonymous client sends to an OAuth endpoint, the answer is short and the form is small."""

from __future__ import annotations

import pytest

from tests.api.oauth.conftest import ACCESS_TOKEN, EXCHANGE, Issuer
from tests.servers import web

FORMS = {
    "many scopes": {"scope": "! " * 7000},
    "one long scope": {"scope": "é" * 2000},
    "a long audience": {"audience": "a\n" * 3000},
    "many audiences": {"audience": ["\n"] * 45},
    "a long type": {"subject_token_type": "t" * 12_000},
    "a long life": {"expires_in": "9" * 12_000},
    "a long client": {"client_id": "c" * 12_000},
    "a long grant": {"grant_type": "g" * 12_000},
    "many fields": {f"field{number}": "1" for number in range(200)},
    "a long name": {"n" * 12_000: ["1", "2"]},
}
GRANTS = {
    "exchange": {"grant_type": EXCHANGE, "subject_token": "x", "subject_token_type": ACCESS_TOKEN},
    "refresh": {"grant_type": "refresh_token", "refresh_token": "x"},
}


@pytest.mark.parametrize("grant", GRANTS)
@pytest.mark.parametrize("name", FORMS)
def test_an_answer_is_short_whatever_was_asked(issuer: Issuer, grant: str, name: str) -> None:
    answer = issuer.post("/oauth/token", {**GRANTS[grant], **FORMS[name]})
    assert 400 <= answer.status_code < 500
    assert len(answer.content) < 1500


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect"])
@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_form_of_more_than_sixteen_kibibytes_is_refused(issuer: Issuer, path: str, is_chunked: bool) -> None:
    form = b"token=" + b"x" * 16_384
    fields = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = web.post(issuer.url + path, content=iter([form]) if is_chunked else form, headers=fields)
    assert (answer.status_code, answer.json()["error"]) == (413, "invalid_request")
    largest = issuer.post(path, {"token": "x" * 16_378})
    assert largest.status_code != 413

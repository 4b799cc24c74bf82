"""Operators sign in to the console: what the cookie is good for, and what it is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.api.console.conftest import ORIGIN, PAGE, Site

MINUTE = timedelta(minutes=1)


def keys(browser: Any, **headers: str) -> Any:
    return browser.get("/console/v1/keys", headers={**PAGE, **headers})


def put_owner(browser: Any, **headers: str) -> Any:
    return browser.put("/console/v1/owners/ada", json={}, headers={**PAGE, **headers})


def test_an_operator_signs_in_and_does_what_the_key_does(site: Site) -> None:
    browser, answer = site.sign_in()
    assert answer.status_code == 204
    assert put_owner(browser).status_code == 200
    issued = browser.post("/console/v1/keys", json={"owner": "ada", "name": "CI"}, headers=PAGE)
    assert issued.status_code == 201
    assert keys(browser).json()["items"][0]["name"] == "CI"
    entry = site.tk.audit.list(action="key.issued").items[0]
    assert entry.actor == site.tk.keys.find(secret=site.operator, tenant="system").id, "the audit log names the key"


def test_the_cookie_holds_no_key_and_no_script_reads_it(site: Site) -> None:
    _, answer = site.sign_in()
    cookie = answer.headers["set-cookie"]
    assert site.operator not in cookie
    name, _, rest = cookie.partition("=")
    assert name == "tokenry_console"
    assert rest.partition("; ")[2] == "Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"


def test_over_https_the_cookie_is_bound_to_its_host(site: Site) -> None:
    _, answer = site.sign_in(Origin="https://keys.example.com", Host="keys.example.com")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-tokenry_console=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure")


def test_over_plain_http_only_this_machine_signs_in(site: Site) -> None:
    _, answer = site.sign_in(Origin="http://keys.example.com", Host="keys.example.com")
    assert answer.status_code == 403
    assert "https" in answer.json()["detail"]
    assert "set-cookie" not in answer.headers


def test_a_cookie_of_plain_http_is_not_taken_elsewhere(site: Site) -> None:
    _, answer = site.sign_in()
    cookie = answer.headers["set-cookie"].partition(";")[0]
    elsewhere = site.browser().get("/console/v1/keys", headers={**PAGE, "Cookie": cookie, "Host": "keys.example.com"})
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (401, "credential_missing")


def test_keys_of_applications_and_nonsense_sign_nobody_in(site: Site) -> None:
    site.tk.owners.put("ada")
    key = str(site.tk.keys.issue("ada", name="CI", scopes=["*"]).secret)
    answers = [site.sign_in(text)[1] for text in (key, "nonsense", "x" * 100_000, "tk_op_1" + "0" * 73)]
    assert [(one.status_code, "set-cookie" in one.headers) for one in answers[:2]] == [(401, False)] * 2
    assert all(one.status_code in (401, 413) for one in answers)


def test_guesses_are_throttled_and_the_right_key_is_not(site: Site) -> None:
    codes = [site.sign_in(f"guess {number}")[1].json()["code"] for number in range(7)]
    assert codes == ["malformed"] * 5 + ["throttled"] * 2
    assert site.sign_in()[1].status_code == 204


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": ""},
    ],
    ids=str,
)
def test_another_origin_reads_nothing_changes_nothing_and_signs_nobody_in(site: Site, headers: dict[str, str]) -> None:
    browser, _ = site.sign_in()
    for answer in (keys(browser, **headers), put_owner(browser, **headers), site.sign_in(**headers)[1]):
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    assert site.tk.owners.list().items == ()


def test_changes_need_a_sign_in_of_the_last_fifteen_minutes(site: Site) -> None:
    browser, _ = site.sign_in()
    site.clock.advance(15 * MINUTE)
    assert put_owner(browser).status_code == 200
    site.clock.advance(MINUTE)
    assert (put_owner(browser).status_code, put_owner(browser).json()["code"]) == (401, "sign_in_again")
    assert keys(browser).status_code == 200
    assert browser.post("/console/v1/keys/find", json={"kid": "none"}, headers=PAGE).status_code == 404, "it only reads"
    assert browser.post("/console/session", json={"key": site.operator}, headers=PAGE).status_code == 204
    assert put_owner(browser).status_code == 200


def test_after_twelve_hours_a_sign_in_is_over(site: Site) -> None:
    browser, _ = site.sign_in()
    site.clock.advance(timedelta(hours=12) - MINUTE)
    assert keys(browser).status_code == 200
    site.clock.advance(MINUTE)
    assert (keys(browser).status_code, keys(browser).json()["code"]) == (401, "expired")


def test_a_sign_in_ends_with_its_key(site: Site) -> None:
    site.tk.owners.put("operator", tenant="system", admin=True)
    key = site.tk.keys.issue("operator", name="hers", scopes=["tokenry:keys:read"], environment="op", tenant="system")
    browser, _ = site.sign_in(str(key.secret))
    assert keys(browser).status_code == 200
    assert put_owner(browser).json()["code"] == "insufficient_scope"
    site.tk.keys.revoke(key.key.id, tenant="system")
    assert (keys(browser).status_code, keys(browser).json()["code"]) == (401, "revoked")


def test_an_operator_of_a_tenant_sees_that_tenant_alone(site: Site) -> None:
    site.tk.tenants.create("acme")
    site.tk.owners.put("operator", tenant="acme")
    key = site.tk.keys.issue("operator", name="hers", scopes=["tokenry:keys:read"], environment="op", tenant="acme")
    browser, _ = site.sign_in(str(key.secret))
    assert [one["name"] for one in keys(browser).json()["items"]] == ["hers"]
    assert browser.get("/console/v1/keys?tenant=default", headers=PAGE).status_code == 404


def test_the_cookie_is_good_for_nothing_but_the_console(site: Site) -> None:
    browser, answer = site.sign_in()
    token = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
    assert browser.get("/v1/keys", headers=PAGE).json()["code"] == "credential_missing"
    assert browser.get("/v1/keys", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    for path in ("/console/v1/self", "/console/v1/verify", "/console/v1/../v1/keys", "/console/docs"):
        assert browser.get(path, headers=PAGE).status_code in (200, 401, 404)
    assert browser.get("/console/v1/self", headers=PAGE).status_code == 401, "it neither ends nor renews its key"
    assert browser.post("/console/v1/self/revoke", json={}, headers=PAGE).status_code == 401


def test_only_a_token_that_was_made_for_the_console_counts(site: Site) -> None:
    for asked in ({}, {"audience": "https://api.example.com"}):
        token = site.tk.exchange(site.operator, environment="op", **asked).access
        cookie = {"Cookie": f"tokenry_console={token}"}
        assert keys(site.browser(), **cookie).json()["code"] == "not_found"
    assert keys(site.browser(), Cookie=f"tokenry_console={site.operator}").status_code == 401, "a key is no sign-in"


def test_signing_out_deletes_the_cookie(site: Site) -> None:
    browser, _ = site.sign_in()
    session = browser.get("/console/session", headers=PAGE)
    assert session.json()["name"] == "first operator key"
    assert session.json()["tenant"] == "system"
    assert browser.delete("/console/session", headers={**PAGE, "Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.delete("/console/session", headers=PAGE).status_code == 204
    assert keys(browser).json()["code"] == "credential_missing"


def test_every_page_has_the_policy_and_is_not_sent_twice(site: Site) -> None:
    browser = site.browser()
    for path in ("/console", "/console/keys/key_1", "/console/console.js", "/console/console.css", "/console/icon.svg"):
        answer = browser.get(path)
        assert answer.status_code == 200, path
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'; trusted-types 'none'" in policy
        again = browser.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    plain = browser.get("/console/console.js", headers={"Accept-Encoding": "identity"})
    assert plain.content == browser.get("/console/console.js", headers={"Accept-Encoding": "gzip"}).content
    assert browser.post("/console/keys").status_code == 405
    assert ORIGIN not in plain.text

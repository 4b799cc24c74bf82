"""An owner at the key page of the server: who gets in by a link, for how long, and what ends the visit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tests.api.console.conftest import ORIGIN, Site
from tests.api.console.conftest import site as site
from tokenry.store.tables import portal

PAGE = {"sec-fetch-site": "same-origin", "origin": ORIGIN, "tokenry-page": "1", "content-type": "application/json"}
REFRESH = "https://app.example.com/keys"
MINUTE = timedelta(minutes=1)


def code_of(link: Any) -> str:
    return str(link.url).partition("#code=")[2]


def enter(browser: Any, code: str, **headers: str) -> Any:
    return browser.post("/keys/api/enter", json={"code": code}, headers={**PAGE, **headers})


def call(browser: Any, verb: str, path: str, body: Any = None, **headers: str) -> Any:
    return browser.request(verb, f"/keys/api/{path}", json=body, headers={**PAGE, **headers})


def visit(site: Site, owner: str = "ada", **given: Any) -> Any:
    """Return the browser of an owner who has come by a link."""
    site.tk.owners.put(owner)
    browser = site.browser()
    link = site.tk.portal.open(owner, **{"refresh_url": REFRESH, **given})
    assert enter(browser, code_of(link)).status_code == 204
    return browser


def test_an_owner_comes_by_a_link_and_manages_its_keys(site: Site) -> None:
    site.tk.owners.put("ada")
    operator = {"Authorization": f"Bearer {site.operator}"}
    asked = {"owner": "ada", "scopes": ["read:projects"], "return_to": "https://app.example.com/"}
    answer = site.browser().post("/v1/portal/sessions", json=asked, headers=operator)
    assert answer.status_code == 201, answer.text
    link = answer.json()
    assert link["url"].startswith("/keys/#code=por_")
    browser = site.browser()
    entered = enter(browser, link["url"].partition("#code=")[2])
    assert entered.status_code == 204
    name, _, rest = entered.headers["set-cookie"].partition("=")
    assert name == "tokenry_keys"
    assert rest.partition("; ")[2] == "Path=/; HttpOnly; SameSite=Strict; Max-Age=3600"
    page = call(browser, "GET", "page").json()
    assert (page["scopes"], page["return_to"]) == (["read:projects"], "https://app.example.com/")
    made = call(browser, "POST", "keys", {"name": "CI", "scopes": ["read:projects"]}).json()
    assert site.tk.verify(made["secret"], scopes="read:projects")
    assert call(browser, "POST", "keys", {"name": "X", "scopes": ["write:projects"]}).status_code == 403
    entry = site.tk.audit.list(action="key.issued").items[0]
    assert entry.actor == f"{link['id']}/ada", "the audit log names the owner and the visit"
    assert [one.actor for one in site.tk.audit.list(action="portal.entered").items] == [f"{link['id']}/ada"]


def test_over_https_the_cookie_is_bound_to_its_host(site: Site) -> None:
    site.tk.owners.put("ada")
    there = {"origin": "https://keys.example.com", "host": "keys.example.com"}
    answer = enter(site.browser(), code_of(site.tk.portal.open("ada")), **there)
    assert answer.headers["set-cookie"].startswith("__Host-tokenry_keys=por_")
    assert answer.headers["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Strict; Max-Age=3600; Secure")
    plain = {"origin": "http://keys.example.com", "host": "keys.example.com"}
    assert enter(site.browser(), code_of(site.tk.portal.open("ada")), **plain).status_code == 403


def test_a_code_is_good_once_and_for_five_minutes(site: Site) -> None:
    site.tk.owners.put("ada")
    link = site.tk.portal.open("ada", refresh_url=REFRESH)
    assert enter(site.browser(), code_of(link)).status_code == 204
    again = enter(site.browser(), code_of(link))
    assert (again.status_code, again.json()["code"], again.json()["refresh_url"]) == (401, "revoked", REFRESH)
    late = site.tk.portal.open("ada", refresh_url=REFRESH)
    site.clock.advance(5 * MINUTE)
    found = enter(site.browser(), code_of(late))
    assert (found.status_code, found.json()["code"], found.json()["refresh_url"]) == (401, "expired", REFRESH)


def test_a_visit_ends_in_time_and_says_where_the_next_link_is(site: Site) -> None:
    browser = visit(site, expires_in=10 * MINUTE)
    site.clock.advance(10 * MINUTE - timedelta(seconds=1))
    assert call(browser, "GET", "keys").status_code == 200
    site.clock.advance(timedelta(seconds=1))
    found = call(browser, "GET", "keys")
    assert (found.status_code, found.json()["refresh_url"]) == (401, REFRESH)


def _open_by_key(site: Site) -> Any:
    """Return a visitor whose link was made with the operator's key."""
    site.tk.owners.put("ada")
    answer = site.browser().post(
        "/v1/portal/sessions", json={"owner": "ada"}, headers={"Authorization": f"Bearer {site.operator}"}
    )
    browser = site.browser()
    enter(browser, answer.json()["url"].partition("#code=")[2])
    return browser


def _revoke_maker(site: Site) -> None:
    site.tk.keys.revoke(site.tk.keys.find(secret=site.operator, tenant="system").id, tenant="system")


ENDINGS: dict[str, Callable[[Site], object]] = {
    "owner disabled": lambda site: site.tk.owners.disable("ada"),
    "owner deleted": lambda site: site.tk.owners.delete("ada"),
    "owner disabled and enabled": lambda site: (site.tk.owners.disable("ada"), site.tk.owners.enable("ada")),
    "tenant suspended": lambda site: site.tk.tenants.suspend("default"),
    "sessions of the owner revoked": lambda site: site.tk.sessions.revoke_all("ada"),
    "key of the operator revoked": _revoke_maker,
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_what_ends_the_owner_or_the_operator_ends_the_visit(site: Site, end: Callable[[Site], object]) -> None:
    browser = _open_by_key(site)
    assert call(browser, "POST", "keys", {"name": "Before"}).status_code == 200
    end(site)
    for verb, path, body in (("GET", "page", None), ("GET", "keys", None), ("POST", "keys", {"name": "After"})):
        assert call(browser, verb, path, body).status_code == 401


def test_a_visit_reaches_nothing_of_another_owner(site: Site) -> None:
    site.tk.owners.put("bob", admin=True)
    hers = site.tk.keys.issue("bob", name="Hers")
    browser = visit(site)
    assert call(browser, "GET", f"keys/{hers.key.id}").status_code == 404
    assert call(browser, "POST", f"keys/{hers.key.id}/revoke", {}).status_code == 404
    assert call(browser, "GET", "keys").json()["items"] == []
    assert browser.get("/v1/keys", headers=PAGE).status_code == 401, "the cookie is good for the key page alone"
    cookie = browser.cookies["tokenry_keys"]
    assert browser.get("/v1/keys", headers={"Authorization": f"Bearer {cookie}"}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
        {"sec-fetch-site": "same-site", "origin": "https://other.example.com"},
        {"sec-fetch-site": "none"},
        {"origin": "null"},
        {"tokenry-page": ""},
    ],
)
def test_a_page_of_another_origin_changes_nothing(site: Site, headers: dict[str, str]) -> None:
    browser = visit(site)
    for verb, path, body in (("GET", "keys", None), ("POST", "keys", {"name": "Forged"})):
        assert call(browser, verb, path, body, **headers).status_code == 403
    link = site.tk.portal.open("ada")
    assert enter(site.browser(), code_of(link), **headers).status_code == 403
    assert enter(site.browser(), code_of(link)).status_code == 204, "a forged request does not use the code up"
    assert site.tk.keys.list(owner="ada").items == ()


def test_a_guess_is_refused_and_counted(site: Site) -> None:
    browser = visit(site)
    real = browser.cookies["tokenry_keys"]
    changed = real[:-1] + ("A" if real[-1] != "A" else "B")
    for text in ("", "x", changed, real.partition(".")[0], "por_" + "0" * 22 + ".x", "é" * 40, "x" * 10_000):
        assert enter(site.browser(), text).status_code in (401, 429)
    assert enter(site.browser(), changed).json()["code"] == "throttled"
    assert call(browser, "GET", "keys").status_code == 200, "what is good is never throttled"


def test_a_row_that_was_changed_without_the_keyring_is_refused(site: Site) -> None:
    site.tk.owners.put("ada")
    site.tk.owners.put("root", admin=True)
    link = site.tk.portal.open("ada")
    with site.tk._context.store.change() as rows:
        row = rows.portal.get(link.id)
        assert row is not None
        forged = row.document.replace('"grants":[]', '"grants":["admin:all"]')
        assert forged != row.document
        rows.connection.execute(update(portal).values(document=forged))
    assert enter(site.browser(), code_of(link)).status_code == 401


def test_the_page_is_the_key_page_under_the_same_policy(site: Site) -> None:
    browser = site.browser()
    moved = browser.get("/keys", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (308, "/keys/")
    answer = browser.get("/keys/")
    assert "<tokenry-keys whole-page by-link" in answer.text
    assert "require-trusted-types-for 'script'" in answer.headers["content-security-policy"]
    assert browser.get("/keys/tokenry-keys.js").status_code == 200
    assert browser.get("/keys/nothing").status_code == 404

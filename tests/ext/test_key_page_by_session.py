"""The key page without `owner`: the session of a request names the owner, the same in Flask, Django and FastAPI."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.ext.browsers import SAME, SITES, Answer, Browser, Site
from tests.ext.test_sessions import code, signed_in
from tokenry import Tokenry

PAGE = {**SAME, "tokenry-page": "1"}
PROJECTS = {"name": "Backup", "scopes": ["read:projects"]}


@pytest.fixture(params=sorted(SITES))
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with SITES[request.param](tmp_path, {}, {}) as site:
        yield site


def make(browser: Browser, **headers: str) -> Answer:
    return browser.post("/keys/api/keys", {**PAGE, **headers}, PROJECTS)


def bearer(token: object) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def is_unmade(tk: Tokenry) -> bool:
    return tk.keys.list().items == ()


def test_the_owner_of_the_session_makes_keys(site: Site) -> None:
    ada = signed_in(site)
    assert "<tokenry-keys" in ada.get("/keys/").body.decode()
    made = make(ada)
    assert site.tk.verify(made.json["secret"], scopes="read:projects")
    assert [entry.actor for entry in site.tk.audit.list(action="key.issued").items] == ["ada"]
    assert signed_in(site, "eve").ask("GET", "/keys/api/keys", PAGE).json["items"] == []
    [session] = ada.ask("GET", "/keys/api/sessions", PAGE).json["items"]
    assert session["current"] is True


def test_nobody_is_sent_to_the_sign_in(site: Site) -> None:
    answer = site.browser().get("/keys/")
    assert (answer.status, answer.header("location")) == (303, "/sign-in?next=/keys/")
    assert code(make(site.browser())) == (401, "credential_missing")
    assert is_unmade(site.tk)


def test_a_call_with_a_spent_token_learns_where_the_page_refreshes_the_session(site: Site) -> None:
    ada = signed_in(site)
    site.clock.advance(timedelta(minutes=6))
    assert ada.get("/keys/").status == 303
    refused = make(ada)
    assert (refused.status, refused.json["refresh_path"]) == (401, "/auth/refresh")
    assert ada.post(refused.json["refresh_path"]).status == 200
    assert make(ada).status == 200


def test_a_key_is_not_its_owner(site: Site) -> None:
    site.tk.owners.put("ada", admin=True)
    key = site.tk.keys.issue("ada", name="robot").secret
    assert code(make(site.browser(), **bearer(key))) == (403, "wrong_kind")
    assert len(site.tk.keys.list().items) == 1


def test_a_session_that_may_do_less_than_its_owner_manages_no_keys(site: Site) -> None:
    site.tk.owners.put("ada")
    scoped = site.tk.sessions.start("ada", scopes=["read:projects"])
    narrowed = site.tk.sessions.refresh(site.tk.sessions.start("ada").refresh, scopes=[])
    assert narrowed
    for tokens in (scoped, narrowed):
        assert code(make(site.browser(), **bearer(tokens.access))) == (403, "insufficient_scope")
    assert is_unmade(site.tk)


def test_a_session_of_another_tenant_stays_there(site: Site) -> None:
    site.tk.owners.put("ada")
    site.tk.tenants.create("acme")
    site.tk.scoped(tenant="acme").owners.put("ada")
    token = site.tk.scoped(tenant="acme").sessions.start("ada").access
    assert make(site.browser(), **bearer(token)).status == 200
    assert is_unmade(site.tk)
    assert [key.name for key in site.tk.scoped(tenant="acme").keys.list()] == ["Backup"]


def test_another_site_makes_no_key_by_the_cookie(site: Site) -> None:
    ada = signed_in(site)
    for fetch_site in ("cross-site", "same-site"):
        assert make(ada, **{"Sec-Fetch-Site": fetch_site}).status == 403
    assert is_unmade(site.tk)


def test_a_session_that_has_ended_makes_no_key(site: Site) -> None:
    ada = signed_in(site)
    stolen = ada.copy()
    assert ada.post("/auth/sign-out").status == 204
    assert make(stolen).status == 401
    assert stolen.get("/keys/").status == 303
    assert is_unmade(site.tk)

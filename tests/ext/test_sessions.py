"""Signing in, staying signed in and signing out by cookies: the same in Flask, Django and FastAPI."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.ext.browsers import OTHER, SAME, SITES, Answer, Browser, Site

Make = Any


@pytest.fixture(params=sorted(SITES))
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as stack:
        yield lambda options=None, **given: stack.enter_context(SITES[request.param](tmp_path, options or {}, given))


@pytest.fixture
def site(make: Make) -> Site:
    return make()


def signed_in(site: Site, owner: str = "ada") -> Browser:
    browser = site.browser()
    answer = browser.post("/sign-in", {**SAME, "X-Demo-User": owner})
    assert answer.status == 200, answer
    return browser


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def test_a_browser_signs_in_stays_and_leaves(site: Site) -> None:
    browser = signed_in(site)
    assert browser.get("/signed-in").json == {"owner": "ada"}
    site.clock.advance(timedelta(minutes=6))
    assert code(browser.get("/signed-in")) == (401, "expired")
    refreshed = browser.post("/auth/refresh")
    assert (refreshed.status, refreshed.header("cache-control")) == (200, "no-store")
    assert set(refreshed.json) == {"session", "access_expires_at", "refresh_expires_at"}, "no token for scripts to read"
    assert browser.get("/signed-in").status == 200
    before = browser.copy()
    assert browser.post("/auth/sign-out").status == 204
    assert browser.jar == {}
    assert code(browser.get("/signed-in")) == (401, "credential_missing")
    assert code(before.get("/signed-in")) == (401, "revoked"), "the session is over, and not just the cookie gone"
    assert code(before.post("/auth/refresh")) == (401, "revoked")
    assert before.jar == {}, "cookies that are of no use are taken back"


def test_cookies_are_out_of_reach(site: Site) -> None:
    answer = site.browser().post("/sign-in", {**SAME, "X-Demo-User": "ada"})
    access, refresh = sorted(answer.set_cookies())
    assert answer.header("cache-control") == "no-store"
    assert access.startswith("__Host-tokenry_access=")
    assert refresh.startswith("__Secure-tokenry_refresh=")
    for line, path, life in ((access, "/", 86_400), (refresh, "/auth", 7 * 86_400)):
        attributes = {part.strip().lower() for part in line.split(";")[1:]}
        attributes = {part for part in attributes if not part.startswith("expires")}
        assert attributes == {"httponly", "secure", "samesite=lax", f"path={path}", f"max-age={life}"}


def test_for_development_the_prefixes_fall_away_with_secure(make: Make) -> None:
    site = make({"cookie_secure": False, "access_cookie": "a", "refresh_cookie_life": 60, "cookie_samesite": "Strict"})
    browser = site.browser()
    access, refresh = sorted(browser.post("/sign-in", {**SAME, "X-Demo-User": "ada"}).set_cookies())
    assert access.startswith("a=")
    assert refresh.startswith("tokenry_refresh=")
    assert "secure" not in (access + refresh).lower()
    assert "samesite=strict" in access.lower()
    assert "max-age=60;" in refresh.lower() + ";"
    assert browser.get("/signed-in").status == 200


CHANGING = ["/auth/refresh", "/auth/own", "/auth/sign-out", "/auth/sign-out/everywhere", "/signed-in"]
FOREIGN = [OTHER, {}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}, {"Origin": "https://x"}]


def test_a_request_from_another_site_changes_nothing(site: Site) -> None:
    browser = signed_in(site)
    jar = dict(browser.jar)
    for path in CHANGING:
        for origin in FOREIGN:
            assert code(browser.post(path, origin)) == (403, "cross_site"), (path, origin)
    assert browser.jar == jar
    assert browser.get("/signed-in").status == 200
    [session] = site.tk.sessions.list("ada").items
    assert (session.status, session.generation) == ("active", 1)


def test_another_site_takes_no_cookies_away(site: Site) -> None:
    """What it causes may come without the cookies, and a browser that navigates keeps those of the answer."""
    browser = signed_in(site)
    jar = dict(browser.jar)
    for origin in (OTHER, {"Sec-Fetch-Site": "same-site"}):
        for path in ("/auth/sign-out", "/auth/sign-out/everywhere"):
            assert code(browser.post(path, {**origin, "Cookie": ""})) == (403, "cross_site")
        for path in ("/auth/refresh", "/auth/own", "/auth/sign-out"):
            browser.post(path, {**origin, "Cookie": ""}, {"refresh_token": "tk_rt_1nonsense"})
    assert browser.jar == jar


def test_another_site_cannot_sign_its_visitor_in_here_as_somebody_else(site: Site) -> None:
    browser = site.browser()
    assert code(browser.post("/sign-in", {**OTHER, "X-Demo-User": "eve"})) == (403, "cross_site")
    assert browser.jar == {}
    assert len(site.tk.sessions.list()) == 0


def test_an_unknown_method_counts_as_one_that_changes(site: Site) -> None:
    browser = signed_in(site)
    assert code(browser.ask("PURGE", "/signed-in", OTHER)) == (403, "cross_site")
    assert browser.ask("PURGE", "/signed-in", SAME).status == 200


def test_reading_across_sites_is_the_browsers_to_forbid(site: Site) -> None:
    assert signed_in(site).ask("GET", "/signed-in", OTHER).status == 200


@pytest.mark.parametrize("origin", FOREIGN, ids=str)
def test_a_refresh_changes_things_by_whatever_method(site: Site, origin: dict[str, str]) -> None:
    browser = signed_in(site)
    jar = dict(browser.jar)
    assert code(browser.ask("GET", "/auth/own", origin)) == (403, "cross_site")
    assert browser.jar == jar
    [session] = site.tk.sessions.list("ada").items
    assert session.generation == 1
    assert browser.ask("GET", "/auth/own", SAME).status == 200


def test_a_listed_origin_may_change_things(make: Make) -> None:
    site = make({"allowed_origins": ["https://app.example"]})
    browser = signed_in(site)
    assert browser.post("/signed-in", {"Origin": "https://app.example", "Sec-Fetch-Site": "same-site"}).status == 200
    assert browser.post("/signed-in", {"Origin": "https://app.example.evil"}).status == 403


@pytest.mark.parametrize("option", [{"tenant": "acme"}, {"audience": "billing"}, {"environment": "test"}], ids=str)
def test_what_every_credential_has_to_be_of_holds_for_those_of_a_sign_in(make: Make, option: dict[str, str]) -> None:
    site = make(option)
    site.tk.tenants.create("acme", name="Acme")
    browser = signed_in(site)
    assert browser.get("/signed-in").json == {"owner": "ada"}
    assert browser.post("/auth/refresh").status == 200
    verdict = site.tk.verify(browser.value("tokenry_access"), **{k: v for k, v in option.items() if k != "environment"})
    assert verdict.owner.external_id == "ada"
    assert browser.post("/auth/sign-out/everywhere").status == 204
    assert {one.status for one in site.tk.sessions.list(tenant=verdict.tenant.slug)} == {"revoked"}


def test_a_bearer_token_needs_no_origin(site: Site) -> None:
    browser = signed_in(site)
    bearer = {"Authorization": f"Bearer {browser.value('access')}", **OTHER, "Cookie": ""}
    assert browser.post("/signed-in", bearer).status == 200


def test_a_key_is_no_session_and_a_session_no_key(site: Site) -> None:
    browser = signed_in(site)
    secret = str(site.tk.keys.issue("ada", name="k").secret)
    assert code(site.browser().get("/signed-in", Authorization=f"Bearer {secret}")) == (403, "wrong_kind")
    derived = str(site.tk.exchange(secret).access)
    assert code(site.browser().get("/signed-in", Authorization=f"Bearer {derived}")) == (403, "wrong_kind")
    assert browser.get("/signed-in").status == 200


def test_garbage_in_a_cookie_is_401_and_never_500(site: Site) -> None:
    whole = signed_in(site)
    for garbage in ["x", "a.b.c", "..", "ey.ey.ey", "%00", "x" * 9000]:
        browser = whole.copy()
        browser.put("access", garbage)
        jar = dict(browser.jar)
        assert code(browser.get("/signed-in")) == (401, "malformed"), garbage
        assert code(browser.post("/auth/refresh")) == (401, "access_invalid"), garbage
        assert browser.jar == jar, "the session lives"
        browser = whole.copy()
        browser.put("refresh", garbage)
        assert code(browser.post("/auth/refresh")) == (401, "malformed"), garbage
        assert browser.jar == {}
    assert whole.post("/auth/refresh").status == 200


def test_an_early_refresh_with_a_valid_pair_succeeds(site: Site) -> None:
    browser = signed_in(site)
    first = browser.value("refresh")
    assert browser.post("/auth/refresh").status == 200
    assert browser.value("refresh") != first
    assert browser.get("/signed-in").status == 200


def test_who_wants_it_otherwise_refuses_an_early_refresh_and_keeps_the_cookies(make: Make) -> None:
    site = make(early_refresh="refuse")
    heard = []
    site.hooks.not_yet_expired(lambda problem: heard.append(problem.code))
    browser = signed_in(site)
    jar = dict(browser.jar)
    assert code(browser.post("/auth/refresh")) == (409, "too_early")
    assert (browser.jar, heard) == (jar, ["too_early"])
    site.clock.advance(timedelta(minutes=6))
    assert browser.post("/auth/refresh").status == 200


def test_a_thief_and_the_victim_both_lose_the_session_and_the_application_hears_of_it(site: Site) -> None:
    heard: list[Any] = []
    site.hooks.theft_detected(lambda problem: heard.append((problem.code, problem.owner, problem.session.status)))
    victim = signed_in(site)
    thief = victim.copy()
    for _ in range(3):
        assert victim.post("/auth/refresh").status == 200
    del thief.jar[next(name for name in thief.jar if name.endswith("access"))]
    assert code(thief.post("/auth/refresh")) == (401, "reused")
    assert heard == [("reused", "ada", "revoked")]
    assert code(victim.get("/signed-in")) == (401, "revoked")
    assert code(victim.post("/auth/refresh")) == (401, "revoked")
    assert [event.type for event in site.tk.events.list(types=["session.reuse_detected"]).items] != []


def test_two_tabs_with_the_same_cookies_get_the_same_successor(site: Site) -> None:
    tab = signed_in(site)
    other = tab.copy()
    assert tab.post("/auth/refresh").status == other.post("/auth/refresh").status == 200
    assert tab.value("refresh") == other.value("refresh")
    mixed = tab.copy()
    mixed.put("access", other.value("access"))
    assert mixed.post("/auth/refresh").status == 200


def test_somebody_elses_access_cookie_beside_it_is_refused_and_harms_nobody(site: Site) -> None:
    ada, eve = signed_in(site, "ada"), signed_in(site, "eve")
    eve.put("access", ada.value("access"))
    jar = dict(eve.jar)
    assert code(eve.post("/auth/refresh")) == (401, "access_invalid")
    assert eve.jar == jar
    assert ada.post("/auth/refresh").status == 200


def test_signing_out_everywhere_ends_every_session_of_the_owner_and_no_other(site: Site) -> None:
    here, there, eve = signed_in(site), signed_in(site), signed_in(site, "eve")
    assert here.post("/auth/sign-out/everywhere").status == 204
    assert there.get("/signed-in").status == 401
    assert eve.get("/signed-in").status == 200


@pytest.mark.parametrize("at", ["/auth/sign-out", "/auth/sign-out/everywhere"])
@pytest.mark.parametrize("tenant", [None, "default"])
def test_the_id_of_a_session_is_no_secret_and_ends_none(make: Make, at: str, tenant: str | None) -> None:
    site = make({} if tenant is None else {"tenant": tenant})
    signed_in(site)
    [session] = site.tk.sessions.list("ada").items
    assert site.browser().post(at, SAME, {"refresh_token": session.id}).status == 204
    thief = signed_in(site, "eve")
    thief.put("tokenry_refresh", session.id)
    assert thief.post(at).status == 204
    assert [one.status for one in site.tk.sessions.list("ada").items] == ["active"]


@pytest.mark.parametrize("beside", ["nothing", "another tenant's"])
def test_signing_out_ends_the_session_whatever_tenant_it_is_of(site: Site, beside: str) -> None:
    """A day after the last visit the refresh cookie is the only one that is left."""
    browser = signed_in(site)
    site.tk.tenants.create("acme", name="Acme")
    site.tk.owners.put("ada", tenant="acme")
    started = [site.tk.sessions.start("ada", tenant="acme") for _ in range(2)]
    for name in [name for name in browser.jar if name.endswith("access") and beside == "nothing"]:
        del browser.jar[name]
    browser.put("tokenry_refresh", str(started[0].refresh))
    other = browser.copy()
    assert browser.post("/auth/sign-out").status == 204
    assert {one.id: one.status for one in site.tk.sessions.list("ada", tenant="acme").items} == {
        started[0].session.id: "revoked",
        started[1].session.id: "active",
    }
    assert other.post("/auth/sign-out/everywhere").status == 204
    assert {one.status for one in site.tk.sessions.list("ada", tenant="acme").items} == {"revoked"}
    assert [one.status for one in site.tk.sessions.list("ada").items] == ["active"]


def test_an_application_of_one_tenant_ends_no_session_of_another(make: Make) -> None:
    site = make({"tenant": "default"})
    site.tk.tenants.create("acme", name="Acme")
    site.tk.owners.put("ada", tenant="acme")
    foreign = site.tk.sessions.start("ada", tenant="acme")
    for body, headers in (
        ({"refresh_token": str(foreign.refresh)}, {}),
        ({"refresh_token": str(foreign.refresh)}, {"Authorization": f"Bearer {foreign.access}"}),
        (None, {"Authorization": f"Bearer {foreign.access}"}),
    ):
        assert site.browser().post("/auth/sign-out/everywhere", {**SAME, **headers}, body).status == 204
    assert site.tk.verify(foreign.access)


def test_a_narrowed_token_signs_out_here_and_not_everywhere(site: Site) -> None:
    signed_in(site)
    started = site.tk.sessions.start("ada")
    narrowed = site.tk.sessions.refresh(started.refresh, scopes=[])
    bearer = {"Authorization": f"Bearer {narrowed.access}"}
    assert code(site.browser().post("/auth/sign-out/everywhere", bearer)) == (403, "insufficient_scope")
    assert {one.status for one in site.tk.sessions.list("ada").items} == {"active"}
    assert site.browser().post("/auth/sign-out", bearer).status == 204
    assert [one.status for one in site.tk.sessions.list("ada").items] == ["revoked", "active"]


def test_signing_out_twice_is_fine(site: Site) -> None:
    browser = signed_in(site)
    again = browser.copy()
    assert browser.post("/auth/sign-out").status == again.post("/auth/sign-out").status == 204
    assert browser.post("/auth/sign-out").status == 204


def test_a_view_of_ones_own_refreshes_too(site: Site) -> None:
    browser = signed_in(site)
    before = browser.value("refresh")
    answer = browser.post("/auth/own")
    assert answer.json == {"session": site.tk.sessions.list("ada").items[0].id}
    assert browser.value("refresh") != before


def test_without_cookies_tokens_travel_in_bodies(site: Site) -> None:
    tokens = site.tk.sessions.start(site.tk.owners.put("ada"))
    browser = site.browser()
    answer = browser.post("/auth/refresh", OTHER, {"refresh_token": str(tokens.refresh)})
    assert (answer.status, answer.set_cookies(), answer.json["token_type"]) == (200, [], "Bearer")
    bearer = f"Bearer {answer.json['access_token']}"
    assert browser.get("/signed-in", Authorization=bearer).json == {"owner": "ada"}
    assert browser.post("/auth/sign-out", OTHER, {"refresh_token": answer.json["refresh_token"]}).status == 204
    assert browser.get("/signed-in", Authorization=bearer).status == 401


def test_a_bearer_alone_signs_out_too(site: Site) -> None:
    tokens = site.tk.sessions.start(site.tk.owners.put("ada"))
    bearer = {"Authorization": f"Bearer {tokens.access}"}
    assert site.browser().post("/auth/sign-out", bearer).status == 204
    assert site.browser().get("/signed-in", **bearer).status == 401


def test_a_strange_body_is_no_token(site: Site) -> None:
    for body in ({"refresh_token": 7}, {"refresh_token": None}, [], "text", {"other": "x"}, None):
        assert code(site.browser().post("/auth/refresh", SAME, body)) == (401, "credential_missing"), body


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"refresh_token":' * 50_000, b"\xff\xfe", b'{"a":' + b"1" * 6000 + b"}", b"\0", b'{"a":1e400}'],
    ids=lambda body: repr(body[:20]),
)
@pytest.mark.parametrize(("at", "status"), [("/auth/refresh", 401), ("/auth/sign-out", 204)])
def test_no_body_breaks_the_reader(site: Site, at: str, status: int, body: bytes) -> None:
    assert site.send("POST", at, {**SAME, "Content-Type": "application/json"}, body).status == status


def test_the_steps_of_a_new_access_token_are_told(site: Site) -> None:
    calls: list[Any] = []
    site.hooks.before_new_access(lambda owner: calls.append(owner))
    site.hooks.after_new_access(lambda tokens: calls.append(tokens.session.owner))
    browser = signed_in(site)
    browser.post("/auth/refresh")
    assert calls == ["ada"] * 4


def test_a_refresh_tells_its_session_before_and_may_be_answered_instead(site: Site) -> None:
    calls: list[Any] = []
    site.hooks.before_new_access(lambda owner, session: calls.append((owner, session and session.id)))
    browser = signed_in(site)
    [session] = site.tk.sessions.list("ada").items
    browser.post("/auth/refresh")
    assert calls == [("ada", None), ("ada", session.id)]
    browser.put("refresh", "garbage")
    browser.post("/auth/refresh")
    assert len(calls) == 2, "nobody gets a new access token"


@pytest.mark.parametrize("bad", ["access", "refresh"])
def test_a_hook_is_told_which_token_was_bad_and_whose_session_it_is(site: Site, bad: str) -> None:
    heard: list[Any] = []
    site.hooks.refresh_refused(heard.append)
    browser = signed_in(site)
    [session] = site.tk.sessions.list("ada").items
    browser.put(bad, "garbage")
    browser.post("/auth/refresh")
    [problem] = heard
    if bad == "access":
        assert (problem.code, problem.owner, problem.session) == ("access_invalid", "ada", session)
    else:
        assert (problem.code, problem.owner, problem.session) == ("malformed", None, None)


def test_a_hook_is_told_of_which_tenant_only_where_the_application_is_of_it(make: Make) -> None:
    site = make({"tenant": "default"})
    site.tk.tenants.create("acme", name="Acme")
    foreign = site.tk.sessions.start(site.tk.owners.put("ada", tenant="acme"), tenant="acme")
    heard: list[Any] = []
    site.hooks.refresh_refused(heard.append)
    site.browser().post("/auth/refresh", SAME, {"refresh_token": str(foreign.refresh)})
    assert [(problem.code, problem.session) for problem in heard] == [("not_found", None)]


def test_a_refused_refresh_is_told_and_may_be_answered(site: Site) -> None:
    heard: list[str] = []
    site.hooks.refresh_refused(lambda problem: heard.append(problem.code))
    browser = signed_in(site)
    site.clock.advance(timedelta(days=8))
    assert code(browser.post("/auth/refresh")) == (401, "expired")
    assert heard == ["expired"]


def test_a_disabled_owner_is_signed_in_nowhere(site: Site) -> None:
    browser = signed_in(site)
    site.tk.owners.disable("ada")
    assert browser.get("/signed-in").status == 401
    assert browser.post("/auth/refresh").status == 401


def test_a_bound_access_token_is_demanded(make: Make) -> None:
    site = make(bind_access=True)
    browser = signed_in(site)
    thief = browser.copy()
    del thief.jar[next(name for name in thief.jar if name.endswith("access"))]
    assert thief.post("/auth/refresh").status == 401
    assert browser.post("/auth/refresh").status == 200


def test_no_token_stands_in_any_answer(site: Site) -> None:
    browser = signed_in(site)
    access, refresh = browser.value("access"), browser.value("refresh")
    for answer in (browser.get("/signed-in"), browser.post("/auth/refresh"), browser.post("/auth/refresh", OTHER)):
        for token in (access, refresh, browser.value("access"), browser.value("refresh")):
            assert token not in answer.body.decode()

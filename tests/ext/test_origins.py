"""Which page caused a request: `Sec-Fetch-Site` and `Origin`, wherever cookies are used or set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from tests.ext.browsers import SAME, SITES, Answer, Site
from tokenry.ext import wsgi
from tokenry.testing import throwaway

OWN = {"Origin": "https://testserver"}
EVIL = {"Origin": "https://evil.example"}
OURS: list[dict[str, str]] = [{}, SAME, OWN, {**SAME, **OWN}, {"Sec-Fetch-Site": "none"}]
FOREIGN: list[dict[str, str]] = [
    EVIL,
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://testserver"},
    {"Origin": "https://testserver:8443"},
    {"Origin": "https://testserver.evil.example"},
    {"Origin": "https://testserver, https://evil.example"},
    {**SAME, **EVIL},
    {**SAME, "Origin": "null"},
    {**OWN, "Sec-Fetch-Site": "cross-site"},
    {**OWN, "Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-origin, cross-site"},
    {"Sec-Fetch-Site": "Cross-Site"},
]


@pytest.fixture(params=sorted(SITES))
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with ExitStack() as stack:
        yield lambda options=None: stack.enter_context(SITES[request.param](tmp_path, options or {}, {}))


@pytest.fixture
def site(make: Any) -> Site:
    return make()  # type: ignore[no-any-return]


def sign_in(site: Site, fields: dict[str, str]) -> Answer:
    return site.browser().post("/sign-in", {**fields, "X-Demo-User": "ada"})


def test_only_a_page_of_ours_signs_its_visitor_in(site: Site) -> None:
    for headers in FOREIGN:
        answer = sign_in(site, headers)
        assert (answer.status, answer.set_cookies()) == (403, []), headers
        assert answer.json["code"] == "cross_site"
    assert len(site.tk.sessions.list()) == 0
    for headers in OURS:
        assert sign_in(site, headers).status == 200, headers


def test_a_cookie_needs_both_headers_to_be_ours(site: Site) -> None:
    browser = site.browser()
    browser.post("/sign-in", {**SAME, "X-Demo-User": "ada"})
    for headers in FOREIGN:
        for path in ("/auth/refresh", "/auth/sign-out", "/signed-in"):
            answer = browser.post(path, headers)
            assert (answer.status, answer.set_cookies()) == (403, []), (headers, path)
    for path in ("/auth/refresh", "/signed-in", "/auth/sign-out"):
        assert browser.post(path, {**SAME, **OWN}).status < 300, path


def test_a_foreign_page_takes_no_cookies_away(site: Site) -> None:
    browser = site.browser()
    browser.post("/sign-in", {**SAME, "X-Demo-User": "ada"})
    for headers in FOREIGN:
        for body in (None, {"refresh_token": "tk_rt_1nonsense"}):
            assert browser.post("/auth/sign-out", {**headers, "Cookie": ""}, body).set_cookies() == [], (headers, body)


def test_a_listed_origin_is_ours(make: Any) -> None:
    site = make({"allowed_origins": ["https://evil.example"]})
    assert sign_in(site, EVIL).status == 200
    assert sign_in(site, {**EVIL, "Sec-Fetch-Site": "cross-site"}).status == 200
    assert sign_in(site, {**OWN, "Sec-Fetch-Site": "cross-site"}).status == 403


def test_a_websockets_handshake_counts_as_a_change_on_wsgi_too() -> None:
    def plain(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"in"]

    with throwaway() as tk:
        tk.owners.put("ada")
        client = Client(wsgi.TokenryMiddleware(plain, tk), use_cookies=False)
        headers = {"Upgrade": "WebSocket", "Cookie": f"__Host-tokenry_access={tk.sessions.start('ada').access}"}
        assert client.get("/", headers={**headers, **EVIL}).status_code == 403
        assert client.get("/", headers=headers).status_code == 403
        assert client.get("/", headers={**headers, **SAME}).status_code == 200


def test_djangos_settings_say_under_which_name_a_proxy_is_reached(tmp_path: Path) -> None:
    from django.test import override_settings

    headers = {"Origin": "https://app.example", "X-Forwarded-Host": "app.example"}
    with SITES["django"](tmp_path, {}, {}) as site:
        assert sign_in(site, headers).status == 403
        with override_settings(USE_X_FORWARDED_HOST=True, ALLOWED_HOSTS=["app.example"]):
            assert sign_in(site, headers).status == 200

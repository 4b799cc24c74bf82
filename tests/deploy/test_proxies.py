"""The shipped configurations, with the real proxies, in front of the real server."""

import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.deploy.proxies import CLIENT, KINDS, Proxy, api, free_port, proxy
from tests.servers.serving import Serving, serving

IDENTITY = ["x-auth-key-id", "x-auth-owner", "x-auth-tenant", "x-auth-scopes", "x-auth-session"]
OWNER = "Zoë <ada@example.com>"


class Keys(NamedTuple):
    """Secrets of keys that the server knows."""

    good: str
    narrow: str
    limited: str
    revoked: str
    here: str
    elsewhere: str


class Site(NamedTuple):
    """A proxy, the server that it asks, and the keys that this one knows."""

    proxy: Proxy
    server: Serving
    keys: Keys


def issue(server: Serving, name: str, *scopes: str, limit: int = 0, ips: Sequence[str] = ()) -> str:
    limits = [{"name": "all", "limit": limit, "window_seconds": 86400}] if limit else []
    body = {"owner": OWNER, "name": name, "scopes": list(scopes), "limits": limits, "allowed_ips": list(ips)}
    secret: str = server.call("POST", "/v1/keys", body)["secret"]
    return secret


@pytest.fixture(scope="module", params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    kind = str(request.param)
    directory: Path = tmp_path_factory.mktemp(kind)
    answers = "nginx" if kind == "nginx" else "standard"
    settings = {"TOKENRY_AUTH_ANSWERS": answers, "TOKENRY_TRUSTED_PROXIES": "127.0.0.1"}
    with serving(directory, **settings) as server, api() as upstream:
        server.call("PUT", f"/v1/owners/{urllib.parse.quote(OWNER)}", {})
        keys = Keys(
            good=issue(server, "good", "read:projects", "read:people"),
            narrow=issue(server, "narrow", "read:people"),
            limited=issue(server, "limited", "read:projects", limit=1),
            revoked=issue(server, "revoked", "read:projects"),
            here=issue(server, "here", "read:projects", ips=[CLIENT]),
            elsewhere=issue(server, "elsewhere", "read:projects", ips=["203.0.113.7"]),
        )
        found = server.call("GET", "/v1/keys?text=revoked")["items"]
        server.call("POST", f"/v1/keys/{found[0]['id']}/revoke", {"reason": "test"})
        with proxy(kind, server.port, upstream.server_port) as running:
            yield Site(running, server, keys)


@contextmanager
def changed(kind: str, instead: dict[str, str], directory: Path) -> Iterator[tuple[Proxy, Keys]]:
    """Run a proxy whose configuration differs from the shipped one, before a server of its own."""
    answers = "nginx" if kind == "nginx" else "standard"
    settings = {"TOKENRY_AUTH_ANSWERS": answers, "TOKENRY_TRUSTED_PROXIES": "127.0.0.1"}
    with serving(directory, **settings) as server, api() as upstream:
        server.call("PUT", f"/v1/owners/{urllib.parse.quote(OWNER)}", {})
        good = issue(server, "good", "read:projects", "read:people")
        keys = Keys(good, issue(server, "narrow", "read:people"), *[""] * 4)
        with proxy(kind, server.port, upstream.server_port, instead) as running:
            yield running, keys


def bearer(secret: str) -> str:
    return f"Authorization: Bearer {secret}"


def test_a_valid_key_reaches_the_api_with_its_identity_and_without_itself(site: Site) -> None:
    reply = site.proxy.ask(bearer(site.keys.good))
    assert reply.status == 200
    assert reply.seen("x-auth-key-id").startswith("key_")
    assert urllib.parse.unquote(reply.seen("x-auth-owner")) == OWNER
    assert reply.seen("x-auth-tenant") == "default"
    assert set(urllib.parse.unquote(reply.seen("x-auth-scopes")).split()) == {"read:projects", "read:people"}
    assert reply.seen("x-auth-session") == ""
    assert site.keys.good[-57:] not in reply.body.decode()


def test_what_the_api_takes_in_its_query_is_no_requirement(site: Site) -> None:
    for query in ("scopes=write:all", "environment=elsewhere&scopes=admin:x", "scopes=NOT%20ONE"):
        assert site.proxy.ask(bearer(site.keys.good), target=f"/projects?{query}").status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_the_other_ways_to_show_a_key_and_other_methods_work(site: Site, method: str) -> None:
    for name in ("X-API-Key:", "X-API-Token:", "Authorization: Token"):
        line = f"{name} {site.keys.good}"
        reply = site.proxy.ask(line, "Content-Length: 0", method=method)
        assert (reply.status, reply.seen("x-auth-tenant")) == (200, "default")
        assert site.keys.good not in reply.body.decode()


def test_the_cookie_of_a_session_counts_unless_another_site_may_have_caused_a_change(site: Site) -> None:
    site.server.call("PUT", "/v1/roles/reader", {"scopes": ["read:*"]})
    site.server.call("PUT", "/v1/owners/reader", {"roles": ["reader"]})
    session = site.server.call("POST", "/v1/sessions", {"owner": "reader"})
    cookie = f"Cookie: theme=dark; __Host-tokenry_access={session['access']}"
    for fetched_from in ("none", "cross-site"):
        reply = site.proxy.ask(cookie, f"Sec-Fetch-Site: {fetched_from}")
        assert (reply.status, reply.seen("x-auth-session")) == (200, session["session"]["id"])
        for lines in ([], ["X-Forwarded-Method: GET"], ["X-HTTP-Method-Override: GET"]):
            fields = [cookie, f"Sec-Fetch-Site: {fetched_from}", "Content-Length: 0", *lines]
            assert site.proxy.ask(*fields, method="POST").status == 403
    assert site.proxy.ask(cookie, "Sec-Fetch-Site: same-origin", "Content-Length: 0", method="POST").status == 200
    site.server.call("POST", f"/v1/sessions/{session['session']['id']}/revoke", {})
    assert site.proxy.ask(cookie).status == 401


def test_the_api_gets_the_cookies_of_a_client_without_the_token_of_its_session(site: Site) -> None:
    site.server.call("PUT", "/v1/roles/visitor", {"scopes": ["read:projects"]})
    site.server.call("PUT", "/v1/owners/visitor", {"roles": ["visitor"]})
    token = site.server.call("POST", "/v1/sessions", {"owner": "visitor"})["access"]
    ours, key = f"__Host-tokenry_access={token}", bearer(site.keys.good)
    for cookies in (f"theme=dark; {ours}", f"{ours}; theme=dark", f"theme=dark;{ours};lang=en", "a=1; b=2", ours):
        others = {part.strip() for part in cookies.split(";")} - {ours}
        if site.proxy.kind == "traefik":
            others = set()  # It removes all cookies or none.
        for reply in (site.proxy.ask(f"Cookie: {cookies}", key), site.proxy.ask(f"cOOkie:{cookies}", key)):
            assert reply.status == 200
            assert {part.strip() for part in reply.seen("cookie").split(";")} - {""} == others
    assert site.proxy.ask(f"Cookie: {ours}").seen("cookie") == site.proxy.ask(key).seen("cookie") == ""
    for lines in ([f"{ours}; theme=dark; {ours}"], ["theme=dark", ours], [ours, ours], [f'theme="{ours}"']):
        reply = site.proxy.ask(*(f"Cookie: {line}" for line in lines), key)
        assert (reply.status, token in reply.body.decode()) == (200, False)


def test_a_missing_or_bad_credential_is_401_with_a_challenge(site: Site) -> None:
    mistyped = site.keys.good[:-1] + ("0" if site.keys.good[-1] != "0" else "1")
    for credential in ("nonsense", site.keys.revoked, mistyped, None):
        reply = site.proxy.ask(*([bearer(credential)] if credential else []))
        assert reply.status == 401
        assert reply.fields["www-authenticate"].startswith("Bearer")


def test_too_few_scopes_are_403(site: Site) -> None:
    assert site.proxy.ask(bearer(site.keys.narrow)).status == 403


def test_a_limit_is_429_and_retry_after_arrives_at_the_client(site: Site) -> None:
    assert site.proxy.ask(bearer(site.keys.limited)).status == 200
    for _ in range(2):
        reply = site.proxy.ask(bearer(site.keys.limited))
        assert reply.status == 429
        assert 0 < int(reply.fields["retry-after"]) <= 86400


def test_a_key_with_hundreds_of_scopes_is_told_with_all_of_them(site: Site) -> None:
    scopes = ["read:projects", *(f"read:some-resource-{number}" for number in range(900))]
    reply = site.proxy.ask(bearer(issue(site.server, "broad", *scopes)))
    assert (reply.status, reply.seen("x-auth-scopes").split()) == (200, scopes)


FORWARDED = [
    [],
    ["X-Forwarded-For: 203.0.113.7"],
    ["X-Forwarded-For: 203.0.113.7, 203.0.113.7"],
    ["X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 203.0.113.7"],
    ["X_Forwarded_For: 203.0.113.7", "X-Real-IP: 203.0.113.7", "Forwarded: for=203.0.113.7"],
]


@pytest.mark.parametrize("lines", FORWARDED)
def test_the_address_of_a_client_is_what_the_proxy_sees_and_not_what_it_says(site: Site, lines: list[str]) -> None:
    assert site.proxy.ask(*lines, bearer(site.keys.here)).status == 200
    assert site.proxy.ask(*lines, bearer(site.keys.elsewhere)).status == 403


SPOOFS = [
    "X-Auth-Owner: evil",
    "x-auth-owner: evil",
    "X-AUTH-KEY-ID: evil",
    "X_Auth_Owner: evil",
    "X-Auth_Owner: evil",
    "x_auth-scopes: evil",
    "X_AUTH_SESSION: evil",
    "X-Auth-Session: evil",
    "X-Auth-Tenant: evil",
    "X-Auth-Scopes: evil:all",
    "X-Auth-Status: 200",
]


@pytest.mark.parametrize("spoof", SPOOFS)
def test_an_identity_that_a_client_claims_never_reaches_the_api(site: Site, spoof: str) -> None:
    name = spoof.partition(":")[0]
    for lines in ([spoof], [spoof, spoof], [spoof, f"{name.swapcase()}: evil2"], [spoof.replace(": ", ":")]):
        for order in ([bearer(site.keys.good), *lines], [*lines, bearer(site.keys.good)]):
            reply = site.proxy.ask(*order)
            assert reply.status == 200
            claimed = [field for field in reply.reached or [] if field[0].replace("_", "-").startswith("x-auth-")]
            assert [field for field in claimed if "evil" in field[1] or field[1] == "200"] == []
            assert {field for field, _ in claimed} <= set(IDENTITY)
            assert urllib.parse.unquote(reply.seen("x-auth-owner")) == OWNER
        assert site.proxy.ask(*lines).status == 401
        assert site.proxy.ask(bearer(site.keys.narrow), *lines).status == 403


CROOKED = ["X-Auth-Owner : evil", "X-Auth-Owner\t: evil", "X-Auth-Owner:\r\n evil", "X-Auth-Owner\x00: evil"]


@pytest.mark.parametrize("spoof", CROOKED)
def test_a_claim_that_is_written_crookedly_never_reaches_the_api(site: Site, spoof: str) -> None:
    reply = site.proxy.ask(bearer(site.keys.good), spoof)
    assert "evil" not in reply.body.decode("latin-1")
    assert reply.status in (200, 400)


def test_naming_an_identity_as_hop_by_hop_does_not_remove_it(site: Site) -> None:
    reply = site.proxy.ask(bearer(site.keys.good), "Connection: close, X-Auth-Owner, X-Auth-Key-Id")
    assert reply.status in (200, 400)
    if reply.status == 200:
        assert urllib.parse.unquote(reply.seen("x-auth-owner")) == OWNER


OWN_REQUIREMENTS = [
    ("/projects?scopes=read:people", []),
    ("/projects?scopes=", []),
    ("/projects?scopes=read:people&scopes=read:people", []),
    ("/projects?environment=live", []),
    ("/v1/auth?scopes=read:people", []),
    ("/v1/auth/../auth?scopes=read:people", []),
    ("/_tokenry?scopes=read:people", []),
    ("/projects", ["X-Auth-Require-Scopes: read:people"]),
    ("/projects", ["X-Auth-Require-Scopes:"]),
    ("/projects", ["X_Auth_Require_Scopes: read:people", "X-Auth-Require-Scopes: read:people"]),
    ("/projects", ["X-Forwarded-Uri: /v1/auth?scopes=read:people", "X-Original-URL: /public"]),
    ("/projects?answers=standard&auth_tenant=default&tenant=default&mode=open", []),
    ("/projects", ["X-Auth-Answers: standard", "X-Auth-Status: 200", "X-HTTP-Method-Override: OPTIONS"]),
]


@pytest.mark.parametrize(("target", "lines"), OWN_REQUIREMENTS)
def test_what_a_client_requires_or_switches_itself_never_lets_it_in(site: Site, target: str, lines: list[str]) -> None:
    assert site.proxy.ask(*lines, bearer(site.keys.narrow), target=target).status in (403, 404)
    assert site.proxy.ask(*lines, target=target).status in (401, 404)


def test_two_credentials_that_differ_are_refused(site: Site) -> None:
    reply = site.proxy.ask(bearer(site.keys.good), f"X-API-Key: {site.keys.narrow}")
    assert reply.status in (400, 401)
    assert reply.reached is None


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_server_nobody_gets_in(kind: str) -> None:
    with api() as upstream, proxy(kind, free_port(), upstream.server_port) as running:
        for lines in ([], [bearer("tk_live_1x")], ["X-Auth-Status: 200", "X-Auth-Owner: evil"]):
            assert running.ask(*lines).status in (500, 502, 503)
        assert upstream.reached_count == 0  # type: ignore[attr-defined]


NGINX_ASKS = "proxy_pass http://tokenry/v1/auth?scopes=read:projects;"
CADDY_ASKS = "uri /v1/auth?scopes=read:projects"
ENVOY_ASKS = "path_override: /v1/auth?scopes=read:projects"
REQUIRES = "X-Auth-Require-Scopes read:projects"
HAPROXY_ASKS = "/v1/auth?scopes=read:projects"
MISTYPED = [
    ("nginx", {NGINX_ASKS: "proxy_pass http://tokenry/v1/auth?scope=read:projects;"}),
    ("nginx", {NGINX_ASKS: "proxy_pass http://tokenry/v1/auth; proxy_set_header X-Auth-Require-Scope read:projects;"}),
    ("caddy", {CADDY_ASKS: "uri /v1/auth?Scopes=read:projects"}),
    ("caddy", {CADDY_ASKS: "uri /v1/auth?scopes=read:projects\n header_up X_Auth_Require_Scopes write:projects"}),
    ("envoy", {ENVOY_ASKS: "path_override: /v1/auth?scopes[]=read:projects"}),
    ("haproxy", {HAPROXY_ASKS: "/v1/auth?scope=read:projects"}),
]
APPENDING = [
    ("nginx", {NGINX_ASKS: f"proxy_pass http://tokenry/v1/auth/for$request_uri; proxy_set_header {REQUIRES};"}),
    ("caddy", {CADDY_ASKS: f"uri /v1/auth/for{{uri}}\n header_up {REQUIRES}"}),
    (
        "envoy",
        {
            ENVOY_ASKS: "path_prefix: /v1/auth/for\n"
            "                        authorization_request:\n"
            "                          headers_to_add: [{key: x-auth-require-scopes, value: read:projects}]"
        },
    ),
]


@pytest.mark.parametrize(("kind", "instead"), MISTYPED)
def test_a_mistyped_requirement_in_a_configuration_lets_nobody_in(
    kind: str, instead: dict[str, str], tmp_path: Path
) -> None:
    with changed(kind, instead, tmp_path) as (running, keys):
        assert running.ask(bearer(keys.good)).status in (400, 422)
        assert running.ask(bearer(keys.narrow)).status in (400, 422)


@pytest.mark.parametrize(("kind", "instead"), APPENDING)
def test_a_proxy_that_appends_the_query_of_the_api_asks_a_path_of_its_own(
    kind: str, instead: dict[str, str], tmp_path: Path
) -> None:
    with changed(kind, instead, tmp_path) as (running, keys):
        for query in ("", "?page=2", "?scope=x&scopes=write:all&environment=elsewhere", "?scopes=NOT%20ONE"):
            assert running.ask(bearer(keys.good), target=f"/projects{query}").status == 200
            assert running.ask(bearer(keys.narrow), target=f"/projects{query}").status == 403


def test_the_query_of_an_api_that_caddy_keeps_is_refused_rather_than_ignored(tmp_path: Path) -> None:
    with changed("caddy", {CADDY_ASKS: f"uri /v1/auth\n header_up {REQUIRES}"}, tmp_path) as (running, keys):
        assert running.ask(bearer(keys.good)).status == 200
        assert running.ask(bearer(keys.good), target="/projects?page=2").status == 422

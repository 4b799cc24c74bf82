"""`/v1/auth`, by which proxies ask."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import unquote

import pytest

from tokenry import Limit

from .answer import Read, read
from .conftest import KEY_IP, Place, Way
from .requests import auth, request

PROXY = "10.0.0.1"
IDENTITY = ("x-auth-key-id", "x-auth-owner", "x-auth-tenant", "x-auth-scopes", "x-auth-session")


@pytest.fixture(params=["lane", "plain"])
def way(request: pytest.FixtureRequest, place: Place) -> Way:  # whose thread is no test's own
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def ask(way: Way, data: bytes, peer: str | None = PROXY) -> Read:
    [answer] = read(way.answer(data, peer=peer)[0])
    return answer


def test_a_good_key_is_told_by_every_identity_header_and_no_body(way: Way, place: Place) -> None:
    answer = ask(way, auth(place.key))
    verdict = place.sync.verify(place.key)
    assert verdict
    assert (answer.status, answer.body) == (200, b"")
    assert [answer.fields[name] for name in IDENTITY] == [verdict.key.id, "user-42", "default", "read:projects", ""]


def test_identity_is_percent_encoded(way: Way, place: Place) -> None:
    owner = f"Grüße,%\u20ac {way.served.settings.lane}"
    place.sync.owners.put(owner)
    answer = ask(way, auth(place.issue("named", owner=owner)))
    assert answer.fields["x-auth-owner"].isascii()
    assert unquote(answer.fields["x-auth-owner"]) == owner
    assert answer.fields["x-auth-scopes"] == ""


@pytest.mark.parametrize("owner", [" user-42", "user-42 ", "user  42"])
def test_spaces_make_another_owner_also_to_who_trims_what_a_field_holds(way: Way, place: Place, owner: str) -> None:
    place.sync.owners.put(owner)
    answer = ask(way, auth(place.issue(f"spaces {way.served.settings.lane}", owner=owner)))
    assert " " not in answer.fields["x-auth-owner"]
    assert unquote(answer.fields["x-auth-owner"]) == owner


@pytest.mark.parametrize(
    ("target", "fields", "status"),
    [
        ("/v1/auth?scopes=read:projects", [], 200),
        ("/v1/auth?scopes=read:projects,read:projects", [], 200),
        ("/v1/auth?scopes=read%3Aprojects&scopes=", [], 200),
        ("/v1/auth?scopes=read:projects&scopes=write:projects", [], 403),
        ("/v1/auth?scopes=read:projects+write:projects", [], 403),
        ("/v1/auth?scopes=read:projects", ["X-Auth-Require-Scopes: write:projects"], 403),
        ("/v1/auth", ["X-Auth-Require-Scopes: read:projects", "X-Auth-Require-Scopes: write:projects"], 403),
        ("/v1/auth", ["X-Auth-Require-Scopes: read:projects", "x-auth-require-scopes:"], 200),
        ("/v1/auth?environment=live", [], 200),
        ("/v1/auth?environment=live", ["X-Auth-Require-Environment: test"], 401),
        ("/v1/auth?environment=live&environment=op", [], 401),
        ("/v1/auth/orders/7?scopes=read:projects", [], 200),
        ("/v1/auth/orders?scopes=write:projects", [], 403),
        ("/v1/auth?scopes=NOT A SCOPE".replace(" ", "%20"), [], 422),
    ],
)
def test_every_requirement_that_is_found_has_to_be_met(
    way: Way, place: Place, target: str, fields: list[str], status: int
) -> None:
    assert ask(way, auth(place.key, *fields, target=target)).status == status


MISTYPED = [
    ("/v1/auth?scope=admin:all", [], "scope", "scopes"),
    ("/v1/auth?Scopes=read:projects", [], "Scopes", "scopes"),
    ("/v1/auth?scopes[]=admin:all", [], "scopes[]", "scopes"),
    ("/v1/auth?scopes%20=admin:all", [], "scopes ", "scopes"),
    ("/v1/auth?scopes=read:projects&env=test", [], "env", "environment"),
    ("/v1/auth?Environment=test", [], "Environment", "environment"),
    ("/v1/auth?cost=0", [], "cost", "scopes or environment"),
    ("/v1/auth?=admin:all", [], "query", "scopes or environment"),
    ("/v1/auth/orders?page=2", [], "page", "scopes or environment"),
    ("/v1/auth/for?scope=admin:all", [], "scope", "scopes"),
    ("/v1/auth/%66or/orders?scope=admin:all", [], "scope", "scopes"),
    ("/v1/auth", ["X-Auth-Require-Scope: admin:all"], "x-auth-require-scope", "x-auth-require-scopes"),
    ("/v1/auth", ["X_Auth_Require_Scopes: admin:all"], "x_auth_require_scopes", "x-auth-require-scopes"),
    ("/v1/auth", ["x-auth_require-scopes: admin:all"], "x-auth_require-scopes", "x-auth-require-scopes"),
    ("/v1/auth", ["X-Auth-Required-Scopes: admin:all"], "x-auth-required-scopes", "x-auth-require-scopes"),
    ("/v1/auth", ["X-Auth-Require-Env: test"], "x-auth-require-env", "x-auth-require-environment"),
    ("/v1/auth", ["X-Auth--Require-Scopes: admin:all"], "x-auth--require-scopes", "x-auth-require-scopes"),
    ("/v1/auth", ["X-Auth-Need-Scopes: admin:all"], "x-auth-need-scopes", "x-auth-require-scopes"),
    ("/v1/auth", ["XAuth-Require-Scopes: admin:all"], "xauth-require-scopes", "x-auth-require-scopes"),
    ("/v1/auth", ["X.Auth.Scope: admin:all"], "x.auth.scope", "x-auth-require-scopes"),
    ("/v1/auth", ["X_Auth_Environment: test"], "x_auth_environment", "x-auth-require-environment"),
    ("/v1/auth/for/orders", ["X-Auth-Require-Tenant: a"], "x-auth-require-tenant", "x-auth-require-scopes or x-auth-"),
]


@pytest.mark.parametrize(("target", "fields", "name", "right"), MISTYPED)
def test_a_mistyped_requirement_is_refused_by_name_and_lets_nobody_in(
    way: Way, place: Place, target: str, fields: list[str], name: str, right: str
) -> None:
    for data in (auth(place.key, *fields, target=target), request("GET", target, *fields)):
        answer = ask(way, data)
        assert answer.status == 422
        [error] = answer.json["errors"]
        assert (error["field"], error["code"]) == (name, "unknown_field")
        assert f"use {right}" in error["message"]


@pytest.mark.parametrize("target", ["/v1/auth#?scopes=admin:all", "/v1/auth?#scopes=admin:all", "/v1/auth/for/x#y"])
def test_a_target_with_a_fragment_is_refused(way: Way, place: Place, target: str) -> None:
    assert ask(way, auth(place.key, target=target)).status == 400


@pytest.mark.parametrize(
    "name", ["X-Auth-Scopes", "X_Auth_Scopes", "X-Auth-Owner", "X-Auth-Token", "X-Auth-Request-User"]
)
def test_what_a_client_says_it_is_requires_nothing(way: Way, place: Place, name: str) -> None:
    assert ask(way, auth(place.key, f"{name}: admin:all")).status == 200


@pytest.mark.parametrize("target", ["/v1/auth?scopes=", "/v1/auth?scopes", "/v1/auth?scopes=,%20", "/v1/auth?scopes=+"])
def test_a_requirement_of_no_scope_is_refused(way: Way, place: Place, target: str) -> None:
    answer = ask(way, auth(place.key, target=target))
    assert (answer.status, answer.json["errors"][0]["code"]) == (422, "empty")


def test_an_answer_names_at_most_ten_unknown_requirements(way: Way, place: Place) -> None:
    answer = ask(way, auth(place.key, target="/v1/auth?" + "&".join(f"p{number}=" for number in range(150))))
    assert (answer.status, len(answer.json["errors"])) == (422, 10)


@pytest.mark.parametrize("query", ["page=2", "scope=admin:all", "scopes=admin:all", "scopes=!", "environment=x", "%ff"])
def test_the_query_of_an_api_that_a_proxy_appends_is_neither_read_nor_refused(
    way: Way, place: Place, query: str
) -> None:
    target = f"/v1/auth/for/orders?{query}"
    assert ask(way, auth(place.key, target=target)).status == 200
    assert ask(way, auth(place.key, "X-Auth-Require-Scopes: write:x", target=target)).status == 403


def test_an_operators_key_never_passes(way: Way, place: Place) -> None:
    for target in ("/v1/auth", "/v1/auth?environment=op", "/v1/auth?scopes=tokenry:verify"):
        assert ask(way, auth(place.operator, target=target)).status == 401


def test_the_tenant_is_the_servers_and_not_the_requests(way: Way, place: Place) -> None:
    own = place.way(lane=way.served.settings.lane, auth_tenant="acme")
    assert ask(own, auth(place.acme_key)).fields["x-auth-tenant"] == "acme"
    assert ask(own, auth(place.key)).json["code"] == "not_found"
    assert ask(own, auth(place.key, target="/v1/auth?tenant=default")).status == 422


def test_the_client_is_who_a_trusted_proxy_says(way: Way, place: Place) -> None:
    own = place.way(lane=way.served.settings.lane, trusted_proxies=("10.0.0.0/8",))
    forwarded = auth(place.bound, f"X-Forwarded-For: 1.2.3.4, {KEY_IP}")
    assert ask(own, forwarded).status == 200
    assert ask(own, forwarded, peer="192.0.2.1").json["code"] == "ip_not_allowed"
    assert ask(own, auth(place.bound, f"X-Forwarded-For: {KEY_IP}, 1.2.3.4")).status == 403
    assert ask(own, auth(place.bound), peer=KEY_IP).status == 200
    assert ask(own, auth(place.bound), peer=None).status == 403


def test_refusals_say_what_they_are(way: Way, place: Place) -> None:
    missing = ask(way, request("GET", "/v1/auth"))
    assert (missing.status, missing.fields["www-authenticate"]) == (401, "Bearer")
    junk = ask(way, auth("junk"))
    assert (junk.status, junk.fields["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
    spent = ask(way, auth(place.spent))
    assert (spent.status, spent.fields["retry-after"]) == (429, "86400")
    assert spent.fields["ratelimit"] == '"day";r=0;t=86400' or "ratelimit" in spent.fields
    assert ask(way, auth(place.key, "X-API-Key: other")).status == 400


def test_what_is_left_of_the_limits_is_told_with_every_answer(way: Way, fresh: Callable[..., Place]) -> None:
    place = fresh()
    own = place.way(lane=way.served.settings.lane)
    key = place.issue("limited", limits=[Limit("minute", 2, 60), Limit("day", 9, 86_400)])
    place.clock.advance(timedelta(milliseconds=1500))
    policy = '"minute";q=2;w=60,"day";q=9;w=86400'
    for left, status in ((1, 200), (0, 200), (0, 429)):
        answer = ask(own, auth(key))
        assert (answer.status, answer.fields["ratelimit-policy"].replace(", ", ",")) == (status, policy)
        if status == 200:
            assert answer.fields["ratelimit"] == f'"minute";r={left};t=59,"day";r={7 + left};t=86399'
    [found] = [one for one in place.sync.keys.list() if one.name == "limited"]
    place.sync.keys.update(found.id, limits=[Limit("minute", 5, 60)])
    assert ask(own, auth(key)).fields["ratelimit-policy"] == '"minute";q=5;w=60'
    assert "ratelimit" not in ask(own, auth(place.key)).fields


def test_nginx_is_told_only_what_it_understands(way: Way, place: Place) -> None:
    own = place.way(lane=way.served.settings.lane, auth_answers="nginx")
    for data, status, shown in (
        (auth(place.key), "200", 200),
        (auth("junk"), "401", 401),
        (request("GET", "/v1/auth"), "401", 401),
        (auth(place.key, target="/v1/auth?scopes=write:x"), "403", 403),
        (auth(place.spent), "429", 403),
        (auth(place.key, "X-API-Key: other"), "400", 403),
        (auth(place.key, target="/v1/auth?scopes=!"), "422", 403),
    ):
        answer = ask(own, data)
        assert (answer.status, answer.fields["x-auth-status"]) == (shown, status)
    assert ask(own, auth(place.spent)).fields["retry-after"] == "86400"


def test_what_the_database_cannot_say_is_refused(way: Way, fresh: Callable[..., Place]) -> None:
    place = fresh()
    lane = way.served.settings.lane
    own, nginx = place.way(lane=lane), place.way(lane=lane, auth_answers="nginx")
    unknown = place.issue("unknown", limits=[Limit("day", 5, 86_400)])
    place.tk._verifying.store.close()
    for data in (auth(unknown),):
        assert ask(own, data).status == 503
        answer = ask(nginx, data)
        assert (answer.status, answer.fields["x-auth-status"]) == (403, "503")


def test_failures_are_counted_by_client_and_a_good_key_passes(way: Way, fresh: Callable[..., Place]) -> None:
    place = fresh(failures_max=5, trusted_proxies=("10.0.0.0/8",))
    own = place.way(lane=way.served.settings.lane)
    attacker, other = f"X-Forwarded-For: {KEY_IP}", "X-Forwarded-For: 192.0.2.1"
    assert [ask(own, auth("junk", attacker)).status for _ in range(7)] == [401] * 5 + [429] * 2
    assert ask(own, auth("junk", other)).status == 401
    assert ask(own, auth(place.key, attacker)).status == 200
    throttled = ask(own, auth("junk", attacker))
    assert (throttled.json["code"], throttled.fields["retry-after"]) == ("throttled", "900")

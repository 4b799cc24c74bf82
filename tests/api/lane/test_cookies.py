"""The access cookie in what a proxy asks: it speaks for its sender only where no other site can have sent it."""

import pytest

from .answer import Read, read
from .conftest import Place, Way
from .requests import request

NAME = "__Host-tokenry_access"


@pytest.fixture(params=["lane", "plain"])
def way(request: pytest.FixtureRequest, place: Place) -> Way:  # whose thread is no test's own
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.fixture
def access(place: Place) -> str:
    return str(place.sync.sessions.start("user-42").access)


def ask(way: Way, *fields: str, method: str = "GET") -> Read:
    [answer] = read(way.answer(request(method, "/v1/auth", *fields), peer="10.0.0.1")[0])
    return answer


@pytest.mark.parametrize("cookie", ["{0}", "a=b; {0}", "{0};c=d", "{0}; {0}"])
def test_a_cookie_tells_whose_session_it_is(way: Way, access: str, cookie: str) -> None:
    answer = ask(way, f"Cookie: {cookie.format(f'{NAME}={access}')}", "X-Forwarded-Method: GET")
    assert (answer.status, answer.fields["x-auth-owner"]) == (200, "user-42")
    assert answer.fields["x-auth-session"].startswith("ses_")
    assert answer.fields["x-auth-key-id"] == ""


# (what the proxy asks by, what it tells, what the browser says, whether the cookie counts)
CAUSES = [
    ("GET", ["X-Forwarded-Method: GET"], [], True),
    ("GET", ["X-Original-Method: HEAD"], ["Sec-Fetch-Site: cross-site"], True),
    ("HEAD", ["X-Forwarded-Method: OPTIONS"], [], True),
    ("GET", [], [], False),
    ("GET", [], ["Sec-Fetch-Site: none"], False),
    ("GET", [], ["Sec-Fetch-Site: same-origin"], True),
    ("POST", [], [], False),
    ("POST", ["X-Forwarded-Method: GET"], [], False),
    ("GET", ["X-Forwarded-Method: POST"], [], False),
    ("GET", ["X-Forwarded-Method: GET", "X-Original-Method: DELETE"], [], False),
    ("GET", ["X-Forwarded-Method: get"], [], False),
    ("GET", ["X-Forwarded-Method: POST"], ["Sec-Fetch-Site: same-origin"], True),
    ("GET", ["X-Forwarded-Method: POST"], ["Sec-Fetch-Site: same-site"], False),
    ("GET", ["X-Forwarded-Method: POST"], ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"], False),
    ("GET", ["X-Forwarded-Method: POST"], ["Origin: https://app.example.com"], True),
    ("GET", ["X-Forwarded-Method: POST"], ["Origin: https://evil.example.com"], False),
    ("GET", ["X-Forwarded-Method: POST"], ["Origin: null"], False),
    ("GET", ["X-Forwarded-Method: POST"], ["Sec-Fetch-Site: same-origin", "Origin: null"], False),
    ("GET", ["X-Forwarded-Method: POST"], ["Origin: https://app.example.com", "Origin: https://evil.example"], False),
    ("GET", ["X-Forwarded-Method: GET"], ["Upgrade: WebSocket"], False),
    ("GET", ["X-Forwarded-Method: GET"], ["Upgrade: websocket", "Sec-Fetch-Site: same-origin"], True),
]


@pytest.mark.parametrize(("method", "proxy_fields", "browser_fields", "counts"), CAUSES)
@pytest.mark.parametrize("in_lane", [True, False])
def test_a_cookie_counts_for_a_change_only_when_no_other_site_can_have_caused_it(
    place: Place,
    access: str,
    in_lane: bool,
    method: str,
    proxy_fields: list[str],
    browser_fields: list[str],
    counts: bool,
) -> None:
    way = place.way(lane=in_lane, allowed_origins=("https://app.example.com",))
    answer = ask(way, f"Cookie: {NAME}={access}", *proxy_fields, *browser_fields, method=method)
    assert answer.status == (200 if counts else 403)
    assert counts or method == "HEAD" or b"cross_site" in answer.body


def test_a_header_beats_the_cookie(way: Way, place: Place, access: str) -> None:
    cookie = f"Cookie: {NAME}={access}"
    assert ask(way, f"Authorization: Bearer {place.key}", cookie).fields["x-auth-session"] == ""
    assert ask(way, "Authorization: Bearer nonsense", cookie, "X-Forwarded-Method: GET").status == 401


@pytest.mark.parametrize("other", ["{0}=other", "{0}=", '{0} = "other"', "\t{0}=other"])
def test_two_cookies_that_differ_are_ambiguous(way: Way, access: str, other: str) -> None:
    own, other = f"{NAME}={access}", other.format(NAME)
    for cookies in ([f"{own}; {other}"], [f"{other};{own}"], [own, other], [f"{own},{other}"]):
        answer = ask(way, *(f"Cookie: {cookie}" for cookie in cookies), "X-Forwarded-Method: GET")
        assert (answer.status, b"credential_ambiguous" in answer.body) == (400, True), cookies


@pytest.mark.parametrize(
    "cookie", ["tokenry_access=x", f"{NAME}=", f"x{NAME}=x", f"{NAME}", f"{NAME.lower()}=x", f"={NAME}=x"]
)
def test_a_cookie_by_another_name_or_without_a_value_is_no_credential(way: Way, cookie: str) -> None:
    answer = ask(way, f"Cookie: {cookie}", "X-Forwarded-Method: GET")
    assert (answer.status, b"credential_missing" in answer.body) == (401, True)


def test_a_verifier_is_never_known_by_a_cookie(way: Way, place: Place) -> None:
    body = f'{{"credential":"{place.key}"}}'.encode()
    fields = [f"Cookie: {NAME}={place.operator}", "Content-Type: application/json", "X-Forwarded-Method: POST"]
    [answer] = read(way.answer(request("POST", "/v1/verify", *fields, body=body), peer="10.0.0.1")[0])
    assert answer.status == 401

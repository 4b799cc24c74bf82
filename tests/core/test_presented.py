"""Which credential a request presents."""

import pytest

from tokenry.core.presented import LENGTH_MAX, bounded
from tokenry.edge import Presented, cookie_counts, is_foreign, is_too_long, read_cookie, read_presented

KEY = "tk_live_1abc"
SESSION = Presented("session", by_cookie=True)


@pytest.mark.parametrize(
    "header",
    [
        ("Authorization", f"Bearer {KEY}"),
        ("authorization", f"bearer   {KEY} "),
        ("AUTHORIZATION", f"Token {KEY}"),
        ("X-API-Key", KEY),
        ("x-api-token", f"\t{KEY} "),
    ],
)
def test_each_header_of_ours_presents_a_credential(header: tuple[str, str]) -> None:
    presented = read_presented([("host", "x"), header])
    assert presented is not None
    assert presented != "ambiguous"
    assert (presented.text, presented.by_cookie) == (KEY, False)


@pytest.mark.parametrize(
    "header",
    [
        ("Authorization", "Basic dXNlcjpwYXNz"),
        ("Authorization", KEY),
        ("Authorization", ""),
        ("Authorization", f"BearerX {KEY}"),
        ("X_API_Key", KEY),
        ("X-Api_Key", KEY),
        ("X-Auth-Key", KEY),
        ("Proxy-Authorization", f"Bearer {KEY}"),
    ],
)
def test_other_schemes_and_underscore_aliases_present_nothing(header: tuple[str, str]) -> None:
    assert read_presented([header]) is None


@pytest.mark.parametrize("header", [("Authorization", "Bearer"), ("Authorization", "Bearer "), ("X-API-Key", "")])
def test_an_empty_credential_is_presented_and_never_falls_through_to_the_cookie(header: tuple[str, str]) -> None:
    assert read_presented([header], SESSION) == ("", False)


def test_two_headers_that_differ_are_ambiguous_and_two_that_agree_are_one() -> None:
    bearer, key = ("Authorization", f"Bearer {KEY}"), ("X-API-Key", KEY)
    assert read_presented([bearer, key, bearer]) == (KEY, False)
    assert read_presented([bearer, ("X-API-Key", KEY + "d")]) == "ambiguous"
    assert read_presented([bearer, ("Authorization", "Bearer other")]) == "ambiguous"
    assert read_presented([bearer, ("X-API-Token", "")]) == "ambiguous"
    assert read_presented([bearer, ("Authorization", "Basic abc")]) == (KEY, False)


def test_a_header_beats_the_cookie() -> None:
    assert read_presented([("X-API-Key", KEY)], SESSION) == (KEY, False)
    assert read_presented([("X-API-Key", KEY)], "ambiguous") == (KEY, False)
    assert read_presented([("Authorization", "Basic abc")], SESSION) == ("session", True)
    assert read_presented([], "ambiguous") == "ambiguous"
    assert read_presented([]) is None


@pytest.mark.parametrize(
    "header", ["n=session", 'a=b;n="session"', " n = session ; n=session", 'n=session; n="session"']
)
def test_a_cookie_is_read_by_its_exact_name(header: str) -> None:
    assert read_cookie(header, "n") == SESSION


@pytest.mark.parametrize("header", ["", "n", "n=", 'n=""', "N=x", "=n=x", "xn=x", "\xa0n=x", "a=n=x", 'a="; N=x'])
def test_a_cookie_without_a_value_or_of_another_name_presents_nothing(header: str) -> None:
    assert read_cookie(header, "n") is None


@pytest.mark.parametrize(
    "header", ["n=a; n=b", "n=a; n=", "n=; n=a", 'n="a"; n=b', "n=a,n=b", "n=a,b", "n=a; n=a; n=b"]
)
def test_two_cookies_of_one_name_that_differ_are_ambiguous(header: str) -> None:
    assert read_cookie(header, "n") == "ambiguous"


def test_a_quote_that_is_not_closed_is_a_part_of_the_value() -> None:
    for value in ('"', '"session', 'session"'):
        assert read_cookie(f"n={value}", "n") == (value, True)


def test_what_was_presented_never_shows_itself() -> None:
    assert KEY not in repr(read_presented([("X-API-Key", KEY)]))


def test_a_key_is_at_most_512_long_and_a_token_with_two_dots_8192() -> None:
    assert not is_too_long("k" * 512)
    assert is_too_long("k" * 513)
    assert not is_too_long("a.b." + "c" * 8188)
    assert is_too_long("a.b." + "c" * 8189)
    assert is_too_long("a." + "c" * 600)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "get", "PURGE", ""])
def test_a_cookie_on_an_unsafe_or_unknown_method_needs_the_same_origin(method: str) -> None:
    assert not cookie_counts(method, None, None)
    assert not cookie_counts(method, "same-site", "https://evil.example", ("https://app.example",))
    assert not cookie_counts(method, "cross-site", "null", ("https://app.example",))
    assert cookie_counts(method, "same-origin", None)
    assert cookie_counts(method, "cross-site", "https://app.example", ("https://app.example",))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_cookie_counts_on_a_safe_method(method: str) -> None:
    assert cookie_counts(method, "cross-site", None)


def test_where_both_headers_are_sent_both_must_be_ours() -> None:
    own = ("https://app.example",)
    assert cookie_counts("POST", "same-origin", "https://app.example", (), own)
    assert not cookie_counts("POST", "same-origin", "https://evil.example", (), own)
    assert not cookie_counts("POST", "same-origin", "null", (), own)
    assert cookie_counts("POST", "same-origin", "https://anything.example")  # nobody knows the page's own name
    assert not cookie_counts("POST", "same-origin", "null")


def test_an_origin_that_is_not_ours_is_foreign_by_any_method() -> None:
    own = ("https://app.example",)
    for method in ("GET", "POST"):
        for origin in ("https://evil.example", "null", ""):
            assert is_foreign(method, None, origin, (), own)
        assert not is_foreign(method, None, None, (), own)
        assert not is_foreign(method, None, "https://app.example", (), own)
        assert not is_foreign(method, "cross-site", "https://other.example", ("https://other.example",), own)
    assert is_foreign("POST", "cross-site", None, (), own)
    assert not is_foreign("GET", "cross-site", None, (), own)  # a link, or an identity provider that sends a user back


def test_a_long_token_is_taken_as_it_is_and_what_is_longer_than_any_as_an_empty_text() -> None:
    key, token = "k" * LENGTH_MAX, ".".join(["t" * LENGTH_MAX] * 3)
    assert (bounded(key), bounded(token)) == (key, token)
    assert [bounded(text) for text in ("k" + key, token + ".t", token.replace(".", "-"), "t.t." + "t" * 20_000)] == [
        ""
    ] * 4

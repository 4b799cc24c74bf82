"""Two cookies of one name: a sibling subdomain can set one, so that two that differ say nothing and change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.ext.browsers import SAME, SITES, Answer, Browser, Site

ACCESS, REFRESH = "__Host-tokenry_access", "__Secure-tokenry_refresh"
FIRST = "{name}={other}; {rest}"
LAST = "{rest}; {name}={other}"
WAYS = [
    FIRST,
    LAST,
    "{rest};\t{name} = {other}",
    '{name}="{other}"; {rest}',
    "a=b; {name}=; {rest}",
    "{rest}; {name}=x; {name}={other}",
    "{rest},{name}={other}",
]
"""How a browser, or a server that joins two headers, writes a cookie of a name that another one has."""


@pytest.fixture(params=sorted(SITES))
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield stack.enter_context(SITES[request.param](tmp_path, {}, {}))


def signed_in(site: Site, owner: str) -> Browser:
    browser = site.browser()
    assert browser.post("/sign-in", {**SAME, "X-Demo-User": owner}).status == 200
    return browser


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def header(browser: Browser, last: str) -> str:
    names = sorted(browser.jar, key=lambda name: name == last)
    return "; ".join(f"{name}={browser.jar[name][0]}" for name in names)


@pytest.mark.parametrize("name", [REFRESH, ACCESS])
def test_two_that_differ_are_ambiguous_and_change_nothing(site: Site, name: str) -> None:
    ada, eve = signed_in(site, "ada"), signed_in(site, "eve")
    for way in WAYS:
        cookies = way.format(name=name, other=eve.jar[name][0], rest=header(ada, last=name))
        for path in ("/auth/refresh", "/auth/own", "/auth/sign-out", "/auth/sign-out/everywhere"):
            answer = ada.ask("POST", path, {**SAME, "Cookie": cookies})
            assert code(answer) == (400, "credential_ambiguous"), (way, path)
            assert answer.set_cookies() == [], (way, path)
        if name == ACCESS:
            assert code(ada.ask("GET", "/signed-in", {"Cookie": cookies})) == (400, "credential_ambiguous")
    for owner in ("ada", "eve"):
        [session] = site.tk.sessions.list(owner).items
        assert (session.status, session.generation) == ("active", 1)


def test_two_that_are_equal_are_one(site: Site) -> None:
    ada = signed_in(site, "ada")
    for name in (REFRESH, ACCESS):
        for way in ("{rest}; {name}={own}", '{name}="{own}"; {rest}', "{name}={own};{rest}"):
            cookies = way.format(name=name, own=ada.jar[name][0], rest=header(ada, last=name))
            assert ada.copy().ask("POST", "/auth/refresh", {**SAME, "Cookie": cookies}).status == 200, (name, way)


def test_a_name_that_no_browser_protects_is_another_name(site: Site) -> None:
    """Some parsers strip any white space; a sibling subdomain may set such names."""
    eve = signed_in(site, "eve")
    names = [ACCESS.lower(), f"={ACCESS}", *(f"{space}{ACCESS}" for space in "\x0b\x0c\x85\xa0"), f"{ACCESS}\xa0"]
    for name in names:
        answer = eve.ask("GET", "/signed-in", {"Cookie": f"{name}={eve.jar[ACCESS][0]}"})
        assert code(answer) == (401, "credential_missing"), repr(name)


def test_signing_out_by_a_body_leaves_cookies_that_are_ambiguous(site: Site) -> None:
    ada, eve = signed_in(site, "ada"), signed_in(site, "eve")
    cookies = LAST.format(name=REFRESH, other=eve.jar[REFRESH][0], rest=header(ada, last=REFRESH))
    body = {"refresh_token": ada.jar[REFRESH][0]}
    answer = ada.ask("POST", "/auth/sign-out", {**SAME, "Cookie": cookies}, body)
    assert (answer.status, answer.set_cookies()) == (204, [])


def test_a_header_beats_two_cookies(site: Site) -> None:
    ada = signed_in(site, "ada")
    cookies = f"{ACCESS}=x; {ACCESS}=y"
    bearer = {"Authorization": f"Bearer {ada.jar[ACCESS][0]}", "Cookie": cookies}
    assert ada.ask("GET", "/signed-in", bearer).json == {"owner": "ada"}

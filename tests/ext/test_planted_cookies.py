"""A real browser over https: a sibling subdomain cannot make anybody act within the session of somebody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.api.operations.test_doors import certificate
from tests.examples.sites import EXAMPLES, free_port, serving
from tests.ext.test_neighbours import POST, TOSS, browser, opened, signs_in, tokens
from tests.ext.test_tabs import another_site

browser = browser  # the fixture
DOMAIN = "domain=example.test; secure"
ACCESS, REFRESH = "__Host-tokenry_access", "__Secure-tokenry_refresh"
PLANTED = [
    f"{ACCESS}=STOLEN; {DOMAIN}; path=/",
    f"{ACCESS}=STOLEN; {DOMAIN}; path=/integrations",
    f"={ACCESS}=STOLEN; {DOMAIN}; path=/",
    f"= {ACCESS}=STOLEN; {DOMAIN}; path=/",
    f"{ACCESS} =STOLEN; {DOMAIN}; path=/",
    f"\t{ACCESS}=STOLEN; {DOMAIN}; path=/",
    f"{ACCESS.lower()}=STOLEN; {DOMAIN}; path=/",
    f"{ACCESS.upper()}=STOLEN; {DOMAIN}; path=/",
    f'a="x, {ACCESS}=STOLEN"; {DOMAIN}; path=/',
    f"tokenry_access=STOLEN; {DOMAIN}; path=/",
]
"""Ways to plant an access cookie, some of which a browser refuses and some of which must not count."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, tuple[Path, Path]]]:
    port, folder = free_port(), tmp_path_factory.mktemp("planted")
    pair = certificate(folder, "app.example.test")
    name, place = f"https://app.example.test:{port}", str(EXAMPLES / "erp")
    command = ["gunicorn", "--chdir", place, "--bind", f"127.0.0.1:{port}", "--threads=2"]
    variables = {
        "FLASK_TOKENRY_DATABASE_URL": f"sqlite:///{folder}/keys.db",
        "FLASK_TOKENRY_ALLOWED_ORIGINS": json.dumps([name]),
        "FLASK_TOKENRY_BIND_ACCESS": "true",
    }
    with serving(*command, f"--certfile={pair[0]}", f"--keyfile={pair[1]}", "app:app", port=port, **variables):
        yield name, pair


@contextmanager
def neighbour(context: Any, pair: tuple[Path, Path]) -> Iterator[Any]:
    """Open a page of a sibling subdomain over https, which may set secure cookies."""
    with another_site(pair) as port:
        page = context.new_page()
        page.goto(f"https://evil.example.test:{port}/")
        yield page


@pytest.fixture
def stolen(site: Any, browser: Any) -> dict[str, str]:
    """Tokens of a session of the thief's own."""
    thief = browser.new_context(ignore_https_errors=True)
    assert signs_in(opened(thief, site[0]), site[0], "clerk", "invoices") == 200
    found = tokens(thief)
    thief.close()
    assert {ACCESS, REFRESH} <= set(found)
    return found


STATUS = "fetch('/integrations').then(answer => answer.status)"


def test_no_planted_access_cookie_counts(site: Any, browser: Any, stolen: dict[str, str]) -> None:
    name, pair = site
    context = browser.new_context(ignore_https_errors=True)
    page, taken = opened(context, name), 0
    with neighbour(context, pair) as elsewhere:
        for cookie in PLANTED:
            elsewhere.evaluate(TOSS, cookie.replace("STOLEN", stolen[ACCESS]))
            taken += len(context.cookies())
            assert page.evaluate(STATUS) == 401, cookie
            context.clear_cookies()
        assert taken > 1, "the browser takes some of them"
        assert signs_in(page, name, "root", "everything") == 200
        page.goto(f"{name}/nothing")
        for cookie in PLANTED:
            elsewhere.evaluate(TOSS, cookie.replace("STOLEN", stolen[ACCESS]))
    assert page.evaluate(STATUS) in (200, 400), "its own session, or none"
    context.close()


def test_a_planted_refresh_cookie_alone_begins_no_session_where_tokens_are_bound(
    site: Any, browser: Any, stolen: dict[str, str]
) -> None:
    name, pair = site
    visitor = browser.new_context(ignore_https_errors=True)
    with neighbour(visitor, pair) as page:
        page.evaluate(TOSS, f"{REFRESH}={stolen[REFRESH]}; {DOMAIN}; path=/auth")
    assert [cookie["name"] for cookie in visitor.cookies()] == [REFRESH], "the browser takes it"
    page = opened(visitor, name)
    assert page.evaluate(POST, "/auth/refresh") in (400, 401)
    assert page.evaluate(STATUS) == 401
    visitor.close()

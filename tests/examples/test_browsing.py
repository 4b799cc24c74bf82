"""Each example as a reader starts it: the printed line, the page at `/`, a key made in a real Chromium, and the API."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.examples.sites import EXAMPLES, free_port
from tests.servers.waiting import listens, until
from tests.web.seeing import Seeing, chromium
from tests.web.test_key_page import AXE, NARROW, RULES

PROGRAMS = {
    "flask_app": "app.py",
    "fastapi_app": "app.py",
    "django_app": "start.py",
    "time_tracker": "app.py",
    "erp": "app.py",
}
WITH_KEY_PAGE = ("flask_app", "fastapi_app", "django_app")


class Started:
    """An example that runs, its address, and the line that it printed."""

    def __init__(self, url: str, line: str) -> None:
        self.url = url
        self.line = line


@contextmanager
def started(name: str, folder: Path) -> Iterator[Started]:
    """Start an example in an empty folder with the command of its page."""
    port = free_port()
    command, variables = [sys.executable, str(EXAMPLES / name / PROGRAMS[name])], {**os.environ, "PORT": str(port)}
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=subprocess.STDOUT)
        try:
            until(lambda: listens(port) or process.poll() is not None, 120, lambda: "the example does not listen")
            output = (folder / "log").read_text()
            assert process.poll() is None, output
            # A slow disk may log a slow statement first.
            [line] = [line for line in output.splitlines() if line.startswith("Open ")]
            yield Started(f"http://127.0.0.1:{port}", line)
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module", params=PROGRAMS)
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Started]]:
    with started(request.param, tmp_path_factory.mktemp(request.param)) as example:
        yield request.param, example


@pytest.fixture
def seeing(browser: Browser, example: tuple[str, Started]) -> Iterator[Seeing]:
    server: Any = example[1]
    seeing = Seeing(browser, server)
    seeing.page.set_default_timeout(30_000)
    yield seeing
    seeing.check()
    seeing.context.close()


def login(line: str) -> tuple[str, str]:
    found = re.fullmatch(r"Open http://127\.0\.0\.1:\d+ and sign in as (\w+), password (\w+)\.", line)
    assert found is not None, line
    return found[1], found[2]


def sign_in(page: Page, line: str) -> None:
    """Fill the only form of the page at `/` with the login that was printed."""
    user, password = login(line)
    page.locator("form input").nth(0).fill(user)
    page.locator("form input").nth(1).fill(password)
    page.get_by_role("button", name="Sign in").click()


def make_on_the_key_page(page: Page, name: str, scope: str | None) -> str:
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill(name)
    if scope:
        page.get_by_label(scope).check()
    page.get_by_role("button", name="Make key").click()
    secret = page.get_by_label("The secret", exact=True).input_value()
    page.get_by_role("button", name="I have saved it").click()
    return secret


def status(url: str, secret: str = "") -> int:
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    return httpx2.get(url, headers=headers, timeout=30).status_code


def test_the_page_names_the_login_and_the_call(seeing: Seeing, example: tuple[str, Started]) -> None:
    page, started = seeing.page, example[1]
    page.goto("/")
    text = page.locator("body").inner_text()
    assert all(word in text for word in login(started.line))
    assert f'curl -i -H "Authorization: Bearer $KEY" {started.url}/api/' in text
    page.evaluate(AXE)
    assert (
        page.evaluate(
            "rules => axe.run(document, rules).then(found => found.violations.map(one => one.id))",
            {"runOnly": [rule for rule in RULES["runOnly"] if rule != "best-practice"]},
        )
        == []
    )
    page.set_viewport_size(NARROW)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("form input").nth(0).fill("ada")
    page.locator("form input").nth(1).fill("guess")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("password is wrong")


@pytest.mark.parametrize("example", WITH_KEY_PAGE, indirect=True)
def test_a_user_makes_keys_on_the_key_page_and_calls_the_api(seeing: Seeing, example: tuple[str, Started]) -> None:
    page, started = seeing.page, example[1]
    page.goto("/keys/")
    assert page.url == f"{started.url}/?next=/keys/"
    sign_in(page, started.line)
    page.wait_for_url("**/keys/")
    read = make_on_the_key_page(page, "Script", "read projects")
    page.goto("/")
    page.get_by_role("link", name="Your API keys").click()
    without = make_on_the_key_page(page, "Nothing", None)
    api = f"{started.url}/api/projects"
    assert [status(api, read), status(api), status(api, without)] == [200, 401, 403]

    seeing.context.clear_cookies(name=re.compile("tokenry_access"))
    page.get_by_role("button", name="Revoke Script").click()
    page.get_by_role("button", name="Revoke for good").click()
    expect(page.get_by_text("The key is revoked.")).to_be_visible()
    assert status(api, read) == 401
    page.goto("/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.goto("/keys/")
    assert page.url == f"{started.url}/?next=/keys/"


@pytest.mark.parametrize(
    "place", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
@pytest.mark.parametrize("example", ["flask_app"], indirect=True)
def test_signing_in_follows_no_path_to_another_site(seeing: Seeing, example: tuple[str, Started], place: str) -> None:
    page, started = seeing.page, example[1]
    page.goto(f"/?next={place}")
    sign_in(page, started.line)
    expect(page.get_by_role("heading", name="You are ada")).to_be_visible()
    assert page.url.startswith(f"{started.url}/?next=")


@pytest.mark.parametrize("example", ["time_tracker", "erp"], indirect=True)
def test_a_token_page_gives_a_token(seeing: Seeing, example: tuple[str, Started]) -> None:
    (name, started), page = example, seeing.page
    page.goto("/")
    sign_in(page, started.line)
    page.locator("input[name=name]").fill("script")
    if name == "time_tracker":
        page.get_by_label("read").check()
    page.get_by_role("button", name=re.compile("New token|Connect")).click()
    secret = page.locator("code").inner_text()
    page.set_viewport_size(NARROW)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    good, bad = {"time_tracker": ("entries", None), "erp": ("invoices", "stock")}[name]
    assert status(f"{started.url}/api/{good}", secret) == 200
    assert status(f"{started.url}/api/{good}") == 401
    if bad is None:
        refused = httpx2.post(f"{started.url}/api/entries", headers={"Authorization": f"Bearer {secret}"}, json={})
        assert refused.status_code == 403
    else:
        assert status(f"{started.url}/api/{bad}", secret) == 403

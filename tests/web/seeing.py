"""The console in a real Chromium, on a real server that has something to show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.deploy.proxies import program
from tests.servers.serving import Serving

ROOT = Path(__file__).parents[2]
SCOPES = ["read:projects", "write:projects", "read:invoices", "write:invoices", "read:reports", "admin:billing"]
_LISTENER = (
    "addEventListener('securitypolicyviolation', event => (window.violations ??= []).push(event.violatedDirective))"
)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Seeing:
    """One browser context at the console, which remembers everything that must not happen."""

    def __init__(self, browser: Browser, server: Serving, **options: Any) -> None:
        self.server = server
        self.context: BrowserContext = browser.new_context(
            base_url=server.url, permissions=["clipboard-read", "clipboard-write"], **options
        )
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.add_init_script(_LISTENER)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note)

    def sign_in(self, key: str | None = None) -> Page:
        """Sign in as the operator and wait for the keys."""
        self.page.goto("/console")
        self.page.get_by_label("Operator's key").fill(key or self.server.operator_key)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Keys").wait_for()
        return self.page

    def check(self) -> None:
        """Fail when the page broke its policy, asked another host, or raised an error."""
        assert self.page.evaluate("window.violations ?? []") == []
        assert [url for url in self.requests if not url.startswith(self.server.url)] == []
        assert self.errors == []

    def _note(self, message: Any) -> None:
        # Chromium reports every refused request as an error; those are answers here.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)


def fill(server: Serving) -> dict[str, Any]:
    """Put owners and keys of every kind into a server; return the answers of `keys.issue` by the names of the keys."""
    server.call("PUT", "/v1/scopes", {"scopes": SCOPES})
    for owner, name in (("ada@example.com", "Ada Lovelace"), ("billing-service", ""), ("build-server", "")):
        server.call("PUT", f"/v1/owners/{owner}", {"name": name})
    issued: dict[str, Any] = {}

    def issue(owner: str, name: str, **fields: Any) -> None:
        issued[name] = server.call("POST", "/v1/keys", {"owner": owner, "name": name, **fields})

    minute = [{"name": "per-minute", "limit": 600, "window_seconds": 60}]
    issue(
        "billing-service",
        "Invoices, production",
        scopes=["read:invoices", "write:invoices"],
        limits=minute,
        tags=["team:money"],
    )
    issue("build-server", "Deployments", scopes=["read:projects", "write:projects"], expires_in_seconds=5 * 86_400)
    issue("ada@example.com", "Ada's notebook", scopes=["read:projects", "read:invoices", "read:reports"])
    issue("ada@example.com", "Old laptop", scopes=["read:projects"])
    issue("build-server", "Staging", scopes=["read:projects"], environment="test", expires_in_seconds=None)
    for name, scope, times in (("Invoices, production", "read:invoices", 40), ("Deployments", "write:projects", 12)):
        secret = issued[name]["secret"]
        for place in range(times):
            scopes = [scope if place % 9 else "admin:billing"]
            server.call("POST", "/v1/verify", {"credential": secret, "scopes": scopes, "ip": "203.0.113.7"})
    server.call("POST", f"/v1/keys/{issued['Old laptop']['key']['id']}/revoke", {"reason": "stolen"})
    server.call("POST", f"/v1/keys/{issued['Deployments']['key']['id']}/rotate", {"grace_seconds": 86_400})
    return issued

"""Every screen of the console: where it is, and what is there once it has loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.servers.serving import Serving
from tests.servers.waiting import until
from tests.web.seeing import ROOT, Seeing

ROUTES = ROOT / "web" / "console" / "routes.tsx"


class Screen(NamedTuple):
    """One state of the console: a path with the ids of `fill` in it, what to wait for, and what to press then."""

    path: str
    ready: str
    press: str = ""
    opened: str = "dialog[open]"

    @property
    def name(self) -> str:
        return f"{self.path} {self.press}".strip()

    @property
    def file_name(self) -> str:
        """The name of its picture."""
        return re.sub(r"\W+", "-", self.name).strip("-").lower() or "keys"


SCREENS = (
    Screen("/", ".list"),
    Screen("/?text=nothing%20has%20this", ".empty"),
    Screen("/?owner={owner}", ".list", "Revoke all of these…", "dialog .impact"),
    Screen("/keys/{key}", ".history"),
    Screen("/keys/{key}", ".chart", "As a table", ".chart tbody"),
    Screen("/keys/{key}", ".title button", "Edit"),
    Screen("/keys/{key}", ".title button", "Rotate"),
    Screen("/keys/{key}", ".title button", "Revoke"),
    Screen("/issue", "fieldset.scopes"),
    Screen("/attention", ".items"),
    Screen("/owners", ".list"),
    Screen("/owners", ".list", "New owner"),
    Screen("/owners/{owner}", ".card .list"),
    Screen("/owners/{owner}", ".card .list", "Offboard…"),
    Screen("/sessions", ".list"),
    Screen("/scopes", "[aria-label='Grants']"),
    Screen("/scopes", ".list", "New role"),
    Screen("/explain", "form.explain"),
    Screen("/explain?request={request}", ".checks"),
    Screen("/usage", ".chart"),
    Screen("/audit", ".entries"),
    Screen("/audit", ".entries", "Check the log", ".ended"),
    Screen("/live", ".entries"),
    Screen("/webhooks", ".list"),
    Screen("/webhooks", ".list", "New endpoint"),
    Screen("/webhooks/{webhook}", ".entries"),
    Screen("/webhooks/{webhook}", ".entries", "Replay…"),
    Screen("/imports", ".wide-form"),
    Screen("/key-page", ".sample"),
    Screen("/tenants", ".list"),
    Screen("/tenants", ".list", "New tenant"),
    Screen("/tenants/default", ".facts"),
    Screen("/operators", ".list"),
    Screen("/signing-keys", ".list"),
    Screen("/doctor", ".diagnoses"),
    Screen("/nowhere", "h1:has-text('Not found')"),
)


def missing_routes() -> set[str]:
    """Return the routes of the console that no screen here shows."""
    routes = set(re.findall(r'path: "([^"]+)"', ROUTES.read_text()))
    assert routes, "the table of routes has another form"
    shown = {re.sub(r"\{\w+\}|default$", "*", screen.path.partition("?")[0]) for screen in SCREENS}
    return routes - shown


def walk(seeing: Seeing, ids: dict[str, str]) -> Iterator[Screen]:
    """Show one screen after the other, without a reload: what runs on the page sees all of them."""
    page = seeing.page
    for screen in SCREENS:
        while page.locator("dialog[open]").count():
            page.keyboard.press("Escape")
        url = "/console" + screen.path.format_map(ids).rstrip("/")
        page.evaluate("url => { history.pushState(null, '', url); dispatchEvent(new PopStateEvent('popstate')) }", url)
        page.locator(screen.ready).first.wait_for()
        if screen.press:
            page.get_by_text(screen.press, exact=True).first.click()
            page.locator(screen.opened).first.wait_for()
        yield screen


def administer(server: Serving, issued: dict[str, Any]) -> dict[str, str]:
    """Put what the screens of administrators show into a filled server; return their ids."""
    server.call("PUT", "/v1/roles/reader", {"scopes": ["read:projects", "read:invoices"]})
    server.call("PUT", "/v1/owners/grace@example.com", {"name": "Grace Hopper", "email": "grace@example.com"})
    server.call("POST", "/v1/keys", {"owner": "grace@example.com", "name": "Compiler", "roles": ["reader"]})
    server.call("POST", "/v1/owners/grace@example.com/disable", {})
    device = {"device": {"name": "Firefox on Linux"}}
    server.call("POST", "/v1/sessions", {"owner": "ada@example.com", **device})
    # Nothing listens on this port, so that the deliveries fail.
    hook = server.call("POST", "/v1/webhooks", {"url": "http://127.0.0.1:9/hook", "types": ["key.*"]})["webhook"]["id"]
    server.call("POST", f"/v1/webhooks/{hook}/test", {})
    server.call("POST", "/v1/tenants", {"slug": "acme", "name": "Acme"})
    key = issued["Invoices, production"]["key"]
    until(lambda: refusals_of(server, key["id"]))
    request = refusals_of(server, key["id"])[0]["request_id"]
    return {"key": key["id"], "owner": key["owner"], "webhook": hook, "request": request}


def refusals_of(server: Serving, key_id: str) -> list[dict[str, Any]]:
    """Return the last refusals of a key."""
    found: list[dict[str, Any]] = server.call("GET", f"/v1/refusals?key_id={key_id}")["items"]
    return found

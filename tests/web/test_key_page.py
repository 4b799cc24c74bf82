"""The key page in a real Chromium, in each framework: owners manage their own keys, and reach nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ext.test_tabs import another_site
from tests.web.hosts import COOKIE, FRAMEWORKS, Site, give, site
from tests.web.seeing import ROOT, Seeing, chromium
from tokenry.key_page.options import all_texts

AXE = (ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js").read_text()
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
NARROW = {"width": 390, "height": 844}
ZOOMED = {"width": 640, "height": 430}
"""What a window of 1,280 pixels holds at 200 %."""

HOSTILE = ["<img src=x onerror=alert(1)>", "\u05e2\u05d1\u05e8\u05d9\u05ea (x) ابجد", "👩‍👩‍👧‍👦🔑" * 9, "W" * 100]
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark and narrow": {"color_scheme": "dark", "viewport": NARROW},
    "forced colours": {"forced_colors": "active"},
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module", params=FRAMEWORKS)
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(request.param, tmp_path_factory.mktemp("keys")) as host:
        yield host


@pytest.fixture
def seeing(browser: Browser, host: Site, request: pytest.FixtureRequest) -> Iterator[Seeing]:
    """Give a browser in which ada is signed in; at the end nothing may have broken the policy of the page."""
    server: Any = host
    seeing = Seeing(browser, server, **getattr(request, "param", {}))
    seeing.page.set_default_timeout(10_000)
    seeing.context.add_cookies([{"name": COOKIE, "value": "ada", "url": host.url}])
    yield seeing
    seeing.check()
    seeing.context.close()


def make(page: Page, name: str) -> str:
    """Make a key with the form; return its secret."""
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("read projects").check()
    expect(page.locator(".sentence")).to_contain_text("This key can read projects, until")
    page.get_by_role("button", name="Make key").click()
    return page.get_by_label("The secret", exact=True).input_value()


def test_an_owner_makes_renews_and_revokes_a_key(seeing: Seeing, host: Site) -> None:
    page = seeing.page
    page.goto("/keys/")
    secret = make(page, "Backup")
    page.get_by_role("button", name="Copy").click()
    page.wait_for_function("async secret => (await navigator.clipboard.readText()) === secret", arg=secret)
    assert host.tk.verify(secret, scopes="read:projects")
    page.get_by_role("button", name="I have saved it").click()
    expect(page.get_by_role("heading", name="Backup")).to_be_visible()

    page.get_by_role("button", name="New secret Backup").click()
    page.get_by_role("button", name="Make a new secret").click()
    successor = page.get_by_label("The secret", exact=True).input_value()
    assert host.tk.verify(secret)
    assert host.tk.verify(successor)
    page.get_by_role("button", name="I have saved it").click()

    page.get_by_role("button", name="Revoke Backup").click()
    page.get_by_role("button", name="Revoke for good").click()
    expect(page.get_by_text("The key is revoked.")).to_be_visible()
    assert [host.tk.verify(one).code for one in (secret, successor)] == ["revoked", "revoked"]
    assert {entry.actor for entry in host.tk.audit.list().items if entry.action.startswith("key.")} == {"ada"}


def test_a_page_of_another_origin_changes_nothing(seeing: Seeing, host: Site) -> None:
    before = [key.id for key in host.tk.keys.list().items]
    post = """url => fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include', body: '{"name": "evil"}',
        headers: {'content-type': 'text/plain', 'tokenry-page': '1'}}).then(() => 0, () => 0)"""
    with another_site() as port:
        for name in ("127.0.0.1", "localhost"):
            evil = seeing.context.new_page()
            evil.goto(f"http://{name}:{port}/")
            evil.evaluate(post, f"{host.url}/keys/api/keys")
            evil.set_content(f"<form method=post action='{host.url}/keys/api/keys'><button>Win</button></form>")
            with evil.expect_navigation() as navigation:
                evil.click("button")
            assert navigation.value.status == 403
            evil.close()
    assert [key.id for key in host.tk.keys.list().items] == before


def test_whoever_is_not_signed_in_is_sent_to_the_sign_in(seeing: Seeing, host: Site) -> None:
    page = seeing.page
    page.goto("/keys/")
    page.get_by_role("button", name="New key").wait_for()
    seeing.context.clear_cookies()
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill("Too late")
    page.get_by_role("button", name="Make key").click()
    # The list of sessions, which loads by itself, may have the same to say.
    in_dialog = page.get_by_role("dialog").get_by_role("alert")
    expect(in_dialog).to_have_text("You are signed out. Sign in again to see your keys.")
    page.goto("/keys/")
    assert page.url == f"{host.url}/sign-in?next=/keys/"


def test_the_page_stands_in_a_template_of_the_host(seeing: Seeing) -> None:
    page = seeing.page
    page.goto("/around/")
    page.get_by_role("button", name="New key").wait_for()
    expect(page.get_by_role("navigation")).to_have_text("The host")
    assert page.title() == "Host"


@pytest.fixture(scope="module")
def flask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve one page for what is the same in every framework. Every text is of a language that nobody speaks."""
    pseudo = {name: f"⟦{text}⟧" for name, text in all_texts()["en"].items()}
    texts = {"xx": {**pseudo, "scope:read:projects": "⟦look⟧", "scope:write:projects": "⟦change⟧"}}
    colours = ("#8a1c5a", "#f0a0cf")
    with site("flask", tmp_path_factory.mktemp("flask"), texts=texts, title="Zugänge", colours=colours) as host:
        give(host.tk, "eve")  # a key with a limit starts a thread, which the first test must not be blamed for
        yield host


@pytest.fixture
def looking(browser: Browser, flask: Site, request: pytest.FixtureRequest) -> Iterator[Seeing]:
    server: Any = flask
    seeing = Seeing(browser, server, **getattr(request, "param", {}))
    seeing.page.set_default_timeout(10_000)
    yield seeing
    seeing.check()
    seeing.context.close()


def enter(seeing: Seeing, host: Site, owner: str) -> Page:
    seeing.context.add_cookies([{"name": COOKIE, "value": owner, "url": host.url}])
    seeing.page.goto("/keys/")
    return seeing.page


def screens(page: Page, name: str) -> Iterator[str]:
    """Go to one state of the page after another."""
    page.get_by_role("heading", name="Production").wait_for()
    yield "keys"
    page.locator("li").filter(has_text="Production").locator("summary").click()
    page.locator("figure summary").click()
    for summary in page.locator(".page > details > summary").all():
        summary.click()
    yield "details"
    page.locator("header button.primary").click()
    page.locator("dialog input[type=checkbox]").first.check()
    page.locator("dialog input").first.fill(name)
    yield "new key"
    page.locator("dialog button.primary").click()
    page.locator("[part=secret]").wait_for()
    yield "secret"
    page.locator("dialog button.primary").click()
    for at in (0, -1):
        page.locator(".actions button").nth(at).click()
        page.locator("dialog").wait_for()
        yield f"dialog {at}"
        page.keyboard.press("Escape")
        page.locator("dialog").wait_for(state="detached")


def is_within(page: Page) -> bool:
    """Tell whether a page is no wider than its window, nor a dialog wider than itself."""
    dialogs = "[...document.querySelector('tokenry-keys').shadowRoot.querySelectorAll('dialog')]"
    return bool(
        page.evaluate(
            "document.documentElement.scrollWidth <= innerWidth && "
            f"{dialogs}.every(dialog => dialog.scrollWidth <= dialog.clientWidth)"
        )
    )


@pytest.mark.parametrize("looking", LOOKS.values(), indirect=True, ids=LOOKS)
def test_axe_finds_nothing_and_nothing_is_too_wide(
    looking: Seeing, flask: Site, request: pytest.FixtureRequest
) -> None:
    page = enter(looking, flask, "eve")
    page.evaluate(AXE)
    for name in screens(page, request.node.name):
        found = page.evaluate("rules => axe.run(document, rules)", RULES)
        wrong = [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found["violations"]]
        assert wrong == [], name
        size = page.viewport_size
        for now in (ZOOMED, size):
            page.set_viewport_size(now)
            assert is_within(page), (name, now)


@pytest.mark.parametrize("looking", [{"locale": "xx-XX"}], indirect=True)
def test_every_text_of_the_page_can_be_replaced(looking: Seeing, flask: Site) -> None:
    give(flask.tk, "mia")
    page = enter(looking, flask, "mia")
    page.evaluate("document.querySelector('tokenry-keys').setAttribute('lang', 'xx')")
    for name in screens(page, "Data"):
        assert [text for text in page.evaluate(SAID) if not is_replaced(text)] == [], name


SAID = """() => {
    const found = []
    const walk = node => {
        if (node.nodeType === 3 && node.data.trim())
            found.push(node.parentElement.closest('time, code, bdi, option') ? '' : node.data.trim())
        if (node.nodeType === 1) for (const name of ['aria-label', 'placeholder', 'title', 'alt'])
            if (node.getAttribute(name) && node.localName !== 'time') found.push(node.getAttribute(name))
        node.childNodes.forEach(walk)
    }
    walk(document.querySelector('tokenry-keys').shadowRoot)
    return found.filter(Boolean)
}"""
DATA = re.compile(r"[\d\W]+|Zugänge|per-minute|now|\d* ?(minute|second|hour)s? ago|in .*|\w{3} \d+, \d{4}")


def is_replaced(text: str) -> bool:
    """Tell whether a text is of the pseudo-language, or is none of the page's."""
    return "⟦" in text or DATA.fullmatch(text) is not None


@pytest.mark.parametrize("looking", [{"locale": "de-DE"}], indirect=True)
def test_the_page_speaks_the_language_of_its_reader(looking: Seeing, flask: Site) -> None:
    page = enter(looking, flask, "uwe")
    page.get_by_role("button", name="Neuer Schlüssel").click()
    page.get_by_label("projects lesen").check()
    expect(page.locator(".sentence")).to_contain_text("Dieser Schlüssel darf projects lesen, bis")
    assert page.title() == "Zugänge"
    assert page.evaluate("document.documentElement.lang") == "de"


@pytest.mark.parametrize("looking", [{"viewport": NARROW}], indirect=True, ids=["390 pixels"])
def test_hostile_texts_run_nothing_and_break_no_layout(looking: Seeing, flask: Site) -> None:
    flask.tk.owners.put("mal")
    for text in HOSTILE:
        limits = [{"name": "per-minute", "limit": 5, "window_seconds": 60}]
        flask.tk.keys.issue("mal", name=text[:100], description=text * 3, limits=limits)
        flask.tk.sessions.start("mal", device={"name": text})
    page = enter(looking, flask, "mal")
    page.locator("section li").nth(3).wait_for()
    assert is_within(page)
    assert page.locator("tokenry-keys h2 bdi").all_inner_texts() == [text[:100] for text in reversed(HOSTILE)]
    for place in range(len(HOSTILE)):
        page.locator(".actions").nth(place).locator("button").last.click()
        page.locator("dialog").wait_for()
        assert is_within(page), HOSTILE[place]
        page.keyboard.press("Escape")
        page.locator("dialog").wait_for(state="detached")


def test_a_secret_is_shown_until_it_is_saved_and_is_nowhere_afterwards(looking: Seeing, flask: Site) -> None:
    page = enter(looking, flask, "kim")
    secret = make(page, "Shown once")
    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.get_by_role("button", name="Close").click()
    assert asked == ["The secret is shown this once. Leave, and never see it again?"]
    expect(page.get_by_label("The secret", exact=True)).to_have_value(secret)
    page.get_by_role("button", name="I have saved it").click()
    expect(page.get_by_role("heading", name="Shown once")).to_be_visible()
    held = "[document.querySelector('tokenry-keys').shadowRoot.innerHTML, {...localStorage}, {...sessionStorage}]"
    assert secret not in page.evaluate(f"JSON.stringify([{held}, history.state, document.cookie, location.href])")
    inputs = "[...document.querySelector('tokenry-keys').shadowRoot.querySelectorAll('input')].map(one => one.value)"
    assert secret not in page.evaluate(inputs)
    assert not [url for url in looking.requests if secret in url]


def test_the_keyboard_alone_makes_and_revokes_a_key(looking: Seeing, flask: Site) -> None:
    page, keyboard = enter(looking, flask, "zoe"), looking.page.keyboard
    page.get_by_role("button", name="New key").wait_for()
    reach(page, "New key")
    keyboard.press("Enter")
    reach(page, "By keyboard", into="input")
    keyboard.type("By keyboard")
    reach(page, "Make key")
    keyboard.press("Enter")
    page.get_by_label("The secret", exact=True).wait_for()
    reach(page, "I have saved it")
    keyboard.press("Enter")
    reach(page, "Revoke By keyboard")
    keyboard.press("Enter")
    reach(page, "Revoke for good")
    keyboard.press("Enter")
    expect(page.get_by_text("The key is revoked.")).to_be_visible()


def reach(page: Page, name: str, into: str = "button") -> None:
    """Press Tab until the focus is on a button of this name, or on the first field of text."""
    active = "document.querySelector('tokenry-keys').shadowRoot.activeElement ?? {}"
    focused = f"(element => [element.localName, element.textContent, element.type])({active})"
    for _ in range(60):
        page.keyboard.press("Tab")
        local, text, kind = page.evaluate(focused)
        if local == into and (kind == "text" if into == "input" else text == name):
            return
    raise AssertionError(f"Tab does not reach {name!r}")

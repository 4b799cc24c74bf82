"""The key page without a framework: an owner reaches what is its own, by calls of the page itself, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tokenry import Tokenry
from tokenry.core.key_page import contrast
from tokenry.key_page import KeyPage, Visit, Visitor
from tokenry.types import ConfigError

OWN = ("https://app.example", "http://app.example")
SAME = {"tokenry-page": "1", "sec-fetch-site": "same-origin", "content-type": "application/json"}
OFFER = ("read:projects", "write:projects")


@pytest.fixture
def tk(tmp_path: Path) -> Iterator[Tokenry]:
    with Tokenry(f"sqlite:///{tmp_path}/keys.db") as tk:
        yield tk


class Owner:
    """An owner at a page."""

    def __init__(self, tk: Tokenry, name: str, offered: tuple[str, ...] | None = OFFER, **options: Any) -> None:
        self.page = KeyPage(options)
        self.visit = Visit(tk, name, self.page.options, offered)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        fields = [(name.encode(), value.encode()) for name, value in (SAME if headers is None else headers).items()]
        sent = b"" if body is None else json.dumps(body).encode()
        answer = self.page.call(Visitor(method, f"api/{path}", fields, "", sent, OWN), self.visit)
        return answer.status, json.loads(answer.body)

    def get(self, path: str) -> Any:
        return self.ask("GET", path)[1]

    def post(self, path: str, **body: Any) -> Any:
        return self.ask("POST", path, body)[1]


def test_an_owner_who_comes_for_the_first_time_may_make_a_key(tk: Tokenry) -> None:
    ada = Owner(tk, "ada")
    assert ada.get("page")["scopes"] == [*OFFER]
    assert ada.get("keys") == {"items": [], "next_cursor": None}
    made = ada.post("keys", name="Backup", scopes=["read:projects"])
    assert tk.verify(made["secret"], scopes="read:projects")
    assert [key["name"] for key in ada.get("keys")["items"]] == ["Backup"]
    assert made["secret"] not in json.dumps(ada.get("keys"))


def test_another_owners_key_is_unknown_even_to_an_administrator(tk: Tokenry) -> None:
    made = Owner(tk, "ada").post("keys", name="Hers")
    tk.owners.put("root", admin=True)
    root, id = Owner(tk, "root"), made["key"]["id"]
    none = f"key_{'0' * 22}"
    unknown = {path: root.ask("POST", f"keys/{none}/{path}", {}) for path in ("rotate", "revoke")}
    for path, (status, problem) in unknown.items():
        found, answer = root.ask("POST", f"keys/{id}/{path}", {})
        assert (status, found) == (404, 404)
        assert answer["detail"].replace(id, none) == problem["detail"]
    assert root.ask("GET", f"keys/{id}")[0] == 404
    assert root.get("keys")["items"] == []
    assert tk.verify(made["secret"])


def test_nobody_gives_more_than_the_host_offers_and_never_what_administrators_grant(tk: Tokenry) -> None:
    ada = Owner(tk, "ada", ("read:projects", "admin:billing"))
    assert ada.get("page")["scopes"] == ["read:projects"]
    for scope in ("write:projects", "admin:billing", "*", "read:*"):
        assert ada.ask("POST", "keys", {"name": "Wide", "scopes": [scope]})[0] == 403
    assert ada.get("keys")["items"] == []


def test_without_an_offer_the_roles_of_the_owner_say_what_it_may_give(tk: Tokenry) -> None:
    tk.scopes.define(["read:projects", "write:projects", "admin:billing"])
    tk.roles.put("reader", scopes=["read:projects"])
    tk.owners.put("ada", roles=["reader"])
    ada = Owner(tk, "ada", None)
    assert ada.get("page")["scopes"] == ["read:projects"]
    assert ada.ask("POST", "keys", {"name": "Wide", "scopes": ["write:projects"]})[0] == 403
    assert ada.ask("POST", "keys", {"name": "Fine", "scopes": ["read:projects"]})[0] == 200


def test_use_limits_and_credits_are_told(tk: Tokenry) -> None:
    tk.owners.put("ada")
    minute = [{"name": "minute", "limit": 5, "window_seconds": 60}]
    issued = tk.keys.issue("ada", name="Counted", limits=minute, credits=10)
    for _ in range(3):
        assert tk.verify(issued.secret)
    tk.flush()
    shown = Owner(tk, "ada").get(f"keys/{issued.key.id}")
    assert shown["calls_24h"] == 3
    assert [(day["valid"], day["refused"]) for day in shown["use"]] == [(3, 0)]
    assert shown["credits"]["remaining"] == 7
    assert [one["limit"] for one in shown["limits"]] == [5]


def test_sessions_are_listed_and_ended_and_can_be_left_out(tk: Tokenry) -> None:
    for owner in ("ada", "bob"):
        tk.owners.put(owner)
    tokens, foreign = tk.sessions.start("ada", device={"name": "Laptop"}), tk.sessions.start("bob")
    ada = Owner(tk, "ada")
    assert [one["device"] for one in ada.get("sessions")["items"]] == [{"name": "Laptop"}]
    assert ada.ask("POST", f"sessions/{foreign.session.id}/end", {})[0] == 404
    ada.post(f"sessions/{tokens.session.id}/end")
    assert not tk.verify(tokens.access)
    assert tk.verify(foreign.access)
    assert Owner(tk, "ada", sessions=False).ask("GET", "sessions")[0] == 404


def test_a_leaked_secret_is_revoked_by_whoever_holds_it(tk: Tokenry) -> None:
    ada = Owner(tk, "ada")
    made = ada.post("keys", name="Leaked")
    assert ada.post("leaks", secret="no such secret")["action"] == "none"
    assert ada.post("leaks", secret=made["secret"], url="https://paste.example/1")["action"] == "revoked"
    assert tk.verify(made["secret"]).code == "revoked"


def test_an_owner_has_so_many_keys_at_most(tk: Tokenry) -> None:
    ada = Owner(tk, "ada", keys_max=2)
    ids = [ada.post("keys", name=name)["key"]["id"] for name in ("one", "two")]
    assert ada.ask("POST", "keys", {"name": "three"})[0] == 409
    ada.post(f"keys/{ids[0]}/revoke")
    assert ada.ask("POST", "keys", {"name": "three"})[0] == 200


def test_more_keys_than_a_page_of_a_list_has_are_counted(tk: Tokenry) -> None:
    ada = Owner(tk, "ada", keys_max=101)
    ada.get("page")
    tk.keys.issue_many([{"owner": "ada", "name": f"key {number}"} for number in range(101)])
    assert ada.ask("POST", "keys", {"name": "one more"})[0] == 409


def test_requests_at_the_same_moment_make_no_more_keys_than_allowed(tk: Tokenry) -> None:
    ada = Owner(tk, "ada", keys_max=3)
    ada.get("page")
    with ThreadPoolExecutor(8) as threads:
        made = [*threads.map(lambda number: ada.ask("POST", "keys", {"name": f"key {number}"})[0], range(8))]
    assert sorted(made) == [200] * 3 + [409] * 5
    assert len(tk.keys.list(owner="ada").items) == 3


def test_a_repeated_request_gets_the_same_secret_even_at_the_limit(tk: Tokenry) -> None:
    ada = Owner(tk, "ada", keys_max=1)
    body = {"name": "Once", "idempotency_key": "once"}
    assert ada.post("keys", **body)["secret"] == ada.post("keys", **body)["secret"]


def test_a_repeated_request_gets_the_same_secret(tk: Tokenry) -> None:
    ada = Owner(tk, "ada")
    body = {"name": "Once", "idempotency_key": "once"}
    assert ada.post("keys", **body) == ada.post("keys", **body)
    assert len(ada.get("keys")["items"]) == 1


def test_a_disabled_owner_makes_nothing(tk: Tokenry) -> None:
    ada = Owner(tk, "ada")
    assert ada.get("page")["status"] == "active"
    tk.owners.disable("ada")
    assert ada.get("page")["status"] == "disabled"
    assert ada.ask("POST", "keys", {"name": "Late"})[0] in (404, 409)


@pytest.mark.parametrize(
    ("method", "changes", "status"),
    [
        ("POST", {}, 200),
        ("POST", {"tokenry-page": None}, 403),
        ("POST", {"sec-fetch-site": "same-site"}, 403),
        ("POST", {"sec-fetch-site": "cross-site"}, 403),
        ("POST", {"sec-fetch-site": "none"}, 403),
        ("POST", {"origin": "null"}, 403),
        ("POST", {"origin": "https://proxied.example"}, 200),
        ("POST", {"sec-fetch-site": None}, 403),
        ("POST", {"sec-fetch-site": None, "origin": "http://app.example"}, 200),
        ("POST", {"sec-fetch-site": None, "origin": "http://evil.example"}, 403),
        ("POST", {"content-type": "text/plain"}, 415),
        ("GET", {"sec-fetch-site": "cross-site"}, 403),
        ("GET", {"tokenry-page": None}, 403),
        ("GET", {"sec-fetch-site": None}, 200),
        ("DELETE", {}, 405),
    ],
)
def test_only_the_page_itself_is_answered(tk: Tokenry, method: str, changes: dict[str, Any], status: int) -> None:
    headers = {name: value for name, value in {**SAME, **changes}.items() if value is not None}
    body = {"name": "Backup"} if method == "POST" else None
    assert Owner(tk, "ada").ask(method, "keys", body, headers)[0] == status


def test_what_is_not_a_call_of_the_page_is_refused(tk: Tokenry) -> None:
    ada = Owner(tk, "ada")
    for method, path in (("GET", "owners"), ("POST", "keys/a/b/c"), ("GET", "keys/x/rotate"), ("POST", "page")):
        assert ada.ask(method, path, {} if method == "POST" else None)[0] == 404
    assert ada.ask("POST", "keys", {"name": "x", "owner": "bob"})[0] == 400
    assert ada.ask("POST", "keys", {"name": "x" * 20_000})[0] == 413


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colours": ("#ffdd00", "#7db8e0")}, "contrast of 1.3 on the light page"),
        ({"colours": ("#1f5f8b", "#203040")}, "choose a lighter one, such as"),
        ({"colours": ("red", "#7db8e0")}, "is no colour"),
        ({"logo": "https://cdn.example/logo.svg"}, "the page asks no other host"),
        ({"logo": "//cdn.example/logo.svg"}, "the page asks no other host"),
        ({"language": "fr"}, "has no texts"),
        ({"texts": {"de": {"titel": "x"}}}, "did you mean title"),
        ({"scopes": ["admin:billing"]}, "only administrators grant"),
        ({"scopes": ["Not A Scope"]}, "is not a scope"),
        ({"keys_max": 0}, "from 1 to 1000"),
        ({"colors": ("#1f5f8b", "#7db8e0")}, "did you mean colours"),
    ],
)
def test_a_bad_option_is_refused_with_what_to_do(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        KeyPage(options)


def test_the_colour_that_an_error_proposes_can_be_read() -> None:
    with pytest.raises(ConfigError) as refused:
        KeyPage({"colours": ("#ffdd00", "#7db8e0")})
    better = str(refused.value).rpartition("such as ")[2].strip("'")
    assert KeyPage({"colours": (better, "#7db8e0")}).options.colours == (better, "#7db8e0")
    assert contrast(better, "#ffffff") >= 4.5


def test_both_languages_say_everything() -> None:
    static = Path(__file__).parents[2] / "src" / "tokenry" / "key_page" / "static"
    texts = json.loads((static / "texts.json").read_text())
    assert texts["en"].keys() == texts["de"].keys()
    holes = {name: {part for part in text.split() if "{" in part} for name, text in texts["en"].items()}
    assert all(("{" in texts["de"][name]) == bool(found) for name, found in holes.items())


def test_a_key_lives_for_as_long_as_the_tenant_allows(tk: Tokenry) -> None:
    tk.tenants.update("default", expires_in_max=timedelta(days=60), expires_in_default=timedelta(days=30))
    ada = Owner(tk, "ada")
    assert ada.get("page")["expiry"]["max_seconds"] == 60 * 86_400
    assert ada.ask("POST", "keys", {"name": "Long", "expires_in_seconds": 61 * 86_400})[0] == 422


def test_the_settings_of_the_tenant_count_where_the_host_has_given_none(tk: Tokenry) -> None:
    tk.key_page.put(title="Of the tenant", language="de", permissions=["make"], keys_max=1)
    ada = Owner(tk, "ada", title="Of the host")
    page = ada.get("page")
    assert (page["title"], page["language"], page["permissions"]) == ("Of the host", "de", ["make"])
    made = ada.post("keys", name="One")
    assert ada.ask("POST", "keys", {"name": "Two"})[0] == 409, "one key is all that an owner may have"
    for action in ("rotate", "revoke"):
        assert ada.ask("POST", f"keys/{made['key']['id']}/{action}", {})[0] == 403
    tk.key_page.put(permissions=["revoke"])
    assert ada.ask("POST", "keys", {"name": "Two"})[0] == 403
    assert ada.ask("POST", f"keys/{made['key']['id']}/revoke", {})[0] == 200
    assert Owner(tk, "bob", permissions=["make"]).ask("POST", "keys", {"name": "Mine"})[0] == 200

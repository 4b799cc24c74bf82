"""The face of a Flask `TokenSchema`: its arguments, callbacks, cookies and decorators on our sessions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask, jsonify
from flask.testing import FlaskClient

from tests.sources.made import of_seeds
from tokenry import ConfigError, Tokenry
from tokenry.compat import TokenSchema
from tokenry.config import fresh_keyring
from tokenry.ext.flask import FlaskTokenry, current_session
from tokenry.sources import rows
from tokenry.testing import FakeClock

OPENED: list[Tokenry] = []
SAME = {"Sec-Fetch-Site": "same-origin"}
REFRESH = "/token/refresh_access_token"
CALLBACKS = [
    "verify_refresh_token",
    "refresh_token_compromised",
    "create_refresh_token",
    "revoke_user_refresh_tokens",
    "user_has_refresh_tokens",
    "after_new_access_token_generated",
    "invalid_refresh_token_error",
    "invalid_access_token_error",
    "access_token_not_expired_error",
    "compromised_tokens_error",
]


class Site(SimpleNamespace):
    """One application with a schema, and a browser that has one tab."""

    schema: TokenSchema
    clock: FakeClock
    tk: Tokenry
    browser: FlaskClient

    def sign_in(self, user: Any = 7, **headers: str) -> Any:
        return self.browser.post(f"/sign-in/{user}", headers=headers or SAME)

    def refresh(self, **headers: str) -> Any:
        return self.browser.post(REFRESH, headers=headers or SAME)

    def get(self) -> Any:
        return self.browser.get("/")

    def cookie(self, name: str) -> Any:
        return self.browser.get_cookie(name)

    def later(self, **length: float) -> None:
        self.clock.advance(timedelta(**length))


def site(schema: TokenSchema, view: Callable[[], Any] = lambda: None) -> Site:
    clock, app = FakeClock(), Flask(__name__)
    tk = Tokenry("sqlite://", keyring=fresh_keyring(), settings=schema.settings, clock=clock)
    OPENED.append(tk)
    FlaskTokenry(app, tk)

    @app.post("/sign-in/<int:user>")
    def sign_in(user: int) -> Any:
        response = jsonify(user=user)
        schema.set_token_cookies(response, user, {"theme": "dark"})
        return response

    @app.post(REFRESH)
    @schema.refresh_access_token
    def refresh_access_token() -> Any:
        return view()

    @app.get("/")
    @schema.tokens_required
    def test_route() -> Any:
        return {"user": current_session.owner.external_id, "theme": current_session.claims.get("theme")}

    return Site(schema=schema, clock=clock, tk=tk, app=app, browser=app.test_client())


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


def plain() -> Site:
    return site(TokenSchema(secure_cookies_only=False))


def test_the_arguments_and_their_defaults_are_the_old_ones() -> None:
    parameters = [*inspect.signature(TokenSchema).parameters.values()]
    assert {one.name: one.default for one in parameters} == {
        "refresh_token_cookie_name": "refresh_token",
        "access_token_cookie_name": "access_token",
        "access_token_duration": 60,
        "refresh_token_duration": 7,
        "secure_cookies_only": True,
    }
    asked = inspect.signature(TokenSchema.set_token_cookies).parameters
    assert [*asked] == ["self", "response", "user_id", "access_token_claims"]


@pytest.mark.parametrize("name", CALLBACKS)
def test_every_callback_is_a_decorator_by_both_names_on_the_schema_and_its_parts(name: str) -> None:
    schema = TokenSchema()

    def callback(*_: object) -> None: ...

    for part in (schema, schema.refresh_token, schema.access_token):
        assert getattr(part, name)(callback) is callback
        assert getattr(part, f"{name}_callback")(callback) is callback
    assert schema.new_access_token_generated(callback) is callback


def test_a_user_who_is_signed_in_is_let_in_until_the_access_token_expires() -> None:
    here = plain()
    assert here.get().status_code == 401
    assert here.get().json["message"]
    assert here.sign_in().json == {"user": 7}
    assert here.get().json == {"user": "7", "theme": "dark"}
    here.later(seconds=61)
    answer = here.get()
    assert answer.status_code == 401
    assert "expired" in answer.json["message"]


def test_a_refresh_renews_the_access_token_and_calls_the_view_afterwards() -> None:
    order: list[str] = []
    here = site(TokenSchema(secure_cookies_only=False), lambda: order.append("view"))
    here.schema.after_new_access_token_generated(lambda access: order.append("generated"))
    here.sign_in()
    order.clear()
    here.later(seconds=61)
    before = here.cookie("access_token").value
    assert here.refresh().json == {"message": "the access token was renewed"}
    assert order == ["generated", "view"]
    assert here.cookie("access_token").value != before
    assert here.get().status_code == 200


def test_what_the_view_of_a_refresh_returns_is_answered() -> None:
    here = site(TokenSchema(secure_cookies_only=False), lambda: {"hello": 1})
    here.sign_in()
    here.later(seconds=61)
    assert here.refresh().json == {"hello": 1}
    assert here.get().status_code == 200


def test_the_old_names_of_the_decorators_are_one() -> None:
    assert TokenSchema.token_required is TokenSchema.tokens_required


def test_the_cookies_have_the_names_and_flags_that_were_asked_for() -> None:
    here = site(TokenSchema("r", "a", 120, 14, secure_cookies_only=False))
    cookies = here.sign_in().headers.getlist("Set-Cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == ["a", "r"]
    assert all("HttpOnly" in cookie and "Secure" not in cookie and "Path=/;" in cookie for cookie in cookies)
    here.later(seconds=119)
    assert here.get().status_code == 200
    here.later(days=13.9)
    assert here.refresh().status_code == 200
    here.later(days=0.2)
    assert here.refresh().status_code == 401, "nothing extends a session beyond its days"


def test_secure_cookies_are_bound_to_the_host_by_their_prefix() -> None:
    here = site(TokenSchema())
    cookies = here.browser.post("/sign-in/7", headers=SAME, base_url="https://localhost").headers.getlist("Set-Cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == ["__Host-access_token", "__Secure-refresh_token"]
    assert all("Secure" in cookie and "HttpOnly" in cookie for cookie in cookies)


def test_signing_in_ends_the_other_sessions_of_the_user() -> None:
    here = plain()
    here.sign_in()
    other = here.app.test_client()
    other.post("/sign-in/7", headers=SAME)
    assert here.get().status_code == 401
    assert other.get("/").status_code == 200


def test_another_site_neither_signs_anybody_in_nor_refreshes() -> None:
    here = plain()
    assert here.sign_in(**{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert here.cookie("access_token") is None
    here.sign_in()
    here.later(seconds=61)
    assert here.refresh(**{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert here.refresh().status_code == 200


TOLD = [
    ("invalid_refresh_token_error", "garbage"),
    ("invalid_access_token_error", "access"),
    ("access_token_not_expired_error", "early"),
    ("compromised_tokens_error", "stolen"),
]


def spoil(here: Site, how: str) -> None:
    """Bring a browser into a state in which its refresh is refused."""
    if how == "garbage":
        here.later(seconds=61)
        here.browser.set_cookie("refresh_token", "no-token")
    elif how == "access":
        here.later(seconds=61)
        here.browser.set_cookie("access_token", "no-token")
    elif how == "stolen":
        old = here.cookie("refresh_token").value, here.cookie("access_token").value
        for _ in range(3):
            here.later(seconds=61)
            assert here.refresh().status_code == 200
        here.browser.set_cookie("refresh_token", old[0])
        here.browser.set_cookie("access_token", old[1])


@pytest.mark.parametrize(("name", "how", "count"), [(*one, 2) for one in TOLD] + [(*TOLD[0], 0), (*TOLD[0], 1)])
def test_a_refused_refresh_is_told_to_its_callback_with_as_many_arguments_as_it_takes(
    name: str, how: str, count: int
) -> None:
    here, calls = plain(), []
    callbacks = [lambda: calls.append(()), lambda a: calls.append((a,)), lambda a, b: calls.append((a, b))]
    getattr(here.schema, name)(callbacks[count])
    here.sign_in()
    spoil(here, how)
    sent = (here.cookie("refresh_token").value, here.cookie("access_token").value)
    answer = here.refresh()
    assert answer.status_code in (401, 409), answer.json
    assert answer.json["message"]
    assert calls == [sent[:count]]


def test_an_early_refresh_ends_nothing() -> None:
    here = plain()
    here.sign_in()
    assert here.refresh().status_code != 200
    assert here.get().status_code == 200


def test_a_stolen_refresh_token_ends_the_session() -> None:
    here, revoked = plain(), []
    here.schema.refresh_token.revoke_user_refresh_tokens(
        lambda user_id="", refresh_token="": revoked.append((user_id, refresh_token))
    )
    here.sign_in()
    spoil(here, "stolen")
    stolen = here.cookie("refresh_token").value
    assert here.refresh().status_code == 401
    assert revoked == [(7, ""), ("", stolen)]
    assert [session.status for session in here.tk.sessions.list("7")] == ["revoked"]


def test_without_tokens_a_refresh_tells_no_callback() -> None:
    here, calls = plain(), []
    for name, _ in TOLD:
        getattr(here.schema, name)(calls.append)
    assert here.refresh().status_code == 401
    assert calls == []


@pytest.mark.parametrize("pair", [True, False])
def test_the_new_access_token_is_told_alone_or_behind_the_refresh_token(pair: bool) -> None:
    here, calls = plain(), []
    if pair:
        here.schema.after_new_access_token_generated(lambda refresh, access: calls.append((refresh, access)))
    else:
        here.schema.after_new_access_token_generated(lambda access: calls.append((access,)))
    here.sign_in()
    here.later(seconds=61)
    here.refresh()
    now = (here.cookie("refresh_token").value, here.cookie("access_token").value)
    assert len(calls) == 2
    assert calls[1] == (now if pair else now[1:])


def example(schema: TokenSchema) -> list[dict[str, Any]]:
    """Register the old example's own store of refresh tokens."""
    tokens: list[dict[str, Any]] = []

    def find(token: str) -> dict[str, Any] | None:
        return next((one for one in tokens if one["token"] == token), None)

    @schema.refresh_token.verify_refresh_token
    def verify_token(token: str) -> bool:
        found = find(token)
        return found is not None and not found["revoked"]

    @schema.refresh_token.refresh_token_compromised
    def refresh_token_compromised(refresh_token: str, access_token: str) -> bool:
        found = find(refresh_token)
        assert found is not None
        return bool(found["mapped_token"] != access_token)

    @schema.after_new_access_token_generated
    def after_new_access_token_generated(refresh_token: str, access_token: str) -> None:
        found = find(refresh_token)
        assert found is not None
        found["mapped_token"] = access_token

    @schema.refresh_token.user_has_refresh_tokens
    def user_has_refresh_tokens(user_id: int) -> bool:
        return any(one["user_id"] == user_id for one in tokens)

    @schema.refresh_token.revoke_user_refresh_tokens
    def revoke_user_refresh_tokens(user_id: Any = "", refresh_token: str = "") -> None:
        user = user_id or (find(refresh_token) or {}).get("user_id")
        for one in tokens:
            if one["user_id"] == user:
                one["revoked"] = True

    @schema.refresh_token.create_refresh_token
    def create_refresh_token(user_id: int, access_token: str) -> str:
        tokens.append({"token": str(uuid4()), "mapped_token": access_token, "user_id": user_id, "revoked": False})
        return str(tokens[-1]["token"])

    return tokens


def test_the_old_example_keeps_its_own_store_of_refresh_tokens() -> None:
    schema = TokenSchema(secure_cookies_only=False)
    tokens, here = example(schema), site(schema)
    here.sign_in()
    assert here.cookie("refresh_token").value == tokens[0]["token"]
    assert (tokens[0]["user_id"], tokens[0]["mapped_token"]) == (7, here.cookie("access_token").value)
    assert here.get().status_code == 200
    for _ in range(2):
        here.later(seconds=61)
        assert here.get().status_code == 401
        assert here.refresh().status_code == 200
        assert tokens[0]["mapped_token"] == here.cookie("access_token").value
        assert here.get().status_code == 200
    here.sign_in()
    assert [one["revoked"] for one in tokens] == [True, False]


def test_a_token_that_the_own_store_has_revoked_refreshes_nothing() -> None:
    schema, calls = TokenSchema(secure_cookies_only=False), []
    tokens, here = example(schema), site(schema)
    schema.invalid_refresh_token_error(calls.append)
    here.sign_in()
    tokens[0]["revoked"] = True
    here.later(seconds=61)
    assert here.refresh().status_code == 401
    assert calls == [tokens[0]["token"]]


@pytest.mark.parametrize("count", [1, 2])
def test_a_token_that_the_own_store_calls_compromised_ends_everything(count: int) -> None:
    schema, calls = TokenSchema(secure_cookies_only=False), []
    tokens, here = example(schema), site(schema)
    schema.compromised_tokens_error(calls.append)
    if count == 1:
        schema.refresh_token.refresh_token_compromised(lambda refresh_token: refresh_token == tokens[0]["token"])
    else:
        schema.after_new_access_token_generated(lambda access: None)
    here.sign_in()
    tokens[0]["mapped_token"] = "another"
    here.later(seconds=61)
    assert here.refresh().status_code == 401
    assert calls == [tokens[0]["token"]]
    assert tokens[0]["revoked"]
    assert [session.status for session in here.tk.sessions.list("7")] == ["revoked"]


def test_another_site_reaches_no_callback_of_the_own_store() -> None:
    schema = TokenSchema(secure_cookies_only=False)
    tokens, here = example(schema), site(schema)
    here.sign_in()
    tokens[0]["mapped_token"] = "another"
    here.later(seconds=61)
    assert here.refresh(**{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert not tokens[0]["revoked"]


def test_a_mistake_in_a_callback_is_not_taken_for_another_number_of_arguments() -> None:
    schema, calls = TokenSchema(secure_cookies_only=False), []
    example(schema)

    @schema.refresh_token.refresh_token_compromised
    def broken(refresh_token: str) -> bool:
        calls.append(refresh_token)
        raise TypeError("a mistake")

    here = site(schema)
    here.app.testing = True
    here.sign_in()
    here.later(seconds=61)
    with pytest.raises(TypeError, match="a mistake"):
        here.refresh()
    assert len(calls) == 1


def test_a_store_that_cannot_verify_is_a_mistake() -> None:
    schema = TokenSchema()
    schema.create_refresh_token(lambda user_id, access_token: "x")
    with pytest.raises(ConfigError, match="verify_refresh_token"):
        schema.init_app(Flask(__name__))


def test_an_engine_whose_sessions_live_otherwise_is_a_mistake() -> None:
    with (
        Tokenry("sqlite://", keyring=fresh_keyring()) as tk,
        pytest.raises(ConfigError, match=r"access_life .*schema\.settings"),
    ):
        TokenSchema().init_app(Flask(__name__), tk)


def test_an_application_without_an_engine_opens_one_at_its_first_request(tmp_path: Any) -> None:
    app, schema = Flask(__name__), TokenSchema(access_token_duration=90)
    app.config["TOKENRY_DATABASE_URL"] = f"sqlite:///{tmp_path}/keys.db"
    app.config["JWT_SECRET_KEY"], app.config["JWT_ALGORITHM"] = "secre-jwt-key", "HS256"

    @app.get("/")
    @schema.token_required
    def view() -> str:
        return "test"

    assert app.test_client().get("/").status_code == 401
    tk = schema.auth.tk_of(app)
    OPENED.append(tk)
    assert tk.settings.access_life == timedelta(seconds=90)


@pytest.fixture
def moved(tmp_path: Path) -> Site:
    """A site whose users signed in before it moved here; its browser holds what the old module gave it."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/old.db")
    made = of_seeds.token_schema(engine, 3)
    engine.dispose()
    here = plain()
    here.clock.set(of_seeds.NOW)
    here.tk.imports.run(rows("token-schema", f"sqlite:///{tmp_path}/old.db"), source="token-schema")
    here.old, here.users, here.dead = [*made.live], [*made.live.values()], made.dead
    here.browser.set_cookie("refresh_token", here.old[0])
    here.browser.set_cookie("access_token", "a JWT of old")
    return here


def test_the_session_of_an_imported_refresh_token_goes_on_once(moved: Site) -> None:
    assert moved.refresh().status_code == 200
    assert moved.get().json["user"] == moved.users[0]
    moved.browser.set_cookie("refresh_token", moved.old[0])
    moved.later(seconds=61)
    assert moved.refresh().status_code == 401, "it has ended"


def test_two_requests_with_one_imported_refresh_token_start_one_session(moved: Site) -> None:
    for text in moved.old:
        codes: list[int] = []
        barrier = Barrier(2)

        def present(text: str = text, codes: list[int] = codes, barrier: Barrier = barrier) -> None:
            browser = moved.app.test_client()
            browser.set_cookie("refresh_token", text)
            barrier.wait()
            codes.append(browser.post(REFRESH, headers=SAME).status_code)

        threads = [Thread(target=present) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(codes) in ([200, 401], [200, 409])


def test_refresh_tokens_that_were_revoked_or_made_up_start_nothing(moved: Site) -> None:
    for text in (*moved.dead, str(uuid4())):
        moved.browser.set_cookie("refresh_token", text)
        assert moved.refresh().status_code == 401
    assert moved.tk.sessions.list().items == ()


def test_another_site_takes_no_imported_refresh_token(moved: Site) -> None:
    assert moved.refresh(**{"Sec-Fetch-Site": "cross-site"}).status_code in (401, 403)
    assert moved.refresh().status_code == 200


def test_an_imported_refresh_token_is_no_api_key(moved: Site) -> None:
    @moved.app.get("/api")
    @moved.schema.auth.key_required
    def api() -> str:
        return "never"

    moved.get()
    assert moved.browser.get("/api", headers={"X-API-Key": moved.old[0]}).status_code == 401

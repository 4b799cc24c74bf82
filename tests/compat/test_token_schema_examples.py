"""The examples and calls of the old `TokenSchema`, as its description shows them, on our sessions."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest

from tests.compat.test_token_schema import OPENED, TOLD, Site, plain, site, spoil
from tokenry.compat import TokenSchema


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


class Store:
    """A store of refresh tokens such as an application has: a token, its user, its expiry, and its access token."""

    def __init__(self, schema: TokenSchema) -> None:
        self.rows: list[dict[str, Any]] = []
        self.now: datetime | None = None
        part = schema.refresh_token
        for callback in (self.verify_refresh_token, self.refresh_token_compromised, self.create_refresh_token):
            getattr(part, callback.__name__)(callback)
        part.revoke_user_refresh_tokens(self.revoke)
        part.user_has_refresh_tokens(lambda user_id: any(row["user_id"] == user_id for row in self.rows))
        schema.after_new_access_token_generated(self.map)

    def row(self, token: str) -> dict[str, Any] | None:
        return next((row for row in self.rows if row["token"] == token), None)

    def verify_refresh_token(self, refresh_token: str) -> bool:
        row = self.row(refresh_token)
        return row is not None and not row["revoked"] and (self.now is None or row["expires_at"] > self.now)

    def refresh_token_compromised(self, refresh_token: str, access_token: str) -> bool:
        return bool(self.rows and (self.row(refresh_token) or {}).get("mapped_token") != access_token)

    def create_refresh_token(self, user_id: int, access_token: str) -> str:
        begun = self.now or datetime(2026, 1, 1)  # noqa: DTZ001 - as the old module kept it
        row = {"token": str(uuid4()), "mapped_token": access_token, "user_id": user_id, "revoked": False}
        self.rows.append({**row, "expires_at": begun + timedelta(days=7)})
        return str(row["token"])

    def revoke(self, user_id: Any = "", refresh_token: str = "") -> None:
        user = user_id or (self.row(refresh_token) or {}).get("user_id")
        for row in self.rows:
            row["revoked"] |= row["user_id"] == user

    def map(self, refresh_token: str, access_token: str) -> None:
        row = self.row(refresh_token)
        if row is not None:
            row["mapped_token"] = access_token


@pytest.fixture
def stored() -> tuple[Site, Store]:
    schema = TokenSchema(secure_cookies_only=False)
    store = Store(schema)
    return site(schema), store


def naive(here: Site) -> datetime:
    return here.clock.now().replace(tzinfo=None)


def test_cookies_are_set_by_a_response_a_user_and_claims_that_may_be_left_out() -> None:
    parameters = [*inspect.signature(TokenSchema.set_token_cookies).parameters.values()][1:]
    shown = [one.name if one.default is one.empty else f"{one.name}={one.default}" for one in parameters]
    assert shown == ["response", "user_id", "access_token_claims=None"]


def test_the_claims_of_an_access_token_say_when_for_whom_and_which_it_is() -> None:
    here = plain()
    here.sign_in()
    claims = jwt.decode(here.cookie("access_token").value, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 60
    assert claims["sub"] == "7"
    here.later(seconds=61)
    here.refresh()
    later = jwt.decode(here.cookie("access_token").value, options={"verify_signature": False})
    assert later["jti"] != claims["jti"]


def test_a_user_is_signed_in_without_claims() -> None:
    here = plain()

    @here.app.post("/plainly")
    def plainly() -> Any:
        response = here.app.make_response("")
        assert here.schema.set_token_cookies(response=response, user_id=8) is response
        return response

    here.browser.post("/plainly", headers={"Sec-Fetch-Site": "same-origin"})
    assert here.get().json == {"user": "8", "theme": None}


def test_a_token_that_expired_in_the_own_store_refreshes_nothing(stored: tuple[Site, Store]) -> None:
    here, store = stored
    calls: list[str] = []
    here.schema.invalid_refresh_token_error(calls.append)
    store.now = naive(here)
    here.sign_in()
    here.later(days=6.9)
    store.now = naive(here)
    assert here.refresh().status_code == 200
    here.later(seconds=61)
    store.rows[0]["expires_at"] = naive(here)
    store.now = naive(here)
    assert here.refresh().status_code == 401
    assert calls == [store.rows[0]["token"]]


@pytest.mark.parametrize(("name", "how"), TOLD[:3])
def test_with_an_own_store_a_refused_refresh_is_reported_with_its_token(
    stored: tuple[Site, Store], name: str, how: str
) -> None:
    here, store = stored
    calls: list[tuple[str, str]] = []
    here.schema.refresh_token_compromised(lambda refresh: False)
    getattr(here.schema, f"{name}_callback")(lambda refresh, access: calls.append((refresh, access)))
    here.sign_in()
    spoil(here, how)
    sent = (here.cookie("refresh_token").value, here.cookie("access_token").value)
    assert here.refresh().status_code in (401, 409)
    assert calls == [sent]
    assert not store.rows[0]["revoked"], "nothing ends by a mistake of its holder"


def test_an_own_store_that_maps_access_tokens_calls_another_one_stolen(stored: tuple[Site, Store]) -> None:
    here, store = stored
    here.sign_in()
    spoil(here, "access")
    assert here.refresh().status_code == 401
    assert store.rows[0]["revoked"]

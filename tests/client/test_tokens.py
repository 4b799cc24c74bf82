"""What an access token says, and how one is made of a key, is the same in the library and over HTTP."""

import asyncio
import json
from base64 import urlsafe_b64encode as b64encode
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.servers.serving import PATIENCE, Serving
from tokenry import Tokenry
from tokenry.client import AsyncClient, Client
from tokenry.types import Denied, Invalid, NotAllowed, NotFound, OfflineValid, StoreUnavailable, Token, TokenValid


@pytest.fixture
def secret(tk: Tokenry | Client) -> str:
    return str(tk.keys.issue("ada", name="CI", scopes=["read:*", "write:x"]).secret)


@pytest.fixture
def slug(tk: Tokenry | Client) -> str:
    return tk.owners.get("ada").tenant


def test_a_verdict_says_what_the_token_says(tk: Tokenry | Client) -> None:
    tokens = tk.sessions.start("ada", claims={"plan": "pro", "seats": [1, {"of": None}]}, audience=["a", "b"])
    verdict = tk.verify(tokens.access)
    assert verdict
    assert verdict.online
    assert (verdict.claims["plan"], verdict.claims["seats"]) == ("pro", [1, {"of": None}])
    assert verdict.claims["sid"] == tokens.session.id
    assert verdict.claims["aud"] == ["a", "b"]


def test_two_tokens_of_a_session_say_each_its_own(tk: Tokenry | Client) -> None:
    tokens = tk.sessions.start("ada")
    successor = tk.sessions.refresh(tokens.refresh)
    assert successor
    first, second, again = (tk.verify(text) for text in (tokens.access, successor.access, tokens.access))
    assert first
    assert second
    assert again
    assert first.claims == again.claims
    assert first.claims["jti"] != second.claims["jti"]


def test_a_token_is_derived_from_a_key(tk: Tokenry | Client, secret: str, slug: str) -> None:
    key = tk.keys.list(owner="ada").items[0]
    token = tk.exchange(secret, scopes=["read:x"], audience=["a", "b"], expires_in=timedelta(seconds=60), tenant=slug)
    assert isinstance(token, Token)
    assert (token.key, token.tenant, token.owner) == (key.id, slug, "ada")
    assert (token.scopes, token.audience) == (("read:x",), ("a", "b"))
    verdict = tk.verify(token.access, audience="a")
    assert verdict
    assert isinstance(verdict, TokenValid)
    assert (verdict.kind, verdict.key.id, verdict.scopes) == ("token", key.id, ("read:x",))
    assert verdict.claims["exp"] == int(token.expires_at.timestamp())


def test_without_a_wish_a_token_holds_what_the_key_holds(tk: Tokenry | Client, secret: str, slug: str) -> None:
    token = tk.exchange(secret, tenant=slug)
    assert token.scopes == ("read:*", "write:x")
    assert token.audience == ()
    assert tk.verify(token.access)


def test_no_token_is_made_of_a_bad_key_nor_beyond_a_good_one(tk: Tokenry | Client, secret: str, slug: str) -> None:
    with pytest.raises(NotAllowed):
        tk.exchange(secret, scopes=["admin:all"], tenant=slug)
    with pytest.raises(Invalid, match="expires_in"):
        tk.exchange(secret, expires_in=timedelta(days=3), tenant=slug)
    with pytest.raises(Invalid):
        tk.exchange(secret, scopes=["Not A Scope"], tenant=slug)
    tk.keys.revoke(tk.keys.list(owner="ada").items[0].id)
    for text, code in ((secret, "revoked"), ("nonsense", "malformed")):
        with pytest.raises(Denied) as denied:
            tk.exchange(text, tenant=slug)
        assert denied.value.verdict.code == code


def test_the_keys_of_a_tenant_prove_its_tokens(tk: Tokenry | Client, secret: str, slug: str) -> None:
    token = tk.exchange(secret, tenant=slug)
    key_set = tk.jwks(tenant=slug)
    assert all("d" not in key for key in key_set["keys"])
    assert str(token.access).count(".") == 2
    assert [key["alg"] for key in key_set["keys"]][:1] == ["ES256"]


def test_a_tenant_that_is_unknown_has_no_keys(client: Client) -> None:
    with pytest.raises(NotFound):
        client.jwks(tenant="nobody")


def test_an_awaited_client_makes_the_same_calls(tokenry_server: Serving, client: Client, key: str) -> None:
    slug = client.owners.get("ada").tenant
    secret = client.keys.issue("ada", name="CI", scopes=["read:x"]).secret

    async def calls() -> tuple[Token, dict[str, object]]:
        async with AsyncClient(tokenry_server.url, key, tenant=slug, timeout=PATIENCE) as there:
            return await there.exchange(secret), await there.jwks()

    token, key_set = asyncio.run(calls())
    assert token.scopes == ("read:x",)
    assert key_set == client.jwks(tenant=slug)


def test_offline_a_token_is_believed_until_it_expires_and_a_key_is_not(
    tk: Tokenry | Client, secret: str, slug: str
) -> None:
    token = tk.exchange(secret, scopes=["read:x"], audience="billing", tenant=slug)
    session = tk.sessions.start("ada", claims={"plan": "pro"})
    about: dict[str, Any] = {"tenant": slug, "offline": True}
    for text, kind in ((token.access, "token"), (session.access, "session")):
        verdict = tk.verify(text, **about)
        assert verdict
        assert isinstance(verdict, OfflineValid)
        assert (verdict.kind, verdict.online) == (kind, False)
        assert (verdict.owner.external_id, verdict.tenant.slug) == ("ada", slug)
        assert verdict.claims == tk.verify(text).claims  # type: ignore[union-attr]
    assert tk.require(token.access, scopes="read:x", audience="billing", **about).expires_at == token.expires_at
    assert tk.verify(token.access, scopes="write:x", **about).code == "insufficient_scope"
    assert tk.verify(token.access, audience="elsewhere", **about).code == "not_found"
    tk.keys.revoke(token.key)
    assert tk.verify(token.access).code == "revoked"
    assert tk.verify(token.access, **about)
    first, payload, signature = str(token.access).split(".")
    forged = f"{first}.{payload}.{signature[:-8]}AAAAAAAA"
    for text in (forged, secret, "nonsense", "a.b.c", f"{first}.{payload}.", ""):
        assert tk.verify(text, **about).code == "malformed"
        with pytest.raises(Denied):
            tk.require(text, **about)
    with pytest.raises(Invalid):
        tk.verify(token.access, cost=-1, **about)


class Counting(httpx2.HTTPTransport):
    """The real connection, which notes what is asked and can be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []
        self.is_cut = False

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.is_cut:
            raise httpx2.ConnectError("cut")
        self.paths.append(request.url.path)
        return super().handle_request(request)


def test_offline_the_key_set_is_fetched_once_and_no_made_up_key_fetches_it_again(
    tokenry_server: Serving, client: Client, key: str
) -> None:
    slug = client.owners.get("ada").tenant
    access = str(client.sessions.start("ada").access)
    wire = Counting()
    with Client(tokenry_server.url, key, tenant=slug, retries=0, transport=wire, timeout=PATIENCE) as there:
        for _ in range(5):
            assert there.verify(access, offline=True)
        header = (
            b64encode(json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": "made-up"}).encode()).decode().rstrip("=")
        )
        for _ in range(20):
            assert there.verify(f"{header}.{access.split('.', 1)[1]}", offline=True).code == "malformed"
        assert wire.paths == [f"/t/{slug}/.well-known/jwks.json"]
        wire.is_cut = True
        assert there.verify(access, offline=True)
        with pytest.raises(StoreUnavailable):
            there.verify(access)
        there.forget()
        with pytest.raises(StoreUnavailable):
            there.verify(access, offline=True)


def test_offline_a_token_of_another_tenant_is_malformed(tokenry_server: Serving, client: Client, key: str) -> None:
    access = client.sessions.start("ada").access
    for tenant in ("default", "nobody"):
        assert client.verify(access, tenant=tenant, offline=True).code == "malformed"

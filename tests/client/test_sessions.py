"""Sessions and signing keys, asked of a server, are the library's."""

import asyncio

import pytest

from tests.servers.serving import PATIENCE, Serving
from tokenry.client import AsyncClient, Client
from tokenry.types import Conflict, Invalid, NotFound, Refused, SessionTokens, SessionValid


def test_a_session_lives_and_ends_as_in_the_library(client: Client) -> None:
    client.roles.put("reader", scopes=["read:*"])
    client.owners.put("dana", roles=["reader"])
    tokens = client.sessions.start("dana", claims={"plan": "pro"}, device={"name": "phone"}, audience=["a", "b"])
    verdict = client.verify(tokens.access, scopes="read:x", audience="b")
    assert verdict
    assert isinstance(verdict, SessionValid)
    assert (verdict.kind, verdict.session) == ("session", tokens.session)
    assert tokens.session.claims == {"plan": "pro"}
    pair = client.sessions.refresh(tokens.refresh, tokens.access, scopes=["read:x"])
    assert isinstance(pair, SessionTokens)
    assert pair.scopes == ("read:x",)
    again = client.sessions.refresh(tokens.refresh)
    assert again
    assert again.refresh == pair.refresh
    assert client.sessions.get(pair.session.id).generation == 2
    assert [one.id for one in client.sessions.list("dana")] == [pair.session.id]
    assert client.sessions.revoke_by_token(pair.refresh, reason="signed out").revoke_reason == "signed out"
    assert client.verify(pair.access) == Refused("revoked")
    assert client.sessions.refresh(pair.refresh) == Refused("revoked")


def test_what_gets_nothing_is_a_refusal_and_harms_nobody(client: Client) -> None:
    client.owners.put("dana")
    tokens = client.sessions.start("dana", scopes=["read:x"], client_id="app")
    assert client.sessions.refresh("nonsense") == Refused("malformed")
    assert client.sessions.refresh(tokens.refresh, scopes=["write:x"]) == Refused("insufficient_scope")
    assert client.sessions.refresh(tokens.refresh, client_id="other") == Refused("not_found")
    with pytest.raises(NotFound):
        client.sessions.revoke_by_token(tokens.refresh, client_id="other")
    assert client.sessions.refresh(tokens.refresh, client_id="app")
    with pytest.raises(Invalid):
        client.sessions.start("dana", claims={"sub": "eve"})
    client.owners.disable("dana")
    with pytest.raises(Conflict):
        client.sessions.start("dana")


def test_all_sessions_end_but_those_that_are_excepted(client: Client) -> None:
    client.owners.put("dana")
    here, there = client.sessions.start("dana"), client.sessions.start("dana")
    assert client.sessions.revoke_all("dana", keep=here.session.id) == (there.session.id,)
    assert client.sessions.revoke_all("dana", keep=[here.session.id]) == ()
    assert client.verify(here.access)
    assert not client.verify(there.access)


def test_an_id_in_place_of_a_refresh_token_ends_nothing(client: Client) -> None:
    client.owners.put("dana")
    tokens = client.sessions.start("dana")
    with pytest.raises(NotFound):
        client.sessions.revoke(f"{tokens.session.id}x")
    assert client.verify(tokens.access)


def test_signing_keys_rotate_and_are_removed(client: Client) -> None:
    client.owners.put("dana")
    before = client.sessions.start("dana")
    first, following = client.signing_keys.list()
    assert client.signing_keys.rotate().kid == following.kid
    assert client.verify(before.access)
    assert client.signing_keys.remove(first.kid).status == "removed"
    assert not client.verify(before.access)
    assert client.verify(client.sessions.start("dana").access)


def test_the_asynchronous_client_signs_in_too(client: Client, key: str, tokenry_server: Serving) -> None:
    client.owners.put("dana")

    async def sign_in() -> None:
        async with AsyncClient(tokenry_server.url, key, timeout=PATIENCE) as tk:
            tokens = await tk.sessions.start("dana")
            assert await tk.sessions.refresh(tokens.refresh)
            assert await tk.sessions.revoke_all("dana") == (tokens.session.id,)
            assert (await tk.signing_keys.list())[0].status == "active"

    asyncio.run(sign_in())


def test_no_tenant_is_never_taken_for_the_default_one(client: Client) -> None:
    client.owners.put("dana")
    tokens = client.sessions.start("dana")
    for call in (
        lambda: client.owners.put("erin", tenant=None),  # type: ignore[arg-type]
        lambda: client.scoped(tenant=None).owners.list(),  # type: ignore[arg-type]
        lambda: client.scoped(tenant=None).jwks(),  # type: ignore[arg-type]
        lambda: client.sessions.refresh(tokens.refresh, tenant=None),
        lambda: client.sessions.revoke_by_token(tokens.refresh, tenant=None),
    ):
        with pytest.raises(Invalid) as caught:
            call()
        assert [error.field for error in caught.value.errors] == ["tenant"]
    assert client.sessions.get(tokens.session.id).status == "active"

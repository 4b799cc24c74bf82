"""Credits over HTTP: the same calls, a hold that is settled by the client, and fields that say what is left."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.servers.serving import PATIENCE, Serving
from tokenry import Conflict, Credits, Limit, NotFound, Tokenry
from tokenry.client import AsyncClient, Client

Face = Tokenry | Client


def test_credits_mean_the_same(tk: Face) -> None:
    credits = Credits(10, refill="monthly", refill_day=31)
    issued = tk.keys.issue("ada", name="a", credits=credits)
    assert issued.key.credits == tk.keys.get(issued.key.id).credits == credits
    verdict = tk.verify(issued.secret, cost=4)
    assert verdict.credits is not None
    assert verdict.credits == tk.credits.get(issued.key.id) == tk.credits.list().items[0]
    refused = tk.verify(issued.secret, cost=7)
    assert (refused.code, refused.credits) == ("quota_exceeded", verdict.credits)
    assert tk.credits.add(issued.key.id, 5).remaining == 11
    assert tk.credits.set(issued.key.id, 3).remaining == 3
    assert tk.keys.update(issued.key.id, credits=50).credits == Credits(50)
    assert tk.keys.update(issued.key.id, credits=None).credits is None
    with pytest.raises(NotFound):
        tk.credits.get(issued.key.id)


def test_holds_mean_the_same(tk: Face) -> None:
    id = tk.keys.issue("ada", name="a", credits=10).key.id
    hold = tk.credits.reserve(id, 6, expires_in=timedelta(minutes=1), on_expiry="charge")
    assert [one.id for one in tk.credits.holds(id)] == [hold.id]
    with pytest.raises(Conflict) as raised:
        tk.credits.reserve(id, 6)
    assert raised.value.field == "credits"
    assert hold.settle(2).charged == hold.settle(2).charged == 2
    assert tk.credits.reserve(id, 8).release().charged == 0
    assert tk.credits.get(id).remaining == 8


def test_a_hold_of_an_asynchronous_client_is_awaited(tokenry_server: Serving, client: Client, key: str) -> None:
    id = client.keys.issue("ada", name="a", credits=10).key.id

    async def use() -> int | None:
        async with AsyncClient(tokenry_server.url, key, timeout=PATIENCE) as there:
            hold = await there.credits.reserve(id, 6)
            await (await there.credits.reserve(id, 4)).release()
            return (await hold.settle(5)).charged

    assert asyncio.run(use()) == 5
    assert client.credits.get(id).remaining == 5


def test_a_hold_in_another_tenant_is_settled_there(operator: Client) -> None:
    operator.tenants.create("c-holds")
    operator.owners.put("ada", tenant="c-holds")
    id = operator.keys.issue("ada", name="a", credits=10, tenant="c-holds").key.id
    operator.credits.reserve(id, 6, tenant="c-holds").settle(5)
    assert operator.credits.get(id, tenant="c-holds").remaining == 5


def test_a_key_with_limits_and_credits_takes_of_each_once(client: Client) -> None:
    """The server looks whether it can answer at once before it waits: what it took for that goes back."""
    issued = client.keys.issue("ada", name="a", credits=100, limits=[Limit("hour", 100_000, 3600)])
    for count in range(1, 6):
        verdict = client.verify(issued.secret)
        assert verdict.credits is not None
        assert (verdict.limits[0].remaining, verdict.credits.remaining) == (100_000 - count, 100 - count)

"""Limits over HTTP: the same calls, answers and mistakes."""

from __future__ import annotations

import asyncio

import pytest

from tests.servers.serving import PATIENCE, Serving
from tokenry import Invalid, Limit, Tokenry
from tokenry.client import AsyncClient, Client

Face = Tokenry | Client
HOUR = 3600


def test_limits_of_subjects_mean_the_same(tk: Face) -> None:
    limits = [Limit("hour", 2, HOUR), Limit("day", 9, 24 * HOUR)]
    answers = [tk.limits.take("emails", "one", limits=limits) for _ in range(3)]
    assert [bool(one) for one in answers] == [True, True, False]
    assert [(one.of, one.name, one.remaining) for one in answers[2].limits] == [
        ("subject", "hour", 0),
        ("subject", "day", 7),
    ]
    refused = answers[2].limited_by
    assert refused is not None
    assert (refused.name, refused.limit, refused.window_seconds) == ("hour", 2, HOUR)
    with pytest.raises(Invalid):
        tk.limits.take("emails", "one", limits=[])


def test_shared_limits_mean_the_same(tk: Face) -> None:
    shared = (Limit("hour", 1, HOUR),)
    assert tk.owners.put("ada", shared_limits=shared).shared_limits == tk.owners.get("ada").shared_limits == shared
    one, other = (tk.keys.issue("ada", name=name) for name in ("one", "other"))
    assert tk.verify(one.secret)
    refused = tk.verify(other.secret)
    assert not refused
    assert refused.limited_by is not None
    assert (refused.code, refused.limited_by.of) == ("rate_limited", "owner")
    assert tk.owners.put("ada", shared_limits=[]).shared_limits == ()


def test_an_asynchronous_client_takes_too(tokenry_server: Serving, key: str) -> None:
    async def use() -> list[bool]:
        async with AsyncClient(tokenry_server.url, key, timeout=PATIENCE) as there:
            taken = [await there.limits.take("jobs", "async", limits=[Limit("hour", 1, HOUR)]) for _ in range(2)]
        return [bool(one) for one in taken]

    assert asyncio.run(use()) == [True, False]

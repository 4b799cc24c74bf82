"""Both faces offer the same names with the same parameters, and nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from tokenry import AsyncTokenry, Tokenry
from tokenry.aio import AsyncGroups, AsyncJoined
from tokenry.groups import Groups, Joined
from tokenry.testing import FakeClock

GROUPS = [
    "advice",
    "doctor",
    "leaks",
    "portal",
    "key_page",
    "refusals",
    "tenants",
    "owners",
    "roles",
    "scopes",
    "keys",
    "imports",
    "exports",
    "limits",
    "credits",
    "sessions",
    "signing_keys",
    "events",
    "audit",
    "usage",
    "webhooks",
]
# Plain on both faces: nothing in them waits.
PLAIN = {"scoped", "owner_loader", "using", "settings"}


@pytest.fixture
def faces() -> Iterator[tuple[Any, Any]]:
    """An instance of each face."""
    import asyncio

    clock = FakeClock()
    with asyncio.Runner() as runner, Tokenry("sqlite://", clock=clock) as sync:

        async def opened() -> AsyncTokenry:
            return AsyncTokenry("sqlite://", clock=clock)

        asynchronous = runner.run(opened())
        yield sync, asynchronous
        runner.run(asynchronous.close())


def public(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def parameters(call: Any) -> list[tuple[str, Any, Any]]:
    """Return what a caller must know: names, kinds and defaults."""
    found = inspect.signature(call).parameters.values()
    return [(parameter.name, parameter.kind, parameter.default) for parameter in found]


def test_the_instances_offer_the_same_names(faces: tuple[Any, Any]) -> None:
    sync, asynchronous = faces
    assert public(sync) - {"settings"} == public(asynchronous) - {"settings"}


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_offers_the_same_names_with_the_same_parameters(faces: tuple[Any, Any], group: str) -> None:
    sync, asynchronous = (getattr(face, group) for face in faces)
    assert public(sync) == public(asynchronous)
    for name in public(sync):
        one, other = getattr(sync, name), getattr(asynchronous, name)
        assert parameters(one) == parameters(other), name
        assert (one.__name__, one.__doc__) == (other.__name__, other.__doc__), name


@pytest.mark.parametrize(
    "name",
    [
        "verify",
        "require",
        "explain",
        "exchange",
        "jwks",
        "scoped",
        "using",
        "owner_loader",
        "migrate",
        "deliver",
        "flush",
        "close",
    ],
)
def test_a_call_of_the_instances_has_the_same_parameters(faces: tuple[Any, Any], name: str) -> None:
    sync, asynchronous = (getattr(face, name) for face in faces)
    assert parameters(sync) == parameters(asynchronous)


def test_both_are_made_from_the_same_arguments() -> None:
    sync, asynchronous = (parameters(cls) for cls in (Tokenry, AsyncTokenry))
    assert sync == asynchronous
    assert [name for name, _, _ in sync] == ["database_url", "engine", "keyring", "settings", "clock"]


def test_what_is_joined_and_scoped_offers_the_same_names() -> None:
    assert public(Groups) == public(AsyncGroups)
    assert public(Joined) == public(AsyncJoined)


def test_the_groups_of_this_test_are_all_there_are(faces: tuple[Any, Any]) -> None:
    sync, _ = faces
    calls = public(Tokenry)
    assert public(sync) - calls - {"settings"} == set(GROUPS)

"""A whole installation moves, and its webhooks go on with the first event that was not sent."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.conftest import STORES
from tests.contract.places import KEYRING, QUIET
from tests.servers.receiving import LOOPBACK, Receiver, receiving
from tokenry import Tokenry, exports

PASS = "correct horse battery"
PLACES = [(old, new) for old in STORES for new in STORES]
Open = Callable[[str], Tokenry]


@pytest.fixture
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Give a function that opens an empty installation on SQLite or PostgreSQL."""
    with ExitStack() as stack:

        def open_new(store: str) -> Tokenry:
            url = f"sqlite:///{tmp_path}/{len(list(tmp_path.iterdir()))}.db"
            if store == "postgres":
                url = request.getfixturevalue("postgres_server").create_database()
            settings = replace(QUIET, webhook_networks=LOOPBACK)
            return stack.enter_context(Tokenry(url, keyring=KEYRING, settings=settings))

        yield open_new


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def moved(old: Tokenry, new: Tokenry) -> Tokenry:
    stream = io.BytesIO()
    exports.write(old, stream, passphrase=PASS)
    exports.restore(new, io.BytesIO(stream.getvalue()), passphrase=PASS)
    return new


def subjects(receiver: Receiver) -> list[str]:
    return [msgspec.json.decode(body)["data"]["subject"] for _, body in receiver.requests]


@pytest.mark.parametrize(("old", "new"), PLACES)
def test_every_event_is_sent_once(old: str, new: str, opened: Open, receiver: Receiver) -> None:
    here = opened(old)
    for types in (["owner.created"], ["role.updated"]):
        here.webhooks.create(receiver.url, types=types)
    here.owners.put("sent")
    assert here.deliver() == 1
    here.owners.put("waiting")
    there = moved(here, opened(new))
    there.owners.put("new")
    there.roles.put("reader", scopes=["read:a"])
    there.deliver()
    assert sorted(subjects(receiver)) == ["new", "reader", "sent", "waiting"]
    assert there.deliver() == 0


@pytest.mark.parametrize("new", STORES)
def test_an_endpoint_that_nothing_was_sent_to_hears_of_what_came_after_it(
    new: str, opened: Open, receiver: Receiver
) -> None:
    for old in STORES:
        here = opened(old)
        here.owners.put("before")
        here.webhooks.create(receiver.url, types=["owner.created"])
        here.owners.put("after")
        receiver.requests.clear()
        moved(here, opened(new)).deliver()
        assert subjects(receiver)[-1] == "after"

"""The worker: beside an application, in the server, and several of them on one database."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import STORES
from tests.servers.receiving import LOOPBACK, receiving
from tests.servers.serving import serving
from tests.servers.waiting import until
from tokenry import Settings, Tokenry
from tokenry.client import Client
from tokenry.config import fresh_keyring
from tokenry.core.keyring import new_generation
from tokenry.core.webhooks import Attempt
from tokenry.service import delivering, webhook_secrets

WORKING = Settings(worker=True, webhook_networks=LOOPBACK)
QUIET = Settings(background=False, webhook_networks=LOOPBACK)


@pytest.fixture(params=[one for one in ("sqlite", "postgres") if one in STORES])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Settings], Tokenry]:
    """Give what opens one more instance on the same database."""
    keyring = fresh_keyring()
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'keys.db'}"
    else:
        url = request.getfixturevalue("postgres_server").create_database()
    return lambda settings: Tokenry(url, keyring=keyring, settings=settings)


@contextmanager
def silent() -> Iterator[tuple[str, list[Any]]]:
    """Listen, take connections and never answer."""
    taken: list[Any] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def take() -> None:
        while True:
            try:
                taken.append(listener.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/", taken
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for one in taken:
            one.close()


def test_an_application_sends_by_itself_and_an_endpoint_that_never_answers_delays_no_other(
    opened: Callable[[Settings], Tokenry],
) -> None:
    with silent() as (url, taken), receiving() as receiver, opened(WORKING) as tk:
        dead = tk.webhooks.create(url, types=["owner.*"]).webhook
        tk.webhooks.create(receiver.url, types=["owner.*"])
        tk.owners.put("ada")
        until(lambda: taken)
        for number in range(5):
            tk.owners.put(f"o{number}")
        until(lambda: len(receiver.ids) == 6)
        assert tk.webhooks.deliveries(dead.id).items == (), "the first attempt there has not ended yet"
        for one in taken:
            one.close()


def test_two_workers_send_each_event_once(opened: Callable[[Settings], Tokenry]) -> None:
    with receiving() as receiver, opened(WORKING) as one, opened(WORKING):
        hooks = [one.webhooks.create(f"{receiver.url}/{number}", types=["owner.*"]).webhook for number in range(4)]
        for number in range(20):
            one.owners.put(f"o{number}")
        until(lambda: len(receiver.ids) >= 80)
        assert len(receiver.ids) == 80
        for hook in hooks:
            until(lambda: len(one.webhooks.deliveries(hook.id).items) == 20)  # noqa: B023


def test_a_worker_that_has_lost_its_lease_writes_nothing(opened: Callable[[Settings], Tokenry]) -> None:
    """As one that was stopped in the middle of a request, and went on after another had taken over."""
    with receiving() as receiver, opened(QUIET) as one, opened(QUIET) as other:
        hook = one.webhooks.create(receiver.url, types=["owner.*"]).webhook
        one.owners.put("ada")
        (claimed,) = delivering.claim(one._context, "one", 5)
        assert not delivering.claim(other._context, "other", 5)

        def stopped(url: str, headers: Any, body: bytes, at: datetime) -> delivering.Outcome:
            with one._database.change() as rows:  # the lease is over
                rows.webhooks.keep(claimed, one._now(), 0, {})
            assert other.deliver() == 1
            return delivering.Outcome(Attempt(at, 1, 500))

        assert delivering.work(one._context, claimed, stopped) == 1
        (delivery,) = one.webhooks.deliveries(hook.id).items
        assert (delivery.status, len(delivery.attempts)) == ("delivered", 1)
        assert one.webhooks.get(hook.id).failure_count == 0
        assert one.deliver() == 0


def test_the_server_sends_by_itself(tmp_path: Path) -> None:
    with (
        receiving() as receiver,
        serving(tmp_path, TOKENRY_WEBHOOK_NETWORKS=LOOPBACK) as server,
        Client(server.url, server.operator_key) as client,
    ):
        created = client.webhooks.create(receiver.url, types=["owner.*"], description="ours")
        assert str(created.secret).startswith("whsec_")
        client.owners.put("ada")
        until(lambda: receiver.requests)
        assert json.loads(receiver.requests[0][1])["data"]["subject"] == "ada"
        id = created.webhook.id
        until(lambda: client.webhooks.deliveries(id).items)
        assert client.webhooks.deliveries(id).items[0].attempts[0].http_status == 200
        assert client.webhooks.test(id).kind == "test"
        until(lambda: len(receiver.requests) == 2)
        assert client.webhooks.update(id, types=["key.*"]).types == ("key.*",)
        assert client.webhooks.pause(id, reason="x").status == "paused"
        assert client.webhooks.resume(id).status == "active"
        assert str(client.webhooks.rotate_secret(id).secret) != str(created.secret)
        assert client.webhooks.replay(id, types=["owner.*"], dry_run=True).count == 1
        assert [one.id for one in client.webhooks.iterate()] == [id]
        client.webhooks.delete(id)


def test_a_worker_of_its_own_sends_for_a_server_on_the_same_file(tmp_path: Path) -> None:
    networks = {"TOKENRY_WEBHOOK_NETWORKS": LOOPBACK}
    with (
        receiving() as receiver,
        serving(tmp_path, TOKENRY_DELIVER_WEBHOOKS="false", **networks) as server,
        Client(server.url, server.operator_key) as client,
    ):
        client.webhooks.create(receiver.url, types=["owner.*"])
        client.owners.put("ada")
        with Tokenry(f"sqlite:///{tmp_path}/tokenry-data/tokenry.db", settings=WORKING):
            until(lambda: receiver.requests)
    assert json.loads(receiver.requests[0][1])["data"]["subject"] == "ada"


def test_an_instance_that_closes_gives_up_the_request_under_way_and_counts_no_failure(
    opened: Callable[[Settings], Tokenry],
) -> None:
    with silent() as (url, taken):
        with opened(WORKING) as tk:
            dead = tk.webhooks.create(url, types=["owner.*"]).webhook
            tk.owners.put("ada")
            until(lambda: taken)
        with opened(QUIET) as tk:
            assert tk.webhooks.get(dead.id).failure_count == 0
            assert tk.webhooks.deliveries(dead.id).items == ()
            with receiving() as receiver:
                tk.webhooks.update(dead.id, url=receiver.url)
                assert tk.deliver() == 1


def test_what_an_endpoint_answered_before_it_was_changed_does_not_pause_it(
    opened: Callable[[Settings], Tokenry],
) -> None:
    with receiving() as receiver, opened(QUIET) as tk:
        hook = tk.webhooks.create(receiver.url, types=["owner.*"]).webhook
        tk.owners.put("ada")
        (claimed,) = delivering.claim(tk._context, "one", 5)

        def gone(url: str, headers: Any, body: bytes, at: datetime) -> delivering.Outcome:
            tk.webhooks.update(hook.id, description="moved")
            return delivering.Outcome(Attempt(at, 1, 410))

        turns = iter([False])  # it is over after one batch
        assert delivering.work(tk._context, claimed, gone, lambda: next(turns, True)) == 1
        assert tk.webhooks.get(hook.id).status == "active"


def test_secrets_survive_the_generation_of_the_keyring_that_they_were_encrypted_under(
    opened: Callable[[Settings], Tokenry],
) -> None:
    with receiving() as receiver, opened(QUIET) as tk:
        created = tk.webhooks.create(receiver.url, types=["owner.*"])
        keyring = tk._keyring.get()
        old = keyring.generations[0]
        with tk._database.change() as rows:
            newer = keyring.with_generation(new_generation(os.urandom(38), 1))
            webhook_secrets.reseal(rows, newer, old.id, tk._now())
            (endpoint,) = rows.webhooks.sealed_under(newer.generations[-1].id)
            assert rows.webhooks.sealed_under(old.id) == []
        assert [one.text for one in webhook_secrets.opened(endpoint, newer.without(old.id))] == [str(created.secret)]

"""Verdicts are remembered by who asks for it alone, for a bounded time, and never where something would be taken."""

import pickle
import time
import tracemalloc
from datetime import timedelta

import pytest

from tests.servers.serving import PATIENCE, Serving
from tokenry.client import Client
from tokenry.client.records import RemoteToken
from tokenry.client.remember import BYTES_MAX, Remembered
from tokenry.types import ConfigError, Limit


def test_nothing_is_remembered_unless_it_is_asked_for(client: Client) -> None:
    issued = client.keys.issue("ada", name="a")
    assert client.verify(issued.secret)
    client.keys.revoke(issued.key.id)
    assert client.verify(issued.secret).code == "revoked"


@pytest.fixture
def remembering(tokenry_server: Serving, key: str) -> Client:
    return Client(tokenry_server.url, key, remember=timedelta(seconds=60), timeout=PATIENCE)


def test_a_verdict_is_given_again_until_it_is_forgotten(remembering: Client, client: Client) -> None:
    issued = client.keys.issue("ada", name="a", scopes=["read:a"])
    with remembering as tk:
        assert tk.verify(issued.secret, scopes="read:a")
        client.keys.revoke(issued.key.id)
        assert tk.verify(issued.secret, scopes="read:a")
        assert tk.verify(issued.secret).code == "revoked", "another question"
        tk.forget()
        assert tk.verify(issued.secret, scopes="read:a").code == "revoked"


def test_refusals_and_limits_are_never_remembered(remembering: Client, client: Client) -> None:
    issued = client.keys.issue("ada", name="a")
    limited = client.keys.issue("ada", name="b", limits=[Limit("h", 1, 86_400 * 366)])
    client.keys.disable(issued.key.id)
    with remembering as tk:
        assert tk.verify(issued.secret).code == "disabled"
        client.keys.enable(issued.key.id)
        assert tk.verify(issued.secret)
        assert tk.verify(limited.secret)
        assert tk.verify(limited.secret).code == "rate_limited"


def test_a_verdict_grows_old_with_its_key(remembering: Client, client: Client) -> None:
    soon = client.keys.issue("ada", name="a", expires_in=timedelta(hours=1))
    asked = {"credential": str(soon.secret)}
    with remembering as tk:
        verdict = tk.verify(soon.secret)
        memory = Remembered(timedelta(seconds=30))
        memory.keep(asked, verdict, time.monotonic() - 15)
        assert memory.get(asked)
        memory.keep(asked, verdict, time.monotonic() - 30)
        assert memory.get(asked) is None
        memory.keep(asked, verdict, time.monotonic())
        assert memory.get({**asked, "ip": "192.0.2.1"}) is None
        assert str(soon.secret) not in repr(memory.__dict__)


@pytest.mark.parametrize("ends", ["key", "secret"])
def test_a_verdict_is_never_given_past_the_end_of_its_key_or_secret(
    remembering: Client, client: Client, ends: str
) -> None:
    life = timedelta(seconds=20)
    issued = client.keys.issue("ada", name="a", expires_in=life if ends == "key" else timedelta(hours=1))
    if ends == "secret":
        client.keys.rotate(issued.key.id, grace=life)
    with remembering as tk:
        verdict = tk.verify(issued.secret)
    memory, asked = Remembered(timedelta(seconds=30)), {"credential": str(issued.secret)}
    memory.keep(asked, verdict, time.monotonic())
    assert memory.get(asked)
    memory.keep(asked, verdict, time.monotonic() - 20)
    assert memory.get(asked) is None


def test_a_derived_token_is_remembered_until_it_ends_and_its_key_for_longer(client: Client, key: str) -> None:
    issued = client.keys.issue("ada", name="a")
    token = client.exchange(issued.secret, tenant=issued.key.tenant)
    of_token, of_key = client.verify(token.access), client.verify(issued.secret)
    assert isinstance(of_token, RemoteToken)
    assert of_token.key.expires_at == issued.key.expires_at
    of_token._fields.claims["exp"] = int(time.time()) + 1
    memory = Remembered(timedelta(seconds=30))
    memory.keep({"credential": "token"}, of_token, time.monotonic() - 2)
    memory.keep({"credential": "key"}, of_key, time.monotonic() - 2)
    assert memory.get({"credential": "token"}) is None
    assert memory.get({"credential": "key"})


def test_what_is_remembered_is_bounded(remembering: Client, client: Client) -> None:
    issued = client.keys.issue("ada", name="a")
    memory = Remembered(timedelta(seconds=30))
    with remembering as tk:
        verdict = tk.verify(issued.secret)
    for number in range(20_000):
        memory.keep({"credential": str(number)}, verdict, time.monotonic())
    assert memory.get({"credential": "19999"})
    assert memory.get({"credential": "0"}) is None


def test_what_is_remembered_is_bounded_in_bytes(client: Client) -> None:
    metadata = {str(number): "x" * 10 for number in range(300)}
    issued = client.keys.issue("ada", name="large", metadata=metadata)
    memory = Remembered(timedelta(seconds=30))
    pickled = pickle.dumps(client.verify(issued.secret))
    tracemalloc.start()
    try:
        for number in range(1500):
            memory.keep({"credential": str(number)}, pickle.loads(pickled), time.monotonic())
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert memory.get({"credential": "1499"})
    assert kept < 1.2 * BYTES_MAX


def test_a_verdict_that_is_too_large_is_not_remembered(client: Client) -> None:
    client.roles.put("wide", scopes=[f"{number:064}" for number in range(500)])
    issued = client.keys.issue("ada", name="wide", roles=["wide"])
    memory, asked = Remembered(timedelta(seconds=30)), {"credential": str(issued.secret)}
    memory.keep(asked, client.verify(issued.secret), time.monotonic())
    assert memory.get(asked) is None


@pytest.mark.parametrize("seconds", [61, 3600, -1])
def test_nobody_remembers_for_long(seconds: int) -> None:
    with pytest.raises(ConfigError, match="revoked"):
        Client("http://localhost", "x", remember=timedelta(seconds=seconds))

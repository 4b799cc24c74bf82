"""Memory on PostgreSQL while the server is a standby, is promoted, or sits behind a proxy that pools transactions."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.processes.places import Place, place_on
from tests.servers.pgbouncer import pooled
from tests.servers.postgres import Postgres
from tests.servers.waiting import until
from tokenry import ConfigError, Tokenry


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    """A server that this test may stop, and turn into a standby."""
    server = Postgres(fsync=True).start()
    try:
        yield server
    finally:
        server.kill()
        server.stop()


@pytest.fixture
def own_place(request: pytest.FixtureRequest, own_server: Postgres, tmp_path: Path) -> Iterator[Place]:
    yield from place_on(request, own_server, tmp_path)


def test_a_standby_is_refused_and_after_its_promotion_memory_begins_empty(
    own_server: Postgres, own_place: Place
) -> None:
    tk = own_place.open()
    tk.owners.put("u")
    secret = tk.keys.issue("u", name="k").secret
    until(lambda: tk.verify(secret) and tk._fence is not None and tk._fence.holds())
    assert len(tk._memory) == 1

    own_server.become_standby()
    with pytest.raises(ConfigError, match="this database is a standby"):
        Tokenry(own_place.url, keyring=own_place.keyring)
    assert tk._fence is not None
    until(lambda: tk._fence is not None and not tk._fence.holds())  # it asks, and is not answered as by a primary

    own_server.promote()
    until(lambda: tk._fence is not None and tk._fence.holds())
    assert len(tk._memory) == 0
    assert tk.verify(secret)
    assert len(tk._memory) == 1
    tk.keys.revoke(tk.keys.find(secret=secret).id)
    assert tk.verify(secret).code == "revoked"


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_behind_a_pooler_what_is_revoked_is_revoked_everywhere(
    own_server: Postgres, own_place: Place, mode: str
) -> None:
    own_place.open().owners.put("u")
    with pooled(own_server, own_place.url, mode) as url:
        behind = replace(own_place, url=url)
        tk = behind.open()
        members = [*behind.members(2), *own_place.members(1)]
        for trial in range(10):
            issued = tk.keys.issue("u", name=f"k{trial}", scopes=["a:b"] if trial % 2 else [])
            token = str(tk.sessions.start("u").access)
            assert [member.ask("verify", str(issued.secret)) for member in members] == ["valid"] * 3
            assert [member.ask("verify", token) for member in members] == ["valid"] * 3
            if trial == 0:
                until(lambda: all(member.ask("is_trusting") for member in members))
            tk.keys.revoke(issued.key.id)
            assert [member.ask("verify", str(issued.secret)) for member in members] == ["revoked"] * 3
            assert [member.ask("verify", token) for member in members] == ["valid"] * 3

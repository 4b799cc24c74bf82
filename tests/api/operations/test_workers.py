"""Several workers on PostgreSQL, and what they and one alone say when it goes away, hangs and comes back."""

import json
import os
import re
import signal
import socket
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.api.lane.answer import read
from tests.servers.load import Load
from tests.servers.postgres import Postgres, waits_for_a_lock
from tests.servers.serving import Serving, serving
from tests.servers.waiting import until
from tokenry.config import fresh_keyring, write_keyring_file

HASTY_SECONDS = 2.0
"""Who ends sooner counts as a worker that ends as soon as it starts."""


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    """A PostgreSQL that these tests stop, freeze and start again."""
    server = Postgres(fsync=True).start()  # what is acknowledged must outlive a kill
    try:
        yield server
    finally:
        server.kill()  # nobody needs what it would still write
        server.stop()


@contextmanager
def on_postgres(database: Postgres, *arguments: str, **environment: str) -> Iterator[Serving]:
    """Run a server on a new database."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        write_keyring_file(directory / "keyring", fresh_keyring())
        (directory / "url").write_text(database.create_database())
        (directory / "tokenry-data").mkdir()
        places = {"TOKENRY_DATABASE_URL_FILE": f"{name}/url", "TOKENRY_KEYRING": f"{name}/keyring"}
        with serving(directory, *arguments, **places, **environment) as server:
            (directory / "tokenry.operator-key").rename(directory / "tokenry-data" / "tokenry.operator-key")
            yield server


def readiness(server: Serving) -> int:
    return server.try_call("GET", "/readyz")[0]


def scrape(server: Serving) -> str:
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=60) as answer:
        text: str = answer.read().decode()
    return text


def id_of(server: Serving, secret: str) -> str:
    found: str = server.verify(secret)[1]["key"]["id"]
    return found


def workers_of(server: Serving) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children()


def test_several_workers_answer_as_one(database: Postgres) -> None:
    with on_postgres(database, "--workers", "2") as server:
        secret = server.issue("k", scopes=["read:projects"])
        for _ in range(20):
            status, verdict = server.verify(secret)
            assert (status, verdict["valid"]) == (200, True)
        until(lambda: re.findall(r'tokenry_worker_up{worker="(.)"} 1', scrape(server)) == ["0", "1"])
        shown = scrape(server)
        valid = [line for line in shown.splitlines() if line.startswith('tokenry_verdicts_total{code="valid"')]
        assert sum(float(line.split()[-1]) for line in valid) == 20

        victim = workers_of(server)[0]
        victim.kill()
        until(lambda: any("replaced" in line["event"] for line in server.lines()))
        until(lambda: scrape(server).count("tokenry_ready{") == 2)
        assert server.verify(secret)[1]["valid"]

        children = workers_of(server)
        assert len(children) == 2
        began = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - began < 10
        assert not any(child.is_running() for child in children)
        assert server.out.count("Tokenry listens on") == 1


def test_what_one_worker_revokes_is_revoked_in_all_of_them(database: Postgres, tmp_path: Path) -> None:
    with ExitStack() as stack:
        for server in (
            stack.enter_context(on_postgres(database, "--workers", "3")),
            stack.enter_context(serving(tmp_path, "--workers", "3")),
        ):
            for name in ("one", "two", "three"):
                secret = server.issue(name)
                assert {server.verify(secret)[1]["code"] for _ in range(20)} == {"valid"}
                server.call("POST", f"/v1/keys/{id_of(server, secret)}/revoke")
                assert {server.verify(secret)[1]["code"] for _ in range(20)} == {"revoked"}


def test_it_tells_how_well_it_hears_of_changes(database: Postgres) -> None:
    with on_postgres(database) as server:
        secret = server.issue("k")
        assert server.verify(secret)[1]["valid"]
        until(lambda: 'tokenry_fence_distrusting{worker="0"} 0.0' in scrape(server))
        fence = server.call("GET", "/readyz")["fence"]
        assert fence["distrusting"] is False
        assert 0 <= fence["lag_seconds"] < 3
        server.call("POST", f"/v1/keys/{id_of(server, secret)}/revoke")
        until(lambda: 'tokenry_fence_turns_total{worker="0"} 1.0' in scrape(server))
        assert 'tokenry_fence_evictions_total{worker="0"} 0.0' in scrape(server)


@pytest.mark.parametrize("keeps", [True, False], ids=["kept alive", "one each"])
def test_no_verification_fails_when_workers_end_under_load(database: Postgres, keeps: bool) -> None:
    with on_postgres(database, "--workers", "2") as server:
        fields = {"Authorization": f"Bearer {server.operator_key}", "Content-Type": "application/json"}
        body = json.dumps({"credential": server.issue("k")})
        load = Load(server.port, "POST", "/v1/verify", fields, body, keeps=keeps)
        until(lambda: load.answered > 100)
        assert server.end() == 0
        load.join()
    assert load.failures == []


def test_a_worker_that_is_killed_while_the_database_is_away_takes_nobody_with_it(database: Postgres) -> None:
    with on_postgres(database, "--workers", "2") as server:
        secret = server.issue("k")
        until(lambda: scrape(server).count("tokenry_ready{") == 2)
        ready_at = time.monotonic()
        until(lambda: time.monotonic() - ready_at > HASTY_SECONDS)
        database.kill()
        try:
            workers_of(server)[0].kill()
            until(lambda: server.err.count("a worker has ended and is replaced") >= 6)
            until(lambda: server.verify(secret)[0] == 503)
        finally:
            database.start()
        until(lambda: scrape(server).count("tokenry_ready{") == 2)
        until(lambda: [server.verify(secret)[0] for _ in range(6)] == [200] * 6)
        assert len(workers_of(server)) == 2
        assert server.end() == 0


def test_workers_end_when_their_parent_is_killed(database: Postgres) -> None:
    with on_postgres(database, "--workers", "2") as server:
        children = workers_of(server)
        server.end(signal.SIGKILL)
        assert psutil.wait_procs(children, timeout=60)[1] == []


def test_readiness_is_honest_when_the_database_goes_away_hangs_and_comes_back(database: Postgres) -> None:
    with on_postgres(database, TOKENRY_STORE_TIMEOUT="1") as server:
        secret = server.issue("k")
        assert readiness(server) == 200

        database.kill()
        assert until(lambda: readiness(server) == 503) < 6
        assert server.call("GET", "/healthz") == {"status": "ok"}
        until(lambda: server.verify(secret)[0] == 503)  # memory is trusted for a lease: nobody can revoke meanwhile
        assert server.try_call("PUT", "/v1/owners/bob", {})[0] == 503
        assert 'tokenry_ready{worker="0"} 0.0' in scrape(server)
        database.start()
        until(lambda: readiness(server) == 200)
        assert server.verify(secret)[1].get("valid"), server.err

        with database.frozen():
            assert until(lambda: readiness(server) == 503) < 6
            began = time.monotonic()
            assert [readiness(server) for _ in range(3)] == [503] * 3
            assert server.call("GET", "/healthz") == {"status": "ok"}
            assert time.monotonic() - began < 9, "each question is answered within two seconds"
        until(lambda: readiness(server) == 200)
        assert server.verify(secret)[1]["valid"]


def test_it_is_not_ready_while_it_manages_but_cannot_verify(database: Postgres) -> None:
    with on_postgres(database) as server:
        secret, unseen = server.issue("k"), server.issue("unseen")
        assert (readiness(server), server.verify(secret)[0]) == (200, 200)
        url = (server.directory / "url").read_text()
        for names, status in ((("tokenry_secret", "aside"), 503), (("aside", "tokenry_secret"), 200)):
            with psycopg.connect(url, autocommit=True) as operator:
                operator.execute("ALTER TABLE {} RENAME TO {}".format(*names))  # type: ignore[arg-type]
            assert server.verify(unseen)[0] == status
            until(lambda status=status: readiness(server) == status, 3)  # type: ignore[misc]


def test_a_slow_statement_is_logged_with_the_id_of_its_request(database: Postgres) -> None:
    with on_postgres(database, TOKENRY_SLOW_STATEMENT_MS="150") as server:
        server.call("PUT", "/v1/owners/ada", {})
        url = (server.directory / "url").read_text()
        with psycopg.connect(url) as connection:
            connection.execute("LOCK TABLE tokenry_audit_entry IN ACCESS EXCLUSIVE MODE")
            pid = os.fork()
            if pid == 0:
                fields = {"Authorization": f"Bearer {server.operator_key}", "X-Request-Id": "slow-7"}
                urllib.request.urlopen(urllib.request.Request(f"{server.url}/v1/audit", headers=fields), timeout=60)
                os._exit(0)
            until(lambda: waits_for_a_lock(url, 0.2))
            connection.rollback()
        assert os.waitpid(pid, 0)[1] == 0
        # On a busy machine other statements are slow, too.
        slow = [
            line for line in server.lines() if line["event"] == "slow statement" and line.get("request_id") == "slow-7"
        ]
        assert any("tokenry_audit_entry" in line["statement"] and line["ms"] >= 150 for line in slow)


def test_it_ends_in_time_when_the_database_hangs(database: Postgres) -> None:
    with on_postgres(database, TOKENRY_SHUTDOWN_SECONDS="3") as server:
        server.issue("k")
        with database.frozen():
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(60)
            assert time.monotonic() - began < 10


@pytest.mark.parametrize("lane", ["true", "false"])
def test_who_still_waits_for_the_database_at_the_end_is_told_so(database: Postgres, lane: str) -> None:
    asked = {"GET /v1/auth": (503, "store_unavailable"), "GET /v1/keys": (500, "internal")}
    with on_postgres(database, TOKENRY_SHUTDOWN_SECONDS="4", TOKENRY_STORE_TIMEOUT="60", TOKENRY_LANE=lane) as server:
        fields = f"Host: x\r\nX-API-Key: {server.issue('k')}\r\n\r\n"
        with ExitStack() as opened:
            opened.enter_context(database.frozen())
            clients = [
                opened.enter_context(socket.create_connection(("127.0.0.1", server.port), 60))
                for _ in range(len(asked))
            ]
            for client, line in zip(clients, asked, strict=True):
                client.sendall(f"{line} HTTP/1.1\r\n{fields}".encode())
            server.call("GET", "/healthz")  # it came last: what came before is being worked on
            server.process.send_signal(signal.SIGTERM)
            found = [read(b"".join(iter(partial(client.recv, 65536), b""))) for client in clients]
            server.process.wait(60)
        assert [(answer.status, answer.json["code"]) for (answer,) in found] == list(asked.values())
        assert "Traceback" not in server.err

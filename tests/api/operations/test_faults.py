"""A full or read-only disk under the server: changes are refused clearly, verification goes on, and it heals."""

import asyncio
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.servers.serving import Serving, serving
from tests.servers.waiting import until
from tokenry import AsyncTokenry, Settings
from tokenry.api.app import Served, create_app
from tokenry.api.process.counters import Counters
from tokenry.api.process.health import Operations, Readiness
from tokenry.api.process.metrics import Metrics
from tokenry.api.process.settings import ServerSettings
from tokenry.installation import make_operator_key

UNLIMITED = resource.RLIM_INFINITY


@contextmanager
def full_disk(server: Serving) -> Iterator[None]:
    """Let every write of the server to a file that grows fail, its log aside."""
    size = (server.directory / "tokenry-data" / "tokenry.db").stat().st_size
    log = (server.directory / "serve.err").stat().st_size
    assert log < size
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (max(log * 2, 8192), UNLIMITED))
    try:
        yield
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))


@contextmanager
def no_more_files(server: Serving) -> Iterator[None]:
    """Let the server open no file and accept no connection that it does not have yet."""
    before = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, before)


FAULTS: dict[str, Callable[[Serving], AbstractContextManager[None]]] = {"full disk": full_disk}


@pytest.mark.parametrize("fault", FAULTS)
def test_changes_are_refused_clearly_and_verification_goes_on(fault: str, tmp_path: Path) -> None:
    with serving(tmp_path, TOKENRY_ACCESS_LOG_SHARE="0") as server:
        warm, cold = server.issue("warm"), server.issue("cold")
        assert server.verify(warm)[1]["valid"]
        before = server.call("GET", "/v1/keys")["items"]
        with FAULTS[fault](server):
            for method, path, body in (
                ("PUT", "/v1/owners/bob", {"name": "Bob" * 30}),
                ("POST", "/v1/keys", {"owner": "ada", "name": "new"}),
                ("POST", f"/v1/keys/{before[0]['id']}/revoke", {"reason": "test"}),
                ("POST", f"/v1/keys/{before[0]['id']}/rotate", {}),
            ):
                status, problem = server.try_call(method, path, body)
                assert status in (503, 507), (path, problem)
                assert problem["code"] == "store_unavailable"
                assert "Nothing was changed" in problem["detail"]
                assert "sqlite" not in str(problem).lower()
            for _ in range(20):
                assert server.verify(warm)[1]["valid"]
            assert server.verify(cold)[1]["valid"]
            assert server.call("GET", "/healthz") == {"status": "ok"}
            assert server.try_call("GET", "/readyz")[0] == 200, "it can verify, which is what it is for"
        assert [key["status"] for key in server.call("GET", "/v1/keys")["items"]] == ["active", "active"]
        fresh = server.issue("new")
        assert server.verify(fresh)[1]["valid"]
        assert server.end() == 0
        logged = [line for line in server.lines() if line["logger"] == "tokenry.store"]
        assert logged
        assert not any("Traceback" in str(line) for line in server.lines())


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_nothing_is_acknowledged_into_a_file_that_has_lost_its_name(how: str, tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        warm, cold = server.issue("warm"), server.issue("cold")
        assert server.verify(warm)[1]["valid"]
        place = tmp_path / "tokenry-data" / "tokenry.db"
        aside = place.rename(tmp_path / "aside.db")
        if how == "replaced":
            place.write_bytes(aside.read_bytes())
        for method, path, body in (
            ("PUT", "/v1/owners/bob", {}),
            ("POST", "/v1/keys", {"owner": "ada", "name": "new"}),
        ):
            status, problem = server.try_call(method, path, body)
            assert (status, problem["code"]) == (503, "store_unavailable")
        until(lambda: server.try_call("GET", "/readyz")[0] == 503)
        # What others revoke in the file that is there now would not be seen here.
        until(lambda: [server.verify(secret)[0] for secret in (warm, cold)] == [503, 503])
        assert f"{place} was moved, removed or replaced" in server.err
        aside.replace(place)
        assert server.try_call("PUT", "/v1/owners/bob", {})[0] == 200
        until(lambda: server.try_call("GET", "/readyz")[0] == 200)
        assert [server.verify(secret)[1]["valid"] for secret in (warm, cold)] == [True, True]


def test_a_server_that_has_run_out_of_files_goes_on_when_it_has_some_again(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        secret = server.issue("k")
        with no_more_files(server):
            waiting = socket.create_connection(("127.0.0.1", server.port), 60)
            waiting.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            waiting.settimeout(0.2)
            with pytest.raises(TimeoutError):  # it fails at accepting
                waiting.recv(15)
        with waiting:
            waiting.settimeout(10)
            assert waiting.recv(15) == b"HTTP/1.1 200 OK"
        assert server.verify(secret)[1]["valid"]


def test_a_read_only_database_refuses_changes_and_goes_on_verifying(tmp_path: Path) -> None:
    async def live() -> None:
        async with AsyncTokenry(f"sqlite:///{tmp_path}/keys.db", settings=Settings(exclusive=True)) as tk:
            await asyncio.to_thread(lambda: tk._sync.owners.put("ada"))
            operator = (await asyncio.to_thread(make_operator_key, tk._sync)).secret
            secret = (await tk.keys.issue("ada", name="k")).secret
            readiness = Readiness(tk)
            operations = Operations(readiness, Metrics(Counters(), ready=readiness))
            app = create_app(Served(tk, ServerSettings()), operations)
            fields = {"Authorization": f"Bearer {operator}"}
            client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://x", headers=fields)
            async with client:
                raw = tk._sync._database._write_with.raw
                raw.execute("PRAGMA query_only = ON")
                change = await client.put("/v1/owners/bob", json={})
                assert (change.status_code, change.json()["code"]) == (503, "store_unavailable")
                verdict = await client.post("/v1/verify", json={"credential": str(secret)})
                assert verdict.json()["valid"]
                assert (await client.get("/readyz")).status_code == 200
                refused = await client.post("/readyz")
                assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
                assert refused.json()["request_id"] == refused.headers["X-Request-Id"]
                raw.execute("PRAGMA query_only = OFF")
                assert (await client.put("/v1/owners/bob", json={})).status_code in (200, 201)

    asyncio.run(live())

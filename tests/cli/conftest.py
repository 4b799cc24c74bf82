"""The command in a directory of its own, with nothing of ours in its environment, on a database or on a real server."""

import hashlib
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tokenry.types import OPERATOR_SCOPES

OPERATORS_KEY = "tokenry-data/tokenry.operator-key"


def clean_environment() -> dict[str, str]:
    """Give what a fresh shell has: nothing of ours, no wish about colours, and compiled modules are kept."""
    unwanted = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(("TOKENRY_", *unwanted))}


@dataclass
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    """A directory to run `tokenry` in."""

    directory: Path
    environment: dict[str, str] = field(default_factory=clean_environment)

    def __call__(self, *arguments: str, stdin: str = "", code: int = 0, **environment: str) -> Answer:
        """Run in this process, which is quick: nothing is shared with the command but its modules."""
        from tokenry.cli.app import app

        before, here = dict(os.environ), Path.cwd()
        try:
            os.chdir(self.directory)
            os.environ.clear()
            os.environ.update(self.environment | environment)
            done = CliRunner().invoke(app, arguments, input=stdin, prog_name="tokenry")
        finally:
            os.chdir(here)
            os.environ.clear()
            os.environ.update(before)
        answer = Answer(done.exit_code, done.stdout, done.stderr)
        assert answer.code == code, (answer, done.exception)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return answer

    def process(self, *arguments: str, stdin: str = "", code: int = 0, **environment: str) -> Answer:
        """Run as a process of its own, as people do."""
        done = subprocess.run(
            [sys.executable, "-m", "tokenry.cli", *arguments],
            cwd=self.directory,
            env=self.environment | environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        answer = Answer(done.returncode, done.stdout, done.stderr)
        assert answer.code == code, answer
        assert "Traceback" not in answer.err, answer.err
        return answer

    def on_terminal(self, *arguments: str, typed: str = "", code: int = 0) -> str:
        """Run on a pseudo-terminal; return all that was seen there."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "tokenry.cli", *arguments],
            cwd=self.directory,
            env=self.environment | {"TERM": "xterm", "COLUMNS": "200"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        seen, waiting = b"", typed.encode()
        try:
            while select.select([ours], [], [], 30)[0]:
                try:
                    part = os.read(ours, 65536)
                except OSError:  # the terminal is closed: the command has ended
                    break
                seen += part
                if waiting and (b": " in seen or b">>> " in seen):
                    os.write(ours, waiting)
                    waiting = b""
        finally:
            os.close(ours)
            assert process.wait(30) == code, seen.decode()
        return seen.decode()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which `init` was run and an owner was put, to be copied."""
    shell = Shell(tmp_path_factory.mktemp("made"))
    shell.environment["TOKENRY_DATABASE_URL"] = shell("init", "--json").json["database_url"]
    shell("owners", "put", "user-42")
    return shell.directory


@pytest.fixture
def ready(made: Path, shell: Shell) -> Shell:
    """A shell with an installation, an owner, and the environment set as `init` says."""
    shutil.copytree(made / "tokenry-data", shell.directory / "tokenry-data")
    shell.environment["TOKENRY_DATABASE_URL"] = f"sqlite:///{shell.directory}/tokenry-data/tokenry.db"
    return shell


@pytest.fixture
def run(ready: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The same, for tests that also look at its files: they stand in its directory."""
    monkeypatch.chdir(ready.directory)
    return ready


@dataclass
class Server:
    """A real server, and the key of its operator."""

    address: str
    key: str
    database_url: str


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run one real server for the session; every test has a tenant of its own in it."""
    directory = tmp_path_factory.mktemp("server")
    out, err = directory / "out", directory / "err"
    with out.open("w") as to_out, err.open("w") as to_err:
        arguments = [sys.executable, "-m", "tokenry.cli", "serve", "--port", "0"]
        process = subprocess.Popen(arguments, cwd=directory, env=clean_environment(), stdout=to_out, stderr=to_err)
    try:
        deadline = time.monotonic() + 30
        while not (found := re.search(r"http://\S+", out.read_text())):
            assert process.poll() is None, err.read_text()
            assert time.monotonic() < deadline, err.read_text()
            time.sleep(0.02)
        key = (directory / OPERATORS_KEY).read_text().strip()
        yield Server(found[0], key, f"sqlite:///{directory}/tokenry-data/tokenry.db")
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(params=["database", "server"])
def face(request: pytest.FixtureRequest) -> Shell:
    """Run the same commands on a database and on a server; both have the owner `user-42`."""
    if request.param == "database":
        ready: Shell = request.getfixturevalue("ready")
        return ready
    server: Server = request.getfixturevalue("server")
    shell: Shell = request.getfixturevalue("shell")
    shell.environment |= {"TOKENRY_SERVER": server.address, "TOKENRY_KEY": server.key}
    slug = "t-" + hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    shell("tenants", "create", slug, "--never-allowed")
    operator = ("--environment", "op", "--tenant", slug)
    shell("owners", "put", "operator", "--tenant", slug)
    scopes = [part for scope in OPERATOR_SCOPES for part in ("--scope", scope)]
    issued = shell("keys", "issue", "--owner", "operator", "--name", "operator", *scopes, *operator)
    shell.environment["TOKENRY_KEY"] = issued.out.strip()
    shell("owners", "put", "user-42")
    return shell

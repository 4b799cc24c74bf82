"""The command in a directory of its own, with nothing of ours in its environment, on a database or on a real server."""

import hashlib
import json
import os
import pty
import select
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.testing
from typer.main import get_command
from typer.testing import CliRunner

from tests.servers.serving import Serving
from tokenry.types import OPERATOR_SCOPES

# Else the whole tree of commands is built anew for every call, which takes most of its time.
typer.testing._get_command = cache(get_command)

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

    def __post_init__(self) -> None:
        """Keep servers that a developer has signed in to out of the tests."""
        self.environment["XDG_CONFIG_HOME"] = str(self.directory / ".config")

    def __call__(self, *arguments: str, stdin: str = "", code: int = 0, **environment: str) -> Answer:
        """Run and expect an exit code."""
        answer = self.ask(*arguments, stdin=stdin, **environment)
        assert answer.code == code, answer
        return answer

    def ask(self, *arguments: str, stdin: str = "", **environment: str) -> Answer:
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
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Answer(done.exit_code, done.stdout, done.stderr)

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


def operators_key(shell: Shell, slug: str) -> str:
    """Make an operator of one tenant, and return its key."""
    shell("owners", "put", "operator", "--tenant", slug)
    scopes = [part for scope in OPERATOR_SCOPES for part in ("--scope", scope)]
    who = ("--owner", "operator", "--name", "operator", "--environment", "op", "--tenant", slug)
    return shell("keys", "issue", *who, *scopes).out.strip()


@pytest.fixture
def served(tokenry_server: Serving, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Shell:
    """A shell that talks to a real server, as the operator of a tenant that nobody else has; with an owner."""
    shell = Shell(tmp_path_factory.mktemp("served"))
    shell.environment |= {"TOKENRY_SERVER": tokenry_server.url, "TOKENRY_KEY": tokenry_server.operator_key}
    slug = "t-" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]
    shell("tenants", "create", slug, "--never-allowed")
    shell.environment["TOKENRY_KEY"] = operators_key(shell, slug)
    shell("owners", "put", "user-42")
    return shell


@pytest.fixture(params=["database", "server"])
def face(request: pytest.FixtureRequest) -> Shell:
    """Run the same commands on a database and on a server; both have the owner `user-42`."""
    shell: Shell = request.getfixturevalue("ready" if request.param == "database" else "served")
    return shell

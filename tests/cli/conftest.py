"""The real command, in a directory of its own and with nothing of ours in its environment."""

import json
import os
import pty
import select
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

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


Run = Callable[..., Answer]


@pytest.fixture
def run(ready: Shell, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same without a process of its own, for tests of many cases."""
    from tokenry.cli.app import app

    monkeypatch.chdir(ready.directory)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("TOKENRY_KEYRING", raising=False)
    monkeypatch.setenv("TOKENRY_DATABASE_URL", ready.environment["TOKENRY_DATABASE_URL"])

    def invoke(*arguments: str, stdin: str = "", code: int = 0) -> Answer:
        done = CliRunner().invoke(app, arguments, input=stdin, prog_name="tokenry")
        assert done.exit_code == code, (done.stdout, done.stderr, done.exception)
        return Answer(done.exit_code, done.stdout, done.stderr)

    return invoke

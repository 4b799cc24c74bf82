"""What a user's type checker says of programs that use Tokenry, as its wheel is installed."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).with_name("programs")
PYRIGHT = Path(__file__).with_name("node_modules") / "pyright" / "index.js"
BIN = Path(sys.executable).parent


def run(*command: str | Path, **variables: str) -> str:
    """Return what a command says; fail with it when the command fails."""
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def installed(place: Path) -> Path:
    """Install a wheel of this tree, and what it needs at the versions of the lock file; return the interpreter."""
    venv, uv = place / "venv", BIN / "uv"
    only = ("--frozen", "--all-extras", "--no-default-groups", "--no-install-project", "--python", sys.executable)
    run(uv, "sync", "--quiet", *only, UV_PROJECT_ENVIRONMENT=str(venv))
    run(uv, "build", "--quiet", "--wheel", "--out-dir", place)
    python = venv / "bin" / "python"
    run(uv, "pip", "install", "--quiet", "--no-deps", "--python", python, next(place.glob("*.whl")))
    return python


def test_programs_have_the_types_that_they_assert_in_mypy_and_pyright(tmp_path: Path) -> None:
    python = installed(tmp_path)
    config, cache = PROGRAMS / "mypy.ini", tmp_path / "mypy"
    run(BIN / "mypy", "--config-file", config, "--cache-dir", cache, "--python-executable", python, PROGRAMS)
    run("node", PYRIGHT, "--project", PROGRAMS, "--pythonpath", python)

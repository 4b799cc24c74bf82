"""The examples, loaded as they stand on a database of the test's, and closed again."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from tests.servers.waiting import listens, until

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name: str) -> ModuleType:
    """Load the `app.py` of an example."""
    found = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / name / "app.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(*command: str, port: int, **environment: str) -> Iterator[str]:
    """Run a real server until the end of the block."""
    variables = {**os.environ, **environment}
    process = subprocess.Popen(
        [sys.executable, "-m", *command], env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        _wait_for(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    until(lambda: listens(port) or process.poll() is not None, 30, lambda: "the server does not listen")
    if process.poll() is not None:
        raise AssertionError(process.communicate()[0].decode())

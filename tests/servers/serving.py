"""Run the real server as a process of its own, the way a person would."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from tests.servers.waiting import until

START_SECONDS_MAX = 60
PATIENCE = timedelta(seconds=60)
"""How long a client of such a server waits: a test fails for an answer, not for its time."""


class Serving:
    """One `tokenry serve` in a directory; `out` and `err` are what it has written so far."""

    def __init__(
        self, directory: Path, *arguments: str, environment: dict[str, str] | None = None, module: str = "tokenry.cli"
    ) -> None:
        self.directory = directory
        self._out, self._err = directory / "serve.out", directory / "serve.err"
        ours = {name: value for name, value in os.environ.items() if not name.startswith("TOKENRY_")}
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, "serve", "--port", "0", *arguments],
                cwd=directory,
                env={**ours, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.url = self._wait()

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def operator_key(self) -> str:
        """The first operator's key, from the file that it is in when there is no terminal."""
        return (self.directory / "tokenry-data" / "tokenry.operator-key").read_text().strip()

    def lines(self) -> list[dict[str, Any]]:
        """Return the log, every line of which must be one JSON document."""
        return [
            json.loads(line) for line in self.err.splitlines(keepends=True) if line.endswith("\n")
        ]  # it still writes

    def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        """Call the API as the operator; return what it answered."""
        status, answer = self.try_call(method, path, body, key)
        assert status < 300, (status, answer)
        return answer

    def try_call(self, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
        """Call the API; return the status and what it answered."""
        data = None if body is None else json.dumps(body).encode()
        fields = {"Authorization": f"Bearer {key or self.operator_key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, fields, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                text, status = response.read(), response.status
        except HTTPError as error:
            text, status = error.read(), error.code
        return status, json.loads(text) if text else None

    def issue(self, name: str, **fields: Any) -> str:
        """Issue a key of the owner `ada` and return its secret."""
        self.call("PUT", "/v1/owners/ada", {})
        secret: str = self.call("POST", "/v1/keys", {"owner": "ada", "name": name, **fields})["secret"]
        return secret

    def verify(self, credential: str) -> tuple[int, Any]:
        return self.try_call("POST", "/v1/verify", {"credential": credential})

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(60)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def _wait(self) -> str:
        found: list[str] = []

        def has_begun_or_ended() -> bool:
            found[:] = re.findall(r"^Tokenry listens on (\S+)$", self.out, re.MULTILINE)
            return bool(found) or self.process.poll() is not None

        with suppress(AssertionError):
            until(has_begun_or_ended, START_SECONDS_MAX)
        if found:
            return found[0]
        self.process.kill()
        raise RuntimeError(f"the server did not start ({self.process.wait()}):\n{self.out}\n{self.err}")


@contextmanager
def serving(directory: Path, *arguments: str, **environment: str) -> Iterator[Serving]:
    """Run a server for the time of a block."""
    server = Serving(directory, *arguments, environment=environment)
    try:
        yield server
    finally:
        server.end()

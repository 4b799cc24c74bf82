"""What a page asks its reader to type, and a shell that types it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.docs.test_examples import ROOT
from tests.servers.waiting import listens, until

WALKED = [200, 401, 403, 200, 200, 200, 200, 429]
"""What the requests of a page answer, in its order."""


def indented(page: str) -> list[str]:
    """Return the indented blocks of a page, in their order."""
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"^    .*\n(?:(?:    .*)?\n)*", text, re.MULTILINE)
    return [textwrap.dedent(block).strip() + "\n" for block in found]


def calls(page: str) -> str:
    """Return the lines that make the keys of a page and use them."""
    makes = next(place for place, block in enumerate(indented(page)) if "owners put dana" in block)
    requests = (block for block in indented(page)[makes + 1 :] if "the fifth is 429" in block)
    made = indented(page)[makes]
    return made if "the fifth is 429" in made else made + next(requests)


def typed(script: str, folder: Path, **environment: str) -> list[int]:
    """Type lines into a shell where an error is the end, and return the statuses of what `curl` shows."""
    ran = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env=_variables(folder, environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return [int(status) for status in re.findall(r"HTTP/1\.1 (\d{3})", ran.stdout)]


@contextmanager
def started(command: list[str], folder: Path, port: int, **environment: str) -> Iterator[None]:
    """Run what a page starts, until the end of the block."""
    with (folder / "started.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=_variables(folder, environment), stdout=log, stderr=log)
    try:
        until(lambda: listens(port) or process.poll() is not None)
        assert process.poll() is None, (folder / "started.log").read_text(encoding="utf-8")
        yield
    finally:
        process.terminate()
        process.wait()


def _variables(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """Return an environment in which the commands are those of this one, and no setting is inherited."""
    ours = ("TOKENRY_", "DJANGO_", "PYTHONDONTWRITE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = f"{Path(sys.executable).parent}:{kept.get('PATH', '')}"
    # A reader's second command finds the bytecode of the first, and starts in a third of the time.
    return {**kept, "PATH": path, "PYTHONPYCACHEPREFIX": str(folder.parent / "bytecode"), **environment}

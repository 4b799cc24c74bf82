"""The Go client: checked, tested with the race detector, against a running server; and the examples of its page."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.proxies import program
from tests.docs.shell import WALKED, calls, started, typed
from tests.examples.sites import free_port
from tests.servers.serving import Serving, serving

ROOT = Path(__file__).parents[2]
SDK = ROOT / "sdk" / "go"


def go(*arguments: str, folder: Path = SDK, **environment: str) -> str:
    """Run Go, which fetches nothing: the module has no dependencies, and no newer Go takes over."""
    variables = {**os.environ, "GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod", **environment}
    done = subprocess.run(
        [program("go"), *arguments], capture_output=True, text=True, env=variables, cwd=folder, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    port = free_port()
    with serving(
        tmp_path_factory.mktemp("go"), "--port", str(port), TOKENRY_ISSUER=f"http://127.0.0.1:{port}"
    ) as server:
        yield server


def test_the_client_does_what_it_says_and_nothing_races(server: Serving) -> None:
    asked = {"TOKENRY_SERVER": server.url, "TOKENRY_KEY": server.operator_key, "CGO_ENABLED": "1"}
    out = go("test", "-race", "-count=1", "-vet=all", "-v", "./...", **asked)
    assert out.count("--- PASS") > 20
    assert "--- SKIP" not in out


def test_the_source_is_formatted() -> None:
    go("vet", "./...")
    formatter = Path(program("go")).resolve().parent / "gofmt"
    assert subprocess.run([formatter, "-l", SDK], capture_output=True, text=True, check=True).stdout == ""


def test_the_examples_of_the_documentation_compile(page: Path) -> None:
    go("vet", "./...", folder=page)


def test_the_page_leads_from_a_server_to_each_answer(page: Path, server: Serving) -> None:
    reached = {"TOKENRY_SERVER": server.url, "TOKENRY_KEY": server.operator_key}
    assert go("run", "./example0", folder=page, **reached) == "user-42 [read:projects]\n"
    port, guard = free_port(), page / "example3" / "example.go"
    guard.write_text(guard.read_text().replace("8080", str(port)))
    go("build", "-o", "guard", "./example3", folder=page)
    with started(["./guard"], page, port, **reached):
        assert typed(calls("docs/go.md").replace("8080", str(port)), page, **reached) == WALKED


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the examples of the page into a module, each as a package of its own."""
    blocks = re.findall(r"```go\n(.*?)```", (ROOT / "docs" / "go.md").read_text(), re.DOTALL)
    assert len(blocks) > 5
    place = tmp_path_factory.mktemp("page")
    for number, block in enumerate(blocks):
        folder = place / f"example{number}"
        folder.mkdir()
        (folder / "example.go").write_text(block)
    needs = "require tokenry.example/tokenry v0.0.0\nreplace tokenry.example/tokenry => "
    (place / "go.mod").write_text(f"module example\ngo 1.19\n{needs}{SDK}\n")
    return place

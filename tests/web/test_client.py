"""The TypeScript client, built as it is published, under Node against a running server."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.docs.shell import WALKED, calls, started, typed
from tests.examples.sites import free_port
from tests.servers.serving import Serving, serving
from tokenry.offline import tell

WEB = Path(__file__).parents[2] / "web"
TSC = WEB / "node_modules" / ".bin" / "tsc"
DOCUMENTATION = WEB.parent / "docs" / "typescript.md"
VECTORS = Path(__file__).parents[1] / "vectors" / "keys.json"


def run(*command: str | Path, **environment: str) -> None:
    variables = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, env=variables, cwd=WEB / "client", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def built() -> None:
    """Build the client with the strictest types."""
    run(TSC, "--project", ".")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    port = free_port()
    with serving(
        tmp_path_factory.mktemp("client"), "--port", str(port), TOKENRY_ISSUER=f"http://127.0.0.1:{port}"
    ) as server:
        yield server


@pytest.mark.parametrize("script", ["client", "middleware"])
def test_the_client_does_what_it_says(built: None, server: Serving, script: str) -> None:
    asked = {"TOKENRY_SERVER": server.url, "TOKENRY_KEY": server.operator_key}
    # Debian's Node has to be told of the global `crypto`, which jose needs.
    run("node", "--experimental-global-webcrypto", "--test", f"tests/{script}.test.mjs", **asked)


@pytest.mark.parametrize("runtime", ["bun", "deno"])
def test_the_client_runs_elsewhere_than_on_node(built: None, server: Serving, runtime: str) -> None:
    programs = {"bun": "@oven/bun-linux-x64/bin/bun", "deno": "@deno/linux-x64-glibc/deno"}
    program = WEB / "tests" / "node_modules" / programs[runtime]
    if not program.exists():
        pytest.skip(f"{runtime} is not installed: its package is for Linux on x64")
    asked = {"TOKENRY_SERVER": server.url, "TOKENRY_KEY": server.operator_key}
    options = ["--no-remote", "--no-config", "--allow-env", "--allow-net=127.0.0.1"] if runtime == "deno" else []
    run(program, "run", *options, WEB / "tests" / "runtimes.mjs", **asked)


def test_callers_see_the_types_that_they_are_promised(built: None) -> None:
    run(TSC, "--project", "tests")


def test_the_examples_of_the_documentation_compile(built: None) -> None:
    blocks = re.findall(r"```ts\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    assert len(blocks) > 4
    # Only within the package does its own name mean what was built.
    with TemporaryDirectory(dir=WEB / "client" / "dist") as folder:
        for place, block in enumerate(blocks):
            Path(folder, f"example{place}.ts").write_text(block)
        options = {"rootDir": "../..", "noUnusedLocals": False, "noUnusedParameters": False}
        found = {"extends": "../../tests/tsconfig.json", "compilerOptions": options, "include": ["*.ts"], "exclude": []}
        Path(folder, "tsconfig.json").write_text(json.dumps(found))
        run(TSC, "--project", folder)


def test_the_page_leads_from_a_server_to_each_answer(built: None, server: Serving) -> None:
    reached = {"TOKENRY_SERVER": server.url, "TOKENRY_KEY": server.operator_key}
    port, written = free_port(), WEB / "client" / "dist"
    first, application = re.findall(r"```js\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    with TemporaryDirectory(dir=written) as name:
        folder = Path(name)
        (folder / "first.mjs").write_text(first)
        (folder / "app.mjs").write_text(application.replace("3000", str(port)))
        run("node", folder / "first.mjs", **reached)
        with started(["node", "app.mjs"], folder, port, **reached):
            assert typed(calls("docs/typescript.md").replace("3000", str(port)), folder, **reached) == WALKED


@pytest.mark.parametrize("vector", json.loads(VECTORS.read_text()), ids=lambda vector: vector["why"])
def test_the_library_reads_the_same_of_a_key(vector: dict[str, Any]) -> None:
    found = tell(vector["text"])
    parsed = {"kind": found.kind, "prefix": found.prefix, "environment": found.environment, "kid": found.kid}
    assert (parsed if found and found.kind != "access token" else None) == vector["parsed"]

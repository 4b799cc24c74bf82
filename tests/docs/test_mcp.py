"""The page about MCP: its server and its client run as they stand, as two processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.docs.test_examples import blocks
from tests.servers.waiting import listens, until
from tokenry import Tokenry


def test_the_server_and_the_client_of_the_page(tmp_path: Path) -> None:
    server, client, _ = blocks("docs/mcp.md")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "server.py").write_text(server, encoding="utf-8")
    (tmp_path / "client.py").write_text(client.replace("127.0.0.1:8000", f"127.0.0.1:{port}"), encoding="utf-8")
    with Tokenry(f"sqlite:///{tmp_path / 'keys.db'}") as tk:
        tk.owners.put("ada")
        secret = tk.keys.issue("ada", name="laptop", scopes=["read:pages"]).secret
    command = [sys.executable, "-m", "uvicorn", "server:app", "--port", str(port)]
    serving = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: listens(port) or serving.poll() is not None)
        environment = {**os.environ, "MCP_KEY": str(secret)}
        ran = subprocess.run(
            [sys.executable, "client.py"], cwd=tmp_path, capture_output=True, text=True, env=environment, check=False
        )
    finally:
        serving.terminate()
        serving.wait()
    assert ran.stdout.splitlines() == ["['list_pages']", "{'result': ['home', 'about']}"], ran.stderr
    assert "'delete_page' is no tool that your credential may call" in ran.stderr


def test_the_server_with_fastmcp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page: dict[str, object] = {"__name__": "documented"}
    exec(compile(blocks("docs/mcp.md")[2], "docs/mcp.md", "exec", dont_inherit=True), page)
    app = page["fast_app"]
    assert TestClient(app).post("/mcp").status_code == 401  # type: ignore[arg-type]

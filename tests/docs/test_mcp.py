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
        reads = tk.keys.issue("ada", name="laptop", scopes=["read:pages"]).secret
        writes = tk.keys.issue("ada", name="editor", scopes=["read:pages", "write:pages"]).secret
    command = [sys.executable, "-m", "uvicorn", "server:app", "--port", str(port)]
    serving = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: listens(port) or serving.poll() is not None)
        shown = [_shown(tmp_path, str(secret)) for secret in (reads, writes)]
    finally:
        serving.terminate()
        serving.wait()
    pages = "{'result': ['home', 'about']}"
    assert [lines[:2] for lines in shown] == [["['list_pages']", pages], ["['list_pages', 'delete_page']", pages]]
    assert shown[0][2].startswith("'delete_page' is no tool that your credential may call")
    assert shown[1][2] == "{'result': 'home was deleted for ada'}"


def _shown(folder: Path, secret: str) -> list[str]:
    """Run the client of the page with a key, and return what it prints."""
    environment = {**os.environ, "MCP_KEY": secret}
    ran = subprocess.run(
        [sys.executable, "client.py"], cwd=folder, capture_output=True, text=True, env=environment, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_the_server_with_fastmcp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page: dict[str, object] = {"__name__": "documented"}
    exec(compile(blocks("docs/mcp.md")[2], "docs/mcp.md", "exec", dont_inherit=True), page)
    app = page["app"]
    assert TestClient(app).post("/mcp").status_code == 401  # type: ignore[arg-type]

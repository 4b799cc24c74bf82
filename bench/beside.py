"""Libraries that users would pick instead, each set up as its documentation recommends, in its own environment."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from .loads import CONNECTIONS, chains, free_port, load, request_bytes, running
from .measure import Report

ROUNDS = 3
_PEERS = Path(__file__).parent / "peers"
_PLACE = Path(".venv-peers")
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def refreshing(report: Report, ours: float) -> None:
    """Refresh with the packages that web applications use today: SQLite with the same durability, two workers."""
    python = _environment()
    with tempfile.TemporaryDirectory() as folder:
        values = {**os.environ, "BENCH_FOLDER": folder}
        tokens = {}
        for module in ("on_django", "on_authlib"):
            tokens |= json.loads(_run([python, f"{module}.py", str(CONNECTIONS * ROUNDS)], values))
        for name, what, app, request, read in (
            ("toolkit", "django-oauth-toolkit", "on_django:application", _by_form("/o/token/"), "refresh_token"),
            ("simplejwt", "simplejwt, blacklist", "on_django:application", _by_json, "refresh"),
            ("authlib", "Authlib on Flask", "on_authlib:app", _by_form("/oauth/token"), "refresh_token"),
        ):
            port = free_port()
            command = [python, "-m", "gunicorn", "--workers=2", "--threads=4", "--log-level=critical"]
            with running(
                [*command, f"--bind=127.0.0.1:{port}", app], port, cwd=_PEERS, env=values, stderr=subprocess.DEVNULL
            ):
                rate = max(
                    asyncio.run(
                        chains(
                            port,
                            tokens[name][turn * CONNECTIONS : (turn + 1) * CONNECTIONS],
                            request,
                            lambda body, read=read: str(json.loads(body)[read]),  # type: ignore[misc]
                        )
                    )
                    for turn in range(ROUNDS)
                )
            report.line(f"instead: {what}, a second", f"{rate:,.0f}", f"ours {ours / rate:.1f} times")


def keysigil(report: Report, ours: float) -> None:
    """Ask a route behind a key of keysigil."""
    python, port = _environment(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        values = {**os.environ, "BENCH_FOLDER": folder}
        key = json.loads(_run([python, "on_keysigil.py"], values))
        command = [python, "-m", "uvicorn", "on_keysigil:app", "--port", str(port), "--no-access-log"]
        with running([*command, "--log-level", "error"], port, cwd=_PEERS, env=values):
            best = max(load(port, [request_bytes("GET", "/v1/auth", {"X-API-Key": key})]) for _ in range(ROUNDS))
    report.line("instead: keysigil on FastAPI", f"{best.rate:,.0f}", f"ours {ours / best.rate:.0f} times")


def _environment() -> str:
    """Make the environment of the peers, which is not ours; return its Python."""
    uv, python = str(Path(sys.executable).parent / "uv"), str(_PLACE.absolute() / "bin" / "python")
    if not Path(python).exists():
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(_PLACE)], check=True)
    pins = str(_PEERS / "requirements.txt")
    subprocess.run([uv, "pip", "sync", "--quiet", "--python", python, pins], check=True)
    return python


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=_PEERS, env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def _by_form(path: str) -> Callable[[str], bytes]:
    def request(token: str) -> bytes:
        about = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "bench"}
        return request_bytes("POST", path, _FORM, urllib.parse.urlencode(about).encode())

    return request


def _by_json(token: str) -> bytes:
    body = json.dumps({"refresh": token}).encode()
    return request_bytes("POST", "/api/token/refresh/", {"Content-Type": "application/json"}, body)

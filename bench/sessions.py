"""Sessions over HTTP: refreshes in chains, introspection and verification of access tokens beside nginx."""

import asyncio
import json
import sqlite3
import tempfile
import time
import urllib.parse
from pathlib import Path

from tests.servers.serving import Serving
from tokenry import Settings, Tokenry

from .beside import refreshing
from .loads import CONNECTIONS, chains, request_bytes
from .measure import Report, seconds_of
from .server import beside_nginx, served

ROUNDS = 3
FIRST_SEEN = 2_000
_FORM = "application/x-www-form-urlencoded"


def on_server(report: Report) -> None:
    """Refresh, introspect and verify over HTTP: SQLite, full durability, one worker."""
    report.title("Sessions over HTTP (SQLite, one worker)")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/keys.db"
        with Tokenry(url, settings=Settings(access_life=Settings().access_life * 12)) as tk:
            tk.roles.put("reader", scopes=["read:*"])
            tk.owners.put("user", roles=["reader"])
            tk.owners.put("ops", tenant="system", admin=True)
            scopes = ["tokenry:verify", "tokenry:sessions:write"]
            caller = str(tk.keys.issue("ops", tenant="system", environment="op", name="app", scopes=scopes).secret)
            access = str(tk.sessions.start("user").access)
        with served(folder, url) as server:
            ours = _refreshing(report, server, caller, folder)
            fields = {"Authorization": f"Bearer {caller}", "Content-Type": _FORM}
            introspect = request_bytes("POST", "/oauth/introspect", fields, f"token={access}".encode())
            beside_nginx(report, server, "POST /oauth/introspect", [introspect], ratio=0.50)
            fields = {"Authorization": f"Bearer {caller}", "Content-Type": "application/json"}
            verify = request_bytes("POST", "/v1/verify", fields, json.dumps({"credential": access}).encode())
            beside_nginx(report, server, "POST /v1/verify of an access token", [verify], ratio=0.50)
    refreshing(report, ours)


def first_seen(report: Report) -> None:
    """Verify tokens whose signature nobody has checked yet, in process."""
    report.title("Access tokens that are seen for the first time (in process, SQLite)")
    for algorithm in ("ES256", "RS256", "Ed25519"):
        with Tokenry("sqlite://", settings=Settings(algorithm=algorithm)) as tk:
            tk.owners.put("user")
            refresh, texts = tk.sessions.start("user").refresh, []
            for _ in range(FIRST_SEEN):
                tokens = tk.sessions.refresh(refresh)
                assert tokens
                texts.append(str(tokens.access))
            tk.verify(texts[0])

            def verify_all(tk: Tokenry = tk, texts: list[str] = texts) -> None:
                tk._remembered.forget()
                for text in texts:
                    tk.verify(text)

            rate = FIRST_SEEN / seconds_of(verify_all, ROUNDS)
            mark = (5_000, rate >= 5_000) if algorithm == "ES256" else (None, None)
            report.line(f"{algorithm}, a second", f"{rate:,.0f}", f"at least {mark[0]:,}" if mark[0] else "", mark[1])


def _refreshing(report: Report, server: Serving, caller: str, folder: str) -> float:
    """Chains of refreshes, each on a connection of its own, and how much of that the disk leaves to one at a time."""
    ours = 0.0
    for what, request, read in (
        ("POST /oauth/token", _by_oauth, _of_oauth),
        ("POST /v1/sessions/refresh", _by_v1, _of_v1),
    ):
        rates = []
        for _ in range(ROUNDS):
            begun = [server.call("POST", "/v1/sessions", {"owner": "user"}, caller) for _ in range(CONNECTIONS)]
            tokens = [one["refresh"] for one in begun]
            rates.append(asyncio.run(chains(server.port, tokens, lambda token, r=request: r(token, caller), read)))
        rate = max(rates)
        ours = max(ours, rate)
        mark = ("at least 1,000", rate >= 1000) if request is _by_oauth else ("", None)
        report.line(f"{what}, {CONNECTIONS} chains, a second", f"{rate:,.0f}", *mark)
    report.line("commits of one row, one at a time, a second", f"{_commits(folder):,.0f}", "what this disk does")
    return ours


def _by_oauth(token: str, caller: str) -> bytes:
    form = urllib.parse.urlencode({"grant_type": "refresh_token", "refresh_token": token}).encode()
    return request_bytes("POST", "/oauth/token", {"Content-Type": _FORM}, form)


def _of_oauth(body: bytes) -> str:
    token: str = json.loads(body)["refresh_token"]
    return token


def _by_v1(token: str, caller: str) -> bytes:
    fields = {"Authorization": f"Bearer {caller}", "Content-Type": "application/json"}
    return request_bytes("POST", "/v1/sessions/refresh", fields, json.dumps({"refresh": token}).encode())


def _of_v1(body: bytes) -> str:
    token: str = json.loads(body)["tokens"]["refresh"]
    return token


def _commits(folder: str) -> float:
    """Measure what every package gets that commits each refresh by itself, whatever else it does."""
    connection = sqlite3.connect(Path(folder, "commits.db"), isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE token (id INTEGER PRIMARY KEY, digest TEXT)")
    end, count = time.perf_counter() + 1, 0
    while time.perf_counter() < end:
        connection.execute("INSERT INTO token (digest) VALUES (hex(randomblob(32)))")
        count += 1
    connection.close()
    return float(count)

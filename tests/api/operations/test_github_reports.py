"""GitHub's reports over HTTP: only what GitHub has signed is acted on, and its keys are read from where they are."""

from __future__ import annotations

import http.client
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.servers.publishing import PEM, SAMPLE, SAMPLE_ID, SAMPLE_KEY, SAMPLE_SIGNATURE, publishing, signed
from tests.servers.receiving import LOOPBACK
from tests.servers.serving import Serving, serving
from tokenry import AsyncTokenry, Settings
from tokenry.api.app import Served, create_app
from tokenry.api.process.settings import ServerSettings


def send(server: Serving, body: bytes, identifier: str, signature: str, method: str = "POST") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    fields = {"GITHUB-PUBLIC-KEY-IDENTIFIER": identifier, "GITHUB-PUBLIC-KEY-SIGNATURE": signature}
    connection.request(method, "/v1/leaks/github", body, {"Content-Type": "application/json", **fields})
    response = connection.getresponse()
    found = response.status, json.loads(response.read())
    connection.close()
    return found


def found(*tokens: str) -> bytes:
    return json.dumps([{"token": token, "type": "t", "url": "https://github.com/o/r"} for token in tokens]).encode()


def test_what_github_reports_is_revoked_and_answered(tmp_path: Path) -> None:
    with publishing((SAMPLE_ID, SAMPLE_KEY)) as github:
        environment = {"TOKENRY_GITHUB_KEYS": github.url, "TOKENRY_WEBHOOK_NETWORKS": LOOPBACK}
        with serving(tmp_path, TOKENRY_FAILURES_MAX="4", **environment) as server:
            report = {"token_hash": sha256(b"some_token").hexdigest(), "token_type": "some_type"}
            sample = (200, [{**report, "label": "false_positive"}])
            assert send(server, SAMPLE, SAMPLE_ID, SAMPLE_SIGNATURE) == sample
            secret = server.issue("leaked")
            body = found(secret, "tk_live_1")
            assert send(server, body, SAMPLE_ID, signed(body))[0] == 403
            assert server.verify(secret)[1]["valid"]

            github.publish((SAMPLE_ID, SAMPLE_KEY), ("k1", PEM))
            status, answer = send(server, body, "k1", signed(body))
            assert (status, [one["label"] for one in answer]) == (200, ["true_positive", "false_positive"])
            assert (github.count, server.verify(secret)[1]["code"]) == (2, "revoked")
            [entry] = server.call("GET", "/v1/audit?action=key.leaked")["items"]
            assert (entry["actor"], entry["ip"]) == (entry["subject"], "127.0.0.1")

            assert send(server, b"{}", "k1", signed(b"{}"))[0] == 422
            large = b"[" + b" " * (1 << 20) + b"]"
            assert send(server, large, "k1", signed(large))[0] == 413
            assert send(server, body, "k1", signed(body), "PUT")[0] == 405
            wrong = [send(server, SAMPLE, *which)[0] for which in (("k1", ""), ("k2", "x"), ("k1", "x"), ("k1", "x"))]
            assert wrong == [403, 403, 403, 429]
            assert send(server, SAMPLE, SAMPLE_ID, SAMPLE_SIGNATURE) == sample
            assert github.count == 2
            assert secret not in server.err


@pytest.mark.parametrize(
    ("setting", "status", "code"), [("", 404, "not_found"), ("none.json", 503, "keys_unavailable")]
)
def test_a_server_without_the_keys_says_so(setting: str, status: int, code: str) -> None:
    served = Served(
        AsyncTokenry("sqlite://", settings=Settings(background=False, github_keys=setting)), ServerSettings()
    )
    fields = {"Github-Public-Key-Identifier": SAMPLE_ID, "Github-Public-Key-Signature": SAMPLE_SIGNATURE}
    answer = TestClient(create_app(served)).post("/v1/leaks/github", content=SAMPLE, headers=fields)
    served.sync.close()
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("TOKENRY_GITHUB_KEYS" in answer.text, "none.json" in answer.text) == (not setting, False)

"""Credentials in every path, query, header and field of every route: none is in an answer or in the log."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from tests.servers.serving import Serving, serving

HEADERS = ["X-Request-Id", "Idempotency-Key", "If-Match", "Cookie", "User-Agent", "X-Forwarded-For", "Accept", "Origin"]
HEADERS += ["X-Auth-Require-Scopes", "X-Auth-Require-Environment", "X-Original-URI", "X-API-Key", "Content-Type"]
OAUTH = ["grant_type", "refresh_token", "subject_token", "subject_token_type", "scope", "audience", "resource"]
OAUTH += ["client_id", "client_secret", "token", "token_type_hint", "expires_in", "requested_token_type", "unknown"]
# What would end the operator's key or the tenant that everything else needs.
ENDING = re.compile(
    r"/v1/(self/(revoke|rotate)|tenants/\{slug\}$|tenants/\{slug\}/suspend|owners/\{external_id\}(/disable)?$)"
)


class Sent(NamedTuple):
    """One request with a credential in one place."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    where: str


def credentials(server: Serving) -> dict[str, tuple[str, str]]:
    """Return real credentials, each with a part of it that must be nowhere."""
    key = server.issue("planted")
    started = server.call("POST", "/v1/sessions", {"owner": "ada"})
    keyring = (server.directory / "tokenry-data" / "tokenry.db.keyring").read_text()
    material = max(keyring.split(), key=len)
    return {
        "key": (key, key[-57:-37]),
        "refresh token": (started["refresh"], started["refresh"][-57:-37]),
        "access token": (started["access"], started["access"].rpartition(".")[2][:20]),
        "keyring": (keyring.strip(), material[:12]),
    }


def of_operation(
    path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any], text: str
) -> Iterator[Sent]:
    """Yield requests of one operation, each with the credential in another place."""
    plain = re.sub(r"\{\w+\}", "ada", path)
    json_type = {"Content-Type": "application/json"}
    for name in re.findall(r"\{(\w+)\}", path):
        yield Sent(method, plain.replace("ada", quote(text, safe=""), 1), {}, "", f"path {name}")
    for one in (*operation.get("parameters", ()), {"in": "query", "name": "unknown"}):
        if one["in"] == "query":
            yield Sent(method, f"{plain}?{urlencode({one['name']: text})}", {}, "", f"query {one['name']}")
    for name in HEADERS:
        yield Sent(method, plain, {name: re.sub(r"\s", " ", text)}, "", f"header {name}")
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    fields = schemas.get(content.get("$ref", "").rpartition("/")[2], content).get("properties", {})
    for name in (*fields, text):
        for value in (text, [text], {"a": text}, [{"name": text, text: text}]):
            yield Sent(method, plain, json_type, json.dumps({name: value}), f"field {name[:20]}")
    yield Sent(method, plain, json_type, text, "body")


def of_oauth(text: str) -> Iterator[Sent]:
    """Yield requests to the OAuth endpoints, each with the credential in another parameter."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("/oauth/token", "/oauth/revoke", "/oauth/introspect"):
        for grant in ("refresh_token", "urn:ietf:params:oauth:grant-type:token-exchange"):
            for name in (*OAUTH, text):
                whole = {"grant_type": grant, "refresh_token": "x", "subject_token": "x", "token": "x", name: text}
                yield Sent("POST", path, form, urlencode(whole), f"form {name[:20]}")
        yield Sent("POST", f"{path}?{urlencode({'scope': text})}", form, "", "query")


def test_no_place_of_any_request_gives_a_credential_away(tmp_path: Path) -> None:
    with serving(tmp_path, TOKENRY_ACCESS_LOG_SHARE="1", TOKENRY_LOG_LEVEL="debug") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        secrets = credentials(server)
        document = server.call("GET", "/openapi.json")
        schemas = document["components"]["schemas"]
        seen, count = [], 0
        for kind, (text, part) in secrets.items():
            sent = [
                one
                for path, item in document["paths"].items()
                for method, operation in item.items()
                if method in ("get", "post", "put", "patch", "delete") and not ENDING.match(path)
                for one in of_operation(path, method.upper(), operation, schemas, text)
            ]
            for one in (*sent, *of_oauth(text)):
                bearer = {"Authorization": f"Bearer {server.operator_key}"}
                connection.request(one.method, one.path, one.body or None, {**bearer, **one.headers})
                answer = connection.getresponse()
                assert answer.status < 500, one
                shown = f"{answer.getheaders()} {answer.read().decode()}"
                count += 1
                if part in shown:
                    seen.append((kind, one.method, one.path[:60], one.where, answer.status))
        connection.close()
        assert seen == []
        assert count > 2000
        stored = [
            server.call("GET", f"/v1/{noun}?limit=100") for noun in ("audit", "events", "keys", "owners", "roles")
        ]
        written = {"stored": json.dumps(stored)}
        assert server.end() == 0
        written |= {"log": server.err, "stdout": server.out}
    database = (tmp_path / "tokenry-data" / "tokenry.db").read_bytes().decode("latin-1")
    for kind, (_, part) in secrets.items():
        assert [place for place, shown in {**written, "database": database}.items() if part in shown] == [], kind

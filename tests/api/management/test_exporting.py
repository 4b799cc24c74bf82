"""`GET /v1/export`: pages for those who ask for JSON, one stream of lines for those who ask for NDJSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.management.conftest import Api
from tokenry.api.management import exporting

NDJSON = {"Accept": "application/x-ndjson"}


def lines_of(answer: Any) -> list[dict[str, Any]]:
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_all_pages_are_one_stream_that_says_its_end(api: Api, client: TestClient) -> None:
    for _ in range(3):
        api.key()
    items, cursor = [], {}
    while cursor is not None:
        page = client.get("/v1/export", params={"limit": 2, **cursor}).json()
        items += page["items"]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    lines = lines_of(client.get("/v1/export?limit=2", headers=NDJSON))
    assert lines == [*items, {"kind": "end"}]
    assert [line["kind"] for line in lines] == ["tenant", "scopes", "owner", "key", "key", "key", "end"]
    assert len(api.tk.audit.list(action="tenant.exported")) == 2


def test_what_speaks_against_an_export_is_answered_before_it_begins(api: Api, client: TestClient) -> None:
    assert client.get("/v1/export?cursor=x", headers=NDJSON).status_code == 422
    few = api.operator_of("default", ("tokenry:tenants:read",))
    assert api.client(few).get("/v1/export", headers=NDJSON).status_code == 403
    assert api.client(None).get("/v1/export", headers=NDJSON).status_code == 401


def test_an_export_of_a_key_that_ends_meanwhile_says_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    own = api.operator_of("acme")
    perform, pages = exporting.perform, []

    async def ending(*args: Any) -> Any:
        pages.append(args)
        if len(pages) == 2:
            api.tk.keys.revoke(api.tk.keys.find(own, tenant="acme").id, tenant="acme")
        return await perform(*args)

    monkeypatch.setattr(exporting, "perform", ending)
    lines = lines_of(api.client(own).get("/v1/export", headers=NDJSON))
    assert lines[-1]["kind"] == "error"
    assert lines[-1]["problem"]["code"] == "not_allowed"
    assert {line["kind"] for line in lines[:-1]} == {"tenant", "scopes"}

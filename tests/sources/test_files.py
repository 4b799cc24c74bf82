"""Export files of systems that have no package here, in the forms that their documentation shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.sources.made.of_seeds import NOW, Made
from tests.sources.test_databases import check
from tokenry import ConfigError, Tokenry
from tokenry.sources import rows
from tokenry.sources.reading import FILE_MAX
from tokenry.testing import FakeClock, throwaway

UNKEY = {
    "meta": {"requestId": "req_1"},
    "data": [
        {
            "keyId": "key_1",
            "start": "prod",
            "enabled": True,
            "name": "CI",
            "meta": {"plan": "pro"},
            "createdAt": 1770000000000,
            "expires": 1790000000000,
            "permissions": ["documents.read"],
            "roles": ["editor"],
            "credits": {"remaining": 40, "refill": {"interval": "monthly", "amount": 50, "refillDay": 3}},
            "identity": {"id": "id_1", "externalId": "user_1"},
            "plaintext": "prod_AAAAAAAAAAAAAAAA",
            "ratelimits": [
                {"id": "rl_1", "name": "requests", "limit": 100, "duration": 60000, "autoApply": True},
                {"id": "rl_2", "name": "heavy", "limit": 1, "duration": 1000, "autoApply": False},
            ],
        },
        {"keyId": "key_2", "start": "prod", "enabled": False, "createdAt": 1, "plaintext": "prod_BBBBBBBBBBBBBBBB"},
        {"keyId": "key_3", "start": "prod", "enabled": True, "createdAt": 1},
    ],
    "pagination": {"hasMore": False},
}
KONG = {
    "_format_version": "3.0",
    "consumers": [
        {
            "username": "ada",
            "custom_id": "user_1",
            "acls": [{"group": "editor"}],
            "plugins": [{"name": "rate-limiting", "config": {"minute": 5, "hour": 100, "policy": "local"}}],
            "keyauth_credentials": [
                {"id": "c1", "key": "kong-key-aaaaaaaa", "tags": ["web"], "created_at": 1779000000, "ttl": 9000000},
                {"key": "kong-key-bbbbbbbb"},
                {"id": "c3", "key": "kong-key-cccccccc", "created_at": 1700000000, "ttl": 60},
                {"id": "c4", "key": "kong-key-dddddddd", "ttl": 60},
            ],
        },
        {"username": "nobody"},
    ],
}
AWS = {
    "items": [
        {
            "id": "aws1",
            "value": "A" * 30,
            "name": "CI",
            "customerId": "user_1",
            "enabled": True,
            "createdDate": "2026-01-01T10:00:00+00:00",
            "stageKeys": ["a1/dev"],
            "tags": {"team": "x"},
        },
        {"id": "aws2", "value": "B" * 30, "name": "off", "customerId": "user_1", "enabled": False, "createdDate": 1},
        {"id": "aws3", "name": "no value", "customerId": "user_1", "enabled": True},
    ]
}
TALOS = {
    "requests": [
        {
            "raw_key": "sk_live_aaaaaaaa",
            "name": "CI",
            "actor_id": "user_1",
            "scopes": ["read"],
            "metadata": {"source": "x"},
            "ip_restriction": {"allowed_cidrs": ["10.0.0.0/8"]},
            "rate_limit_policy": {"quota": 100, "window": "60s"},
            "expires_at": "2027-01-01T00:00:00Z",
        },
        {"raw_key": "sk_live_bbbbbbbb", "name": "lives 1 h", "actor_id": "user_1", "ttl": "1h"},
        {"name": "issued there", "actor_id": "user_1"},
    ]
}


@pytest.fixture
def tk() -> Iterator[Tokenry]:
    with throwaway(clock=FakeClock(NOW)) as tk:
        tk.roles.put("editor", scopes=["write:documents"])
        yield tk


def imported(tk: Tokenry, name: str, path: Path, document: Any, **asked: Any) -> dict[str, str]:
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    summary = tk.imports.run(rows(name, path, **asked), source=name)
    return {one.id: one.errors[0].field for one in summary.refused}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "export.json"


def test_unkey(tk: Tokenry, path: Path) -> None:
    assert imported(tk, "unkey", path, UNKEY) == {"key_2": "owner", "key_3": "hash.value"}
    check(tk, Made({"prod_AAAAAAAAAAAAAAAA": "user_1"}, ["prod_BBBBBBBBBBBBBBBB", "prod_CCCCCCCCCCCCCCCC"]))
    verdict = tk.verify("prod_AAAAAAAAAAAAAAAA", scopes=["documents.read", "write:documents"])
    assert (verdict.key.name, verdict.key.metadata) == ("CI", {"plan": "pro"})
    assert [(one.name, one.limit, one.window_seconds) for one in verdict.key.limits] == [("requests", 100, 60)]
    assert (verdict.key.credits.amount, verdict.key.credits.refill_day) == (50, 3)
    assert verdict.key.expires_at == datetime.fromtimestamp(1790000000, UTC)
    assert imported(tk, "unkey", path, UNKEY, owner="site") == {"key_3": "hash.value"}
    assert tk.verify("prod_BBBBBBBBBBBBBBBB").code == "disabled"


def test_unkey_answers_one_below_the_other(tk: Tokenry, path: Path) -> None:
    pages = [{"data": [{**UNKEY["data"][0], "keyId": f"key_{n}", "plaintext": f"prod_{n}AAAAAAAAAAA"}]} for n in (1, 2)]
    assert imported(tk, "unkey", path, "\n".join(map(json.dumps, pages))) == {}
    check(tk, Made({"prod_1AAAAAAAAAAA": "user_1", "prod_2AAAAAAAAAAA": "user_1"}))


def test_kong(tk: Tokenry, path: Path) -> None:
    assert imported(tk, "kong", path, KONG) == {"c3": "expires_at", "c4": "expires_at"}
    check(tk, Made({"kong-key-aaaaaaaa": "user_1", "kong-key-bbbbbbbb": "user_1"}, ["kong-key-cccccccc"]))
    verdict = tk.verify("kong-key-aaaaaaaa", scopes=["write:documents"])
    assert verdict.key.expires_at == datetime.fromtimestamp(1788000000, UTC)
    assert [(one.name, one.limit, one.window_seconds) for one in verdict.key.limits] == [
        ("minute", 5, 60),
        ("hour", 100, 3600),
    ]
    assert verdict.key.tags == ("web",)


def test_aws_api_gateway(tk: Tokenry, path: Path) -> None:
    assert imported(tk, "aws-api-gateway", path, AWS) == {"aws3": "hash.value"}
    check(tk, Made({"A" * 30: "user_1"}, ["B" * 30, "C" * 30]))
    assert tk.verify("A" * 30).key.metadata == {"stage_keys": ["a1/dev"], "tags": {"team": "x"}}


def test_talos(tk: Tokenry, path: Path) -> None:
    assert imported(tk, "talos", path, TALOS) == {
        sha256(b"sk_live_bbbbbbbb").hexdigest()[:32]: "expires_at",
        "issued there": "hash.value",
    }
    check(tk, Made({"sk_live_aaaaaaaa": "user_1"}, ["sk_live_bbbbbbbb"]))
    assert tk.verify("sk_live_aaaaaaaa", ip="10.1.1.1", scopes=["read"]).key.limits[0].limit == 100
    assert tk.verify("sk_live_aaaaaaaa", ip="192.0.2.1").code == "ip_not_allowed"
    assert imported(tk, "talos", path, TALOS["requests"][:1]) == {}, "a list alone will do"


@pytest.mark.parametrize("name", ["unkey", "kong", "aws-api-gateway", "talos"])
@pytest.mark.parametrize(
    "document", ["{}", "[1]", '{"data": 1, "consumers": [1], "items": {}, "requests": ""}', "key,x\n1,2"]
)
def test_another_form_is_refused_with_the_page_that_shows_the_right_one(
    tk: Tokenry, path: Path, name: str, document: str
) -> None:
    with pytest.raises(ConfigError, match=f"docs/coming-from/{name}.md"):
        imported(tk, name, path, document)


@pytest.mark.parametrize(
    "field", [{"createdDate": "yesterday"}, {"name": 5}, {"value": ["a"]}, {"customerId": 7}, {"createdDate": 1e300}]
)
def test_a_record_whose_fields_have_other_types_is_refused_alone(
    tk: Tokenry, path: Path, field: dict[str, Any]
) -> None:
    broken = {**AWS["items"][0], "id": "broken", **field}
    assert imported(tk, "aws-api-gateway", path, {"items": [broken, AWS["items"][0]]}) == {"broken": "record"}
    check(tk, Made({"A" * 30: "user_1"}))


def test_a_live_key_is_not_refused_for_what_is_only_shown(tk: Tokenry, path: Path) -> None:
    long = {**AWS["items"][0], "name": "a\n\0 b" * 100, "description": "\x1b[31m" + "d" * 5000}
    assert imported(tk, "aws-api-gateway", path, {"items": [long]}) == {}
    assert tk.verify("A" * 30).key.name.startswith("a ba b")
    key = {"key": "kong-key-eeeeeeee", "tags": ["no tag", "web", *map(str, range(40))]}
    assert imported(tk, "kong", path, {"consumers": [{"username": "ada", "keyauth_credentials": [key]}]}) == {}
    assert len(tk.verify("kong-key-eeeeeeee").key.tags) == 20


def test_a_file_that_is_missing_or_too_large_is_refused(tk: Tokenry, path: Path) -> None:
    with pytest.raises(ConfigError, match="FileNotFoundError"):
        list(rows("kong", path))
    with path.open("wb") as file:
        file.truncate(FILE_MAX + 1)
    with pytest.raises(ConfigError, match="split it"):
        list(rows("kong", path))

"""The systems that are read from their export files: one declaration each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from tokenry.imports import Hash, ImportResult, ImportRow

from .reading import Asked, Exported, moment, parts, refused

Row = ImportRow | ImportResult
_WINDOWS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "month": 30 * 86_400, "year": 365 * 86_400}


Record = Mapping[str, Any]


def _unkey(key: Record, asked: Asked) -> Iterator[Row]:
    """Read one key in an answer of `POST /v2/apis.listKeys` with `decrypt`."""
    id = key.get("keyId", "")
    owner = (key.get("identity") or {}).get("externalId") or asked.owner
    if not key.get("plaintext"):
        message = "there is no `plaintext`: Unkey gives no hashes, and the text of recoverable keys only: issue another"
        yield refused(id, "hash.value", "missing", message)
    elif owner is None:
        yield refused(id, "owner", "missing", "it has no externalId: say whose such keys are with --owner")
    else:
        limits = [
            {"name": one["name"], "limit": one["limit"], "window_seconds": math.ceil(one["duration"] / 1000)}
            for one in key.get("ratelimits") or []
            if one.get("autoApply")
        ]
        yield ImportRow(
            id=id,
            owner=owner,
            name=key.get("name") or "",
            hash=Hash("raw", key["plaintext"]),
            scopes=parts(key.get("permissions") or []),
            roles=parts(key.get("roles") or []),
            limits=tuple(limits),
            credits=_unkey_credits(key.get("credits")),
            metadata=dict(key.get("meta") or {}),
            created_at=moment(key.get("createdAt")),
            expires_at=moment(key.get("expires")),
            disabled=not key.get("enabled", True),
        )


def _unkey_credits(credits: Mapping[str, Any] | None) -> Any:
    if not credits or credits.get("remaining") is None:
        return None
    refill = credits.get("refill")
    if not refill:
        return credits["remaining"]
    day = {"refill_day": refill["refillDay"]} if refill.get("refillDay") else {}
    return {"amount": refill["amount"], "refill": refill["interval"], **day}


def _kong(consumer: Record, asked: Asked) -> Iterator[Row]:
    """Read one consumer in what `deck gateway dump --format json` writes, with its keys of `key-auth`."""
    owner = str(consumer.get("custom_id") or consumer.get("username") or consumer.get("id"))
    limits = [
        {"name": name, "limit": plugin["config"][name], "window_seconds": seconds}
        for plugin in consumer.get("plugins") or []
        if plugin.get("name") == "rate-limiting" and plugin.get("enabled", True)
        for name, seconds in _WINDOWS.items()
        if plugin.get("config", {}).get(name)
    ]
    for place, key in enumerate(consumer.get("keyauth_credentials") or []):
        id = key.get("id") or f"{owner}/{place}"
        created, ttl = moment(key.get("created_at")), key.get("ttl")
        if ttl and created is None:
            yield refused(id, "expires_at", "missing", "it has a `ttl`, and no `created_at` to count from")
            continue
        yield ImportRow(
            id=id,
            owner=owner,
            owner_name=consumer.get("username") or "",
            hash=Hash("raw", key["key"]),
            roles=parts([acl["group"] for acl in consumer.get("acls") or []]),
            limits=tuple(limits),
            tags=parts(key.get("tags") or []),
            created_at=created,
            expires_at=created + timedelta(seconds=ttl) if created and ttl else None,
        )


def _aws(key: Record, asked: Asked) -> Iterator[Row]:
    """Read one key in what `aws apigateway get-api-keys --include-values` writes."""
    owner = key.get("customerId") or asked.owner
    if not key.get("value"):
        yield refused(key["id"], "hash.value", "missing", "there is no `value`: export with --include-values")
    elif owner is None:
        yield refused(key["id"], "owner", "missing", "it has no customerId: say whose such keys are with --owner")
    else:
        yield ImportRow(
            id=key["id"],
            owner=owner,
            name=key.get("name") or "",
            description=key.get("description") or "",
            hash=Hash("raw", key["value"]),
            metadata={"stage_keys": key.get("stageKeys") or [], "tags": key.get("tags") or {}},
            created_at=moment(key.get("createdDate")),
            disabled=not key.get("enabled", False),
        )


def _talos(key: Record, asked: Asked) -> Iterator[Row]:
    """Read one key of a file for `talos keys imported batch-import`, which holds the keys themselves."""
    name, owner, policy = key.get("name") or "", key.get("actor_id") or asked.owner, key.get("rate_limit_policy")
    if not key.get("raw_key"):
        message = "there is no `raw_key`: keys that Talos issued itself stand in no file of it: issue another"
        yield refused(name, "hash.value", "missing", message)
        return
    id = key.get("request_id") or sha256(key["raw_key"].encode()).hexdigest()[:32]
    if owner is None:
        yield refused(id, "owner", "missing", "it has no actor_id: say whose such keys are with --owner")
    elif key.get("ttl"):
        message = "its `ttl` counts from its import into Talos: put the moment in its place, as `expires_at`"
        yield refused(id, "expires_at", "missing", message)
    else:
        yield ImportRow(
            id=id,
            owner=owner,
            name=name,
            hash=Hash("raw", key["raw_key"]),
            scopes=parts(key.get("scopes") or []),
            allowed_ips=parts((key.get("ip_restriction") or {}).get("allowed_cidrs") or []),
            limits=_limit(int(policy["quota"]), _seconds(policy["window"])) if policy else (),
            metadata=dict(key.get("metadata") or {}),
            expires_at=moment(key.get("expires_at")),
        )


def _limit(limit: int, seconds: int) -> tuple[dict[str, Any], ...]:
    return ({"name": "imported", "limit": limit, "window_seconds": seconds},)


def _seconds(window: str) -> int:
    """Return a length such as 60s, 5m or 1h in seconds."""
    units = {"s": 1, "m": 60, "h": 3600}
    return math.ceil(float(window[:-1]) * units[window[-1]])


SOURCES: Final[dict[str, Exported]] = {
    "unkey": Exported(("data",), _unkey),
    "kong": Exported(("consumers",), _kong),
    "aws-api-gateway": Exported(("items", "item"), _aws),
    "talos": Exported(("requests",), _talos),
}

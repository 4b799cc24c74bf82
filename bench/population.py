"""Databases with many keys, written directly: issuing a million one by one would be a benchmark of its own."""

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from tokenry import Tokenry
from tokenry.core.document import encode
from tokenry.core.ids import make_id
from tokenry.core.secret import digest_of, make_kid, mint

KEY = (
    "INSERT INTO tokenry_key (tenant_id, id, owner_id, name, name_folded, description, scopes, roles, allowed_ips,"
    " limits, environment, metadata, version, created_at, expires_at, revoke_reason, search)"
    " VALUES ({0}, {0}, {0}, {0}, {0}, '', '[\"read:projects\",\"write:time\"]', '[]', {0}, {0},"
    " 'live', '{{}}', 1, {0}, {0}, '', {0})"
)
SECRET = (
    "INSERT INTO tokenry_secret (kid, tenant_id, key_id, owner_id, digest, pepper_id, tag_id, created_at, use_count,"
    " document, seal) VALUES ({0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0})"
)
_FACTS = {
    **dict.fromkeys(("ends_at", "credits", "disabled_at", "not_before", "revoked_at", "updated_at")),
    "scopes": '["read:projects","write:time"]',
    "environment": "live",
    "description": "",
    "metadata": "{}",
    "roles": "[]",
    "tags": "[]",
    "version": 1,
}
OWNERS = 1000
BATCH = 10_000


class Like(NamedTuple):
    """The properties that all keys share."""

    allowed: str = "203.0.113.0/24"
    limit: tuple[str, int, int] | None = None
    use_count: int = 0
    """A key that was used before does not make an event by its first use."""


PLAIN = Like()


def make_rows(
    tk: Tokenry, count: int, like: Like
) -> Iterator[tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[str]]]:
    """Yield batches of key rows, secret rows and key texts."""
    generation = tk._keyring.get().generations[-1]
    tenant_id = tk.tenants.get("default").id
    owners = [tk.owners.put(f"user-{number}").id for number in range(min(OWNERS, count))]
    allowed, limits = json.dumps([like.allowed]), json.dumps([like.limit] if like.limit else [], separators=(",", ":"))
    now = time.time_ns() // 1000
    expires_at = now + 90 * 86_400_000_000
    for start in range(0, count, BATCH):
        keys, secrets, texts = [], [], []
        for number in range(start, min(start + BATCH, count)):
            key_id = make_id("key", now + number, os.urandom(10))
            kid = make_kid(os.urandom(16))
            text = mint("tk_live", kid, os.urandom(32), generation.tag_key)
            digest = digest_of(generation.pepper, kid, tenant_id, key_id, text)
            name = f"key {number} {key_id[-8:].lower()}"
            owner = owners[number % len(owners)]
            keys.append((tenant_id, key_id, owner, name, name, allowed, limits, now, expires_at, f"{name}\n"))
            own = {"kid": kid, "id": key_id, "owner_id": owner, "name": name, "expires_at": expires_at}
            shared = {"tenant_id": tenant_id, "created_at": now, "allowed_ips": allowed, "limits": limits}
            document = encode({**_FACTS, **shared, **own})
            signed = (generation.id, generation.id, now, like.use_count, document, tk._database.seals.sign(document))
            secrets.append((kid, tenant_id, key_id, owner, digest, *signed))
            texts.append(text)
        yield keys, secrets, texts


def fill_sqlite(tk: Tokenry, path: str, count: int, like: Like = PLAIN) -> list[str]:
    """Write `count` keys into an SQLite file and return their texts."""
    texts: list[str] = []
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    for keys, secrets, batch in make_rows(tk, count, like):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(KEY.format("?"), keys)
        connection.executemany(SECRET.format("?"), secrets)
        connection.execute("COMMIT")
        texts += batch
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return texts


def fill_postgres(tk: Tokenry, url: str, count: int, like: Like = PLAIN) -> list[str]:
    """Write `count` keys into a PostgreSQL database and return their texts."""
    import psycopg

    texts: list[str] = []
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for keys, secrets, batch in make_rows(tk, count, like):
            cursor.executemany(KEY.format("%s"), keys)
            cursor.executemany(SECRET.format("%s"), secrets)
            texts += batch
        connection.commit()
        connection.autocommit = True
        cursor.execute("ANALYZE")
    return texts

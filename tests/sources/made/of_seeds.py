"""Make the databases of the four systems that Tokenry was begun for, as their code writes them."""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import bcrypt
import sqlalchemy as sa

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(days=30), NOW - timedelta(days=30)


@dataclass
class Made:
    """The keys of a system: those that are good, each with its owner, and those that are not."""

    live: dict[str, str] = field(default_factory=dict)
    dead: list[str] = field(default_factory=list)


def fill(engine: sa.Engine, name: str, rows: list[dict[str, Any]], **types: Any) -> None:
    """Make a table of these rows, with the types of the columns that are no texts."""
    schema, _, plain = name.rpartition(".")
    columns = [sa.Column(key, types.get(key, sa.Text)) for key in rows[0]]
    table = sa.Table(plain, sa.MetaData(), *columns, schema=schema or None)
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), rows)


def time_tracker(engine: sa.Engine, count: int) -> Made:
    made, rows = Made(), []
    for n in range(count + 3):
        text = f"tt_{secrets.token_urlsafe(32)[:32]}"
        off, over, gone = (n == count + place for place in range(3))
        if off or over or gone:
            made.dead.append(text)
        else:
            made.live[text] = str(1 + n % 3)
        row = {"id": n, "name": f"token {n % 2}", "description": None if n % 2 else "a script"}
        row |= {"token_hash": hashlib.sha256(text.encode()).hexdigest(), "token_prefix": text[:8]}
        row |= {
            "user_id": 9 if gone else 1 + n % 3,
            "scopes": "read:projects, admin:all" if n == 0 else "read:projects",
        }
        row |= {"created_at": EARLIER, "expires_at": EARLIER if over else LATER if n % 2 else None}
        rows.append(
            row | {"last_used_at": EARLIER, "is_active": not off, "ip_whitelist": "10.0.0.0/8" if n == 1 else None}
        )
    moments = dict.fromkeys(("created_at", "expires_at", "last_used_at"), sa.DateTime)
    fill(engine, "api_tokens", rows, id=sa.Integer, user_id=sa.Integer, is_active=sa.Boolean, **moments)
    users = [{"id": n, "username": f"user{n}", "email": f"u{n}@example.com", "is_active": n != 9} for n in (1, 2, 3, 9)]
    fill(engine, "users", users, id=sa.Integer, is_active=sa.Boolean)
    return made


def mk(engine: sa.Engine, count: int) -> Made:
    made, rows = Made(), []
    for n in range(count + 3):
        text = f"mk_{secrets.token_hex(12)}"
        off, over, unseen = (n == count + place for place in range(3))
        if off or over or unseen:
            made.dead.append(text)
        else:
            made.live[text] = f"account-{n % 2}"
        row = {"id": str(uuid.uuid4()), "account_id": f"account-{n % 2}", "name": f"token {n}"}
        row |= {"token_hash": bcrypt.hashpw(text.encode(), bcrypt.gensalt(4)).decode(), "is_active": not off}
        row |= {"token_start": None if unseen else text[:11], "last_accessed": int(EARLIER.timestamp())}
        rows.append(
            row | {"expires_at": int((EARLIER if over else LATER).timestamp()), "created_at": int(EARLIER.timestamp())}
        )
    numbers = dict.fromkeys(("last_accessed", "expires_at", "created_at"), sa.Integer)
    fill(engine, "api_token", rows, is_active=sa.Boolean, **numbers)
    return made


def erp(engine: sa.Engine, count: int) -> Made:
    made, rows = Made(), []
    people = [str(uuid.uuid4()) for _ in range(3)]
    for n in range(count + 3):
        body = secrets.token_urlsafe(32)
        text, salt = f"mgn_{body}", secrets.token_hex(16)
        off, over, gone = (n == count + place for place in range(3))
        owner = people[2 if gone else n % 2]
        if off or over or gone:
            made.dead.append(text)
        else:
            made.live[text] = owner
        digest = hashlib.pbkdf2_hmac("sha512", text.encode(), salt.encode(), 100_000, 64).hex()
        row = {"id": str(uuid.uuid4()), "user_id": owner, "tenant_id": people[0], "name": f"key {n}"}
        row |= {"key_index": body[:16], "key_hash": f"{salt}:{digest}", "scope": "read:invoices" if n else None}
        row |= {"allowed_ips": ["10.1.2.3"] if n == 1 else None, "expiration_date": EARLIER if over else LATER}
        rows.append(row | {"last_used_at": EARLIER, "is_active": not off, "created_at": EARLIER})
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA auth"))
    moments = dict.fromkeys(("expiration_date", "last_used_at", "created_at"), sa.DateTime(timezone=True))
    fill(engine, "auth.api_keys", rows, is_active=sa.Boolean, allowed_ips=sa.ARRAY(sa.Text), **moments)
    users = [
        {"id": id, "email": f"{id}@x.example", "status": "gone" if n == 2 else "active"} for n, id in enumerate(people)
    ]
    fill(engine, "auth.users", users)
    fill(engine, "auth.roles", [{"id": "1", "code": "clerk"}, {"id": "2", "code": "manager"}])
    fill(engine, "auth.user_roles", [{"user_id": people[0], "role_id": "1"}, {"user_id": people[0], "role_id": "2"}])
    return made


def token_schema(engine: sa.Engine, count: int) -> Made:
    made, rows = Made(), []
    for n in range(count + 2):
        text = str(uuid.uuid4())
        revoked, over = (n == count + place for place in range(2))
        if revoked or over:
            made.dead.append(text)
        else:
            made.live[text] = str(n % 3)
        row = {"token": text, "mapped_token": "x", "user_id": n % 3, "revoked": revoked}
        rows.append(row | {"expires_at": EARLIER if over else LATER})
    fill(engine, "refresh_tokens", rows, user_id=sa.Integer, revoked=sa.Boolean, expires_at=sa.DateTime)
    return made


def better_auth(engine: sa.Engine, path: str) -> Made:
    """Fill a database with what the real package wrote into its own."""
    with open(path, encoding="utf-8") as file:
        dump = json.load(file)
    names = ", ".join(f'"{name}"' for name in dump["rows"][0])
    values = ", ".join(f":{name}" for name in dump["rows"][0])
    with engine.begin() as connection:
        connection.execute(sa.text(dump["create"]))
        connection.execute(sa.text(f"INSERT INTO apikey ({names}) VALUES ({values})"), dump["rows"])
    return Made(dump["live"], dump["dead"] + dump["refused"])

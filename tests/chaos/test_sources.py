"""After an import no live key of another system is refused, and no false one is accepted: 10,000 of each.

TOKENRY_CHAOS_KEYS sets another count. Without it there are fewer keys of the ERP, because its format fixes the cost:
100,000 rounds a hash take 50 ms of a processor. The old databases hash bcrypt and Argon2 at their lowest costs.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.chaos.counts import times
from tests.servers.postgres import Postgres
from tests.sources.made import of_seeds
from tests.sources.made.of_seeds import NOW, Made
from tests.sources.test_databases import MADE, PEPPER, by_program
from tokenry import Tokenry
from tokenry.sources import SOURCES as READ
from tokenry.sources import rows
from tokenry.testing import FakeClock, throwaway

pytestmark = pytest.mark.chaos
COUNT = int(os.environ.get("TOKENRY_CHAOS_KEYS") or times(20, 10_000))
SLOW_COUNT = int(os.environ.get("TOKENRY_CHAOS_KEYS") or times(3, 300))
Make = Callable[[Path, Callable[[], str]], tuple[str | Path, Made, dict[str, Any]]]
"""Makes a database or a file of an old system; returns its place, its keys, and what is asked of the reader."""


def on_sqlite(path: Path, fill: Callable[[sa.Engine], Made]) -> tuple[str, Made, dict[str, Any]]:
    url = f"sqlite:///{path}/old.db"
    engine = sa.create_engine(url)
    made = fill(engine)
    engine.dispose()
    return url, made, {}


def time_tracker(path: Path, postgres: Callable[[], str]) -> Any:
    return on_sqlite(path, lambda engine: of_seeds.time_tracker(engine, COUNT))


def mk(path: Path, postgres: Callable[[], str]) -> Any:
    return on_sqlite(path, lambda engine: of_seeds.mk(engine, COUNT))


def token_schema(path: Path, postgres: Callable[[], str]) -> Any:
    return on_sqlite(path, lambda engine: of_seeds.token_schema(engine, COUNT))


def erp(path: Path, postgres: Callable[[], str]) -> Any:
    url = postgres()
    engine = sa.create_engine(url)
    made = of_seeds.erp(engine, SLOW_COUNT)
    engine.dispose()
    return url, made, {}


def better_auth(path: Path, postgres: Callable[[], str]) -> Any:
    """Fill a table of the real package with more rows of its own form, and keys that are made as it makes them."""
    dump = json.loads((MADE / "better_auth.json").read_text(encoding="utf-8"))
    like, made, filled = dump["rows"][0], Made(), []
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for n in range(COUNT):
        text = "ba_" + "".join(secrets.choice(letters) for _ in range(64))
        made.live[text] = f"user {n % 7}"
        digest = urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        filled.append({**like, "id": f"id{n}", "key": digest, "start": text[:6], "referenceId": f"user {n % 7}"})
    (path / "dump.json").write_text(json.dumps({**dump, "rows": filled, "live": made.live, "dead": [], "refused": []}))
    return on_sqlite(path, lambda engine: of_seeds.better_auth(engine, str(path / "dump.json")))


def keyshield(path: Path, postgres: Callable[[], str]) -> Any:
    made = by_program("of_keyshield.py", path / "old.db", COUNT)
    keys = Made(dict.fromkeys(made["live"], "site"), made["dead"])
    return f"sqlite:///{path}/old.db", keys, {"owner": "site", "pepper": PEPPER}


def of_django(path: Path, name: str) -> Any:
    return f"sqlite:///{path}/old.db", by_program("of_django.py", path / "old.db", COUNT)[name]


def drf_api_key(path: Path, postgres: Callable[[], str]) -> Any:
    url, made = of_django(path, "drf-api-key")
    return url, Made(dict.fromkeys(made["live"], "site"), made["dead"]), {"owner": "site"}


def knox(path: Path, postgres: Callable[[], str]) -> Any:
    url, made = of_django(path, "knox")
    return url, Made(**made), {}


def drf_token(path: Path, postgres: Callable[[], str]) -> Any:
    url, made = of_django(path, "drf-token")
    return url, Made(**made), {}


def in_file(path: Path, document: object, live: dict[str, str], dead: list[str]) -> Any:
    place = path / "export.json"
    place.write_text(json.dumps(document), encoding="utf-8")
    return place, Made(live, dead), {}


def texts(begin: str) -> list[str]:
    return [f"{begin}{secrets.token_hex(16)}" for _ in range(COUNT + 1)]


def unkey(path: Path, postgres: Callable[[], str]) -> Any:
    *live, dead = texts("prod_")
    data = [
        {"keyId": f"key_{n}", "start": "prod", "enabled": text != dead, "createdAt": 1, "plaintext": text,
         "identity": {"externalId": f"user {n % 7}"}}
        for n, text in enumerate([*live, dead])
    ]  # fmt: skip
    return in_file(path, {"data": data}, {text: f"user {n % 7}" for n, text in enumerate(live)}, [dead])


def kong(path: Path, postgres: Callable[[], str]) -> Any:
    *live, dead = texts("")
    found = [{"id": str(n), "key": text, "created_at": 1779000000} for n, text in enumerate(live)]
    over = {"id": "over", "key": dead, "created_at": 1700000000, "ttl": 60}
    consumers = [{"username": "ada", "custom_id": "user 1", "keyauth_credentials": [*found, over]}]
    return in_file(path, {"consumers": consumers}, dict.fromkeys(live, "user 1"), [dead])


def talos(path: Path, postgres: Callable[[], str]) -> Any:
    *live, dead = texts("sk_live_")
    found = [{"raw_key": text, "name": f"key {n}", "actor_id": "user 1"} for n, text in enumerate(live)]
    over = {"raw_key": dead, "name": "lives 1 h", "actor_id": "user 1", "ttl": "1h"}
    return in_file(path, {"requests": [*found, over]}, dict.fromkeys(live, "user 1"), [dead])


def aws_api_gateway(path: Path, postgres: Callable[[], str]) -> Any:
    *live, dead = [secrets.token_urlsafe(30) for _ in range(COUNT + 1)]
    items = [
        {"id": str(n), "value": text, "name": f"key {n}", "customerId": "user 1", "enabled": text != dead}
        for n, text in enumerate([*live, dead])
    ]
    return in_file(path, {"items": items}, dict.fromkeys(live, "user 1"), [dead])


SOURCES: dict[str, Make] = {
    "time-tracker": time_tracker,
    "mk": mk,
    "erp": erp,
    "token-schema": token_schema,
    "drf-api-key": drf_api_key,
    "knox": knox,
    "drf-token": drf_token,
    "better-auth": better_auth,
    "keyshield": keyshield,
    "unkey": unkey,
    "kong": kong,
    "talos": talos,
    "aws-api-gateway": aws_api_gateway,
}
BY_THE_MACHINE = ("drf-api-key", "knox", "drf-token", "better-auth", "keyshield")
"""Systems whose real packages made the keys, by the clock of the machine."""


@pytest.mark.parametrize("name", READ)
def test_every_live_key_is_good_and_no_false_one(name: str, tmp_path: Path, postgres_server: Postgres) -> None:
    place, made, asked = SOURCES[name](tmp_path, postgres_server.create_database)
    now = datetime.now(UTC) if name in BY_THE_MACHINE else NOW
    with throwaway(clock=(clock := FakeClock(now))) as tk:
        for role in ("clerk", "manager"):  # which users of the ERP have
            tk.roles.put(role, scopes=["read:reports"])
        tk.imports.run(rows(name, place, **asked), source=name)
        chance = random.Random(name)
        refused = [text for n, text in enumerate(made.live) if not verified(tk, text, n, made.live[text])]
        assert refused == []
        looked_up = 0
        for n, text in enumerate([*made.live, *made.dead]):
            clock.advance(timedelta(milliseconds=10))
            false = text if text in made.dead else another(text, chance)
            assert false not in made.live
            verdict = tk.verify(false, ip=address(n))
            looked_up += verdict.code != "throttled"
            assert not verdict, false
        assert looked_up == len(made.live) + len(made.dead)


def verified(tk: Tokenry, text: str, number: int, owner: str) -> bool:
    """Tell whether a key is that of its owner, by its old hash and then by ours."""
    verdicts = [tk.verify(text, ip="10.1.2.3") for _ in range(2)]
    return all(verdict and verdict.owner.external_id == owner for verdict in verdicts)


def another(text: str, chance: random.Random) -> str:
    """Return a key that differs in one character, is cut, longer, or has two characters the other way round."""
    place = chance.randrange(len(text))
    changed = "x" if text[place] != "x" else "y"
    return chance.choice([text[:place] + changed + text[place + 1 :], text[:-1], text + "x", text.swapcase(), text[1:]])


def address(number: int) -> str:
    return f"198.{18 + number // 62500}.{number // 250 % 250}.{number % 250}"

"""After an import every live key of another system is good, and no other one is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.servers.postgres import Postgres
from tests.sources.made import of_seeds
from tests.sources.made.of_seeds import EARLIER, LATER, NOW, Made
from tokenry import ConfigError, Tokenry
from tokenry.sources import SOURCES, rows
from tokenry.testing import FakeClock, throwaway

MADE = Path(__file__).parent / "made"
COUNT = 6
PEPPER = "a pepper of the old system"


def flipped(text: str) -> Iterator[str]:
    """Yield texts that differ from a key in one character: its first, a middle and its last one."""
    for place in (0, len(text) // 2, len(text) - 1):
        yield text[:place] + ("x" if text[place] != "x" else "y") + text[place + 1 :]


def imported(tk: Tokenry, name: str, place: str | Path, **asked: Any) -> dict[str, str]:
    """Import all keys of a source; return why each of those that were refused was."""
    summary = tk.imports.run(rows(name, place, **asked), source=name)
    return {one.id: one.errors[0].code for one in summary.refused}


def check(tk: Tokenry, made: Made) -> None:
    for text, owner in made.live.items():
        for _ in range(2):  # by its old hash, then by ours
            verdict = tk.verify(text, ip="10.1.2.3")
            assert verdict, (text, verdict)
            assert verdict.owner.external_id == owner
        assert not any(tk.verify(one, ip="10.1.2.3") for one in flipped(text))
    assert not any(tk.verify(text, ip="10.1.2.3") for text in made.dead)


@pytest.fixture
def tk() -> Iterator[Tokenry]:
    with throwaway(clock=FakeClock(NOW)) as tk:
        yield tk


@pytest.fixture
def fill(tmp_path: Path) -> Callable[..., tuple[str, Made]]:
    """Make a database on SQLite; return its URL and what is in it."""

    def filled(make: Callable[..., Made], *arguments: Any) -> tuple[str, Made]:
        url = f"sqlite:///{tmp_path}/old.db"
        engine = sa.create_engine(url)
        made = make(engine, *arguments or (COUNT,))
        engine.dispose()
        return url, made

    return filled


def by_program(name: str, path: Path, count: int = COUNT) -> Any:
    """Let a program of its own make a database with the real packages."""
    command = [sys.executable, "-W", "ignore", str(MADE / name), str(path), str(count)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.fixture(scope="module")
def django(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    path = tmp_path_factory.mktemp("django") / "old.db"
    return f"sqlite:///{path}", by_program("of_django.py", path)


@pytest.fixture
def today() -> Iterator[Tokenry]:
    """An instance on the clock of the machine, by which the real packages went a moment ago."""
    with throwaway() as tk:
        yield tk


def test_a_time_tracker(tk: Tokenry, fill: Any) -> None:
    url, made = fill(of_seeds.time_tracker)
    assert list(imported(tk, "time-tracker", url).values()) == ["expired"]
    check(tk, made)
    everything, listed, plain, *_ = made.live
    assert tk.verify(everything, scopes=["write:invoices"]), "admin:all let a token do everything there"
    assert tk.verify(plain, scopes=["write:invoices"]).code == "insufficient_scope"
    assert tk.verify(listed, ip="192.0.2.1").code == "ip_not_allowed"
    key = tk.verify(listed, ip="10.0.0.1").key
    assert (key.expires_at, key.created_at, key.scopes) == (LATER, EARLIER, ("read:projects",))
    owner = tk.owners.get("1")
    assert (owner.name, owner.email) == ("user1", "u1@example.com")


def test_bcrypt_tokens_whose_first_characters_the_old_service_has_noted(tk: Tokenry, fill: Any) -> None:
    url, made = fill(of_seeds.mk)
    assert sorted(imported(tk, "mk", url).values()) == ["expired", "missing"]
    check(tk, made)


def test_bcrypt_tokens_without_noted_beginnings_are_refused_with_what_to_do(tk: Tokenry, fill: Any) -> None:
    url, _ = fill(of_seeds.mk)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE api_token DROP COLUMN token_start"))
    engine.dispose()
    with pytest.raises(ConfigError, match=r"token_start.*docs/coming-from/mk\.md"):
        imported(tk, "mk", url)


def test_an_erp_on_postgresql(tk: Tokenry, postgres_server: Postgres) -> None:
    postgres_url = postgres_server.create_database()
    engine = sa.create_engine(postgres_url)
    made = of_seeds.erp(engine, 3)
    engine.dispose()
    tk.roles.put("clerk", scopes=["write:orders"])
    tk.roles.put("manager", scopes=["read:reports"])
    assert list(imported(tk, "erp", postgres_url).values()) == ["expired"]
    check(tk, made)
    unscoped, limited, scoped = made.live
    assert tk.verify(unscoped, scopes=["write:orders", "read:reports"]), "what its user's roles hold"
    assert made.live[scoped] == made.live[unscoped]
    assert tk.verify(scoped, scopes=["read:invoices"])
    assert tk.verify(scoped, scopes=["write:orders"]).code == "insufficient_scope", "its scope limits it"
    assert tk.verify(unscoped, scopes=["read:invoices"]).code == "insufficient_scope"
    assert tk.verify(limited, ip="10.1.2.4").code == "ip_not_allowed"
    assert tk.verify(limited, ip="10.1.2.3", scopes=["read:invoices"])


def test_refresh_tokens_of_a_token_schema(tk: Tokenry, fill: Any) -> None:
    url, made = fill(of_seeds.token_schema)
    assert sorted(imported(tk, "token-schema", url).values()) == ["expired", "revoked"]
    check(tk, made)
    assert not any(tk.verify(text, environment="live") for text in made.live)


def test_djangorestframework_api_key(today: Tokenry, django: Any) -> None:
    url, made = django
    keys = made["drf-api-key"]
    assert set(imported(today, "drf-api-key", url).values()) == {"missing"}, "nobody said whose they are"
    assert sorted(imported(today, "drf-api-key", url, owner="site").values()) == ["expired", "revoked"]
    check(today, Made(dict.fromkeys(keys["live"], "site"), keys["dead"]))


def test_django_rest_knox(today: Tokenry, django: Any) -> None:
    url, made = django
    assert list(imported(today, "knox", url).values()) == ["expired"]
    check(today, Made(**made["knox"]))
    assert today.owners.get("1").email == "user0@example.com"


def test_authtoken_of_djangos_rest_framework(today: Tokenry, django: Any) -> None:
    url, made = django
    assert imported(today, "drf-token", url) == {}
    check(today, Made(**made["drf-token"]))


def test_better_auth(fill: Any) -> None:
    dump = json.loads((MADE / "better_auth.json").read_text(encoding="utf-8"))
    url, made = fill(of_seeds.better_auth, str(MADE / "better_auth.json"))
    with throwaway(clock=FakeClock(datetime.fromisoformat(dump["made_at"]))) as tk:
        assert list(imported(tk, "better-auth", url).values()) == ["unknown_refill"]
        first, second, third, *_ = made.live
        assert tk.verify(first, scopes=["read:projects", "write:projects"]).key.metadata == {"plan": "pro"}
        assert [(one.limit, one.window_seconds) for one in tk.verify(second).limits] == [(100, 60)]
        assert tk.verify(second).credits.remaining == 48
        assert tk.verify(third).key.credits.refill == "daily"
        check(tk, made)


def test_keyshield(today: Tokenry, tmp_path: Path) -> None:
    made = by_program("of_keyshield.py", tmp_path / "old.db")
    url = f"sqlite:///{tmp_path}/old.db"
    assert set(imported(today, "keyshield", url, pepper=PEPPER).values()) == {"missing"}
    assert set(imported(today, "keyshield", url, owner="site").values()) == {"missing"}
    assert imported(today, "keyshield", url, owner="site", pepper=PEPPER) == {}
    check(today, Made(dict.fromkeys([*made["live"], *made["ends"]], "site"), made["dead"]))
    assert all(today.verify(text, scopes=["read"]) for text in made["live"])


def test_keyshield_with_another_pepper_lets_nobody_in(today: Tokenry, tmp_path: Path) -> None:
    made = by_program("of_keyshield.py", tmp_path / "old.db")
    imported(today, "keyshield", f"sqlite:///{tmp_path}/old.db", owner="site", pepper="another")
    assert not any(today.verify(text) for text in made["live"])


def test_a_table_may_have_another_name(tk: Tokenry, fill: Any) -> None:
    url, made = fill(of_seeds.token_schema)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE refresh_tokens RENAME TO sessions_of_old"))
    engine.dispose()
    imported(tk, "token-schema", url, table="sessions_of_old")
    check(tk, made)


def test_an_import_twice_changes_nothing(tk: Tokenry, fill: Any) -> None:
    url, made = fill(of_seeds.time_tracker)
    for _ in range(2):
        imported(tk, "time-tracker", url)
    summary = tk.imports.run(rows("time-tracker", url), source="time-tracker")
    assert (summary.imported_count, summary.existing_count) == (0, len(made.live) + 2)


@pytest.mark.parametrize("url", ["sqlite:////no/such/folder/x.db", "nonsense", "nosuch://u:secret@host/db"])
def test_a_database_that_cannot_be_read_is_named_without_its_password(tk: Tokenry, url: str) -> None:
    with pytest.raises(ConfigError, match="time-tracker") as raised:
        imported(tk, "time-tracker", url)
    assert "secret" not in str(raised.value)


def test_a_driver_that_is_missing_is_named_with_what_to_install(tk: Tokenry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"psycopg.*pip install 'tokenry\[postgres\]'"):
        imported(tk, "time-tracker", "postgresql://app@db/app")


def test_an_unknown_system_is_refused_with_those_that_are_known(tk: Tokenry) -> None:
    with pytest.raises(ConfigError, match="time-tracker"):
        rows("auth9", "sqlite://")
    assert len(SOURCES) == 13

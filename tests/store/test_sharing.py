"""Who may use an SQLite file together with whom, and what an instance is after its end."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from tokenry import AsyncTokenry, ConfigError, Settings, Tokenry
from tokenry.config import fresh_keyring, write_keyring_file
from tokenry.types import Closed, NestedCall

READ = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(connection.execute("SELECT count(*) FROM tokenry_key").fetchone()[0])
"""


def seen_by_another_process(path: Path) -> int:
    return int(subprocess.run([sys.executable, "-c", READ, str(path)], check=True, capture_output=True).stdout)


def test_opening_the_file_again_here_keeps_the_locks_that_others_go_by(tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    with Tokenry(f"sqlite:///{path}") as first:
        first.owners.put("user")
        with Tokenry(f"sqlite:///{path}"):
            assert seen_by_another_process(path) == 0  # believes it was last and takes the log away, if no lock is held
            first.keys.issue("user", name="key")
            assert seen_by_another_process(path) == 1


def test_nobody_joins_a_process_that_is_alone_on_its_file(tmp_path: Path) -> None:
    path, link = tmp_path / "keys.db", tmp_path / "link.db"
    with Tokenry(f"sqlite:///{path}", settings=Settings(exclusive=True)):
        link.symlink_to(path)
        engine = create_engine(f"sqlite:///{path}")
        with pytest.raises(ConfigError, match="in use"):
            Tokenry(f"sqlite:///{path}")
        with pytest.raises(ConfigError, match="in use"):
            Tokenry(f"sqlite:///{link}")
        with pytest.raises(ConfigError, match="in use"):
            Tokenry(engine=engine)
        engine.dispose()


def test_an_instance_that_could_not_be_opened_holds_no_lock(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/keys.db"
    with pytest.raises(ConfigError, match="does not exist"):
        Tokenry(url, keyring=tmp_path / "missing", settings=Settings(exclusive=True))
    with Tokenry(url, settings=Settings(exclusive=True)) as tk:
        assert tk.tenants.get("default")


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_closed_instance_answers_nothing_and_changes_nothing(tmp_path: Path, exclusive: bool) -> None:
    tk = Tokenry(f"sqlite:///{tmp_path}/keys.db", settings=Settings(exclusive=exclusive))
    tk.owners.put("user")
    issued = tk.keys.issue("user", name="key")
    assert tk.verify(issued.secret)
    tk.close()

    with pytest.raises(Closed, match="closed"):
        tk.verify(issued.secret)
    with pytest.raises(Closed, match="closed"):
        tk.keys.revoke(issued.key.id)


def test_a_new_database_file_is_private(tmp_path: Path) -> None:
    with Tokenry(f"sqlite:///{tmp_path}/keys.db") as tk:
        tk.owners.put("user")
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}, modes


def test_a_loader_that_calls_back_into_a_transaction_is_told_so_and_nothing_is_stored(tmp_path: Path) -> None:
    with Tokenry(f"sqlite:///{tmp_path}/keys.db") as tk:

        @tk.owner_loader
        def load(external_id: str, tenant: str) -> object:
            return tk.owners.put("somebody")

        with pytest.raises(NestedCall, match="within a transaction"):
            tk.keys.issue("unknown", name="key")
        assert not tk.owners.list().items


def test_a_migration_of_a_hosts_database_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.dialects.sqlite.base import SQLiteDDLCompiler

    engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    tk = Tokenry(engine=engine)
    with pytest.raises(ConfigError, match=r"migrate\(\)"):
        tk.owners.put("user")
    whole = SQLiteDDLCompiler.visit_create_table
    made: list[int] = []

    def breaks_off(*args: object, **options: object) -> str:
        made.append(1)
        if len(made) == 6:
            raise RuntimeError("killed")
        return whole(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(SQLiteDDLCompiler, "visit_create_table", breaks_off)
    with pytest.raises(RuntimeError, match="killed"):
        tk.migrate()
    monkeypatch.undo()
    with sqlite3.connect(tmp_path / "app.db") as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.close()
    tk.migrate()
    assert tk.owners.put("user")
    tk.close()
    engine.dispose()


def test_no_part_of_a_broken_keyring_text_is_told(tmp_path: Path) -> None:
    text = fresh_keyring().dump()
    material = text.splitlines()[1].split()[1]
    for broken in (text.partition("\n")[2], text.replace("tokenry-keyring 1", "tokenry-keyring 9"), text[:40]):
        with pytest.raises(ConfigError) as caught:
            Tokenry(f"sqlite:///{tmp_path}/keys.db", keyring=broken)
        assert material[:12] not in str(caught.value)
    with Tokenry(f"sqlite:///{tmp_path}/keys.db", keyring=f"'{text.strip()}'") as tk:
        assert tk.tenants.get("default")


async def _use_without_background(path: Path) -> tuple[str, int]:
    async with AsyncTokenry(f"sqlite:///{path}/keys.db", settings=Settings(background=False)) as tk:
        await tk.owners.put("user")
        issued = await tk.keys.issue("user", name="key")
        tk._sync._ticked_at -= 10
        await tk.verify(issued.secret)
        tk._sync._ticked_at -= 10
        await tk.verify(issued.secret)
        return issued.key.id, (await tk.keys.get(issued.key.id)).use_count


def test_the_asynchronous_face_writes_counts_without_a_background(tmp_path: Path) -> None:
    import asyncio

    assert asyncio.run(_use_without_background(tmp_path))[1] == 1


def test_one_instance_that_cannot_close_keeps_no_other_from_it(tmp_path: Path) -> None:
    write_keyring_file(tmp_path / "keyring", fresh_keyring())
    script = """
import asyncio, sys
from sqlalchemy.ext.asyncio import create_async_engine
from tokenry import AsyncTokenry, Tokenry

folder = sys.argv[1]
tk = Tokenry(f"sqlite:///{folder}/one.db")
tk.owners.put("user")
issued = tk.keys.issue("user", name="key")
for _ in range(7):
    assert tk.verify(issued.secret)

async def main():
    global other
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/two.db")
    other = AsyncTokenry(engine=engine, keyring=folder + "/keyring")
    await other.migrate()
    await other.owners.put("user")
    secret = (await other.keys.issue("user", name="key")).secret
    assert await other.verify(secret)
    await engine.dispose()

asyncio.run(main())
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, str(tmp_path)], check=True, env={**os.environ})
    with Tokenry(f"sqlite:///{tmp_path}/one.db") as tk:
        assert [key.use_count for key in tk.keys.list()] == [7]

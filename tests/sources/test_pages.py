"""Every system that is read has a page, and its example says how it is read."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.test_sources import SOURCES as MADE
from tests.cli.conftest import Shell
from tests.docs.test_examples import blocks
from tests.servers.postgres import Postgres
from tests.sources.test_databases import PEPPER
from tokenry.sources import SOURCES

PAGES = Path(__file__).parents[2] / "docs" / "coming-from"


NEEDS = {"postgresql://": "postgres", "bcrypt": "import", "Argon2": "import", "from flask": "flask"}
"""The extra that a page needs for what it shows."""
LONG_AGO = ("mk", "erp", "token-schema", "better-auth")
"""Systems whose keys have all expired by the clock of the machine, or may have."""


@pytest.mark.parametrize("name", [*SOURCES, "README"])
def test_a_page_says_what_to_install_before_it_uses_it(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    (extras,) = re.findall(r"^    pip install 'tokenry\[(.*)\]'$", page, re.MULTILINE)
    needed = {extra for text, extra in NEEDS.items() if text in page}
    assert needed <= {*extras.split(",")}
    assert page.index("    pip install") < page.index("    tokenry init")
    assert {"cli", "flask"} & {*extras.split(",")}, "the command comes with these"


@pytest.mark.parametrize("name", SOURCES)
def test_the_commands_of_a_page_move_its_keys(name: str, tmp_path: Path, postgres_server: Postgres) -> None:
    place, made, _ = MADE[name](tmp_path, postgres_server.create_database)
    (tmp_path / "pepper.txt").write_text(PEPPER)
    shell, answers = Shell(tmp_path), []
    for first, *words in commands(name, str(place)):
        if first == "export":
            shell.environment["TOKENRY_DATABASE_URL"] = words[0].partition("=")[2]
        elif words[0] == "init":
            shell(*words)
            for role in ("clerk", "manager"):
                shell("roles", "put", role, "--scope", "read:reports")
        else:
            answers.append(shell.ask(*words))
    results = [[json.loads(line) for line in answer.out.splitlines()] for answer in answers]
    for found in results:
        assert len(found) >= len(made.live)
        codes = {error["code"] for result in found for error in result.get("errors", ())}
        # Some of the keys were made long ago.
        assert codes <= {"expired", "revoked", "missing"}
    moved = [result["id"] for result in results[1] if result["status"] == "imported"]
    assert moved == [result["id"] for result in results[0] if result["status"] == "imported"]
    if name not in LONG_AGO:
        shell("verify", stdin=next(iter(made.live)))


def commands(name: str, place: str) -> Iterator[list[str]]:
    """Yield the words of each command in the block of a page that imports, on this database or file."""
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    block = next(found for found in re.findall(r"(?:^    .*\n)+", page, re.MULTILINE) if "tokenry import" in found)
    for line in block.splitlines():
        words = [place if "postgresql://" in word or word == "export.json" else word for word in shlex.split(line)]
        if words[0] != "pip":
            yield words


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_has_a_page_with_its_call(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert f'rows("{name}", ' in page
    assert f"({name}.md)" in (PAGES / "README.md").read_text(encoding="utf-8")


def test_there_is_no_page_of_anything_else() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} - {"README"} == set(SOURCES)


def test_the_example_of_the_service_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(blocks("docs/coming-from/time-tracker.md")[0], names)
    assert names["verdict"]
    names["tk"].close()  # type: ignore[attr-defined]

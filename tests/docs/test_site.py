"""The documentation as a site: no dead link, nothing from another host, and every page in the navigation."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.test_examples import ROOT, blocks
from web.site import build, faults


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("docs") / "built")


def test_no_link_is_dead_and_nothing_comes_from_another_host(site: Path) -> None:
    assert list(faults(site)) == []


def test_a_dead_link_and_a_foreign_script_are_found(site: Path) -> None:
    page = site / "found" / "index.html"
    page.parent.mkdir()
    page.write_text('<a href="../nowhere/">a</a><a href="../tutorial/#nowhere">b</a><script src="//example.com/x.js">')
    assert [fault.rpartition(" ")[0] for fault in faults(site)] != []
    assert len(list(faults(site))) == 3
    page.unlink()


def test_every_page_is_in_the_navigation() -> None:
    nav = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(_pages(nav)) == sorted({one for one in pages if not one.startswith("decisions/")} | {"changelog.md"})


def _pages(entries: list[dict[str, Any]]) -> Iterator[str]:
    for entry in entries:
        for value in entry.values():
            yield from [value] if isinstance(value, str) else _pages(value)


def test_the_page_about_tests_of_your_own_runs(tmp_path: Path) -> None:
    under_pytest, alone = blocks("docs/howto/testing.md")
    (tmp_path / "test_documented.py").write_text(under_pytest)
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=tmp_path, check=True)
    subprocess.run([sys.executable, "-c", alone], cwd=tmp_path, check=True)


def test_the_page_about_backups_can_be_typed(tmp_path: Path) -> None:
    text = (ROOT / "docs/howto/backup.md").read_text(encoding="utf-8")
    commands = "\n".join(block.partition("```")[0] for block in text.split("```sh\n")[1:])
    commands = commands.replace("/somewhere/else", str(tmp_path / "else"))
    (tmp_path / "else").mkdir()
    paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(["sh", "-ec", commands], cwd=tmp_path, check=True, env={"PATH": paths, "HOME": str(tmp_path)})
    assert (tmp_path / "keys.backup.db").stat().st_size > 0

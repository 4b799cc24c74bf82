"""Every system that is read has a page, and its example says how it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.test_examples import blocks
from tokenry.sources import SOURCES

PAGES = Path(__file__).parents[2] / "docs" / "coming-from"


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

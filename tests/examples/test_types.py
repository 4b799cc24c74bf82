"""The examples pass a type checker, and each stays small."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.sites import EXAMPLES

LINES_MAX = 130
SOURCES = sorted(EXAMPLES.glob("*/*.py"))


def test_mypy_finds_nothing(tmp_path: Path) -> None:
    config = Path(__file__).with_name("mypy.ini")
    command = [sys.executable, "-m", "mypy", "--config-file", config, "--cache-dir", tmp_path, *SOURCES]
    done = subprocess.run(command, cwd=EXAMPLES.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.parent.name}/{source.name}")
def test_an_example_is_read_in_a_few_minutes(source: Path) -> None:
    assert len(source.read_text().splitlines()) <= LINES_MAX


@pytest.mark.parametrize("page", sorted(EXAMPLES.rglob("*.html")), ids=lambda page: page.name)
def test_a_page_asks_no_other_host(page: Path) -> None:
    text = page.read_text()
    assert "https://" not in text
    assert "//" not in text.replace("http://127.0.0.1:8000", "").replace("// ", "")

"""`import tokenry` is cheap, and its front door is small."""

import subprocess
import sys

import pytest

import tokenry

HEAVY = [
    "sqlalchemy",
    "alembic",
    "psycopg",
    "typer",
    "rich",
    "questionary",
    "pydantic",
    "flask",
    "joserfc",
    "cryptography",
]


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """Name every module that a fresh interpreter holds after `import tokenry`."""
    code = "import sys, tokenry; print(*sys.modules, sep='\\n')"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


@pytest.mark.parametrize("package", HEAVY)
def test_import_tokenry_does_not_import(package: str, loaded: set[str]) -> None:
    assert package not in loaded


def test_at_most_twenty_public_names() -> None:
    assert len(set(tokenry.__all__)) == len(tokenry.__all__) <= 20


def test_every_public_name_exists() -> None:
    assert [name for name in tokenry.__all__ if not hasattr(tokenry, name)] == []

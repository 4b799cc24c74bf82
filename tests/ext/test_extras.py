"""Whoever lacks an optional package is told the command that installs it."""

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = "import sys; sys.argv = ['tokenry', *{words!r}]; from tokenry.cli import main; main()"
MANAGE = """
import django
from django.conf import settings
from django.core.management import execute_from_command_line
settings.configure(INSTALLED_APPS=["tokenry.ext.django"], TOKENRY={{"DATABASE_URL": "sqlite://"}})
execute_from_command_line(["manage.py", "tokenry", "keys", "list"])
"""
CASES = [
    ("flask", "import tokenry.ext.flask", "tokenry[flask]"),
    ("werkzeug", "import tokenry.ext.flask", "tokenry[flask]"),
    ("fastapi", "import tokenry.ext.fastapi", "tokenry[fastapi]"),
    ("django", "import tokenry.ext.django", "tokenry[django]"),
    ("django", "import tokenry.ext.django.drf", "tokenry[django]"),
    ("rest_framework", "import tokenry.ext.django.drf", "djangorestframework"),
    ("aiohttp", "import tokenry.ext.aiohttp", "tokenry[aiohttp]"),
    ("mcp", "import tokenry.ext.mcp", "tokenry[mcp]"),
    ("typer", COMMAND.format(words=["keys", "list"]), "tokenry[cli]"),
    ("typer", MANAGE.format(), "tokenry[cli]"),
    ("mcp", COMMAND.format(words=["mcp"]), "tokenry[cli,mcp]"),
    ("uvicorn", COMMAND.format(words=["serve"]), "tokenry[server]"),
    ("httpx2", "from tokenry.client import Client; Client('http://localhost', 'k').owners.list()", "tokenry[client]"),
    ("psycopg", "from tokenry import Tokenry; Tokenry('postgresql://localhost/x', keyring='k')", "tokenry[postgres]"),
]


@pytest.mark.parametrize(("lacking", "program", "requirement"), CASES, ids=[f"{one}-{two}" for one, _, two in CASES])
def test_a_missing_package_is_answered_with_the_command_that_installs_it(
    lacking: str, program: str, requirement: str, tmp_path: Path
) -> None:
    code = f"import sys; sys.modules[{lacking!r}] = None\n{program}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode != 0
    assert f"pip install '{requirement}'" in done.stderr.splitlines()[-1], done.stderr
    assert "During handling" not in done.stderr

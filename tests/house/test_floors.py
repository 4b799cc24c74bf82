"""Imports point down: the contracts stand in pyproject.toml under [tool.importlinter]."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src" / "tokenry" / "core"
CORE_MAY_IMPORT = sys.stdlib_module_names | {"msgspec"}
# jwt.py alone may import the JOSE library.
EXCEPTIONS = {("jwt.py", "joserfc")}
# A rule gets time, entropy and data as arguments, so that a test needs no mock.
CORE_MUST_NOT_IMPORT = {"logging", "os", "random", "secrets", "socket", "sqlite3", "subprocess", "time"}


def imported_packages(path: Path) -> Iterator[str]:
    """Yield the top-level packages that a file imports, itself (relative imports) aside."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            within_core = node.module == "tokenry.core" or node.module.startswith("tokenry.core.")
            if not within_core:
                yield node.module.split(".")[0]


def core_imports() -> Iterator[tuple[str, str]]:
    for path in sorted(CORE.rglob("*.py")):
        for package in imported_packages(path):
            if (path.name, package) not in EXCEPTIONS:
                yield path.name, package


def test_imports_point_down() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_core_imports_only_the_standard_library_and_msgspec() -> None:
    assert [pair for pair in core_imports() if pair[1] not in CORE_MAY_IMPORT] == []


def test_core_has_no_clock_entropy_logging_or_io() -> None:
    # `inet_pton` only computes, ten times as fast as `ipaddress`, and opens no socket.
    found = set(core_imports()) - {("addresses.py", "socket")}
    assert [pair for pair in found if pair[1] in CORE_MUST_NOT_IMPORT] == []

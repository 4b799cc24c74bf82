"""Rooms stay small enough to be read at once."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
VAGUE_NAMES = {"base", "common", "helpers", "manager", "misc", "utils"}


def sources() -> Iterator[tuple[str, str]]:
    for path in sorted(SRC.rglob("*.py")):
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def long_functions(name: str, text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{name}:{node.lineno} {node.name}: {lines} lines"


def report(offenders: list[str], rule: str) -> None:
    assert not offenders, f"{rule}:\n  " + "\n  ".join(offenders)


def test_there_are_sources_to_measure() -> None:
    assert list(sources())


def test_no_file_is_longer_than_400_lines() -> None:
    counts = [(name, len(text.splitlines())) for name, text in sources()]
    report(
        [f"{name}: {lines} lines" for name, lines in counts if lines > FILE_LINES_MAX],
        f"at most {FILE_LINES_MAX} lines in a file",
    )


def test_no_function_is_longer_than_50_lines() -> None:
    report(
        [offender for name, text in sources() for offender in long_functions(name, text)],
        f"at most {FUNCTION_LINES_MAX} lines in a function",
    )


def test_no_module_has_a_name_that_says_nothing() -> None:
    rooms = [path for path in sorted(SRC.rglob("*")) if path.is_dir() or path.suffix == ".py"]
    report(
        [str(room.relative_to(ROOT)) for room in rooms if room.stem.strip("_") in VAGUE_NAMES],
        "name a module by its noun, not " + ", ".join(sorted(VAGUE_NAMES)),
    )

"""Every regular expression takes time in proportion to its text, however hostile that is."""

import ast
import importlib
import re
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tokenry.types import SCAN_PATTERN

SRC = Path(__file__).parents[2] / "src" / "tokenry"
LARGE = 64 * 1024
TIMES = 8
GROWTH_MAX = 24
"""Eight times the text takes eight times as long when it is linear and 64 times when it is quadratic."""

UNITS = (":", "/", "@", " ", "\n", "a", "A", "0", "1", "_", "-", ".", "=", "*", "_1", "a_", "a:", "://", "a ", "eyJ ")
ENDS = ("", "\0", "!")


def compiled() -> Iterator[tuple[str, str, bool]]:
    """Yield where a regular expression is used: file, name, and whether it is compiled once under that name."""
    for path in sorted(SRC.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = {id(n.value): n.targets[0] for n in tree.body if isinstance(n, ast.Assign)}
        for node in ast.walk(tree):
            match node:
                case ast.Call(args=[ast.Name(id="SCAN_PATTERN"), *_], func=ast.Attribute(attr="search")):
                    pass  # which has a test of its own
                case ast.Call(args=[ast.Name(id="matches")], func=ast.Attribute(attr="compile")):
                    pass  # the host's own, for texts of at most 512 characters
                case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=call)) if call != "escape":
                    name = named.get(id(node))
                    where = str(path.relative_to(SRC.parent))
                    yield where, name.id if isinstance(name, ast.Name) else f"line {node.lineno}", name is not None


NAMES = [f"{where}:{name}" for where, name, is_named in compiled() if is_named]


def pattern_of(name: str) -> re.Pattern[Any]:
    path, _, name = name.partition(":")
    found = vars(importlib.import_module(path.removesuffix(".py").replace("/", ".")))[name]
    assert isinstance(found, re.Pattern)
    return found


def literals(pattern: str) -> list[str]:
    """Return the words of a pattern, which a hostile text has to begin with to get anywhere."""
    plain = re.sub(r"\(\?(?:<?[=!]|[a-z-]*:)|\[[^\]]*\]|\\.", " ", pattern)
    words: list[str] = re.findall(r"[^\s()\[\]{}|?*+^$]{2,}", plain)
    return words[:8]


def texts(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str, str]]:
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    words = literals(source)
    units = dict.fromkeys([*UNITS, *words, *[f"{word} " for word in words]])
    yield from product(["", *words, *[f"{word}: " for word in words]], units, ENDS)


def seconds(pattern: re.Pattern[Any], parts: tuple[str, str, str], size: int, times: int = 3) -> float:
    """Return the time of this thread alone, whoever shares the machine, at best."""
    begin, unit, end = parts
    text: Any = (begin + unit * (size // len(unit)))[:size] + end
    if isinstance(pattern.pattern, bytes):
        text = text.encode()
    best = 1e9
    for _ in range(times):
        began = time.thread_time()
        pattern.sub(pattern.pattern[:0], text)
        pattern.fullmatch(text)
        best = min(best, time.thread_time() - began)
    return best


def quadratic(pattern: re.Pattern[Any]) -> tuple[str, str, str] | None:
    """Return the parts of a text that takes more than its length; short ones are tried first, for the test to end."""
    size = LARGE // TIMES // TIMES
    timed = sorted(texts(pattern), key=lambda parts: -seconds(pattern, parts, size, 1))
    tries = [(parts, size) for parts in timed[:8]] + [(parts, LARGE // TIMES) for parts in timed[:2]]
    for parts, size in tries:
        # Three times: a neighbour on the machine may cost one measurement.
        if all(seconds(pattern, parts, TIMES * size) > GROWTH_MAX * seconds(pattern, parts, size) for _ in range(3)):
            return parts
    return None


def test_a_quadratic_pattern_is_found() -> None:
    assert quadratic(re.compile(r"(?<=://)[^\s/@]*:[^\s/]*(?=@)")) is not None
    assert quadratic(re.compile(r"(?<=://)[^\s/@:]*:[^\s/]*(?=@)")) is None


def test_every_pattern_is_compiled_once_and_has_a_name() -> None:
    assert [f"{where}: {name}" for where, name, is_named in compiled() if not is_named] == []
    assert {"tokenry/api/process/redaction.py:_FIELDS", "tokenry/core/scopes.py:_SCOPE"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_no_hostile_text_takes_more_than_its_length(name: str) -> None:
    assert quadratic(pattern_of(name)) is None


def test_no_hostile_text_takes_the_scanner_more_than_its_length() -> None:
    assert quadratic(re.compile(SCAN_PATTERN)) is None

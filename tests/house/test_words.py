"""Plain English: no riddles in docstrings, comments, error texts and pages."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLEAN = ("src/tokenry",)
"""Folders and pages that are held to these rules. Add yours when it is clean."""
STARTS = r"(?:^|(?<=[.:] )|(?<=\n))"

BANNED = {
    STARTS + r"(?:Who|Whoever|What|Whatever)\b[^?.]*[.,:]": "Who refreshes without a key speaks OAuth.",
    STARTS + r"(?:Whence|Whom)\b": "Whence each of many keys is asked for",
    STARTS + r"Stand for\b": "Stand for the next request",
    r"\b(?:Return|Take|Say|Tell|Look at|Yield|Name) what\b": "Return what may be shown.",
    r"\bas good as (?:none|any)\b": "One that was planted is as good as none.",
    r"\bon purpose\b.*\bfor ever\b|\bfor ever\b.*\bon purpose\b": "`None` is for ever, said on purpose.",
    r"\bthat it was who\b": "return those that it was who ended",
    r"\bwhat has to be waited for\b": "Return what has to be waited for.",
    r"\b(?:nobody|somebody|everybody) (?:knows|may know)\b": "500 about what nobody knows the end of",
    r"^(?:who|whose|which|where|else|of|what)\b": "of a key that a limit cuts in two",
}


def words(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every docstring, comment and error text of a file, or of a page's paragraphs."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from ((number, line) for number, line in enumerate(text.splitlines(), 1))
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(found))):
                yield node.lineno, found
            case ast.Raise(exc=ast.Call(args=arguments)):
                for argument in arguments:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        yield argument.lineno, argument.value


def found_in(text: str) -> list[str]:
    """Return the banned constructions in a text."""
    return [pattern for pattern in BANNED if re.search(pattern, text)]


def files(place: str) -> list[Path]:
    """Return the sources and pages of a folder, or the file itself."""
    path = ROOT / place
    return [path] if path.is_file() else sorted([*path.rglob("*.py"), *path.rglob("*.md")])


@pytest.mark.parametrize(("pattern", "example"), BANNED.items())
def test_each_rule_finds_its_example(pattern: str, example: str) -> None:
    assert pattern in found_in(example)


@pytest.mark.parametrize("place", CLEAN)
def test_clean_places_stay_clean(place: str) -> None:
    assert files(place)
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {pattern}: {text[:80]}"
        for path in files(place)
        for line, text in words(path)
        for pattern in found_in(text)
    ]
    assert not wrong, "\n".join(wrong)

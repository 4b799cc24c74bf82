"""Plain English: no riddles in docstrings, comments, error texts and pages."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLEAN = (
    "src/tokenry",
    "bench",
    "README.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "docs",
    "examples",
    "sdk",
    "web",
)
"""Folders and pages that are held to these rules. Add yours when it is clean."""
CODE = ("bench", "examples", "src", "tests", "web")
BANNED_NAMES = frozenset({"told", "said", "judged", "blamed", "forgets", "turns_all", "whence"})
SUFFIXES = (".py", ".md", ".ts", ".tsx", ".go")
COMMENT = re.compile(r"(?m:^)(?:[ \t]*//[^\n]*\n)+|/\*\*.*?\*/", re.DOTALL)
MARKS = re.compile(r"(?m:^)[ \t]*(?://|/\*\*|\*(?!/))[ \t]?|[ \t]*\*/")
BLOCK = re.compile(r"\s*(?:[-*] |[#>|]|[0-9]+\. )")
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


def paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every paragraph, list item and table row of a page, without its code."""
    begin, lines, in_code = 1, list[str](), False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        is_fence = line.lstrip().startswith("```")
        if lines and (is_fence or not line.strip() or BLOCK.match(line)):
            yield begin, " ".join(lines)
            lines = []
        in_code ^= is_fence
        if line.strip() and not is_fence and not in_code:
            begin = begin if lines else number
            lines.append(line.strip())


def words(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every docstring, comment and error text of a file, or of a page's paragraphs."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from paragraphs(text)
        return
    if path.suffix != ".py":
        for comment in COMMENT.finditer(text):
            yield text.count("\n", 0, comment.start()) + 1, MARKS.sub("", comment[0]).strip()
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
    found = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.suffix in SUFFIXES)
    return [one for one in found if not {"decisions", "dist", "node_modules"}.intersection(one.parts)]


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


def named(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of every function, class, argument, attribute and variable of a module."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.FunctionDef(name=str(name))
                | ast.AsyncFunctionDef(name=str(name))
                | ast.ClassDef(name=str(name))
                | ast.ExceptHandler(name=str(name))
                | ast.Name(id=name)
                | ast.arg(arg=name)
                | ast.keyword(arg=str(name))
                | ast.Attribute(attr=name)
            ):
                yield node.lineno, name


def banned_names(code: str) -> list[tuple[int, str]]:
    """Return the line and the name of every banned name."""
    return [(line, name) for line, name in named(ast.parse(code)) if name.strip("_") in BANNED_NAMES]


@pytest.mark.parametrize(
    "code",
    [
        "def told(): ...",
        "async def said(): ...",
        "class told: ...",
        "told = 1",
        "lambda told: 1",
        "f(told=1)",
        "x.judged",
        "for _told in x: ...",
        "try: ...\nexcept E as blamed: ...",
    ],
)
def test_each_kind_of_name_is_found(code: str) -> None:
    assert banned_names(code)


@pytest.mark.parametrize("place", CODE)
def test_names_are_those_that_a_web_developer_would_search_for(place: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}: name it after what it holds: body, events, message, output"
        for path in files(place)
        if path.suffix == ".py"
        for line, name in banned_names(path.read_text(encoding="utf-8"))
    ]
    assert not wrong, "\n".join(wrong)

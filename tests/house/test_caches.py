"""Whatever a process keeps between two calls is listed in `docs/security.md`, with who can fill it and its bound."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "tokenry"
MEMOS = {"Memo", "remembering", "lru_cache", "cache"}
CONTAINERS = {
    "dict",
    "set",
    "list",
    "deque",
    "OrderedDict",
    "defaultdict",
    "WeakKeyDictionary",
    "WeakSet",
    "WeakValueDictionary",
}
PASSING = re.compile(r"^(cli|store/migrations)/")
"""What ends with one command."""


def name_of(node: ast.AST | None) -> str:
    match node:
        case ast.Call(func=func):
            return name_of(func)
        case ast.Subscript(value=value):
            return name_of(value)
        case ast.Attribute(attr=attr):
            return attr
        case ast.Name(id=id):
            return id
    return ""


def made_by(value: ast.AST | None) -> ast.AST | None:
    """Return what makes the value of a field: `field(default_factory=dict)` makes a dict."""
    if isinstance(value, ast.Call) and name_of(value) == "field":
        made = next((one.value for one in value.keywords if one.arg == "default_factory"), None)
        return (
            made.body if isinstance(made, ast.Lambda) else ast.Call(func=made, args=[], keywords=[]) if made else value
        )
    return value


def is_empty_container(node: ast.AST | None) -> bool:
    if isinstance(node, (ast.Dict, ast.List, ast.Set)):
        return not ast.unparse(node).strip("{}[]")
    if isinstance(node, (ast.DictComp, ast.ListComp)):  # many that begin empty
        return is_empty_container(node.value if isinstance(node, ast.DictComp) else node.elt)
    if not isinstance(node, ast.Call) or node.args or "." in ast.unparse(node.func):
        return False
    return name_of(node) in CONTAINERS


def targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, (ast.AnnAssign, ast.AugAssign)) else []


def kept(tree: ast.Module) -> Iterator[str]:
    """Yield the names of what a module remembers: memos, functions with one, and containers that begin empty."""
    for node in ast.walk(tree):
        decorators = getattr(node, "decorator_list", [])
        if any(name_of(one) in MEMOS for one in decorators):
            yield getattr(node, "name", "")
        value = made_by(getattr(node, "value", None))
        for target in targets(node):
            stays = isinstance(target, ast.Attribute) or node in tree.body or value is not getattr(node, "value", None)
            if stays and (name_of(value) in MEMOS or is_empty_container(value)):
                yield name_of(target)


def found() -> set[str]:
    names = set()
    for path in sorted(SRC.rglob("*.py")):
        where = str(path.relative_to(SRC))
        if not PASSING.match(where):
            names |= {f"{where} {name}" for name in kept(ast.parse(path.read_text(encoding="utf-8")))}
    return names


def listed() -> set[str]:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").partition("## What a process keeps")[2]
    rows = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    names = set()
    for row in rows:
        place = row.split("|")[1]
        where, *members = re.findall(r"`([^`]+)`", place)
        names |= {f"{where} {member}" for member in members}
    return names


def test_a_cache_is_seen() -> None:
    source = "@lru_cache(maxsize=9)\ndef a(): pass\nb = Memo(c)\nclass D:\n  h: dict = field(default_factory=dict)\n"
    source += "  def e(self):\n    self.f: dict = {}\n    g = {}\n    self.i = [{} for _ in g]\n"
    assert set(kept(ast.parse(source))) == {"a", "b", "f", "h", "i"}


def test_everything_that_is_kept_is_listed_with_its_bound() -> None:
    assert found() - listed() == set()


def test_everything_that_is_listed_is_kept() -> None:
    assert listed() - found() == set()


def test_no_cache_of_the_standard_library_takes_what_a_caller_chooses() -> None:
    """Their bound is a number of entries, and one entry may have any size."""
    names = set()
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Name, ast.Attribute)) and name_of(node) in ("lru_cache", "cache"):
                names.add(str(path.relative_to(SRC)))
    assert names == {
        "core/secret.py",
        "ext/django/engine.py",
        "store/django.py",
    }

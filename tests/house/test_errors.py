"""Errors name what they refuse in one way, which hides secrets and cuts what is long."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SRC = Path(__file__).parents[2] / "src" / "tokenry"
ERRORS = frozenset((
    "TokenryError", "NotFound", "Conflict", "VersionConflict", "Invalid", "NotAllowed", "StoreUnavailable",
    "ConfigError", "FieldError", "CallerRefused", "Closed", "NestedCall",
    "OAuthError", "BadParameter", "problem", "one", "fail", "usage", "unknown_client",
))  # fmt: skip
REPR = ord("r")


def named(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def repeated(tree: ast.AST) -> Iterator[ast.FormattedValue]:
    """Yield what messages of errors repeat by `!r`, or cut by hand, instead of with `shown`."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and named(node) in ERRORS)
    for call in calls:
        for part in ast.walk(call):
            if isinstance(part, ast.FormattedValue):
                is_cut = isinstance(part.value, ast.Subscript) and not isinstance(part.value.value, ast.Constant)
                if part.conversion == REPR or is_cut:
                    yield part


def test_an_error_names_values_with_shown() -> None:
    found = [
        f"{path.relative_to(SRC)}:{part.lineno}: {ast.unparse(part.value)}"
        for path in sorted(SRC.rglob("*.py"))
        for part in repeated(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_the_check_finds_what_it_looks_for() -> None:
    tree = ast.parse('raise NotFound(f"{a!r} {b[:9]} {shown(c)}")\nInvalid.one("x", "y", f"{d!r}")')
    assert [ast.unparse(part.value) for part in repeated(tree)] == ["a", "b[:9]", "d"]

"""The mutants of a file: every place where a fixed list of small mistakes can be made."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

_FLIPS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_SIGNS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_SYMMETRIC = ("min", "max", "compare_digest", "same")
"""Functions that do not mind the order of their arguments."""


class Mutant(NamedTuple):
    """One mistake: the text from `begin` to `end` (bytes of the file) becomes `text`."""

    line: int
    begin: int
    end: int
    was: str
    text: str

    def __str__(self) -> str:
        return f"{' '.join(self.was.split())} -> {' '.join(self.text.split())}"

    def apply(self, source: bytes) -> bytes:
        """Return the file with this mistake in it."""
        return source[: self.begin] + self.text.encode() + source[self.end :]


def mutants(source: bytes) -> list[Mutant]:
    """Return all mutants of a file, in its order."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for node in _code(ast.parse(source)):
        for place, changed in _changes(node):
            begin = starts[place.lineno - 1] + place.col_offset
            end = starts[place.end_lineno - 1] + place.end_col_offset
            text = ast.unparse(ast.fix_missing_locations(changed))
            text = f"({text})" if isinstance(changed, ast.expr) else text
            found.append(Mutant(place.lineno, begin, end, source[begin:end].decode(), text))
    return sorted(set(found), key=lambda one: (one.begin, one.end, one.text))


def _code(node: ast.AST) -> Iterator[Any]:
    """Yield what is run: no annotations, no docstrings, no imports for types. Inside f-strings no place is known."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            is_text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            for_types = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            is_code = isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr)
            if is_code and not is_text and not for_types and not _is_promise(child):
                yield from _code(child)


def _is_promise(node: ast.AST) -> bool:
    """Tell whether a function has no body, as those of a Protocol: its defaults are for the type checker alone."""
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and all(
        isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) for part in node.body
    )


def _changes(node: Any) -> Iterator[tuple[Any, ast.AST]]:
    """Yield what may be put in the place of a node, or of its condition."""
    match node:
        case ast.Compare():
            for place, op in enumerate(node.ops):
                for other in _FLIPS[type(op)]:
                    yield node, _with(node, "ops", [*node.ops[:place], other(), *node.ops[place + 1 :]])
        case ast.BoolOp():
            yield node, _with(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not()):
            yield node, node.operand
        case ast.Constant(value=bool(value)):
            yield node, ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield node, ast.Constant(value + 1)
            if value == 1:
                yield node, ast.Constant(0)
        case ast.BinOp() if type(node.op) in _SIGNS:
            yield node, _with(node, "op", _SIGNS[type(node.op)]())
        case ast.Call(args=[first, second, *rest]) if not isinstance(second, ast.Starred):
            is_symmetric = ast.unparse(node.func).rpartition(".")[2] in _SYMMETRIC
            if ast.dump(first) != ast.dump(second) and not isinstance(first, ast.Starred) and not is_symmetric:
                yield node, _with(node, "args", [second, first, *rest])
        case ast.Return(value=ast.expr() as returned) if ast.unparse(returned) not in ("None", "False"):
            yield node, ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Expr(value=ast.Call()):
            yield node, ast.Pass()
        case ast.If(test=test) | ast.IfExp(test=test) if isinstance(test, ast.Name | ast.Attribute | ast.Call):
            yield test, ast.UnaryOp(ast.Not(), test)


def _with(node: Any, name: str, value: Any) -> Any:
    changed = copy.copy(node)
    setattr(changed, name, value)
    return changed

"""A field of a record is declared once: a new one touches few files."""

import ast
from collections.abc import Iterator

from tests.house.test_sizes import sources

FILES_MAX = 10
OF_OTHERS = ("src/tokenry/api/reference/", "src/tokenry/ext/fastapi.py", "src/tokenry/sources/")
"""Where tags are those of an OpenAPI document, or of another system."""


def named(tree: ast.AST) -> Iterator[str]:
    """Yield every name in a module: of variables, fields, arguments, and texts that are a name."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield name
            case ast.Constant(value=str(name)):
                yield name


def files_that_name(field: str) -> list[str]:
    return [
        path
        for path, text in sources()
        if field in text and not path.startswith(OF_OTHERS) and field in named(ast.parse(text))
    ]


def test_the_tags_of_a_key_are_named_in_few_files() -> None:
    found = files_that_name("tags")
    assert {"src/tokenry/core/model.py", "src/tokenry/core/key_fields.py"} <= set(found)
    assert len(found) <= FILES_MAX, "take the field from core/key_fields.py in place of naming it:\n  " + "\n  ".join(
        found
    )

"""Public signatures say what they take and return: no `Any`, and no parameter without a type."""

import inspect
import re
from collections.abc import Iterator

import pytest

from tokenry import AsyncTokenry, Tokenry
from tokenry.async_groups import AsyncGroups
from tokenry.client import AsyncClient, Client
from tokenry.client.groups import Own
from tokenry.groups import Groups, Joined

UNTYPED = re.compile(r"\bAny\b|_empty")
LIBRARY = vars(Groups(None, None))  # type: ignore[arg-type]
PUBLIC = [Tokenry, AsyncTokenry, Client, AsyncClient, Groups, Joined, AsyncGroups, Own]
PUBLIC += [type(group) for name, group in LIBRARY.items() if not name.startswith("_")]


def calls(kind: type) -> Iterator[tuple[str, inspect.Signature]]:
    """Yield the public calls of a class, each as it was written."""
    for name in dir(kind):
        if name == "__init__" or not name.startswith("_"):
            found = inspect.getattr_static(kind, name)
            call = inspect.unwrap(getattr(found, "fget", None) or getattr(found, "__func__", found))
            if inspect.isfunction(call) and call.__module__.startswith("tokenry"):
                yield name, inspect.signature(call)


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
def test_no_public_signature_holds_any(kind: type) -> None:
    untyped = []
    for name, signature in calls(kind):
        parts = {part.name: part.annotation for part in signature.parameters.values() if part.name != "self"}
        parts["return"] = signature.return_annotation
        untyped += [f"{name}({part}: {told})" for part, told in parts.items() if UNTYPED.search(str(told))]
    assert untyped == []


def test_the_check_reads_the_calls() -> None:
    assert len(list(calls(Tokenry))) > 10
    assert len(PUBLIC) > 15

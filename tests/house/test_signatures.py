"""Public signatures say what they take and return: no `Any`, and no parameter without a type."""

import importlib
import inspect
import re
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any, get_overloads

import pytest

from tests.ext import django_project
from tokenry import AsyncTokenry, Tokenry
from tokenry.async_groups import AsyncGroups
from tokenry.client import AsyncClient, Client
from tokenry.client.groups import Own
from tokenry.groups import Groups, Joined

UNTYPED = re.compile(r"\bAny\b|_empty")
LIBRARY = vars(Groups(None, None))  # type: ignore[arg-type]
PUBLIC = [Tokenry, AsyncTokenry, Client, AsyncClient, Groups, Joined, AsyncGroups, Own]
PUBLIC += [type(group) for name, group in LIBRARY.items() if not name.startswith("_")]


def calls(kind: type) -> Iterator[tuple[str, FunctionType]]:
    """Yield the public calls of a class, each as it was written."""
    for name in dir(kind):
        if name == "__init__" or not name.startswith("_"):
            found = inspect.getattr_static(kind, name)
            call = inspect.unwrap(getattr(found, "fget", None) or getattr(found, "__func__", found))
            if inspect.isfunction(call) and call.__module__.startswith("tokenry"):
                yield name, call


assert django_project  # without a project REST framework cannot be imported
EXTENSIONS = [
    importlib.import_module(f"tokenry.ext.{name}")
    for name in ("alembic", "asgi", "django", "django.apps", "django.drf", "fastapi", "flask", "wsgi")
]
EXTENSIONS += [
    importlib.import_module(f"tokenry.compat.{name}") for name in ("api_tokens", "callbacks", "token_schema")
]


def untyped(name: str, call: Any) -> list[str]:
    """Return the parts of a signature that say nothing; of overloads those that callers see."""
    found = []
    for one in get_overloads(call) or [call]:
        signature = inspect.signature(one)
        parts = {part.name: part.annotation for part in signature.parameters.values() if part.name != "self"}
        parts["return"] = signature.return_annotation if call.__name__ != "__init__" else None
        found += [
            f"{name}({part}: {annotation})" for part, annotation in parts.items() if UNTYPED.search(str(annotation))
        ]
    return found


def public_names(module: ModuleType) -> list[object]:
    """Return what users import from a module of an extension."""
    names = getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])
    found = [getattr(module, name) for name in names]
    return [one for one in found if str(getattr(one, "__module__", "")).startswith(module.__name__)]


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
def test_no_public_signature_holds_any(kind: type) -> None:
    assert [part for name, call in calls(kind) for part in untyped(name, call)] == []


@pytest.mark.parametrize("module", EXTENSIONS, ids=lambda module: module.__name__)
def test_no_signature_of_an_extension_holds_any(module: ModuleType) -> None:
    found = []
    for one in public_names(module):
        if isinstance(one, type):
            found += [part for name, call in calls(one) for part in untyped(f"{one.__name__}.{name}", call)]
        elif inspect.isroutine(one):
            found += untyped(one.__name__, one)
    assert found == []


def test_the_check_reads_the_calls() -> None:
    assert len(list(calls(Tokenry))) > 10
    assert len(PUBLIC) > 15
    assert len([one for module in EXTENSIONS for one in public_names(module)]) > 20

"""What exists is documented: settings, codes, events, calls and the names of `tokenry.types`."""

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

import tokenry
import tokenry.types
from tokenry import Settings, Tokenry
from tokenry.api.process.settings import ServerSettings
from tokenry.config import SERVER_NAMES, known_names
from tokenry.types import CODES, EVENT_TYPES

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
GROUPS = ["tenants", "owners", "roles", "scopes", "keys", "sessions", "signing_keys", "events", "audit", "usage"]
GROUPS += ["webhooks", "leaks", "advice"]


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def rows(name: str) -> set[str]:
    """Return what stands in code quotes in the first column of the tables of a page."""
    first_cells = re.findall(r"^\|([^|]*)\|", page(name), re.MULTILINE)
    return {word for cell in first_cells for word in re.findall(r"`([^`]+)`", cell)}


def test_every_setting_is_documented_and_no_other() -> None:
    known = set(known_names())
    documented = {row for row in rows("settings.md") if re.fullmatch(r"[a-z_]+", row)}
    assert documented == known - {"database_url", "keyring"}
    assert set(SERVER_NAMES) == {field.name for field in dataclasses.fields(ServerSettings)}


def test_every_code_is_documented_with_what_it_means() -> None:
    documented = rows("codes.md")
    assert documented >= set(CODES)
    text = page("codes.md")
    assert [code for code, meaning in CODES.items() if meaning not in text] == []
    positions = [text.index(f"| `{code}` |") for code in CODES]
    assert positions == sorted(positions), "in the order of the checks"


def test_every_error_is_documented_with_its_code() -> None:
    errors = [
        error for error in vars(tokenry.types).values() if inspect.isclass(error) and issubclass(error, Exception)
    ]
    assert [error.__name__ for error in errors if f"`{error.__name__}`" not in page("codes.md")] == []
    assert [error.code for error in errors if f"`{error.code}`" not in page("codes.md") and error.code != "error"] == []


def test_every_event_is_documented_and_no_other() -> None:
    assert rows("events.md") == set(EVENT_TYPES)
    text = page("events.md")
    assert [type for type, meaning in EVENT_TYPES.items() if meaning not in text] == []


@pytest.mark.parametrize("module", [tokenry, tokenry.types], ids=lambda module: module.__name__)
def test_every_public_name_is_documented(module: object) -> None:
    text = page("api.md")
    names = [name for name in module.__all__ if not name.startswith("__")]  # type: ignore[attr-defined]
    assert [name for name in names if not re.search(rf"`{name}\b", text)] == []


@pytest.mark.parametrize("group", GROUPS)
def test_every_call_is_documented(group: str) -> None:
    text = page("api.md")
    with Tokenry("sqlite://", settings=Settings(background=False)) as tk:
        calls = [name for name in dir(getattr(tk, group)) if not name.startswith("_")]
    assert [name for name in calls if not re.search(rf"`(?:\w+\.)?{group}\.{name}\b|`\.?{name}\b", text)] == []


def test_every_call_of_an_instance_is_documented() -> None:
    calls = [name for name in dir(Tokenry) if not name.startswith("_")]
    assert [name for name in calls if not re.search(rf"`{name}\b", page("api.md"))] == []


def test_every_public_call_has_a_docstring() -> None:
    with Tokenry("sqlite://", settings=Settings(background=False)) as tk:
        groups = [getattr(tk, group) for group in GROUPS]
    calls = [getattr(thing, name) for thing in [Tokenry, *groups] for name in dir(thing) if not name.startswith("_")]
    assert [call.__qualname__ for call in calls if not inspect.getdoc(call)] == []
    public = [getattr(tokenry.types, name) for name in tokenry.types.__all__]
    assert [cls.__name__ for cls in public if inspect.isclass(cls) and not inspect.getdoc(cls)] == []

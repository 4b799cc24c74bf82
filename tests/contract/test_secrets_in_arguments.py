"""A credential passed in any argument of any call is in no error, no log and no row."""

from __future__ import annotations

import inspect
import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.places import QUIET, Installation
from tokenry import Tokenry

pytestmark = pytest.mark.rules
GROUPS = ["tenants", "owners", "roles", "scopes", "keys", "sessions", "signing_keys", "events", "audit", "usage"]
OWN = ["verify", "require", "explain", "exchange", "jwks", "scoped"]
# Valid values of arguments that have no default, by their names.
GIVEN: dict[str, Any] = {
    "slug": "acme",
    "external_id": "ada",
    "owner": "ada",
    "name": "reader",
    "scopes": ["read:a"],
    "entries": ["read:*"],
    "asked": ["read:a"],
    "keys": [{"owner": "ada", "name": "many"}],
    "within": timedelta(days=1),
    "before": None,
    "fn": print,
}
TABLES = [
    "tenant",
    "owner",
    "role",
    "scope",
    "key",
    "secret",
    "session",
    "event",
    "audit_entry",
    "idempotency",
    "signing_key",
]
WRAPPED: dict[str, Callable[[Any], Any]] = {
    "itself": lambda value: value,
    "in a list": lambda value: [value],
    "in a mapping": lambda value: {"a": value},
    "as a name": lambda value: {value: "a"},
    "in a list of mappings": lambda value: [{"owner": "ada", "name": value, "metadata": {"a": value}, value: value}],
}


@pytest.fixture
def credentials(installation: Installation, tk: Any) -> dict[str, tuple[Any, str]]:
    """Real credentials, each with a part of it that must be nowhere."""
    tk.tenants.create("acme")
    tk.owners.put("ada")
    tk.roles.put("reader", scopes=["read:a"])
    tk.scopes.define(["read:*"])
    issued, started = tk.keys.issue("ada", name="k", scopes=["read:a"]), tk.sessions.start("ada")
    keyring = installation.keyring.dump()
    material = installation.keyring.generations[0].line().split()[1]
    key, refresh, access = str(issued.secret), str(started.refresh), str(started.access)
    return {
        "key": (key, key[-57:-14]),
        "key as a Secret": (issued.secret, key[-57:-14]),
        "key without its prefix": (key.rpartition("_")[2], key[-57:-14]),
        "refresh token": (refresh, refresh[-57:-14]),
        "access token": (access, access.rpartition(".")[2][:20]),
        "keyring": (keyring, material[:12]),
        "keyring in one line": (keyring.replace("\n", ";"), material[:12]),
    }


def calls(tk: Any) -> Iterator[tuple[str, Any, inspect.Signature]]:
    """Yield every public call with what a caller may pass."""
    for name in OWN:
        yield name, getattr(tk, name), inspect.signature(getattr(Tokenry, name))
    with Tokenry("sqlite://", settings=QUIET) as synchronous:
        for group in GROUPS:
            for name, call in inspect.getmembers(getattr(synchronous, group), inspect.ismethod):
                if not name.startswith("_"):
                    yield f"{group}.{name}", getattr(getattr(tk, group), name), inspect.signature(call)


def text_of(call: Any, arguments: dict[str, Any]) -> str:
    """Return all that a failing call says; what one that works returns is for its caller."""
    try:
        answer = call(**arguments)
        return "" if hasattr(answer, "secret") else repr(answer)
    except Exception as error:
        parts = [str(error), repr(error), repr(error.args), repr(vars(error))]
        return "\n".join([*parts, *traceback.format_exception(error)])


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_no_argument_of_any_call_gives_a_credential_away(
    installation: Installation,
    tk: Any,
    credentials: dict[str, tuple[Any, str]],
    wrapping: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "sqlalchemy.engine")
    seen: list[tuple[str, str, str]] = []
    count = 0
    for where, call, signature in calls(tk):
        names = [name for name in signature.parameters if name not in ("self", "fn")]
        needed = {
            name: GIVEN.get(name, "key_0354msicFDEc04kigdmQR3")
            for name, one in signature.parameters.items()
            if one.default is inspect.Parameter.empty and name != "self"
        }
        for name in names:
            for kind, (value, part) in credentials.items():
                count += 1
                text = text_of(call, {**needed, name: WRAPPED[wrapping](value)})
                if part in text:
                    seen.append((f"{where}({name}=)", kind, text[max(0, text.index(part) - 120) :][:300]))
    assert seen == []
    assert count > 1000
    everything = caplog.text
    if installation.place != "memory":
        for table in TABLES:
            everything += repr(
                [tuple(map(readable, row)) for row in installation.sql(f"SELECT * FROM tokenry_{table}")]
            )
    everything += repr([tk.audit.list(limit=100), tk.events.list(limit=100), tk.owners.list(), tk.keys.list()])
    assert [kind for kind, (_, part) in credentials.items() if part in everything] == []


def readable(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value

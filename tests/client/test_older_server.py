"""A client of this version reads what an older server answers, which lacks the newer fields of records."""

import json
from typing import Any

import pytest

from tests.client.conftest import Scripted
from tests.client.test_wire import KEY
from tests.store.old import RECORDED
from tokenry.client import Client
from tokenry.types import Key, Owner

ANSWERS: dict[str, Any] = RECORDED["answers"]
ARGUMENTS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "keys.issue": (("ada",), {"name": "CI"}),
    "keys.get": (("key_x",), {}),
    "keys.list": ((), {}),
    "keys.issue_many": (([{"owner": "ada", "name": "b"}],), {}),
    "keys.revoke_where": ((), {"owner": "ada"}),
    "owners.get": (("ada",), {}),
    "owners.list": ((), {}),
    "tenants.get": (("default",), {}),
    "sessions.start": (("ada",), {}),
    "sessions.get": (("ses_x",), {}),
    "verify": (("x",), {}),
    "verify a session": (("x",), {}),
}


@pytest.mark.parametrize("call", ARGUMENTS)
def test_an_answer_of_an_older_server_is_read(scripted: Scripted, call: str) -> None:
    scripted.answers = [(200, {}, json.dumps(ANSWERS[call]).encode())]
    arguments, named = ARGUMENTS[call]
    with Client(scripted.url, KEY) as tk:
        function: Any = tk
        for part in call.partition(" ")[0].split("."):
            function = getattr(function, part)
        found = function(*arguments, **named)
    assert found, call
    key, owner = (getattr(found, record, None) for record in ("key", "owner"))
    if isinstance(key, Key):
        assert (key.name, key.updated_at, key.tags) == ("CI", None, ())
    if isinstance(owner, Owner):
        assert (owner.name, owner.updated_at) == ("Ada", None)

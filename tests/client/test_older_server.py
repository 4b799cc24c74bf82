"""A client of this version reads what an older server answers, which lacks the newer fields of records."""

import json
from typing import Any

import pytest

from tests.client.conftest import Scripted
from tests.client.test_wire import KEY
from tests.store.old import RECORDED
from tokenry.client import Client

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
    for record in ("key", "owner"):
        one = getattr(found, record, None)
        if hasattr(one, "updated_at"):
            assert one.updated_at is None

"""`tokenry mcp` as an agent uses it: a process of its own, and the real client of the SDK over stdio."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import mcp_types as types
import pytest
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError

import tokenry.types
from tests.cli.conftest import Shell, operators_key
from tests.servers.serving import serving
from tokenry.cli.asking import question
from tokenry.cli.confirming import SECONDS, Confirmations
from tokenry.cli.tool_schemas import input_schema, secrets_of
from tokenry.operations import OPERATIONS, Reach
from tokenry.types import SCAN_PATTERN, Conflict, Secret


@asynccontextmanager
async def agent(directory: Path, *options: str, client: Any = Client, **environment: str) -> AsyncIterator[Client]:
    words = ["-m", "tokenry.cli", "mcp", *options]
    async with client(
        StdioServerParameters(command=sys.executable, args=words, env=environment, cwd=directory)
    ) as found:
        yield found


class Person:
    """The person in front of a client: gives the next of some answers to each question."""

    def __init__(self, *answers: Any) -> None:
        self._answers = iter(answers)
        self.asked: list[types.ElicitRequestFormParams] = []

    async def __call__(self, context: Any, params: Any) -> Any:
        self.asked.append(params)
        found = next(self._answers)
        return await found(context, params) if callable(found) else found


YES = types.ElicitResult(action="accept", content={"allow": True})
NOT_YES = {
    "declined": types.ElicitResult(action="decline"),
    "closed": types.ElicitResult(action="cancel"),
    "a no": types.ElicitResult(action="accept", content={"allow": False}),
    "an empty form": types.ElicitResult(action="accept", content={}),
}
ERAS = pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])


async def answer(found: Client, tool: str, *, is_error: bool = False, **arguments: Any) -> Any:
    result = await found.call_tool(tool, arguments)
    text = "".join(part.text for part in result.content)  # type: ignore[union-attr]
    assert bool(result.is_error) is is_error, text
    return text if is_error else json.loads(text)


async def names(found: Client) -> set[str]:
    return {tool.name for tool in (await found.list_tools()).tools}


@pytest.fixture
def there(ready: Shell) -> dict[str, str]:
    """What finds the database of `ready`, and the key of its operator."""
    return {
        "TOKENRY_DATABASE_URL": ready.environment["TOKENRY_DATABASE_URL"],
        "TOKENRY_KEY": operators_key(ready, "system"),
    }


def test_without_leave_an_agent_only_reads(ready: Shell, there: dict[str, str]) -> None:
    issued = ready("keys", "issue", "--owner", "user-42", "--name", "a", "--json").json

    async def use() -> None:
        async with agent(ready.directory, **there) as found:
            tools = (await found.list_tools()).tools
            reads = {one.id.replace(".", "_") for one in OPERATIONS.values() if one.rule.reads} | {"self_get"}
            assert {tool.name for tool in tools} == reads
            assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
            listed = await answer(found, "keys_list", owner="user-42", limit=10)
            assert [one["id"] for one in listed["items"]] == [issued["key"]["id"]]
            assert "there is no tool" in await answer(found, "keys_revoke", is_error=True, id=issued["key"]["id"])
            assert "not_found" in await answer(found, "keys_get", is_error=True, id="key_none")
            assert "unknown arguments: ['who']" in await answer(found, "keys_list", is_error=True, who="x")
            both = {"within": 60, "within_seconds": 90}
            assert "unknown arguments: ['within']" in await answer(found, "keys_expiring", is_error=True, **both)

    asyncio.run(use())
    assert ready("keys", "show", issued["key"]["id"], "--json").json["key"]["status"] == "active"


def test_a_change_takes_two_calls_and_is_audited_as_the_operator(ready: Shell, there: dict[str, str]) -> None:
    issued = ready("keys", "issue", "--owner", "user-42", "--name", "a", "--json").json["key"]
    kept = ready.directory / "kept"
    kept.mkdir()

    async def use() -> str:
        async with agent(ready.directory, "--allow-changes", "--secrets-dir", "kept", **there) as found:
            proposed = await answer(found, "keys_revoke", id=issued["id"], reason="left")
            assert (proposed["done"], proposed["now"]["status"]) == (False, "active")
            assert (await answer(found, "keys_get", id=issued["id"]))["status"] == "active"
            wrong = {"id": issued["id"], "reason": "another", "confirm": proposed["confirm"]}
            assert "other arguments" in await answer(found, "keys_revoke", is_error=True, **wrong)
            wrong["reason"] = "left"
            assert "used already" in await answer(found, "keys_revoke", is_error=True, **wrong)
            proposed = await answer(found, "keys_revoke", id=issued["id"], reason="left")
            again = {"id": issued["id"], "reason": "left", "confirm": proposed["confirm"]}
            assert (await answer(found, "keys_revoke", **again))["answer"]["status"] == "revoked"
            assert "used already" in await answer(found, "keys_revoke", is_error=True, **again)

            wanted: dict[str, Any] = {"owner": "user-42", "name": "b", "expires_in_seconds": 3600}
            token = (await answer(found, "keys_issue", **wanted))["confirm"]
            done = await answer(found, "keys_issue", **wanted, confirm=token)
            assert not re.search(SCAN_PATTERN, json.dumps(done))
            token = (await answer(found, "portal_open", owner="user-42"))["confirm"]
            link = await answer(found, "portal_open", owner="user-42", confirm=token)
            assert "url" not in link["answer"]
            assert "/keys/#code=" in (ready.directory / link["secret_file"]).read_text()
            counted = await answer(found, "keys_revoke_where", owner="user-42")
            assert (counted["dry_run"]["dry_run"], counted["dry_run"]["revoked_count"]) == (True, 1)
            ended = await answer(found, "keys_revoke_where", owner="user-42", confirm=counted["confirm"])
            assert (ended["answer"]["dry_run"], ended["answer"]["revoked_count"]) == (False, 1)
            assert "not_found" in await answer(found, "keys_revoke", is_error=True, id="key_none")
            assert (await answer(found, "roles_put", name="new", scopes=["a:b"]))["now"] is None
            return str(done["secret_file"])

    place = ready.directory / asyncio.run(use())
    assert place.parent == kept
    assert place.stat().st_mode & 0o777 == 0o600
    assert ready("keys", "find", "--json", stdin=place.read_text()).json["key"]["name"] == "b"
    operator = ready("keys", "find", "--json", "--tenant", "system", stdin=there["TOKENRY_KEY"]).json["key"]["id"]
    entries = [one for one in ready("audit", "list", "--json").json["entries"] if one["subject"] == issued["id"]]
    revoked = next(one for one in entries if one["action"] == "key.revoked")
    assert operator in json.dumps(revoked)


@ERAS
def test_a_client_that_can_ask_asks_the_person_in_the_same_call(ready: Shell, there: dict[str, str], mode: str) -> None:
    name = "a\n  id: key_other \u202e"
    issued = ready("keys", "issue", "--owner", "user-42", "--name", "a", "--json").json["key"]
    (ready.directory / "kept").mkdir()
    person = Person(YES, YES, YES)
    client = partial(Client, mode=mode, elicitation_callback=person)

    async def use() -> None:
        options = ("--allow-changes", "--secrets-dir", "kept")
        async with agent(ready.directory, *options, client=client, **there) as found:
            tools = {tool.name: tool for tool in (await found.list_tools()).tools}
            assert "confirm" not in tools["keys_revoke"].input_schema["properties"]
            assert "The person is asked first." in str(tools["keys_revoke"].description)
            done = await answer(found, "keys_revoke", id=issued["id"], reason="left")
            assert (done["done"], done["answer"]["status"]) == (True, "revoked")
            made = await answer(found, "keys_issue", owner="user-42", name="b", metadata={"note": name})
            assert made["secret_file"].startswith("kept/")
            assert (await answer(found, "keys_revoke_where", owner="user-42"))["answer"]["revoked_count"] == 1
            more = {"id": issued["id"], "confirm": "y"}
            assert "unknown arguments" in await answer(found, "keys_revoke", is_error=True, **more)
            assert "not_found" in await answer(found, "keys_revoke", is_error=True, id="key_none")

    asyncio.run(use())
    first, second, third = (one.message.splitlines() for one in person.asked)
    assert f'  id: "{issued["id"]}"' in first
    assert '  reason: "left"' in first
    assert '  owner: "user-42"' in first[first.index("As it is now:") :]
    assert '  metadata: {"note": "a\\n  id: key_other \\u202e"}' in second
    assert "  revoked_count: 1" in third[third.index("It would do this:") :]
    [field] = person.asked[0].requested_schema["properties"].values()
    assert (field["type"], field["default"]) == ("boolean", False)


@pytest.mark.parametrize("asks", [True, False])
def test_an_agent_cannot_call_a_change_a_dry_run(ready: Shell, there: dict[str, str], asks: bool) -> None:
    ready("keys", "issue", "--owner", "user-42", "--name", "a")
    person = Person(YES, YES)
    client = partial(Client, elicitation_callback=person) if asks else Client

    async def use() -> None:
        async with agent(ready.directory, "--allow-changes", client=client, **there) as found:
            for value in (True, False):
                asked = {"owner": "user-42", "dry_run": value}
                refused = await answer(found, "keys_revoke_where", is_error=True, **asked)
                assert "unknown arguments: ['dry_run']" in refused
            assert "takes the rows as a list" in await answer(found, "imports_run", is_error=True, rows=5)

    asyncio.run(use())
    assert person.asked == []


def test_the_form_hides_nothing_behind_a_long_text_and_shows_what_cannot_be_seen() -> None:
    arguments = {"reason": "x" * 500, "owner": "a\u034fd\u3164a\ufe0f\u2800", "text": "y" * 900, "to": "é한"}
    lines = question(OPERATIONS["keys.revoke_where"], arguments, {}).splitlines()
    names = [line.split(":")[0].strip() for line in lines if line.startswith("  ")]
    assert names == ["to", "owner", "reason", "text"]
    assert '  owner: "a\\u034fd\\u3164a\\ufe0f\\u2800"' in lines
    assert '  to: "é한"' in lines


@ERAS
@pytest.mark.parametrize("given", NOT_YES.values(), ids=NOT_YES)
def test_nothing_changes_without_a_yes_of_the_person(
    ready: Shell, there: dict[str, str], mode: str, given: types.ElicitResult
) -> None:
    issued = ready("keys", "issue", "--owner", "user-42", "--name", "a", "--json").json["key"]
    client = partial(Client, mode=mode, elicitation_callback=Person(given))

    async def use() -> None:
        async with agent(ready.directory, "--allow-changes", client=client, **there) as found:
            done = await answer(found, "keys_revoke", id=issued["id"])
            word = "closed the question" if given.action == "cancel" else "declined"
            assert done == {"done": False, "reason": f"nothing was changed: the person {word}"}
            assert (await answer(found, "keys_get", id=issued["id"]))["status"] == "active"

    asyncio.run(use())


@ERAS
def test_nothing_changes_when_the_client_fails_to_ask(ready: Shell, there: dict[str, str], mode: str) -> None:
    issued = ready("keys", "issue", "--owner", "user-42", "--name", "a", "--json").json["key"]
    client = partial(Client, mode=mode, elicitation_callback=Person(types.ErrorData(code=-32603, message="no window")))

    async def use() -> None:
        async with agent(ready.directory, "--allow-changes", client=client, **there) as found:
            if mode == "legacy":
                assert "could not ask" in await answer(found, "keys_revoke", is_error=True, id=issued["id"])
            else:
                with pytest.raises(MCPError, match="no window"):
                    await answer(found, "keys_revoke", id=issued["id"])
            assert (await answer(found, "keys_get", id=issued["id"]))["status"] == "active"

    asyncio.run(use())


def test_an_answer_counts_once_and_for_the_call_that_was_asked_about(ready: Shell, there: dict[str, str]) -> None:
    first, second = (
        ready("keys", "issue", "--owner", "user-42", "--name", name, "--json").json["key"]["id"] for name in "ab"
    )
    client = partial(Client, mode="2026-07-28", elicitation_callback=Person())

    async def use() -> None:
        async with agent(ready.directory, "--allow-changes", client=client, **there) as found:
            calls = found.session.call_tool

            async def asked() -> Any:
                return (await calls("keys_revoke", {"id": first}, allow_input_required=True)).request_state

            async def answered(id: str, state: Any, responses: Any) -> str:
                result = await calls("keys_revoke", {"id": id}, input_responses=responses, request_state=state)
                return str(result.content[0].text)

            yes = {"allow": YES}
            assert "other arguments" in await answered(second, await asked(), yes)
            assert "unknown" in await answered(first, "made up", yes)
            assert "could not ask" in await answered(first, await asked(), None)
            state = await asked()
            assert '"revoked"' in await answered(first, state, yes)
            assert "used already" in await answered(first, state, yes)
            assert (await answer(found, "keys_get", id=second))["status"] == "active"

    asyncio.run(use())


def test_a_server_and_a_key_of_few_scopes(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        scopes = ["tokenry:keys:read", "tokenry:owners:read", "tokenry:owners:write"]
        owner = server.call("GET", "/v1/self")["owner"]["external_id"]
        asked = {"owner": owner, "name": "agent", "scopes": scopes, "environment": "op"}
        key = server.call("POST", "/v1/keys?tenant=system", asked)["secret"]

        async def use() -> None:
            where = {"TOKENRY_SERVER": server.url, "TOKENRY_KEY": key}
            async with agent(tmp_path, "--allow-changes", **where) as found:
                offered = await names(found)
                assert {"keys_list", "owners_put", "self_get"} <= offered
                assert offered.isdisjoint({"keys_revoke", "keys_issue", "audit_list", "self_revoke", "self_rotate"})
                token = (await answer(found, "owners_put", external_id="a/b"))["confirm"]
                done = await answer(found, "owners_put", external_id="a/b", confirm=token)
                assert done["answer"]["external_id"] == "a/b"

        asyncio.run(use())


def test_it_starts_with_a_working_key_of_an_operator_only(ready: Shell) -> None:
    assert "the audit log names the operator" in ready("mcp", code=4).err
    refused = ready("mcp", code=4, TOKENRY_KEY="tk_op_wrong").err
    assert "key" in refused
    assert "travels in clear" not in refused
    (ready.directory / "wrong.key").write_text("tk_op_wrong")
    (ready.directory / "wrong.key").chmod(0o600)
    beside = {"TOKENRY_SERVER": "https://keys.example.com"}
    where = ("--database", ready.environment["TOKENRY_DATABASE_URL"], "--key-file", "wrong.key")
    assert "in clear" not in ready("mcp", *where, code=4, **beside).err
    assert "there is no directory" in ready("mcp", "--secrets-dir", "none", code=1).err


def test_a_confirmation_is_good_once_for_five_minutes_for_one_set_of_arguments() -> None:
    now = 0.0
    made = Confirmations(lambda: now)
    token = made.make("keys_revoke", {"id": "a", "reason": "b"})
    made.use(token, "keys_revoke", {"reason": "b", "id": "a"})
    for tool, arguments, words in (
        ("keys_revoke", {"id": "b"}, "other arguments"),
        ("keys_delete", {"id": "a"}, "another tool"),
        ("keys_revoke", {"id": "a", "reason": ""}, "other arguments"),
    ):
        token = made.make("keys_revoke", {"id": "a"})
        with pytest.raises(Conflict, match=words):
            made.use(token, tool, arguments)
        with pytest.raises(Conflict, match="used already"):
            made.use(token, "keys_revoke", {"id": "a"})
    token = made.make("keys_revoke", {"id": "a"})
    now = SECONDS
    with pytest.raises(Conflict, match="older than 5 minutes"):
        made.use(token, "keys_revoke", {"id": "a"})
    first = made.make("keys_revoke", {})
    for _ in range(100):
        made.make("keys_revoke", {})
    with pytest.raises(Conflict, match="unknown"):
        made.use(first, "keys_revoke", {})
    with pytest.raises(Conflict, match="unknown"):
        made.use(["x"], "keys_revoke", {})


def test_every_operation_of_the_table_makes_a_tool() -> None:
    for one in OPERATIONS.values():
        assert re.fullmatch(r"[a-z_]{1,64}", one.id.replace(".", "_"))
        for confirms in (True, False):
            schema = input_schema(one, confirms=confirms)
            assert set(schema["required"]) <= set(schema["properties"])
            assert ("confirm" in schema["properties"]) is confirms
        assert set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(schema))) <= set(schema.get("$defs", ()))
    giving = {one.id for one in OPERATIONS.values() if secrets_of(one) and one.rule.reach is Reach.TENANT}
    assert giving == {
        "keys.issue",
        "keys.issue_many",
        "keys.rotate",
        "portal.open",
        "sessions.start",
        "sessions.refresh",
        "webhooks.create",
        "webhooks.rotate_secret",
    }


def test_every_record_that_holds_a_secret_is_known_to_hold_one() -> None:
    held = set[str]()
    for record in vars(tokenry.types).values():
        if dataclasses.is_dataclass(record):
            held |= {name for name, kind in get_type_hints(record).items() if kind is Secret}
    assert held == {name for one in OPERATIONS.values() for name in secrets_of(one)}

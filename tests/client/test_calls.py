"""The client answers as the library does: the same names, records, verdicts and errors."""

import asyncio
import inspect
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.servers.serving import PATIENCE, Serving
from tokenry import Tokenry
from tokenry.aio import AsyncTokenry
from tokenry.client import AsyncClient, Client
from tokenry.types import (
    OPERATOR_SCOPES,
    CallerRefused,
    Conflict,
    Denied,
    Event,
    Invalid,
    Issued,
    Key,
    KeyValid,
    Limit,
    NotAllowed,
    NotFound,
    Owner,
    Page,
    Refused,
    Tenant,
    TokenryError,
    Valid,
    VersionConflict,
)

Face = Tokenry | Client


def test_a_key_lives_and_dies(tk: Face) -> None:
    issued = tk.keys.issue(
        "ada", name="CI", scopes=["read:a"], limits=[Limit("h", 10, 3600)], allowed_ips=["10.0.0.0/8"]
    )
    assert (type(issued), type(issued.key)) == (Issued, Key)
    verdict = tk.verify(issued.secret, scopes=["read:a"], ip="10.1.1.1")
    assert isinstance(verdict, Valid)
    assert verdict
    assert isinstance(verdict, KeyValid)
    assert (verdict.code, verdict.kind, verdict.online) == ("valid", "key", True)
    assert (verdict.key.id, verdict.owner.external_id, verdict.scopes) == (issued.key.id, "ada", ("read:a",))
    assert (verdict.tenant.slug, verdict.limits[0].remaining) == (issued.key.tenant, 9)
    assert tk.require(str(issued.secret), ip="10.1.1.1")

    rotated = tk.keys.rotate(issued.key.id, grace=timedelta(hours=1))
    assert rotated.key.id == issued.key.id
    assert tk.verify(issued.secret, ip="10.1.1.1", cost=0)
    assert tk.verify(rotated.secret, ip="10.1.1.1", cost=0)

    tk.keys.revoke(issued.key.id, reason="leaked")
    refused = tk.verify(rotated.secret, ip="10.1.1.1")
    assert refused == Refused("revoked")
    with pytest.raises(Denied) as caught:
        tk.require(rotated.secret)
    assert caught.value.verdict.code == "revoked"


@pytest.mark.parametrize("presented", ["", "nonsense", "x" * 200, "tk_live_1", "kéy", None, 7, b"bytes", "\0", " "])
def test_no_bad_credential_is_more_than_malformed(tk: Face, presented: Any) -> None:
    assert tk.verify(presented) == Refused("malformed")


def test_a_limit_says_when_to_try_again(tk: Face) -> None:
    secret = tk.keys.issue("ada", name="a", limits=[Limit("h", 1, 86_400 * 366)]).secret
    assert tk.verify(secret)
    refused = tk.verify(secret)
    assert isinstance(refused, Refused)
    assert refused.code == "rate_limited"
    assert refused.retry_after
    assert refused.limits[0].remaining == 0


def test_an_explanation_takes_nothing(tk: Face) -> None:
    secret = tk.keys.issue("ada", name="a", scopes=["read:a"], limits=[Limit("h", 1, 3600)]).secret
    explanation = tk.explain(secret, scopes={"any": ["write:a", "write:b"]})
    assert explanation.code == "insufficient_scope"
    assert "<- the verdict" in str(explanation)
    assert tk.explain(secret)
    assert tk.verify(secret)
    assert tk.explain("nonsense").code == "malformed"


def test_a_record_comes_back_as_it_is(tk: Face) -> None:
    expires_at = datetime(2027, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
    tk.roles.put("dev", scopes=["read:a"])
    fields: dict[str, Any] = {
        "name": "Ünïcode ✓",
        "description": "two\nlines",
        "scopes": ("read:a", "write:*"),
        "roles": ("dev",),
        "allowed_ips": ("10.0.0.0/8", "2001:db8::/32"),
        "limits": (Limit("a", 3, 60), Limit("b", 10**12, 86_400)),
        "environment": "test",
        "metadata": {"within": None, "deep": [{"expires_in": 1.5}], "grace": "x"},
        "tags": ("ci", "Team:billing"),
        "not_before": datetime(2026, 1, 1, tzinfo=UTC),
    }
    key = tk.keys.issue("ada", expires_at=expires_at, **fields).key
    assert {name: getattr(key, name) for name in fields} == fields
    assert key.expires_at == expires_at
    assert key == tk.keys.get(key.id) == tk.keys.list(text="ünï").items[0]
    changed = tk.keys.update(key.id, limits=[], expires_in=None, not_before=None, metadata=None, if_version=key.version)
    assert (changed.limits, changed.expires_at, changed.not_before, changed.metadata) == ((), None, None, {})
    assert (changed.scopes, changed.tags) == (key.scopes, key.tags)
    assert tk.verify(tk.keys.rotate(key.id).secret, ip="10.1.1.1").key.tags == key.tags  # type: ignore[union-attr]


def test_filters_and_pages_mean_the_same(tk: Face) -> None:
    for number in range(5):
        tk.keys.issue("ada", name=f"key {number}", expires_in=timedelta(days=number + 1))
    page = tk.keys.list(owner="ada", limit=2)
    names = [key.name for key in page]
    while page.next_cursor:
        page = tk.keys.list(owner="ada", limit=2, cursor=page.next_cursor)
        names += [key.name for key in page]
    assert names == [f"key {number}" for number in (4, 3, 2, 1, 0)]
    assert [key.name for key in tk.keys.expiring(within=timedelta(days=2, hours=1), owner="ada")] == ["key 0", "key 1"]
    assert len(tk.keys.list(owner="ada", expiring_within=timedelta(hours=36)).items) == 1
    assert len(tk.keys.list(owner="ada", last_used_before=datetime.now(UTC)).items) == 5
    with pytest.raises(NotFound):
        tk.keys.list(owner="nobody")


def test_many_keys_have_a_result_each(tk: Face) -> None:
    asked = [
        {"owner": "ada", "name": "a", "expires_in": timedelta(hours=12), "limits": [Limit("a", 1, 1)]},
        {"owner": "nobody", "name": "b"},
        {"owner": "ada", "name": "A"},
        {"owner": "ada", "name": "never", "expires_in": None},
    ]
    first, unknown, taken, never = tk.keys.issue_many(asked)
    assert isinstance(first, Issued)
    assert tk.verify(first.secret)
    assert isinstance(unknown, NotFound)
    assert isinstance(taken, Conflict)
    assert isinstance(never, Issued)
    assert never.key.expires_at is None


def test_a_repeat_gets_the_same_answer(tk: Face) -> None:
    first, again = [tk.keys.issue("ada", name="a", idempotency_key="once") for _ in range(2)]
    assert first.key.id == again.key.id
    assert str(first.secret) == str(again.secret)
    with pytest.raises(Conflict):
        tk.keys.issue("ada", name="b", idempotency_key="once")


def test_errors_are_the_librarys(tk: Face) -> None:
    key = tk.keys.issue("ada", name="a").key
    for call in (tk.keys.get, tk.keys.revoke, tk.keys.limits, tk.usage.get, tk.roles.get, tk.owners.get):
        with pytest.raises(NotFound):
            call("nothing")
    with pytest.raises(Conflict) as taken:
        tk.keys.issue("ada", name="A")
    assert taken.value.details["field"] == "name"
    with pytest.raises(VersionConflict) as changed:
        tk.keys.update(key.id, name="b", if_version=7)
    assert changed.value.details["field"] == "version"
    with pytest.raises(Invalid) as caught:
        tk.keys.issue("ada", name=" ", allowed_ips=["nonsense"])
    assert {error.field for error in caught.value.errors} <= {"name", "allowed_ips"}
    for wrong in ({"expires_in": timedelta(0)}, {"expires_in": timedelta(days=1), "expires_at": datetime.now(UTC)}):
        with pytest.raises(Invalid) as caught:
            tk.keys.issue("ada", name="c", **wrong)  # type: ignore[arg-type]
        assert {error.field for error in caught.value.errors} <= {"expires_in", "expires_at"}
    with pytest.raises(Invalid):
        tk.keys.list(limit=101)
    with pytest.raises(Invalid):
        tk.verify("x", scopes="Not A Scope")
    with pytest.raises(Invalid):
        tk.verify("x", cost=-1)


def test_bulk_changes_with_a_limit_go_on_where_they_ended(tk: Face) -> None:
    tk.keys.issue_many([{"owner": "ada", "name": f"key {number}"} for number in range(5)])
    seen: list[str] = []
    cursor, sizes = None, []
    while cursor is not None or not sizes:
        done = tk.keys.revoke_where(owner="ada", text="key", dry_run=False, limit=2, cursor=cursor)
        cursor = done.next_cursor
        sizes.append(done.revoked_count)
        seen += [item.key.name for item in done]
    assert sizes == [2, 2, 1]
    assert sorted(seen) == [f"key {number}" for number in range(5)]
    later = datetime.now(UTC) + timedelta(hours=1)
    assert [tk.keys.purge(revoked_before=later, limit=3) for _ in range(3)] == [3, 2, 0]
    for wrong in (0, 1001):
        with pytest.raises(Invalid):
            tk.keys.purge(revoked_before=later, limit=wrong)
        with pytest.raises(Invalid):
            tk.keys.revoke_where(owner="ada", limit=wrong)
    with pytest.raises(Invalid):
        tk.keys.revoke_where(owner="ada", cursor="b2s")


def test_bulk_and_purge(tk: Face) -> None:
    for name in ("a one", "a two", "b"):
        tk.keys.issue("ada", name=name, tags=[name[:1]])
    assert [key.name for key in tk.keys.list(tag="b")] == ["b"]
    assert [item.key.name for item in tk.keys.revoke_where(tag="b")] == ["b"]
    assert tk.keys.revoke_where(owner="ada", text="a ").revoked_count == 2
    done = tk.keys.revoke_where(owner="ada", text="a ", dry_run=False, reason="tidy")
    assert all(done)
    assert (len(done.items), done.revoked_count, done.refused_count) == (2, 2, 0)
    assert {key.revoke_reason for key in tk.keys.list(owner="ada", status="revoked")} == {"tidy"}
    assert tk.keys.purge(revoked_before=datetime.now(UTC) + timedelta(hours=1)) == 2


def test_owners_roles_and_scopes(tk: Face) -> None:
    tk.roles.put("dev", scopes=["read:a"])
    for external_id in ("a/b", "ü %2F?#", "user@example.com", UUID(int=7), 42):
        owner = tk.owners.put(external_id, name="N", email=None, roles=["dev"], admin=True)
        assert owner == tk.owners.get(external_id)
        assert owner.external_id == str(external_id)
    assert tk.owners.put("a/b", roles=[]).roles == ()
    assert tk.owners.disable("a/b").status == "disabled"
    assert tk.owners.enable("a/b").status == "active"
    assert [owner.external_id for owner in tk.owners.list(text="example")] == ["user@example.com"]
    tk.owners.delete("a/b")
    with pytest.raises(NotFound):
        tk.owners.get("a/b")
    assert tk.scopes.define(["read:a", "b:*"]) == tk.scopes.list() == ("read:a", "b:*")
    assert tk.scopes.check(["b:x", "c"]).unknown == ("c",)
    assert tk.roles.put("dev", scopes=["read:a"]) == tk.roles.get("dev") == tk.roles.list().items[0]
    tk.roles.delete("dev")


def test_what_happened_is_told(tk: Face) -> None:
    key = tk.keys.issue("ada", name="a").key
    tk.keys.disable(key.id)
    tk.keys.revoke(key.id)
    events = [event for event in tk.events.list(types=["key.revoked", "key.*"]) if event.subject == key.id]
    assert [event.type for event in events] == ["key.issued", "key.disabled", "key.revoked"]
    events = events[1:]
    changed = ["key.disabled", "key.revoked"]
    assert isinstance(events[0], Event)
    assert tk.events.list(after=events[0].sequence, types=changed).items[0].id == events[1].id
    followed = tk.events.follow(after=events[0].sequence, types=changed, idle=timedelta(0))
    assert next(followed).id == events[1].id
    assert tk.events.list(after=events[1].sequence, types=changed, wait=timedelta(milliseconds=1)).items == ()
    assert tk.events.latest() >= events[1].sequence
    entries = tk.audit.list(subject=key.id).items
    assert [entry.action for entry in entries] == ["key.revoked", "key.disabled", "key.issued"]
    assert tk.audit.check(head=tk.audit.head())
    assert tk.usage.get(key.id, since=datetime.now(UTC) - timedelta(days=1)) == ()


def test_tenants_are_managed_by_operators_of_the_installation(operator: Client, client: Client) -> None:
    made = operator.tenants.create("lengths", expires_in_default=timedelta(hours=36), expires_in_max=timedelta(days=7))
    assert isinstance(made, Tenant)
    assert (made.expires_in_default, made.expires_in_max) == (timedelta(hours=36), timedelta(days=7))
    assert made == operator.tenants.get("lengths")
    assert operator.tenants.update("lengths", prefix="len").prefix == "len"
    assert operator.tenants.suspend("lengths").status == "suspended"
    operator.tenants.delete("lengths")
    with pytest.raises(NotAllowed):
        client.tenants.create("mine")
    with pytest.raises(NotFound):
        client.scoped(tenant="default").owners.list()
    with pytest.raises(NotFound):
        client.keys.list(tenant="default")


def test_a_key_renews_itself_where_its_tenant_allows_it(
    client: Client, operator: Client, tokenry_server: Serving
) -> None:
    issued = client.keys.issue("ada", name="a")
    with Client(tokenry_server.url, issued.secret, timeout=PATIENCE) as own:
        with pytest.raises(NotAllowed):
            own.me.rotate()
        assert operator.tenants.update(issued.key.tenant, self_rotation_allowed=True).self_rotation_allowed
        renewed = own.me.rotate(grace=timedelta(minutes=2), idempotency_key="once")
        assert str(own.me.rotate(grace=timedelta(minutes=2), idempotency_key="once").secret) == str(renewed.secret)
    verdict = client.require(renewed.secret)
    assert verdict.tenant.self_rotation_allowed


def test_a_key_knows_itself_and_can_end_itself(client: Client, tokenry_server: Serving) -> None:
    secret = client.keys.issue("ada", name="a").secret
    with Client(tokenry_server.url, secret, timeout=PATIENCE) as own:
        assert own.me.get().name == "a"
        assert own.me.revoke(reason="lost").status == "revoked"
        with pytest.raises(CallerRefused) as refused:
            own.me.get()
        assert refused.value.verdict.code == "revoked"
        with pytest.raises(CallerRefused):
            own.keys.list()


def test_who_may_not_verify_is_told(client: Client, tokenry_server: Serving) -> None:
    scopes = [scope for scope in OPERATOR_SCOPES if scope != "tokenry:verify"]
    other = client.keys.issue("operator", name="no verify", scopes=scopes, environment="op").secret
    with Client(tokenry_server.url, other, timeout=PATIENCE) as blind, pytest.raises(NotAllowed):
        blind.verify("x")
    with Client(tokenry_server.url, "nonsense", timeout=PATIENCE) as stranger:
        with pytest.raises(CallerRefused):
            stranger.verify("x")
        with pytest.raises(CallerRefused):  # Denied would tell that it is "x" that is refused
            stranger.require("x")


def without_actor(call: Any) -> inspect.Signature:
    signature = inspect.signature(call)
    return signature.replace(parameters=[part for name, part in signature.parameters.items() if name != "by"])


@pytest.mark.parametrize("keys", ["abc", 5, None, {"owner": "ada"}])
def test_keys_that_are_no_list_are_refused(tk: Face, keys: Any) -> None:
    with pytest.raises(Invalid, match="takes a list of mappings"):
        tk.keys.issue_many(keys)


@pytest.mark.parametrize("key", [5, {"owner": "ada", "name": "k", "expires_in": 60, "expires_in_seconds": 9}])
def test_one_of_many_keys_that_cannot_be_read_is_refused(tk: Face, key: Any) -> None:
    with pytest.raises(Invalid, match=r"as a mapping|by two names|is not a field of a key"):
        raise tk.keys.issue_many([key])[0]  # type: ignore[misc]


@pytest.mark.parametrize("rows", [5, None])
def test_rows_that_are_no_list_are_refused(tk: Face, rows: Any) -> None:
    with pytest.raises(Invalid, match="takes the rows as a list"):
        tk.imports.run(rows)


def test_an_unknown_field_of_one_of_many_keys_is_answered_with_the_one_that_was_meant(tk: Face) -> None:
    with pytest.raises(Invalid, match="did you mean scopes") as caught:
        raise tk.keys.issue_many([{"owner": "ada", "name": "k", "scope": ["a"]}])[0]  # type: ignore[misc]
    assert caught.value.errors[0].code == "unknown_field"


@pytest.mark.parametrize(
    ("path", "body", "meant"),
    [
        ("/v1/keys", {"owner": "ada", "name": "k", "scope": ["a"]}, "scopes"),
        ("/v1/keys", {"owner": "ada", "name": "k", "expires_in": 5}, "expires_in_seconds"),
        (
            "/v1/keys",
            {"owner": "ada", "name": "k", "limits": [{"name": "a", "limit": 1, "window": 1}]},
            "window_seconds",
        ),
        ("/v1/keys?tenan=acme", {"owner": "ada", "name": "k"}, "tenant"),
        ("/v1/verify", {"credential": "x", "scope": "a"}, "scopes"),
        ("/v1/verify?state=http", {"credential": "x"}, "status"),
    ],
)
def test_an_unknown_field_over_http_is_answered_with_the_one_that_was_meant(
    tokenry_server: Serving, key: str, path: str, body: dict[str, Any], meant: str
) -> None:
    answer = httpx2.post(tokenry_server.url + path, json=body, headers={"Authorization": f"Bearer {key}"})
    messages = [one["message"] for one in answer.json()["errors"]]
    assert [message for message in messages if message.endswith(f": did you mean {meant}?")]


GROUPS = ["tenants", "owners", "roles", "scopes", "keys", "sessions", "signing_keys", "events", "audit", "usage"]
GROUPS += ["leaks", "advice", "portal", "key_page", "doctor"]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_every_call_of_the_library_is_there_under_the_same_name_without_an_actor(kind: Any, group: str) -> None:
    library, client = Tokenry("sqlite://"), kind("http://localhost")
    ours, theirs = getattr(client, group), getattr(library, group)
    names = [name for name in dir(theirs) if not name.startswith("_")]
    assert [name for name in names if not callable(getattr(ours, name, None))] == []
    borrowed = [name for name in names if hasattr(getattr(ours, name), "__wrapped__")]
    of_process = {"subscribe", "cut", "seal", "seal_all", "learn", "learning", "report_github"}
    assert set(names) - set(borrowed) <= of_process | {"iterate", "follow"}
    if "follow" in names:
        assert [*inspect.signature(ours.follow).parameters] == [*without_actor(theirs.follow).parameters]
    for name in borrowed:
        assert inspect.signature(getattr(ours, name)) == without_actor(getattr(theirs, name))
    assert hasattr(ours, "iterate") == hasattr(theirs, "iterate")
    if hasattr(ours, "iterate"):
        assert inspect.signature(ours.iterate) == without_actor(theirs.iterate)
    library.close()


@pytest.mark.parametrize("name", ["verify", "require", "explain"])
def test_verifying_has_the_signature_of_the_library(name: str) -> None:
    for ours, theirs in ((Client, Tokenry), (AsyncClient, AsyncTokenry)):
        declared = inspect.signature(inspect.unwrap(inspect.getattr_static(ours, name)))
        library = inspect.signature(inspect.unwrap(inspect.getattr_static(theirs, name)))
        assert [*declared.parameters] == [*library.parameters]


def test_the_asynchronous_client_answers_the_same(client: Client, key: str, tokenry_server: Serving) -> None:
    async def live() -> None:
        async with AsyncClient(tokenry_server.url, key, timeout=PATIENCE) as tk:
            owner: Owner = await tk.owners.put("bob", name="Bob")
            issued: Issued = await tk.keys.issue("bob", name="a", scopes=["read:a"])
            verdicts = await asyncio.gather(*(tk.verify(issued.secret, scopes="read:a") for _ in range(8)))
            assert all(verdict and verdict.owner == owner for verdict in verdicts)
            assert (await tk.require(issued.secret)).key == issued.key
            assert await tk.explain(issued.secret)
            assert (await tk.me.get()).environment == "op"
            await tk.keys.revoke(issued.key.id)
            assert await tk.verify(issued.secret) == Refused("revoked")
            with pytest.raises(NotFound):
                await tk.keys.get("nothing")
            assert [one.external_id for one in await tk.scoped(tenant=owner.tenant).owners.list(text="bob")] == ["bob"]
            assert (await tk.ready())["status"] == "ready"
            assert [one.external_id async for one in tk.owners.iterate(text="bob", limit=1)] == ["bob"]
            kinds = [one.kind async for one in tk.exports.iterate(limit=1)]
            assert kinds == [one.kind for one in client.exports.iterate()]
            assert {"tenant", "scopes", "owner", "key"} <= {*kinds}
            results = [
                one.type
                async for one in tk.events.follow(after=0, types=["key.issued", "key.revoked"], idle=timedelta(0))
            ]
            assert results[-2:] == ["key.issued", "key.revoked"]

    asyncio.run(live())
    assert client.keys.list(owner="bob").items[0].status == "revoked"


def test_the_program_alone_says_who_acts(client: Client) -> None:
    with pytest.raises(Invalid):
        client.keys.list(by="ada")
    with pytest.raises(TokenryError):
        client.events.subscribe(print)
    with pytest.raises(TokenryError):
        client.audit.cut(before=datetime.now(UTC))


def walked(ask: Callable[..., Page[Any]], limit: int) -> list[Any]:
    """Return what all pages show."""
    page = ask(limit=limit)
    found = list(page)
    while page.next_cursor is not None:
        page = ask(limit=limit, cursor=page.next_cursor)
        found += page
    return found


def test_a_page_may_end_with_the_longest_external_id(tk: Tokenry | Client) -> None:
    longest = "\U0001f511" * 254
    for last in "\U0001f511\U0001f512":
        tk.owners.put(longest + last)
    assert walked(tk.owners.list, 1) == list(tk.owners.list())


def test_events_are_read_in_pages(tk: Tokenry | Client) -> None:
    for number in range(3):
        tk.owners.put(f"o{number}")
    listed = partial(tk.events.list, types=["owner.*"])  # the first use of the caller's own key is told at any time
    whole = listed()
    assert whole.next_cursor is None
    assert walked(listed, 2) == list(whole)


def test_iterate_walks_all_pages(client: Client) -> None:
    for name in ("a", "b", "c"):
        client.keys.issue("ada", name=name)
    assert [key.name for key in client.keys.iterate(owner="ada", limit=2)] == ["c", "b", "a"]
    assert list(client.keys.iterate(owner="ada", status="revoked")) == []
    assert client.keys.list(owner=None, status=None).items

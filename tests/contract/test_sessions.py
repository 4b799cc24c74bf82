"""Sessions: signing in, staying signed in, signing out; on every store, by either face."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.places import KEYRING, QUIET, Installation
from tokenry import Conflict, Invalid, NotAllowed, NotFound, Settings
from tokenry.config import ConfigError
from tokenry.core.keyring import new_generation
from tokenry.core.model import micros
from tokenry.core.refresh import Rules, begin
from tokenry.core.secret import parse
from tokenry.testing import FakeClock
from tokenry.types import Owner, Secret, SessionTokens, SessionValid

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def dev(tk: Any) -> Owner:
    """An owner with a role."""
    tk.roles.put("dev", scopes=["read:*", "write:projects"])
    owner: Owner = tk.owners.put("dev-1", roles=["dev"])
    return owner


@pytest.fixture
def started(tk: Any, dev: Owner) -> SessionTokens:
    """A session of that owner."""
    tokens: SessionTokens = tk.sessions.start("dev-1", device={"name": "phone"})
    return tokens


def types(tk: Any, *wanted: str) -> list[str]:
    return [event.type for event in tk.events.list(types=list(wanted) or ["session.*"])]


def nested(levels: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(levels - 1):
        found = [found]
    return found


class Shifting(Mapping[str, Any]):
    """A mapping that says something else when it is read again."""

    def __init__(self) -> None:
        self._read = 0

    def __getitem__(self, name: str) -> str:
        return "x"

    def __iter__(self) -> Iterator[str]:
        self._read += 1
        return iter(["a"] if self._read == 1 else ["sub"])

    def __len__(self) -> int:
        return 1


def open_with(installation: Installation, tk: Any, **settings: Any) -> Any:
    return installation.reopen(tk, settings=replace(QUIET, **settings))


def lasting(installation: Installation) -> None:
    if (installation.store, installation.place) == ("sqlite", "memory"):
        pytest.skip("a database in memory ends with its instance")


def test_a_session_begins_with_a_pair_that_works(tk: Any, started: SessionTokens, clock: FakeClock) -> None:
    session = started.session
    assert (session.owner, session.tenant, session.status, session.generation) == ("dev-1", "default", "active", 1)
    assert session.scopes is None
    assert started.scopes == ("read:*", "write:projects")
    assert session.device == {"name": "phone"}
    assert session.expires_at == clock.now() + 30 * DAY
    assert session.idle_expires_at == started.refresh_expires_at == clock.now() + 7 * DAY
    assert started.access_expires_at == clock.now() + 5 * MINUTE
    verdict = tk.verify(started.access, scopes="read:x")
    assert verdict
    assert isinstance(verdict, SessionValid)
    assert (verdict.kind, verdict.online) == ("session", True)
    assert not hasattr(verdict, "key")
    assert verdict.session.id == session.id
    assert verdict.owner.external_id == "dev-1"
    assert verdict.tenant.slug == "default"
    assert verdict.session == session
    assert tk.sessions.get(session.id) == session
    assert tk.verify(started.access, scopes="admin").code == "insufficient_scope"


def test_the_record_of_a_verdict_is_that_of_the_session(tk: Any, dev: Owner) -> None:
    given = {
        "claims": {"plan": "pro"},
        "audience": ["a", "b"],
        "scopes": ["x"],
        "device": {"os": "b"},
        "client_id": "c",
    }
    started = tk.sessions.start("dev-1", **given)
    verdict = tk.verify(started.access)
    assert verdict.session == tk.sessions.get(started.session.id) == started.session
    claims = verdict.claims
    assert (claims["plan"], claims["aud"], claims["client_id"], claims["scope"]) == ("pro", ["a", "b"], "c", "x")
    assert (claims["sub"], claims["tid"], claims["sid"]) == ("dev-1", "default", started.session.id)


def test_a_refresh_gives_the_next_pair(tk: Any, started: SessionTokens, clock: FakeClock) -> None:
    clock.advance(DAY)
    nxt = tk.sessions.refresh(started.refresh)
    assert nxt.refresh != started.refresh
    assert nxt.session.id == started.session.id
    assert (nxt.session.generation, nxt.session.refreshed_at) == (2, clock.now())
    assert nxt.session.idle_expires_at == clock.now() + 7 * DAY
    assert nxt.session.expires_at == started.session.expires_at
    assert tk.verify(nxt.access)
    assert tk.sessions.get(nxt.session.id) == nxt.session
    assert parse(str(nxt.refresh)).kid == parse(str(started.refresh)).kid  # type: ignore[union-attr]
    assert str(nxt.refresh).startswith("tk_rt_")
    assert types(tk) == ["session.started", "session.refreshed"]


def test_an_access_token_that_was_replaced_stays_valid_until_it_expires(
    tk: Any, started: SessionTokens, clock: FakeClock
) -> None:
    tk.sessions.refresh(started.refresh)
    clock.advance(5 * MINUTE - SECOND)
    assert tk.verify(started.access)
    clock.advance(SECOND)
    assert tk.verify(started.access).code == "expired"


def test_all_who_present_the_same_token_get_the_same_successor(tk: Any, started: SessionTokens) -> None:
    pairs = [tk.sessions.refresh(started.refresh) for _ in range(4)]
    assert len({str(pair.refresh) for pair in pairs}) == 1
    assert all(tk.verify(pair.access) for pair in pairs)
    assert types(tk) == ["session.started", "session.refreshed"]
    assert len(tk.audit.list(action="session.refreshed").items) == 1


def test_a_late_one_within_the_grace_gets_the_same_successor_and_goes_on_from_it(
    tk: Any, started: SessionTokens, clock: FakeClock
) -> None:
    second = tk.sessions.refresh(started.refresh)
    third = tk.sessions.refresh(second.refresh)
    clock.advance(9 * SECOND)
    late = tk.sessions.refresh(started.refresh)
    assert late.refresh == second.refresh
    assert tk.sessions.refresh(late.refresh).refresh == third.refresh
    assert tk.verify(late.access)


@pytest.mark.parametrize(("steps", "wait"), [(1, 5 * MINUTE), (2, 10 * SECOND), (3, 0 * SECOND)])
def test_reuse_ends_the_session_and_raises_one_event(
    tk: Any, started: SessionTokens, clock: FakeClock, steps: int, wait: timedelta
) -> None:
    newest = started
    for _ in range(steps):
        newest = tk.sessions.refresh(newest.refresh)
    clock.advance(wait)
    assert tk.sessions.refresh(started.refresh).code == "reused"
    assert tk.sessions.refresh(started.refresh).code == "revoked"
    assert tk.sessions.refresh(newest.refresh).code == "revoked"
    assert tk.verify(newest.access).code in ("revoked", "expired")
    assert tk.sessions.get(started.session.id).status == "revoked"
    assert types(tk, "session.reuse_detected", "session.revoked") == ["session.reuse_detected"]
    assert len(tk.audit.list(action="session.reuse_detected").items) == 1


def test_the_grace_is_a_setting(installation: Installation, tk: Any, clock: FakeClock) -> None:
    lasting(installation)
    tk = open_with(installation, tk, refresh_grace=timedelta(0))
    tk.owners.put("ada")
    first = tk.sessions.start("ada")
    second = tk.sessions.refresh(first.refresh)
    assert tk.sessions.refresh(first.refresh).refresh == second.refresh  # lost answers are another matter
    tk.sessions.refresh(second.refresh)
    assert tk.sessions.refresh(first.refresh).code == "reused"


def test_idle_and_absolute_life_end_a_session(tk: Any, started: SessionTokens, clock: FakeClock) -> None:
    idle = tk.sessions.start("dev-1")
    newest = started
    for _ in range(4):
        clock.advance(timedelta(days=6, hours=23))
        newest = tk.sessions.refresh(newest.refresh)
        assert newest.session.expires_at == started.session.expires_at
    assert tk.sessions.refresh(idle.refresh).code == "expired"
    assert tk.sessions.get(idle.session.id).status == "expired"
    clock.set(started.session.expires_at - 2 * SECOND)
    newest = tk.sessions.refresh(newest.refresh)
    assert newest.access_expires_at == newest.refresh_expires_at == started.session.expires_at
    clock.advance(2 * SECOND)
    assert tk.sessions.refresh(newest.refresh).code == "expired"
    assert tk.verify(newest.access).code == "expired"
    assert types(tk, "session.reuse_detected") == []


def test_signing_out_ends_the_session_at_once(tk: Any, started: SessionTokens, clock: FakeClock) -> None:
    other = tk.sessions.start("dev-1")
    assert tk.verify(started.access)
    ended = tk.sessions.revoke(started.session.id, reason="bye")
    assert (ended.status, ended.revoke_reason, ended.revoked_at) == ("revoked", "bye", clock.now())
    assert tk.verify(started.access).code == "revoked"
    assert tk.sessions.refresh(started.refresh).code == "revoked"
    assert tk.verify(other.access)
    clock.advance(MINUTE)
    assert tk.sessions.revoke(started.session.id) == ended
    assert types(tk, "session.revoked") == ["session.revoked"]


def test_who_holds_a_refresh_token_may_sign_out_with_it(tk: Any, started: SessionTokens) -> None:
    newest = tk.sessions.refresh(started.refresh)
    assert tk.sessions.revoke_by_token(newest.refresh).status == "revoked"
    assert tk.sessions.revoke_by_token(str(started.refresh)).status == "revoked"  # an older one means the same session
    assert tk.verify(newest.access).code == "revoked"


def test_a_refresh_token_says_itself_of_which_tenant_it_is(tk: Any, acme: str) -> None:
    tk.owners.put("ada", tenant=acme)
    started = tk.sessions.start("ada", tenant=acme)
    with pytest.raises(Invalid):
        tk.sessions.revoke(started.session.id, tenant=None)
    assert tk.sessions.revoke_by_token(started.refresh, tenant=None).tenant == acme
    assert tk.verify(started.access).code == "revoked"
    with pytest.raises(NotFound):
        tk.sessions.revoke_by_token("tk_live_rt_1" + "0" * 73, tenant=None)


@pytest.mark.parametrize("what", ["ses_0351E9hXBAGlOJInjlchX7", "nonsense", "", 7, None, "ses_' OR 1=1"])
def test_revoking_what_is_no_session_is_not_found(tk: Any, what: Any) -> None:
    with pytest.raises(NotFound):
        tk.sessions.revoke(what)


def test_signing_out_everywhere_spares_what_is_named(tk: Any, started: SessionTokens, ada: Owner) -> None:
    others = [tk.sessions.start("dev-1") for _ in range(3)]
    foreign = tk.sessions.start("ada")
    for tokens in (started, *others, foreign):
        assert tk.verify(tokens.access)
    ended = tk.sessions.revoke_all("dev-1", keep=started.session.id)
    assert sorted(ended) == sorted(tokens.session.id for tokens in others)
    assert [tk.verify(tokens.access).code for tokens in (started, *others, foreign)] == [
        "valid",
        *["revoked"] * 3,
        "valid",
    ]
    assert tk.sessions.revoke_all("dev-1") == (started.session.id,)
    assert tk.sessions.revoke_all("dev-1") == ()
    assert types(tk, "session.revoked") == ["session.revoked"] * 4


def test_disabling_an_owner_ends_its_sessions_for_good(tk: Any, started: SessionTokens) -> None:
    assert tk.verify(started.access)
    tk.owners.disable("dev-1")
    assert tk.verify(started.access).code == "revoked"
    assert tk.sessions.refresh(started.refresh).code == "revoked"
    with pytest.raises(Conflict):
        tk.sessions.start("dev-1")
    tk.owners.enable("dev-1")
    assert tk.verify(started.access).code == "revoked"
    assert tk.verify(tk.sessions.start("dev-1").access)


def test_deleting_an_owner_ends_its_sessions(tk: Any, started: SessionTokens) -> None:
    tk.owners.delete("dev-1")
    assert tk.verify(started.access).code == "revoked"
    assert not tk.sessions.refresh(started.refresh)
    tk.owners.put("dev-1")
    assert tk.sessions.list("dev-1").items == ()
    assert not tk.verify(started.access)


def test_a_suspended_tenant_is_refused_and_its_sessions_survive(tk: Any, acme: str) -> None:
    started = tk.sessions.start("ada", tenant="acme")
    assert tk.verify(started.access)
    tk.tenants.suspend("acme")
    assert tk.verify(started.access).code == "tenant_suspended"
    assert tk.sessions.refresh(started.refresh, tenant="acme").code == "tenant_suspended"
    with pytest.raises(Conflict):
        tk.sessions.start("ada", tenant="acme")
    tk.tenants.resume("acme")
    assert tk.verify(started.access)
    assert tk.sessions.refresh(started.refresh, tenant="acme")


def test_tenants_do_not_see_each_others_sessions(tk: Any, started: SessionTokens, acme: str) -> None:
    theirs = tk.sessions.start("ada", tenant="acme")
    assert str(theirs.refresh).startswith("acme_rt_")
    assert tk.sessions.refresh(theirs.refresh).code == "not_found"
    assert tk.sessions.refresh(started.refresh, tenant="acme").code == "not_found"
    for call in (tk.sessions.get, tk.sessions.revoke):
        with pytest.raises(NotFound):
            call(theirs.session.id)
    with pytest.raises(NotFound):
        tk.sessions.revoke_by_token(theirs.refresh)
    assert [session.id for session in tk.sessions.list()] == [started.session.id]
    assert tk.verify(theirs.access, tenant="default").code == "not_found"
    assert tk.sessions.refresh(theirs.refresh, tenant="acme").session.tenant == "acme"
    assert tk.sessions.refresh(started.refresh, tenant=None).session.tenant == "default"
    assert types(tk, "session.reuse_detected") == []


def test_a_tenant_goes_with_its_sessions_and_signing_keys(tk: Any, acme: str) -> None:
    started = tk.sessions.start("ada", tenant="acme")
    tk.owners.delete("ada", tenant="acme")
    tk.tenants.suspend("acme")
    tk.tenants.delete("acme")
    assert not tk.verify(started.access)
    tk.tenants.create("acme")
    assert not tk.verify(started.access)


def test_a_foreign_client_is_refused_and_the_session_survives(tk: Any, dev: Owner) -> None:
    started = tk.sessions.start("dev-1", client_id="app")
    for other in ("other", None):
        assert tk.sessions.refresh(started.refresh, client_id=other).code == "not_found"
    assert tk.sessions.refresh(started.refresh, client_id="app")
    assert types(tk, "session.reuse_detected", "session.revoked") == []


def test_the_slug_of_a_tenant_is_the_client_of_sessions_without_one(tk: Any, dev: Owner) -> None:
    for client_id in (None, "default"):
        started = tk.sessions.start("dev-1", client_id=client_id)
        assert started.session.client_id == client_id
        assert all(tk.sessions.refresh(started.refresh, client_id=same) for same in (None, "default"))
        assert tk.sessions.refresh(started.refresh, client_id="").code == "not_found"
        assert tk.sessions.revoke(started.session.id, client_id="default").status == "revoked"
    started = tk.sessions.start("dev-1", client_id="app")
    assert tk.sessions.refresh(started.refresh, client_id="default").code == "not_found"


def test_scopes_may_be_narrowed_and_never_widened(tk: Any, started: SessionTokens) -> None:
    assert tk.sessions.refresh(started.refresh, scopes=["admin"]).code == "insufficient_scope"
    assert tk.sessions.refresh(started.refresh, scopes=["*"]).code == "insufficient_scope"
    narrowed = tk.sessions.refresh(started.refresh, scopes=["read:projects"])
    assert narrowed.scopes == ("read:projects",)
    assert tk.verify(narrowed.access, scopes="read:projects")
    assert tk.verify(narrowed.access, scopes="write:projects").code == "insufficient_scope"
    assert tk.sessions.refresh(narrowed.refresh).scopes == started.scopes  # of one token, not of the session
    with pytest.raises(Invalid):
        tk.sessions.refresh(narrowed.refresh, scopes=["Not A Scope"])


def test_a_session_without_scopes_of_its_own_follows_the_roles_of_its_owner(tk: Any, started: SessionTokens) -> None:
    assert tk.verify(started.access, scopes="write:projects")
    tk.roles.put("dev", scopes=["read:*", "edit:all"])
    assert tk.verify(started.access, scopes="write:projects").code == "insufficient_scope"
    assert tk.verify(started.access, scopes="edit:all").code == "insufficient_scope"  # the token does not say so
    assert tk.verify(started.access).scopes == ("read:*",)
    nxt = tk.sessions.refresh(started.refresh)
    assert nxt.scopes == ("read:*", "edit:all")
    assert tk.verify(nxt.access, scopes="edit:all")
    tk.owners.put("dev-1", roles=[])
    assert tk.verify(nxt.access, scopes="read:x").code == "insufficient_scope"
    assert tk.verify(nxt.access)
    assert tk.sessions.refresh(nxt.refresh).scopes == ()


def test_a_session_with_scopes_of_its_own_keeps_them(tk: Any, dev: Owner) -> None:
    started = tk.sessions.start("dev-1", scopes=["only:this"])
    assert tk.verify(started.access, scopes="only:this")
    assert tk.verify(started.access, scopes="read:x").code == "insufficient_scope"
    tk.owners.put("dev-1", roles=[])
    assert tk.sessions.refresh(started.refresh).scopes == ("only:this",)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        *(
            ({"claims": {name: "x"}}, "claims")
            for name in ("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id")
        ),
        *(({"claims": {name: "x"}}, "claims") for name in ("tid", "sid", "gen", "key", "narrowed", "scope", "roles")),
        ({"claims": ["a"]}, "claims"),
        ({"claims": {1: "a"}}, "claims"),
        ({"claims": {"a": {1, 2}}}, "claims"),
        ({"claims": {"a": "x" * 5000}}, "claims"),
        ({"claims": {"a": nested(40)}}, "claims"),
        ({"claims": {"a": nested(400)}}, "claims"),
        ({"claims": {"a": nested(100_000)}}, "claims"),
        ({"claims": {"a": float("nan")}}, "claims"),
        ({"claims": {"a": float("inf")}}, "claims"),
        ({"claims": {"a": 10**5000}}, "claims"),
        ({"claims": {"a": "\ud800"}}, "claims"),
        ({"claims": Shifting()}, "claims"),
        ({"audience": ""}, "audience"),
        ({"audience": []}, "audience"),
        ({"audience": [1]}, "audience"),
        ({"audience": 7}, "audience"),
        ({"scopes": "read:x"}, "scopes"),
        ({"scopes": ["A"]}, "scopes"),
        ({"scopes": ["tokenry:verify"]}, "scopes"),
        ({"device": "phone"}, "device"),
        ({"device": {"a": nested(400)}}, "device"),
        ({"client_id": ""}, "client_id"),
    ],
)
@pytest.mark.rules
def test_what_a_session_cannot_have_is_named(tk: Any, dev: Owner, given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        tk.sessions.start("dev-1", **given)
    assert {error.field for error in refused.value.errors} == {field}
    assert tk.sessions.list().items == ()


@pytest.mark.parametrize(
    "value",
    [
        2**64,
        -(2**70),
        10**4000,
        1e308,
        5e-324,
        -0.0,
        "\0",
        "\u2028</script>",
        "😀" * 900,
        nested(31),
        {"": {"": None}},
        True,
    ],
    ids=lambda value: repr(value)[:20],
)
@pytest.mark.rules
def test_whatever_json_holds_comes_back_as_it_was_said(tk: Any, dev: Owner, value: Any) -> None:
    claims = {"a": value, "__proto__": 1, "SUB": "x"}
    started = tk.sessions.start("dev-1", claims=claims, device={"a": value})
    for tokens in (started, tk.sessions.refresh(started.refresh)):
        verdict = tk.verify(tokens.access)
        assert {name: verdict.claims[name] for name in claims} == verdict.session.claims == claims
        assert verdict.owner.external_id == verdict.claims["sub"] == "dev-1"
    assert tk.sessions.get(started.session.id).device == {"a": value}
    [entry] = tk.audit.list(action="session.started")
    assert entry.after["claims"] == claims


@pytest.mark.rules
def test_scopes_that_the_catalogue_does_not_know_are_refused(tk: Any, dev: Owner) -> None:
    tk.scopes.define(["read:*"])
    with pytest.raises(Invalid):
        tk.sessions.start("dev-1", scopes=["write:x"])
    assert tk.sessions.start("dev-1", scopes=["read:x"])


@pytest.mark.parametrize("text", ["", "x", "tk_rt_1abc", "\0", "é", "a" * 10_000, 7, None, b"tk_rt"])
def test_a_bad_refresh_token_is_malformed(tk: Any, started: SessionTokens, text: Any) -> None:
    assert tk.sessions.refresh(text).code == "malformed"


def test_a_changed_a_made_up_and_a_foreign_kind_of_token_is_malformed(tk: Any, started: SessionTokens) -> None:
    text = str(started.refresh)
    for place in range(0, len(text), 3):
        other = "A" if text[place] != "A" else "B"
        assert tk.sessions.refresh(text[:place] + other + text[place + 1 :]).code == "malformed"
    forger = new_generation(bytes(range(80, 118)), 0)
    ids = (parse(text).kid, "ten_x", "ses_x")  # type: ignore[union-attr]
    forged = begin(ids, "tk_rt", bytes(32), forger, 0, Rules(0, 1, 1)).text
    assert tk.sessions.refresh(forged).code == "malformed"
    with pytest.raises(NotFound):
        tk.sessions.revoke_by_token(forged)
    assert tk.sessions.refresh(tk.keys.issue("dev-1", name="k").secret).code == "malformed"
    assert tk.sessions.refresh(started.access).code == "malformed"
    assert tk.sessions.refresh(started.refresh)


def test_a_refresh_token_verifies_nothing(tk: Any, started: SessionTokens) -> None:
    assert not tk.verify(started.refresh)
    assert tk.sessions.refresh(started.refresh)


def test_a_garbage_access_token_beside_is_refused_and_the_session_survives(
    tk: Any, started: SessionTokens, ada: Owner
) -> None:
    for garbage in ("", "garbage", "a.b.c", "..", "x" * 10_000, 7, str(started.access)[:-2]):
        assert tk.sessions.refresh(started.refresh, garbage).code == "access_invalid"
    other = tk.sessions.start("ada")
    assert tk.sessions.refresh(started.refresh, other.access).code == "access_invalid"
    assert tk.sessions.refresh(started.refresh, started.access).session.generation == 2


def test_a_garbage_access_token_beside_hides_neither_reuse_nor_the_end_of_a_session(
    tk: Any, started: SessionTokens
) -> None:
    pair = started
    for _ in range(3):
        pair = tk.sessions.refresh(pair.refresh)
    assert tk.sessions.refresh(started.refresh, "garbage").code == "reused"
    assert tk.sessions.refresh(pair.refresh, "garbage").code == "revoked"


def test_an_access_token_that_has_expired_is_good_enough_beside(
    tk: Any, started: SessionTokens, clock: FakeClock
) -> None:
    clock.advance(DAY)
    assert tk.sessions.refresh(started.refresh, started.access)


def test_bound_tokens_come_in_pairs(installation: Installation, tk: Any) -> None:
    lasting(installation)
    tk = open_with(installation, tk, bind_access=True)
    tk.owners.put("ada")
    one, other = tk.sessions.start("ada"), tk.sessions.start("ada")
    assert tk.sessions.refresh(one.refresh).code == "access_invalid"
    assert tk.sessions.refresh(one.refresh, other.access).code == "access_invalid"
    two = tk.sessions.refresh(one.refresh, one.access)
    assert tk.sessions.refresh(one.refresh, one.access).refresh == two.refresh
    assert tk.sessions.refresh(two.refresh, one.access).code == "access_invalid"  # of another generation
    three = tk.sessions.refresh(two.refresh, two.access)
    assert tk.sessions.refresh(one.refresh, one.access).refresh == two.refresh
    late = tk.sessions.refresh(one.refresh, one.access)
    assert tk.sessions.refresh(late.refresh, late.access).refresh == three.refresh


def test_an_early_refresh_may_be_refused(installation: Installation, tk: Any, clock: FakeClock) -> None:
    lasting(installation)
    tk = open_with(installation, tk, early_refresh="refuse")
    tk.owners.put("ada")
    one = tk.sessions.start("ada")
    assert tk.sessions.refresh(one.refresh, one.access).code == "too_early"
    clock.set(one.access_expires_at)
    two = tk.sessions.refresh(one.refresh, one.access)
    assert tk.sessions.refresh(one.refresh).refresh == two.refresh
    assert tk.sessions.refresh(two.refresh).code == "too_early"


def test_one_session_per_owner_may_be_the_policy(installation: Installation, tk: Any) -> None:
    lasting(installation)
    tk = open_with(installation, tk, sessions_per_owner="one")
    for name in ("ada", "bob"):
        tk.owners.put(name)
    first, other = tk.sessions.start("ada"), tk.sessions.start("bob")
    second = tk.sessions.start("ada")
    assert [tk.verify(tokens.access).code for tokens in (first, second, other)] == ["revoked", "valid", "valid"]
    assert [session.status for session in tk.sessions.list("ada")] == ["active", "revoked"]


def test_lists_come_in_pages_the_newest_first(tk: Any, dev: Owner, ada: Owner) -> None:
    ids = [tk.sessions.start("dev-1").session.id for _ in range(5)]
    tk.sessions.start("ada")
    seen, cursor = [], None
    while True:
        page = tk.sessions.list("dev-1", limit=2, cursor=cursor)
        seen += [session.id for session in page]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ids[::-1]
    assert len(tk.sessions.list().items) == 6
    with pytest.raises(NotFound):
        tk.sessions.list("nobody")


@pytest.mark.rules
def test_an_owner_sees_and_ends_its_own_sessions_only(tk: Any, started: SessionTokens, ada: Owner) -> None:
    own = tk.sessions.start("ada")
    assert [session.id for session in tk.sessions.list(by="ada")] == [own.session.id]
    for call in (tk.sessions.get, tk.sessions.revoke):
        with pytest.raises(NotFound):
            call(started.session.id, by="ada")
    with pytest.raises(NotFound):
        tk.sessions.revoke_all("dev-1", by="ada")
    with pytest.raises(NotFound):
        tk.sessions.start("dev-1", by="ada")
    assert tk.sessions.revoke(own.session.id, by="ada").status == "revoked"
    tk.owners.put("boss", admin=True)
    assert tk.sessions.revoke_all("dev-1", by="boss") == (started.session.id,)


@pytest.mark.rules
def test_an_owner_grants_its_session_no_more_than_it_holds_and_a_key_starts_none(tk: Any, dev: Owner) -> None:
    assert tk.sessions.start("dev-1", scopes=["read:x"], by="dev-1")
    with pytest.raises(NotAllowed):
        tk.sessions.start("dev-1", scopes=["admin:x"], by="dev-1")
    issued = tk.keys.issue("dev-1", name="k", scopes=["*"])
    with pytest.raises(NotAllowed):
        tk.sessions.start("dev-1", by=tk.verify(issued.secret))


@pytest.mark.rules
def test_who_is_signed_in_acts_as_its_owner(tk: Any, started: SessionTokens, ada: Owner) -> None:
    me = tk.verify(started.access)
    assert tk.keys.issue("dev-1", name="k", scopes=["read:x"], by=me).key.owner == "dev-1"
    with pytest.raises(NotAllowed):
        tk.keys.issue("dev-1", name="l", scopes=["admin:x"], by=me)
    with pytest.raises(NotFound):
        tk.keys.issue("ada", name="k", by=me)
    tk.sessions.revoke(started.session.id)
    with pytest.raises(NotFound):
        tk.keys.issue("dev-1", name="m", by=me)


@pytest.mark.rules
def test_a_session_with_scopes_of_its_own_does_no_more_than_these(tk: Any) -> None:
    tk.owners.put("boss", admin=True)
    me = tk.verify(tk.sessions.start("boss", scopes=["read:x"]).access)
    with pytest.raises(NotAllowed):
        tk.owners.put("new", by=me)
    with pytest.raises(NotAllowed):
        tk.keys.issue("boss", name="k", scopes=["read:x"], by=me)


@pytest.mark.rules
def test_an_access_token_that_was_narrowed_does_no_more_than_it_says(tk: Any, started: SessionTokens) -> None:
    tk.owners.put("boss", admin=True)
    boss = tk.sessions.start("boss")
    narrowed = tk.sessions.refresh(started.refresh, scopes=["read:x"])
    for tokens, owner in (
        (narrowed, "dev-1"),
        (tk.sessions.refresh(started.refresh, scopes=["read:x"]), "dev-1"),  # the same answer again
        (tk.sessions.refresh(boss.refresh, scopes=[]), "boss"),
    ):
        me = tk.verify(tokens.access)
        for call in (
            lambda me=me, owner=owner: tk.keys.issue(owner, name="k", scopes=["write:projects"], by=me),
            lambda me=me, owner=owner: tk.sessions.start(owner, by=me),
            lambda me=me: tk.owners.put("new", by=me),
        ):
            with pytest.raises(NotAllowed):
                call()
        for end in (tk.sessions.revoke, tk.sessions.get):
            with pytest.raises(NotFound):
                end(tokens.session.id, by=me)
        with pytest.raises(NotFound):
            tk.sessions.revoke_all(owner, by=me)
        assert tk.sessions.list(by=me).items == tk.keys.list(by=me).items == ()
    whole = tk.sessions.refresh(narrowed.refresh)
    assert tk.keys.issue("dev-1", name="k", scopes=["write:projects"], by=tk.verify(whole.access))


def test_an_idle_session_outlives_the_signing_key_of_its_access_token(
    installation: Installation, tk: Any, started: SessionTokens, clock: FakeClock
) -> None:
    lasting(installation)
    tk = open_with(installation, tk, bind_access=True)
    tk.signing_keys.rotate()
    clock.advance(6 * DAY)
    assert [key.status for key in tk.signing_keys.list()] == ["removed", "active", "next"]
    assert tk.verify(started.access).code == "malformed"
    nxt = tk.sessions.refresh(started.refresh, started.access)
    assert nxt
    tk.signing_keys.remove(tk.signing_keys.list()[1].kid)  # has become known: whoever has it could write such a token
    assert tk.sessions.refresh(nxt.refresh, nxt.access).code == "access_invalid"
    assert tk.sessions.get(nxt.session.id).status == "active"


def test_an_early_refresh_is_refused_for_no_longer_than_the_access_token_lives(
    installation: Installation, tk: Any, dev: Owner, clock: FakeClock
) -> None:
    lasting(installation)
    tk = open_with(installation, tk, early_refresh="refuse")
    clock.advance(timedelta(milliseconds=700))
    started = tk.sessions.start("dev-1")
    clock.advance(started.access_expires_at - clock.now() - timedelta(microseconds=1))
    assert tk.verify(started.access)
    assert tk.sessions.refresh(started.refresh).code == "too_early"
    clock.advance(timedelta(microseconds=1))
    assert tk.verify(started.access).code == "expired"
    assert tk.sessions.refresh(started.refresh)


MANY = [f"read:{'x' * 50}{number}" for number in range(120)]


@pytest.mark.rules
def test_a_token_that_nobody_could_read_is_refused_before_anything_is_written(
    tk: Any, started: SessionTokens, ada: Owner
) -> None:
    with pytest.raises(Invalid, match="bytes"):
        tk.sessions.start("ada", scopes=MANY)
    assert tk.sessions.list("ada").items == ()
    tk.roles.put("dev", scopes=MANY)
    with pytest.raises(Invalid, match="bytes"):
        tk.sessions.refresh(started.refresh)
    assert tk.sessions.get(started.session.id).generation == 1
    tk.roles.put("dev", scopes=MANY[:40])
    assert tk.verify(tk.sessions.refresh(started.refresh).access, scopes=MANY[:1])
    key = tk.keys.issue("ada", name="k", scopes=MANY)
    with pytest.raises(Invalid, match="bytes"):
        tk.exchange(key.secret)
    assert tk.verify(tk.exchange(key.secret, scopes=MANY[:40]).access)


@pytest.mark.rules
@pytest.mark.lasting
@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_the_longest_token_that_is_made_is_read(installation: Installation, tk: Any, algorithm: str) -> None:
    tk = installation.reopen(tk, settings=replace(QUIET, algorithm=algorithm))
    tk.owners.put("ada")
    started, many = None, len(MANY)
    while started is None:
        try:
            started = tk.sessions.start("ada", scopes=MANY[:many], claims={"a": "b" * 3000})
        except Invalid:
            many -= 1
    assert tk.verify(started.access)


def test_the_host_may_answer_for_owners(tk: Any) -> None:
    known: dict[str, Any] = {"hosted": {"email": "a@b.example"}}
    tk.owner_loader(lambda external_id, tenant: known.get(external_id))
    started = tk.sessions.start("hosted")
    assert tk.verify(started.access).owner.email == "a@b.example"
    nxt = tk.sessions.refresh(started.refresh)
    assert nxt
    with pytest.raises(NotFound):
        tk.sessions.start("unknown")
    known.clear()
    assert tk.sessions.refresh(nxt.refresh).code == "owner_disabled"


@pytest.mark.lasting
def test_sessions_outlive_the_process(installation: Installation, tk: Any, started: SessionTokens) -> None:
    tk = installation.reopen(tk)
    assert tk.verify(started.access)
    assert tk.sessions.refresh(started.refresh)


@pytest.mark.lasting
def test_a_revocation_counts_in_every_instance_at_once(
    installation: Installation, tk: Any, started: SessionTokens
) -> None:
    other = installation.open()
    others = [tk.sessions.start("dev-1") for _ in range(3)]
    for _ in range(2):
        assert all(other.verify(tokens.access) for tokens in (started, *others))
    tk.sessions.revoke(started.session.id)
    assert other.verify(started.access).code == "revoked"
    tk.sessions.revoke_all("dev-1", keep=others[2].session.id)
    assert [other.verify(tokens.access).code for tokens in others] == ["revoked", "revoked", "valid"]
    newest = others[2]
    for _ in range(3):
        newest = tk.sessions.refresh(newest.refresh)
    assert tk.sessions.refresh(others[2].refresh).code == "reused"
    assert other.verify(newest.access).code == "revoked"


@pytest.mark.lasting
def test_a_new_generation_of_the_keyring_ends_no_session(
    installation: Installation, tk: Any, clock: FakeClock, started: SessionTokens
) -> None:
    second = tk.sessions.refresh(started.refresh)
    longer = KEYRING.with_generation(new_generation(bytes(range(100, 138)), micros(clock.now())))
    tk = installation.reopen(tk, keyring=longer)
    assert tk.verify(second.access)
    assert tk.sessions.refresh(started.refresh).refresh == second.refresh
    third = tk.sessions.refresh(second.refresh)
    assert tk.verify(third.access)
    assert tk.sessions.refresh(started.refresh).refresh == second.refresh
    [row] = installation.sql("SELECT generation_id, elder_generation_id FROM tokenry_session")
    assert (row.generation_id, row.elder_generation_id) == (longer.generations[1].id, longer.generations[0].id)


@pytest.mark.lasting
def test_a_stolen_database_holds_no_usable_token(installation: Installation, tk: Any, started: SessionTokens) -> None:
    tokens = [started]
    for _ in range(3):
        tokens.append(tk.sessions.refresh(tokens[-1].refresh))
    tk.audit.seal_all()
    everything = ""
    for table in ("session", "signing_key", "event", "audit_entry", "idempotency"):
        for row in installation.sql(f"SELECT * FROM tokenry_{table}"):
            everything += " ".join(bytes(v).hex() if isinstance(v, (bytes, memoryview)) else str(v) for v in row)
    for pair in tokens:
        text, signature = str(pair.refresh), str(pair.access).rpartition(".")[2]
        assert text[-57:-14] not in everything
        assert text.encode().hex() not in everything
        assert signature not in everything


@pytest.mark.lasting
def test_a_row_that_was_moved_to_another_session_opens_nothing(installation: Installation, tk: Any, dev: Owner) -> None:
    mine, victim = tk.sessions.start("dev-1"), tk.sessions.start("dev-1")
    digest = "(SELECT digest FROM tokenry_session WHERE id = :from_)"
    swap = f"UPDATE tokenry_session SET kid = :kid, digest = {digest} WHERE id = :to"
    kid = parse(str(mine.refresh)).kid  # type: ignore[union-attr]
    installation.sql("UPDATE tokenry_session SET kid = 'x' WHERE id = :id", id=mine.session.id)
    installation.sql(swap, kid=kid, from_=mine.session.id, to=victim.session.id)
    assert tk.sessions.refresh(mine.refresh).code == "reused"


@pytest.mark.lasting
@pytest.mark.parametrize("committed", [True, False])
def test_a_session_lives_or_dies_with_the_hosts_transaction(
    installation: Installation, tk: Any, ada: Owner, committed: bool
) -> None:
    with installation.connection() as connection:
        with tk.using(connection) as joined:
            started = joined.sessions.start("ada")
            nxt = joined.sessions.refresh(started.refresh)
        connection.commit() if committed else connection.rollback()
        joined.settle()
    assert bool(tk.verify(started.access)) == bool(tk.sessions.refresh(nxt.refresh)) == committed
    assert tk.verify(tk.sessions.start("ada").access)


def test_secrets_of_a_session_print_as_nothing(started: SessionTokens) -> None:
    assert isinstance(started.access, Secret)
    assert isinstance(started.refresh, Secret)
    for text in (repr(started), str(started)):
        assert str(started.access) not in text
        assert str(started.refresh) not in text


def test_audit_and_events_tell_of_a_session_without_its_tokens(tk: Any, started: SessionTokens) -> None:
    nxt = tk.sessions.refresh(started.refresh)
    tk.sessions.revoke(nxt.session.id, reason="bye")
    entries = tk.audit.list(subject=started.session.id).items
    assert [entry.action for entry in entries] == ["session.revoked", "session.refreshed", "session.started"]
    assert entries[1].actor == "dev-1"
    assert entries[0].after == {"status": "revoked", "reason": "bye", "owner": "dev-1"}
    recorded = repr(entries) + repr(tk.events.list().items)
    assert not any(str(secret) in recorded for pair in (started, nxt) for secret in (pair.access, pair.refresh))
    assert tk.audit.check()


@pytest.mark.parametrize(
    "wrong",
    [
        {"access_life": SECOND}, {"access_life": 2 * DAY}, {"session_idle_life": SECOND}, {"session_life": 8000 * DAY},
        {"session_idle_life": 31 * DAY}, {"refresh_grace": 61 * SECOND}, {"refresh_grace": -SECOND},
        {"sessions_per_owner": "two"}, {"early_refresh": "maybe"}, {"algorithm": "none"}, {"algorithm": "HS256"},
        {"algorithm": "HS256", "shared_secret": "short"}, {"algorithm": "HS256", "shared_secret": "a" * 64},
        {"issuer": ""}, {"issuer": "a\nb"}, {"signing_key_life": SECOND},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Settings(**wrong)

"""Signing keys: made at first use, encrypted at rest, rotated by command and by age; the JWKS shows the public ones."""

from __future__ import annotations

import warnings
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt as pyjwt
import pytest
from joserfc import jwk as jose_jwk
from joserfc import jwt as jose_jwt
from joserfc.errors import SecurityWarning

from tests.contract.places import KEYRING, QUIET, Installation
from tokenry import Conflict, NotAllowed, NotFound
from tokenry.core.keyring import new_generation
from tokenry.core.model import micros
from tokenry.service import canary
from tokenry.testing import FakeClock
from tokenry.types import Owner

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"


def statuses(tk: Any, **of: Any) -> list[str]:
    return [key.status for key in tk.signing_keys.list(**of)]


def kid_of(token: object) -> str:
    kid: str = pyjwt.get_unverified_header(str(token))["kid"]
    return kid


def test_the_first_sign_in_makes_a_key_and_the_next_one(tk: Any, ada: Owner) -> None:
    assert tk.signing_keys.list() == ()
    started = tk.sessions.start("ada")
    tk.sessions.start("ada")
    active, coming = tk.signing_keys.list()
    assert [active.status, coming.status] == ["active", "next"]
    assert kid_of(started.access) == active.kid
    assert active.algorithm == "ES256"
    types = [event.type for event in tk.events.list(types=["signing_key.*"])]
    assert types == ["signing_key.created", "signing_key.created", "signing_key.activated"]


def test_the_jwks_shows_public_halves_alone(tk: Any, ada: Owner) -> None:
    shown = tk.jwks()["keys"]
    assert [key["kid"] for key in shown] == [key.kid for key in tk.signing_keys.list()]
    for key in shown:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert [key.jwk for key in tk.signing_keys.list()] == shown
    with pytest.raises(NotFound):
        tk.jwks(tenant="nobody")


def test_tenants_have_keys_and_issuers_of_their_own(tk: Any, ada: Owner, acme: str) -> None:
    ours, theirs = tk.sessions.start("ada"), tk.sessions.start("ada", tenant="acme")
    assert not {key["kid"] for key in tk.jwks()["keys"]} & {key["kid"] for key in tk.jwks(tenant="acme")["keys"]}
    assert tk.verify(theirs.access).claims["iss"] == "urn:tokenry/t/acme"
    assert tk.verify(ours.access).claims["iss"] == "urn:tokenry/t/default"


def test_rotation_shows_a_key_before_it_signs_and_after_it_has_signed(tk: Any, ada: Owner, clock: FakeClock) -> None:
    old = tk.sessions.start("ada")
    first, second = tk.signing_keys.list()
    assert second.kid in {key["kid"] for key in tk.jwks()["keys"]}
    assert tk.signing_keys.rotate().kid == second.kid
    assert statuses(tk) == ["retiring", "active", "next"]
    new = tk.sessions.start("ada")
    assert kid_of(new.access) == second.kid
    for token in (old.access, new.access):
        assert tk.verify(token)
        assert kid_of(token) in {key["kid"] for key in tk.jwks()["keys"]}
    clock.advance(25 * HOUR)
    assert statuses(tk) == ["removed", "active", "next"]
    assert first.kid not in {key["kid"] for key in tk.jwks()["keys"]}
    assert tk.verify(old.access).code == "malformed"
    types = [event.type for event in tk.events.list(types=["signing_key.activated", "signing_key.retired"])]
    assert types == ["signing_key.activated", "signing_key.retired", "signing_key.activated"]


def test_a_key_that_has_become_known_is_removed_at_once(tk: Any, ada: Owner) -> None:
    started = tk.sessions.start("ada")
    assert tk.verify(started.access)
    removed = tk.signing_keys.remove(kid_of(started.access))
    assert removed.status == "removed"
    assert tk.verify(started.access).code == "malformed"
    assert tk.verify(started.access, offline=True).code == "malformed"
    nxt = tk.sessions.refresh(started.refresh)
    assert tk.verify(nxt.access)
    assert tk.signing_keys.remove(removed.kid) == removed
    with pytest.raises(NotFound):
        tk.signing_keys.remove("unknown")


def test_there_is_always_a_next_key_to_be_shown_before_it_signs(tk: Any, ada: Owner) -> None:
    tk.sessions.start("ada")
    for end in ("next", "active", "next", "next"):
        tk.signing_keys.remove(next(key.kid for key in tk.signing_keys.list() if key.status == end))
        living = [key for key in tk.signing_keys.list() if key.status in ("next", "active")]
        assert sorted(key.status for key in living) == ["active", "next"]
        assert {key.kid for key in living} == {key["kid"] for key in tk.jwks()["keys"]}
    assert tk.verify(tk.sessions.start("ada").access)


def test_a_key_that_has_signed_for_long_is_replaced_by_itself(tk: Any, ada: Owner, clock: FakeClock) -> None:
    tk.sessions.start("ada")
    upkeep = getattr(tk, "_upkeep", None) or tk.thing._sync._upkeep
    clock.advance(89 * DAY)
    run(tk, upkeep)
    assert statuses(tk) == ["active", "next"]
    clock.advance(2 * DAY)
    run(tk, upkeep)
    run(tk, upkeep)
    assert statuses(tk) == ["retiring", "active", "next"]


def run(tk: Any, call: Any) -> None:
    """Call something synchronous where the instance may wait."""
    if hasattr(tk, "thing"):
        tk.wait(tk.thing._call(call))
    else:
        call()


@pytest.mark.rules
def test_only_administrators_and_operators_touch_signing_keys(tk: Any, ada: Owner) -> None:
    for call in (tk.signing_keys.list, tk.signing_keys.rotate):
        with pytest.raises(NotAllowed):
            call(by="ada")
    with pytest.raises(NotAllowed):
        tk.signing_keys.remove("x", by="ada")
    tk.owners.put("boss", admin=True)
    tk.jwks()
    assert tk.signing_keys.rotate(by="boss").status == "active"


@pytest.mark.lasting
@pytest.mark.parametrize("algorithm", ["RS256", "Ed25519", "HS256"])
def test_other_algorithms_are_a_setting(installation: Installation, tk: Any, algorithm: str) -> None:
    tk.owners.put("ada")
    old = tk.sessions.start("ada")
    tk = installation.reopen(tk, settings=replace(QUIET, algorithm=algorithm, shared_secret=SECRET))
    new = tk.sessions.start("ada")
    expected = {"Ed25519": "EdDSA"}.get(algorithm, algorithm)
    assert pyjwt.get_unverified_header(str(new.access))["alg"] == expected
    for token in (old.access, new.access):
        assert tk.verify(token)
    shown = {(key["kty"], key["alg"]) for key in tk.jwks()["keys"]}
    assert shown == {("EC", "ES256")} | {"RS256": {("RSA", "RS256")}, "Ed25519": {("OKP", "EdDSA")}}.get(
        algorithm, set()
    )
    if algorithm == "HS256":
        with pytest.raises(Conflict):
            tk.signing_keys.rotate()
        assert pyjwt.decode(str(new.access), SECRET, ["HS256"], audience="urn:tokenry/t/default", options=UNTIMED)
    else:
        assert tk.signing_keys.rotate().algorithm == algorithm


UNTIMED: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}


@pytest.mark.lasting
def test_another_shared_secret_retires_the_one_before(installation: Installation, tk: Any) -> None:
    tk.owners.put("ada")
    tokens = []
    for secret in (SECRET, SECRET[::-1], SECRET):
        tk = installation.reopen(tk, settings=replace(QUIET, algorithm="HS256", shared_secret=secret))
        tokens.append(tk.sessions.start("ada").access)
    assert all(tk.verify(token) for token in tokens)
    assert kid_of(tokens[0]) == kid_of(tokens[2]) != kid_of(tokens[1])
    assert sorted(statuses(tk)) == ["active", "retiring"]


@pytest.mark.lasting
def test_a_shared_secret_that_was_removed_never_comes_back(installation: Installation, tk: Any, ada: Owner) -> None:
    settings = replace(QUIET, algorithm="HS256", shared_secret=SECRET)
    tk = installation.reopen(tk, settings=settings)
    leaked = tk.sessions.start("ada")
    tk.signing_keys.remove(kid_of(leaked.access))
    for _ in range(2):
        with pytest.raises(Conflict, match="shared_secret"):
            tk.sessions.start("ada")
        assert statuses(tk) == ["removed"]
        assert tk.verify(leaked.access).code == "malformed"
        tk = installation.reopen(tk, settings=settings)
    tk = installation.reopen(tk, settings=replace(settings, shared_secret=SECRET[::-1]))
    assert tk.verify(tk.sessions.refresh(leaked.refresh).access)
    assert tk.verify(leaked.access).code == "malformed"


@pytest.mark.lasting
@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "Ed25519"])
def test_foreign_verifiers_verify_our_tokens_with_the_jwks(installation: Installation, tk: Any, algorithm: str) -> None:
    tk = installation.reopen(tk, settings=replace(QUIET, algorithm=algorithm, issuer="https://id.example.com"))
    tk.owners.put("ada")
    token = str(tk.sessions.start("ada", audience="api", claims={"plan": "pro"}).access)
    keys, name = tk.jwks(), {"Ed25519": "EdDSA"}.get(algorithm, algorithm)
    public = pyjwt.PyJWKSet.from_dict(keys)[kid_of(token)]
    read = pyjwt.decode(
        token, public, [name], audience="api", issuer="https://id.example.com/t/default", options=UNTIMED
    )
    assert (read["sub"], read["plan"]) == ("ada", "pro")
    with warnings.catch_warnings():  # the name that other libraries know for Ed25519 is an older one
        warnings.simplefilter("ignore", SecurityWarning)
        other = jose_jwt.decode(token, jose_jwk.KeySet.import_key_set(keys), algorithms=[name])
    assert other.claims == read
    assert other.header["typ"] == "at+jwt"


@pytest.mark.lasting
def test_what_lies_in_the_database_signs_nothing_and_cannot_be_moved(
    installation: Installation, tk: Any, acme: str
) -> None:
    tk.owners.put("ada")
    started = tk.sessions.start("ada")
    theirs = tk.sessions.start("ada", tenant="acme")
    rows = installation.sql("SELECT kid, tenant_id, sealed FROM tokenry_signing_key")
    for row in rows:
        for word in (b'"kty"', b'"crv"', b'"d":', b"P-256"):
            assert word not in bytes(row.sealed)
    mine, other = kid_of(started.access), kid_of(theirs.access)
    moved = next(row for row in rows if row.kid == other)
    installation.sql(
        "UPDATE tokenry_signing_key SET sealed = :sealed WHERE kid = :kid", sealed=bytes(moved.sealed), kid=mine
    )
    tk = installation.reopen(tk)
    assert tk.verify(started.access).code == "malformed"
    assert tk.verify(theirs.access)


@pytest.mark.lasting
def test_a_signing_key_that_was_moved_to_another_tenant_is_none(
    installation: Installation, tk: Any, ada: Owner, acme: str
) -> None:
    kid = kid_of(tk.sessions.start("ada").access)
    there = "(SELECT id FROM tokenry_tenant WHERE slug = 'acme')"
    installation.sql(f"UPDATE tokenry_signing_key SET tenant_id = {there} WHERE kid = :kid", kid=kid)
    tk = installation.reopen(tk)
    theirs = tk.sessions.start("ada", tenant="acme")
    assert kid_of(theirs.access) != kid
    assert kid not in {key["kid"] for key in tk.jwks(tenant="acme")["keys"]}


@pytest.mark.lasting
@pytest.mark.parametrize("memory_entries", [0, 1000])
def test_a_rotation_counts_in_every_instance(
    installation: Installation, tk: Any, ada: Owner, memory_entries: int
) -> None:
    other = installation.open(settings=replace(QUIET, memory_entries=memory_entries))
    started = tk.sessions.start("ada")
    assert other.verify(started.access)
    tk.signing_keys.rotate()
    new = tk.sessions.start("ada")
    assert other.verify(new.access)
    assert other.verify(started.access)
    tk.signing_keys.remove(kid_of(started.access))
    if installation.store == "sqlite":  # on PostgreSQL nothing tells: it is read anew within seconds
        assert other.verify(started.access).code == "malformed"
    tk.signing_keys.rotate()
    tk.signing_keys.remove(kid_of(new.access))
    if installation.store == "sqlite":
        assert kid_of(other.sessions.start("ada").access) != kid_of(new.access), "who only signs has learned it too"


@pytest.mark.lasting
def test_a_generation_of_the_keyring_can_be_dropped_when_no_session_needs_it(
    installation: Installation, tk: Any, clock: FakeClock
) -> None:
    tk.owners.put("ada")
    started = tk.sessions.start("ada")
    longer = KEYRING.with_generation(new_generation(bytes(range(100, 138)), micros(clock.now())))
    old = KEYRING.generations[0].id
    tk = installation.reopen(tk, keyring=longer)
    store = tk._database if installation.face == "sync" else tk.thing._sync._database
    with pytest.raises(Conflict) as refused:
        run(tk, lambda: canary.drop(store, longer, old, clock.now()))
    assert "session" in str(refused.value)
    tk.sessions.refresh(started.refresh)
    with pytest.raises(Conflict) as refused:
        run(tk, lambda: canary.drop(store, longer, old, clock.now()))
    assert "session" not in str(refused.value)  # the audit log still needs it
    assert "signing key" not in str(refused.value)

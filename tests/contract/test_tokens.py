"""Access tokens: verified online and offline, derived from keys, and refused for whatever was not signed here."""

from __future__ import annotations

import base64
import json
from copy import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import QUIET, Installation
from tokenry import Denied, Invalid, Limit, NotAllowed, NotFound, Settings
from tokenry.core import jwt
from tokenry.testing import FakeClock
from tokenry.types import OfflineValid, Owner, SessionTokens, TokenValid

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def started(tk: Any, ada: Owner) -> SessionTokens:
    tokens: SessionTokens = tk.sessions.start("ada", scopes=["read:*"])
    return tokens


def claims_of(token: object) -> dict[str, Any]:
    payload = str(token).split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def resigned(token: object, signing: tuple[jwt.JoseKey, bytes], changed: dict[str, Any]) -> str:
    """Return a token with other claims, signed and tagged as this installation would."""
    claims = {**claims_of(token), **changed}
    claims.pop("jti")
    return jwt.write({name: value for name, value in claims.items() if value is not None}, "u" * 16, *signing)


@pytest.fixture
def signing(installation: Installation, tk: Any, started: SessionTokens) -> tuple[jwt.JoseKey, bytes]:
    """The signing key and the tag key of the installation, which nobody outside has."""
    return signer_of(tk), installation.keyring.generations[0].token_key


def signer_of(tk: Any) -> jwt.JoseKey:
    """Return the signing key, read where the instance may wait."""
    sync = tk.thing._sync if hasattr(tk, "thing") else tk
    arguments = (sync._signers.signer, sync._context, "default")
    key: jwt.JoseKey = tk.wait(tk.thing._call(*arguments)) if hasattr(tk, "thing") else arguments[0](*arguments[1:])
    return key


def test_a_token_says_what_the_profile_of_access_tokens_asks_for(
    tk: Any, started: SessionTokens, clock: FakeClock
) -> None:
    claims = claims_of(started.access)
    header = json.loads(base64.urlsafe_b64decode(str(started.access).split(".")[0] + "=="))
    now = int(clock.now().timestamp())
    assert header["typ"] == "at+jwt"
    assert header["alg"] == "ES256"
    assert claims.pop("jti")
    assert claims == {
        "iss": "urn:tokenry/t/default", "sub": "ada", "aud": "urn:tokenry/t/default", "iat": now, "exp": now + 300,
        "client_id": "default", "tid": "default", "scope": "read:*", "roles": [], "sid": started.session.id, "gen": 1,
    }  # fmt: skip


def test_a_token_expires_to_the_second(tk: Any, started: SessionTokens, clock: FakeClock) -> None:
    clock.advance(300 * SECOND - timedelta(microseconds=1))
    assert tk.verify(started.access)
    assert tk.verify(started.access, offline=True)
    clock.advance(timedelta(microseconds=1))
    assert tk.verify(started.access).code == "expired"
    assert tk.verify(started.access, offline=True).code == "expired"


def test_a_token_from_the_future_is_not_valid_yet(tk: Any, started: SessionTokens, clock: FakeClock) -> None:
    clock.advance(-SECOND)
    assert tk.verify(started.access).code == "not_yet_valid"
    assert tk.verify(started.access, offline=True).code == "not_yet_valid"


def test_offline_believes_the_token_alone(tk: Any, started: SessionTokens) -> None:
    verdict = tk.verify(started.access, offline=True, scopes="read:x", tenant="default")
    assert verdict
    assert isinstance(verdict, OfflineValid)
    assert (verdict.kind, verdict.online) == ("session", False)
    assert not hasattr(verdict, "key")
    assert not hasattr(verdict, "session")
    assert (verdict.owner.external_id, verdict.owner.id, verdict.tenant.slug) == ("ada", "", "default")
    assert verdict.claims["sid"] == started.session.id
    assert tk.verify(started.access, offline=True, scopes="write:x").code == "insufficient_scope"
    assert tk.verify(started.access, offline=True, tenant="acme").code == "not_found"
    tk.sessions.revoke(started.session.id)
    assert tk.verify(started.access, offline=True)
    assert tk.verify(started.access).code == "revoked"
    with pytest.raises(Denied):
        tk.require("nonsense", offline=True)


def test_a_key_says_nothing_offline(tk: Any, issue: Issue) -> None:
    assert tk.verify(issue().secret, offline=True).code == "malformed"


def test_an_audience_is_demanded_when_it_is_asked_for(tk: Any, ada: Owner) -> None:
    for named in ("billing", ["billing", "mail"]):
        token = tk.sessions.start("ada", audience=named).access
        for offline in (False, True):
            assert tk.verify(token, audience="billing", offline=offline)
            assert tk.verify(token, audience="other", offline=offline).code == "not_found"
            assert tk.verify(token, offline=offline)
    assert tk.verify(tk.sessions.start("ada").access, audience="billing").code == "not_found"
    assert tk.verify(tk.sessions.start("ada").access, audience="urn:tokenry/t/default")


def test_a_session_belongs_to_no_environment(tk: Any, started: SessionTokens) -> None:
    assert tk.verify(started.access, environment="live").code == "not_found"


def test_a_token_is_explained(tk: Any, started: SessionTokens) -> None:
    assert tk.explain(started.access).code == "valid"
    assert tk.explain(started.access, scopes="write:x").code == "insufficient_scope"
    assert tk.explain("a.b.c").code == "malformed"
    explanation = tk.explain(started.access, audience="other")
    assert explanation.code == "not_found"
    [detail] = [check.detail for check in explanation.checks if check.detail]
    assert detail.startswith("the token is for the audience 'urn:tokenry/t/default'")
    assert detail.endswith(" and not for 'other'")
    assert f"not_found: failed ({detail})  <- the verdict" in str(explanation)
    for foreign in ({"tenant": "acme"}, {"environment": "live"}):
        assert not any(check.detail for check in tk.explain(started.access, audience="other", **foreign).checks)
    tk.sessions.revoke(started.session.id)
    assert tk.explain(started.access).code == "revoked"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "urn:tokenry/t/acme"}, {"iss": "https://evil.example"}, {"tid": "acme"}, {"tid": "system"},
        {"sid": None}, {"key": "K" * 16}, {"exp": None}, {"exp": "9999999999"}, {"exp": 9999999999.5}, {"iat": None},
        {"iat": "0"}, {"aud": None}, {"sub": None}, {"scope": None}, {"client_id": None},
    ],
    ids=str,
)  # fmt: skip
def test_claims_that_are_not_ours_are_refused_whoever_signed_them(
    tk: Any, started: SessionTokens, signing: tuple[jwt.JoseKey, bytes], changed: dict[str, Any]
) -> None:
    assert tk.verify(resigned(started.access, signing, {}))
    text = resigned(started.access, signing, changed)
    assert tk.verify(text).code == "malformed"
    assert tk.verify(text, offline=True).code == "malformed"


@pytest.mark.parametrize(
    "header",
    [
        *({"typ": typ} for typ in ("JWT", "AT+JWT", "application/at+jwt", "dpop+jwt", "", None)),
        *({"alg": alg} for alg in ("none", "None", "HS256", "RS256", "EdDSA", "es256", None)),
        *({"kid": kid} for kid in ("", "x", "../../etc/passwd", "' OR 1=1 --", "k" * 4000, 1, None)),
        *({name: "x"} for name in ("crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "cty", "enc")),
    ],
    ids=str,
)
@pytest.mark.rules
def test_a_header_that_is_not_ours_is_refused_whoever_signed_it(
    tk: Any, started: SessionTokens, signing: tuple[jwt.JoseKey, bytes], header: dict[str, Any]
) -> None:
    key, tag_key = signing
    fields = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid, **header}
    forger = copy(key)
    forger.first = jwt._encode(
        json.dumps({name: value for name, value in fields.items() if value is not None}).encode()
    )
    text = resigned(started.access, (forger, tag_key), {})
    assert tk.verify(text).code == "malformed"
    assert tk.verify(text, offline=True).code == "malformed"
    assert tk.sessions.refresh(started.refresh, text).code == "access_invalid"
    assert tk.verify(started.access)


def test_a_token_of_a_session_that_never_was_is_not_found(
    tk: Any, started: SessionTokens, signing: tuple[jwt.JoseKey, bytes]
) -> None:
    for sid in ("ses_" + "0" * 22, "", "x", "key_1"):
        text = resigned(started.access, signing, {"sid": sid})
        assert tk.verify(text).code == "not_found"


def test_a_forged_token_is_refused_without_a_lookup(
    tk: Any, started: SessionTokens, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = tk.thing._sync if installation.face == "async" else tk

    def looked_up(*asked: Any) -> None:
        raise AssertionError("a forged token reached the database")

    forged = [
        jwt.write({**claims_of(started.access), "jti": "x"}, "u" * 16, jwt.generate(kid, "ES256"), b"x" * 32)
        for kid in ("forged", signer_of(tk).kid)
    ]
    sync._signers.forget()
    for call in ("read", "find", "find_async"):
        monkeypatch.setattr(sync._database, call, looked_up, raising=False)
    for text in forged:
        assert tk.verify(text).code == "malformed"
        assert tk.verify(text, offline=True).code == "malformed"
    monkeypatch.undo()


def test_a_tag_of_ours_does_not_make_up_for_a_foreign_signature(
    tk: Any, started: SessionTokens, signing: tuple[jwt.JoseKey, bytes]
) -> None:
    key, tag_key = signing
    text = resigned(started.access, (jwt.generate(key.kid, "ES256"), tag_key), {})
    assert tk.verify(text).code == "malformed"
    assert tk.verify(text, offline=True).code == "malformed"
    assert tk.sessions.refresh(started.refresh, text).code == "access_invalid"
    assert tk.verify(resigned(started.access, signing, {}))


def test_a_token_of_another_installation_is_refused(tk: Any, started: SessionTokens, tmp_path: Any) -> None:
    from tokenry import Tokenry
    from tokenry.config import fresh_keyring

    with Tokenry("sqlite://", keyring=fresh_keyring(), settings=QUIET) as other:
        other.owners.put("ada")
        foreign = other.sessions.start("ada").access
    assert tk.verify(foreign).code == "malformed"


@pytest.mark.parametrize(
    "payload", [b'\xff\xfexxxxxxxxx"}', b'{"a":"\xed\xa0\x80","jti":"xxxxxxxx"}', b"[" * 4000 + b'"}']
)
def test_claims_that_are_no_text_are_malformed(tk: Any, started: SessionTokens, payload: bytes) -> None:
    head, _, signature = str(started.access).split(".")
    text = f"{head}.{jwt._encode(payload)}.{signature}"
    assert tk.verify(text).code == tk.verify(text, offline=True).code == "malformed"
    assert tk.explain(text).code == "malformed"
    assert tk.sessions.refresh(started.refresh, text).code == "access_invalid"


@pytest.mark.parametrize("text", ["..", "a.b.c", "." * 10_000, "eyJ.eyJ.x", "é.é.é", "a.b", "x." + "\0", "{}.{}.{}"])
def test_nonsense_with_dots_is_malformed(tk: Any, started: SessionTokens, text: str) -> None:
    assert tk.verify(text).code == "malformed"


def test_a_derived_token_does_what_its_key_lets_it(tk: Any, issue: Issue, clock: FakeClock) -> None:
    issued = issue(scopes=["read:*", "write:x"])
    token = tk.exchange(issued.secret, scopes=["read:projects"], audience="billing", expires_in=MINUTE)
    assert (token.key, token.owner, token.scopes) == (issued.key.id, "ada", ("read:projects",))
    assert (token.audience, token.expires_at) == (("billing",), clock.now() + MINUTE)
    verdict = tk.verify(token.access, scopes="read:projects", audience="billing", environment="live")
    assert isinstance(verdict, TokenValid)
    assert (verdict.kind, verdict.online, verdict.key.id) == ("token", True, issued.key.id)
    assert not hasattr(verdict, "session")
    assert verdict.scopes == ("read:projects",)
    assert verdict.claims["client_id"] == issued.key.id
    assert tk.verify(token.access, scopes="write:x").code == "insufficient_scope"
    assert tk.verify(token.access, offline=True).kind == "token"
    clock.advance(MINUTE)
    assert tk.verify(token.access).code == "expired"
    assert tk.exchange(issued.secret).scopes == ("read:*", "write:x")


def test_the_key_behind_a_derived_token_keeps_its_own_times(tk: Any, issue: Issue, clock: FakeClock) -> None:
    begins = clock.now()
    for about in ({"expires_in": None}, {"expires_in": 2 * HOUR}, {"not_before": begins + MINUTE}):
        issued = issue(**about)
        clock.advance(MINUTE)
        token = tk.exchange(issued.secret, expires_in=MINUTE)
        of_token, of_key = tk.verify(token.access), tk.verify(issued.secret)
        assert of_token.key == of_key.key
        assert (of_key.key.expires_at, of_key.key.not_before) == (issued.key.expires_at, issued.key.not_before)
        assert (of_token.expires_at, of_key.expires_at) == (token.expires_at, issued.key.expires_at)


def test_a_verdict_tells_the_earliest_end_of_what_it_stands_on(
    tk: Any, issue: Issue, started: SessionTokens, clock: FakeClock
) -> None:
    issued = issue(expires_in=2 * HOUR)
    token = tk.exchange(issued.secret, expires_in=HOUR)
    tk.keys.rotate(issued.key.id, grace=MINUTE)
    assert tk.verify(issued.secret).expires_at == tk.verify(token.access).expires_at == clock.now() + MINUTE
    assert tk.verify(token.access, offline=True).expires_at == token.expires_at
    assert tk.verify(started.access).expires_at == started.access_expires_at


def test_no_more_is_derived_than_the_key_holds(tk: Any, issue: Issue, clock: FakeClock) -> None:
    issued = issue(scopes=["read:x"], expires_in=MINUTE)
    for beyond in (["write:x"], ["read:*"], ["read:x", "*"]):
        with pytest.raises(NotAllowed):
            tk.exchange(issued.secret, scopes=beyond)
    assert tk.exchange(issued.secret, expires_in=HOUR).expires_at == clock.now() + MINUTE
    assert tk.exchange(issued.secret, scopes=[]).scopes == ()
    for wrong in (
        {"expires_in": SECOND},
        {"expires_in": 25 * HOUR},
        {"expires_in": 60},
        {"audience": ""},
        {"scopes": "a"},
    ):
        with pytest.raises(Invalid):
            tk.exchange(issued.secret, **wrong)


def test_only_a_good_key_is_exchanged(tk: Any, issue: Issue, started: SessionTokens) -> None:
    issued = issue()
    derived = tk.exchange(issued.secret)
    for bad in ("nonsense", "", started.access, started.refresh, derived.access, str(issued.secret)[:-1] + "!"):
        with pytest.raises(Denied):
            tk.exchange(bad)
    tk.keys.revoke(issued.key.id)
    with pytest.raises(Denied) as denied:
        tk.exchange(issued.secret)
    assert denied.value.verdict.code == "revoked"


def test_a_derived_token_ends_with_everything_that_ends_its_key(tk: Any, issue: Issue, clock: FakeClock) -> None:
    def code(what: Any) -> str:
        issued = issue()
        token = tk.exchange(issued.secret).access
        assert tk.verify(token)
        what(issued.key.id)
        found: str = tk.verify(token).code
        return found

    assert code(tk.keys.revoke) == "revoked"
    assert code(tk.keys.disable) == "disabled"
    assert code(lambda id: tk.keys.delete(id)) == "not_found"
    assert code(lambda id: tk.keys.rotate(id, grace=timedelta(0))) == "revoked"
    assert code(lambda id: tk.keys.rotate(id, grace=HOUR)) == "valid"
    assert code(lambda id: tk.keys.update(id, expires_in=SECOND)) == "valid"
    assert code(lambda id: tk.keys.update(id, allowed_ips=["10.0.0.1"])) == "ip_not_allowed"
    assert code(lambda id: tk.owners.disable("ada")) == "owner_disabled"


def test_a_derived_token_holds_what_it_says_and_what_its_key_holds_now(tk: Any, issue: Issue) -> None:
    issued = issue(scopes=["read:*", "write:*"])
    token = tk.exchange(issued.secret, scopes=["read:*", "write:x"]).access
    tk.keys.update(issued.key.id, scopes=["read:a", "write:*", "new:x"])
    assert tk.verify(token).scopes == ("read:a", "write:x")
    assert tk.verify(token, scopes=["read:a", "write:x"])
    for beyond in ("read:b", "write:y", "new:x"):
        assert tk.verify(token, scopes=beyond).code == "insufficient_scope"
    # One part that only the token covers and one that only the key covers are not two halves of one scope.
    assert not tk.verify(token, scopes={"any": ["read:b", "new:x"]})
    assert tk.verify(token, scopes={"any": ["read:b", "read:a"]})


def test_addresses_and_limits_of_the_key_bind_its_tokens(tk: Any, issue: Issue) -> None:
    issued = issue(allowed_ips=["10.0.0.1"], limits=[Limit("minute", 4, 60)])
    with pytest.raises(Denied):
        tk.exchange(issued.secret)
    token = tk.exchange(issued.secret, ip="10.0.0.1").access
    assert tk.verify(token, ip="10.0.0.2").code == "ip_not_allowed"
    assert tk.verify(token, ip="10.0.0.1").limits[0].remaining == 2
    assert tk.verify(issued.secret, ip="10.0.0.1").limits[0].remaining == 1
    assert tk.verify(token, ip="10.0.0.1")
    assert tk.verify(token, ip="10.0.0.1").code == "rate_limited"


def test_using_a_derived_token_is_using_its_key(tk: Any, issue: Issue) -> None:
    issued = issue()
    token = tk.exchange(issued.secret).access
    for _ in range(3):
        assert tk.verify(token)
    tk.flush()
    assert tk.keys.get(issued.key.id).use_count == 4


def test_a_derived_token_sees_ends_and_makes_nothing(tk: Any, issue: Issue) -> None:
    tk.owners.put("ada", admin=True)
    issued, other, session = issue(scopes=["read:*", "write:x"]), issue(), tk.sessions.start("ada")
    for scopes in (["read:x"], None, []):
        me = tk.verify(tk.exchange(issued.secret, scopes=scopes).access)
        for id in (issued.key.id, other.key.id):
            for act in (tk.keys.get, tk.keys.revoke, tk.keys.disable, tk.keys.delete, tk.keys.limits, tk.keys.rotate):
                with pytest.raises((NotFound, NotAllowed)):
                    act(id, by=me)
        for act in (tk.sessions.revoke, tk.sessions.get):
            with pytest.raises(NotFound):
                act(session.session.id, by=me)
        with pytest.raises(NotFound):
            tk.sessions.revoke_all("ada", by=me)
        for refused in (
            lambda me=me: tk.keys.issue("ada", name="k", by=me),
            lambda me=me: tk.sessions.start("ada", by=me),
        ):
            with pytest.raises(NotAllowed):
                refused()
        assert tk.keys.list(by=me).items == tk.sessions.list(by=me).items == tk.owners.list(by=me).items == ()
        assert tk.keys.revoke_where(scope="read:*", by=me).items == ()
    assert tk.verify(issued.secret)
    assert tk.verify(other.secret)
    assert tk.verify(session.access)


def test_a_token_of_an_operators_key_operates_within_its_scopes(tk: Any) -> None:
    tk.owners.put("op", tenant="system", admin=True)
    held = ["tokenry:owners:read", "tokenry:owners:write"]
    key = tk.keys.issue("op", name="o", tenant="system", environment="op", scopes=held)
    token = tk.exchange(key.secret, scopes=held[:1], environment="op")
    me = tk.verify(token.access, environment="op")
    for offline in (False, True):
        assert tk.verify(token.access, offline=offline).code == "not_found", (
            "no application is to take it for one of its own"
        )
        assert tk.verify(token.access, environment="op", offline=offline)
    assert tk.owners.list(by=me) is not None
    with pytest.raises(NotAllowed):
        tk.owners.put("ada", by=me)
    with pytest.raises(NotFound):
        tk.keys.revoke(key.key.id, tenant="system", by=me)


@pytest.mark.lasting
def test_tokens_of_the_issuer_before_are_refused(installation: Installation, tk: Any, started: SessionTokens) -> None:
    tk = installation.reopen(tk, settings=replace(QUIET, issuer="https://id.example.com/"))
    assert tk.verify(started.access).code == "malformed"
    nxt = tk.sessions.refresh(started.refresh)
    assert claims_of(nxt.access)["iss"] == "https://id.example.com/t/default"
    assert tk.verify(nxt.access)


def test_memory_of_tokens_stays_small(tk: Any, started: SessionTokens) -> None:
    from tokenry.runtime.tokens import TokenMemory

    assert tk.verify(started.access)
    instance = getattr(tk, "_sync", tk)
    token = instance._remembered.get(str(started.access))
    memory = TokenMemory(10)
    for number in range(100):
        memory.put(f"token {number}", token)
        memory.put(f"token {number}", token)
    assert 4 <= len(memory) <= 10
    assert memory.get("token 0") is None
    assert memory.get("token 99") is token
    memory.forget()
    assert memory.get("token 99") is None
    off = TokenMemory(0)
    off.put("token", token)
    assert len(off) == 0


def test_without_memory_everything_is_asked_and_the_answers_are_the_same(installation: Installation, tk: Any) -> None:
    tk.close()
    if (installation.store, installation.place) == ("sqlite", "memory"):
        pytest.skip("a database in memory ends with its instance")
    tk = installation.open(settings=Settings(background=False, memory_entries=0))
    tk.owners.put("ada")
    started = tk.sessions.start("ada")
    assert tk.verify(started.access)
    tk.sessions.revoke(started.session.id)
    assert tk.verify(started.access).code == "revoked"

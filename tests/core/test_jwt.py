"""Access tokens are read as strictly as they are written (RFC 8725): what was not written here is refused."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from tokenry.core import jwt

TAG_KEY = b"k" * 32
CLAIMS = {
    "iss": "urn:tokenry/t/default", "sub": "ada", "aud": "api", "iat": 100, "exp": 200, "client_id": "default",
    "tid": "default", "scope": "read:x write:x", "roles": ["dev"], "sid": "ses_1", "gen": 1,
}  # fmt: skip
KEYS = {algorithm: jwt.generate("k1", algorithm) for algorithm in ("ES256", "Ed25519", "RS256")}
KEYS["HS256"] = jwt.shared("k1", bytes(range(32)))
KEY = KEYS["ES256"]


def b64(raw: bytes | dict[str, Any]) -> str:
    raw = raw if isinstance(raw, bytes) else json.dumps(raw, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signed(header: dict[str, Any] | bytes, payload: bytes, key: jwt.JoseKey = KEY) -> str:
    """Return a text with any header, signed as it stands."""
    head = f"{b64(header)}.{b64(payload)}"
    return f"{head}.{b64(key.sign(head.encode()))}"


def good(key: jwt.JoseKey = KEY, **more: Any) -> str:
    return jwt.write({**CLAIMS, **more}, "u" * 16, key, TAG_KEY)


def is_accepted(text: str, key: jwt.JoseKey = KEY) -> bool:
    parts = jwt.read(text)
    return parts is not None and parts.header.typ == jwt.TYPE and jwt.is_tagged(parts, TAG_KEY) and key.verifies(parts)


@pytest.mark.parametrize("algorithm", KEYS)
def test_what_is_written_is_read_again(algorithm: str) -> None:
    key = KEYS[algorithm]
    text = good(key, mine={"a": ["ü"]})
    assert is_accepted(text, key)
    parts = jwt.read(text)
    assert parts is not None
    claims = jwt.claims_of(parts)
    assert claims is not None
    assert (claims.sub, claims.exp, claims.scope, claims.sid) == ("ada", 200, "read:x write:x", "ses_1")
    assert jwt.all_claims(parts.payload)["mine"] == {"a": ["ü"]}


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_key_comes_back_from_its_stored_form(algorithm: str) -> None:
    key = jwt.key_of(json.loads(KEYS[algorithm].private()))
    assert key is not None
    assert is_accepted(good(KEYS[algorithm]), key)
    assert is_accepted(good(key), KEYS[algorithm])


def test_a_signature_that_the_library_fails_on_is_none() -> None:
    parts = jwt.read(good())
    assert parts is not None
    assert jwt.JoseKey("k1", "ES256", KEYS["RS256"]._key).verifies(parts) is False


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519", "RS256"])
def test_a_public_key_verifies_and_holds_nothing_private(algorithm: str) -> None:
    public = KEYS[algorithm].public()
    assert not set(public) & {"d", "p", "q", "dp", "dq", "qi", "k"}
    assert {public["kid"], public["use"], public["alg"]} == {"k1", "sig", jwt.ALGORITHMS[algorithm][0]}
    key = jwt.key_of(public)
    assert key is not None
    assert is_accepted(good(KEYS[algorithm]), key)


def test_the_repr_of_a_key_shows_no_part_of_it() -> None:
    assert repr(KEY) == "JoseKey('k1', 'ES256')"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "HS256", "ES384", "RS256", "EdDSA", "es256"])
def test_another_algorithm_is_refused(alg: str) -> None:
    payload = jwt.read(good()).payload  # type: ignore[union-attr]
    header = {"alg": alg, "typ": "at+jwt", "kid": "k1"}
    for text in (signed(header, payload), f"{b64(header)}.{b64(payload)}."):
        parts = jwt.read(text)
        assert not is_accepted(text)
        assert parts is None or not any(key.verifies(parts) for key in KEYS.values()), "a key says its algorithm itself"


def test_a_mac_with_the_public_key_as_its_secret_is_refused() -> None:
    payload = jwt.read(good()).payload  # type: ignore[union-attr]
    for material in (json.dumps(KEY.public()).encode(), KEY.public()["x"].encode()):
        forger = jwt.shared("k1", material)
        text = signed({"alg": "HS256", "typ": "at+jwt", "kid": "k1"}, payload, forger)
        assert not is_accepted(text)


@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp"]}, {"crit": []}, {"b64": False}, {"b64": True}, {"zip": "DEF"}, {"enc": "A256GCM"},
        {"jwk": KEY.public()}, {"jku": "https://evil.example"}, {"x5u": "https://evil.example"}, {"x5c": ["MII"]},
        {"x5t": "a"}, {"cty": "JWT"}, {"unknown": 1},
    ],
    ids=lambda extra: next(iter(extra)),
)  # fmt: skip
def test_a_header_with_anything_more_is_refused(extra: dict[str, Any]) -> None:
    payload = jwt.read(good()).payload  # type: ignore[union-attr]
    assert jwt.read(signed({"alg": "ES256", "typ": "at+jwt", "kid": "k1", **extra}, payload)) is None


@pytest.mark.parametrize("typ", ["JWT", "jwt", "AT+JWT", "application/at+jwt", "dpop+jwt", None])
def test_another_type_is_refused(typ: str | None) -> None:
    payload = jwt.read(good()).payload  # type: ignore[union-attr]
    header = {"alg": "ES256", "kid": "k1"} | ({} if typ is None else {"typ": typ})
    assert not is_accepted(signed(header, payload))


@pytest.mark.parametrize("kid", ["", "k2", "../../etc/passwd", "' OR 1=1 --", "k1\0", "k" * 5000, 1, None, ["k1"]])
def test_a_hostile_kid_is_refused(kid: object) -> None:
    payload = jwt.read(good()).payload  # type: ignore[union-attr]
    text = signed({"alg": "ES256", "typ": "at+jwt", "kid": kid}, payload)
    parts = jwt.read(text)
    assert not is_accepted(text)
    assert parts is None or not KEY.verifies(parts)


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"k1"}',
        b'{"alg":"ES256","typ":"at+jwt","kid":"k1","kid":"k1"}',
        b'["alg"]', b"null", b"", b"{", b'{"alg":1,"typ":"at+jwt","kid":"k1"}', b"[" * 3000, b"\xff\xfe",
    ],
)  # fmt: skip
def test_a_header_that_says_things_twice_or_is_no_object_is_refused(header: bytes) -> None:
    payload = jwt.read(good()).payload  # type: ignore[union-attr]
    assert jwt.read(signed(header, payload)) is None


def test_json_serialisation_and_encrypted_tokens_are_refused() -> None:
    head, payload, signature = good().split(".")
    flat = json.dumps({"protected": head, "payload": payload, "signature": signature})
    general = json.dumps({"payload": payload, "signatures": [{"protected": head, "signature": signature}]})
    for text in (
        flat,
        general,
        f"{head}.{payload}.{signature}.{signature}.{signature}",
        f"{head}.{payload}",
        "..",
        ".",
    ):
        assert jwt.read(text) is None


def test_padding_and_other_ways_to_write_the_same_bytes_are_refused() -> None:
    head, payload, signature = good().split(".")
    wrong = []
    for place, segment in enumerate((head, payload, signature)):
        for other in (segment + "=", segment + "==", " " + segment, segment + "\n", segment[:3] + "\r\n" + segment[3:],
                      segment.replace("-", "+").replace("_", "/") + "+", "\u2014" + segment):  # fmt: skip
            wrong.append(
                ".".join(other if place == where else one for where, one in enumerate((head, payload, signature)))
            )
    # The last character of a signature of 64 bytes holds four bits that mean nothing.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(signature[-1])
    wrong += [f"{head}.{payload}.{signature[:-1]}{alphabet[last ^ bit]}" for bit in (1, 2, 4, 8)]
    assert [text for text in wrong if is_accepted(text)] == []


def test_every_changed_character_is_refused() -> None:
    text = good()
    for place, character in enumerate(text):
        for other in ("A" if character != "A" else "B", "."):
            if other != character:
                assert not is_accepted(text[:place] + other + text[place + 1 :]), place


def test_claims_that_another_key_signed_have_no_tag_of_ours() -> None:
    payload = json.dumps({**CLAIMS, "jti": "u" * 24}).encode()
    header = {"alg": "ES256", "typ": "at+jwt", "kid": "k1"}
    no_text = (
        b'\xff\xfexxxxxxxxx"}',
        b'{"jti":"\xed\xa0\x80xxxxxxxx"}',
        b'xxx\xffxxxxxxx"}',
        bytes(range(256)) + b'"}',
    )
    last = json.dumps({"jti": "u" * 24, **CLAIMS}).encode()
    for body in (payload, b"", b"{}", b'"}', b'xxxxxxxx"}', last, *no_text):
        parts = jwt.read(signed(header, body))
        assert parts is not None
        assert not jwt.is_tagged(parts, TAG_KEY)


def test_a_forged_token_costs_a_fraction_of_a_signature() -> None:
    head, _, signature = good().split(".")
    made_up = [f"{head}.{b64({**CLAIMS, 'jti': f'{number:024}'})}.{signature}" for number in range(1000)]
    begun = time.process_time()
    assert not any(is_accepted(text) for text in made_up)
    doubted = time.process_time()
    parts = [jwt.read(text) for text in made_up]
    read = time.process_time()
    assert not any(KEY.verifies(one) for one in parts if one is not None)
    assert doubted - begun < (time.process_time() - read) / 2


def test_the_tag_covers_the_header_too() -> None:
    text = good()
    other = jwt.generate("k2", "ES256")
    head, payload, _ = text.split(".")
    moved = f"{other.first}.{payload}"
    parts = jwt.read(f"{moved}.{b64(other.sign(moved.encode()))}")
    assert parts is not None
    assert other.verifies(parts)
    assert not jwt.is_tagged(parts, TAG_KEY)
    assert head != other.first


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "iat", "client_id", "tid", "scope", "jti"])
def test_a_missing_claim_is_refused(claim: str) -> None:
    whole = {**CLAIMS, "jti": "u"}
    del whole[claim]
    parts = jwt.read(signed({"alg": "ES256"}, json.dumps(whole).encode()))
    assert parts is not None
    assert jwt.claims_of(parts) is None


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        *((claim, value) for claim in ("exp", "iat") for value in ("200", 200.0, 2e2, True, None, [200], {})),
        ("aud", 1), ("aud", [1]), ("aud", None), ("sub", 1), ("iss", None), ("tid", 1), ("scope", ["a"]),
        ("roles", "dev"), ("sid", 1), ("gen", "1"), ("jti", 1), ("exp", float("nan")), ("exp", float("inf")),
        ("exp", -float("inf")), ("exp", 10**400), ("iat", 2**64), ("iat", -1), ("sub", "\ud800"),
    ],
)  # fmt: skip
def test_a_claim_of_another_type_is_refused(claim: str, value: object) -> None:
    parts = jwt.read(signed({"alg": "ES256"}, json.dumps({**CLAIMS, "jti": "u", claim: value}).encode()))
    assert parts is not None
    assert jwt.claims_of(parts) is None


@pytest.mark.parametrize(
    "member",
    [b'"x":-', b'"x":NaN', b'"x":' + b"[" * 4000, b'"x":' + b'{"a":' * 1000, b'"x":"', b'"sub":"\x96"', b'"\xa7":1'],
)
def test_claims_that_are_no_json_break_nothing(member: bytes) -> None:
    whole = json.dumps({**CLAIMS, "jti": "u"}).encode()
    parts = jwt.read(signed({"alg": "ES256"}, whole[:-1] + b"," + member + b"}"))
    assert parts is not None
    assert jwt.claims_of(parts) is None


def test_a_text_that_is_too_long_is_refused_unread() -> None:
    assert jwt.read(good(much="x" * 8192)) is None
    assert jwt.read("a." * 1_000_000) is None
    assert jwt.read("ä" + good()) is None
    assert jwt.read("\ud800" + good()) is None


@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"}, {"alg": "ES512"}, {"alg": None}, {"kid": None}, {"kid": 1}, {"kty": "RSA"}, {"crv": "P-384"},
        {"y": "AAAA"}, {"x": None}, {"key_ops": ["encrypt"]},
    ],
)  # fmt: skip
def test_a_key_that_we_would_not_have_made_is_none(change: dict[str, Any]) -> None:
    assert jwt.key_of({**KEY.public(), **change}) is None


def test_weak_keys_are_none() -> None:
    oct_key = {"kty": "oct", "kid": "k", "alg": "HS256"}
    assert jwt.key_of({**oct_key, "k": b64(bytes(range(31)))}) is None
    assert jwt.key_of({**oct_key, "k": b64(bytes(64))}) is None
    assert jwt.key_of({**oct_key, "k": b64(bytes(range(32)))}) is not None
    for distinct, is_strong in ((7, False), (8, True)):
        assert jwt.is_strong_secret(bytes(range(distinct)) * 8) is is_strong


@pytest.mark.parametrize(("bits", "exponent"), [(2048, 3), (1024, 65537), (2056, 65537)])
def test_weak_or_strange_rsa_keys_are_none(bits: int, exponent: int) -> None:
    numbers = rsa.generate_private_key(exponent, bits).public_key().public_numbers()
    named = {name: b64(value.to_bytes((value.bit_length() + 7) // 8, "big")) for name, value in
             (("n", numbers.n), ("e", numbers.e))}  # fmt: skip
    assert jwt.key_of({"kty": "RSA", "kid": "k", "alg": "RS256", **named}) is None


def test_a_key_on_another_curve_is_none() -> None:
    from joserfc import jwk

    for curve, kind in (("P-384", jwk.ECKey), ("P-521", jwk.ECKey), ("secp256k1", jwk.ECKey)):
        other = kind.generate_key(curve, auto_kid=False).as_dict(private=False)
        assert jwt.key_of({**other, "kid": "k", "alg": "ES256"}) is None
    for curve in ("X25519", "Ed448"):
        other = jwk.OKPKey.generate_key(curve, auto_kid=False).as_dict(private=False)
        assert jwt.key_of({**other, "kid": "k", "alg": "EdDSA"}) is None


def test_a_set_with_doubtful_keys_is_no_set() -> None:
    other = jwt.generate("k1", "ES256").public()
    secret = {"kty": "oct", "kid": "s", "alg": "HS256", "k": b64(bytes(range(32)))}
    assert jwt.key_set([KEY.public(), other]) == {}
    assert jwt.key_set([KEY.public(), secret]) == {}
    assert set(jwt.key_set([KEY.public(), {**other, "kid": "k2"}])) == {"k1", "k2"}


HOSTILE = st.binary(max_size=200) | st.binary(max_size=200).map(lambda raw: raw + b'"}')
"""Bytes, some of which end as claims of ours do."""


@given(
    st.text(max_size=200)
    | st.binary(max_size=200).map(lambda raw: f"{b64(raw)}.{b64(raw)}.{b64(raw)}")
    | HOSTILE.map(lambda raw: f"{KEY.first}.{b64(raw)}.{b64(raw)}")
)
def test_no_text_breaks_the_reader(text: str) -> None:
    parts = jwt.read(text)
    if parts is not None:
        assert not is_accepted(text)
        jwt.claims_of(parts)


@given(st.binary(max_size=64))
def test_there_is_one_way_to_write_bytes(raw: bytes) -> None:
    assert jwt._encode(raw) == b64(raw)
    assert jwt._decode(b64(raw)) == raw


def test_a_token_is_as_long_as_it_may_be_and_no_longer() -> None:
    signature = b64(b"s" * 33)
    for length, is_read in ((jwt.LENGTH_MAX, True), (jwt.LENGTH_MAX + 1, False)):
        heads = [b64({"alg": "HS256", "kid": "k" * count}) for count in range(2)]
        rests = [(head, length - len(head) - len(signature) - 2) for head in heads]
        head, rest = next((head, rest) for head, rest in rests if rest % 4 != 1)  # no base64 is that long
        text = f"{head}.{'A' * rest}.{signature}"
        assert len(text) == length
        assert (jwt.read(text) is not None) is is_read


@pytest.mark.parametrize(
    ("at", "is_read"), [(0, True), (1 << 53, True), ((1 << 53) + 1, False), (-1, False), (1.5, False)]
)
def test_times_are_whole_numbers_that_every_reader_of_json_can_hold(at: float, is_read: bool) -> None:
    for name in ("exp", "iat"):
        parts = jwt.read(good(**{name: at}))
        assert parts is not None
        assert (jwt.claims_of(parts) is not None) is is_read

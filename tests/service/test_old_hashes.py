"""A key fits the hash that a reference library has made of it, and no other key does."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import argon2.low_level
import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenry.core.errors import FieldError
from tokenry.core.hashes import SCHEMES, Hash, Recipe, read_hash
from tokenry.service.old_hashes import matches

KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=90)
SALTS = st.binary(min_size=8, max_size=24)
PEPPERS = st.one_of(st.none(), st.tuples(st.binary(min_size=1, max_size=40), st.sampled_from(
    ("before", "after", "hmac-sha256", "hmac-sha512"))))  # fmt: skip
ENCODE = {
    "hex": lambda raw: raw.hex(),
    "base64": lambda raw: base64.b64encode(raw).decode(),
    "base64url": lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="),
}


def read(hash: Hash) -> Recipe:
    errors: list[FieldError] = []
    recipe = read_hash(hash, errors)
    assert errors == []
    assert recipe is not None
    return recipe


def refusals(hash: Hash) -> list[str]:
    errors: list[FieldError] = []
    assert read_hash(hash, errors) is None
    return [error.code for error in errors]


def peppered(key: str, pepper: tuple[bytes, str] | None) -> tuple[bytes, dict[str, Any]]:
    """Return what a system with a pepper hashes, and how a row says so."""
    text = key.encode()
    if pepper is None:
        return text, {}
    secret, use = pepper
    made = {
        "before": secret + text,
        "after": text + secret,
        "hmac-sha256": hmac.new(secret, text, hashlib.sha256).hexdigest().encode(),
        "hmac-sha512": hmac.new(secret, text, hashlib.sha512).hexdigest().encode(),
    }[use]
    return made, {"pepper": secret.hex(), "pepper_encoding": "hex", "pepper_use": use}


def made(scheme: str, text: bytes, salt: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return a hash by a reference library, and its parameters."""
    salted = {"salt": base64.b64encode(salt).decode(), "salt_encoding": "base64"}
    if scheme == "hmac-sha256":
        return hmac.new(salt, text, hashlib.sha256).digest(), {"key": salt.hex(), "key_encoding": "hex"}
    if scheme.startswith("pbkdf2"):
        return hashlib.pbkdf2_hmac(scheme[7:], text, salt, 3), {**salted, "iterations": 3}
    if scheme == "scrypt":
        return hashlib.scrypt(text, salt=salt, n=4, r=2, p=1, dklen=32), {**salted, "n": 4, "r": 2, "p": 1}
    digest = hashlib.new({"sha512-256": "sha512_256"}.get(scheme, scheme), text + salt).digest()
    return digest, {**salted, "salt_place": "after"}


PLAIN = [scheme for scheme in SCHEMES if scheme not in ("raw", "bcrypt", "argon2id")]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(PLAIN), KEYS, KEYS, SALTS, PEPPERS, st.sampled_from(sorted(ENCODE)))
def test_every_scheme_agrees_with_hashlib(
    scheme: str, key: str, other: str, salt: bytes, pepper: tuple[bytes, str] | None, encoding: str
) -> None:
    text, extra = peppered(key, pepper)
    digest, params = made(scheme, text, salt)
    recipe = read(Hash(scheme, ENCODE[encoding](digest), encoding, {**params, **extra}))
    assert matches(recipe, key)
    assert matches(recipe, other) == (other == key)


@settings(deadline=None, max_examples=15)
@given(KEYS, KEYS, PEPPERS)
def test_argon2id_agrees_with_argon2_cffi(key: str, other: str, pepper: tuple[bytes, str] | None) -> None:
    text, extra = peppered(key, pepper)
    kind = argon2.low_level.Type.ID
    value = argon2.low_level.hash_secret(text, b"saltsalt", 1, 8, 1, 16, kind).decode()
    recipe = read(Hash("argon2id", value, params=extra))
    assert matches(recipe, key)
    assert matches(recipe, other) == (other == key)


@settings(deadline=None, max_examples=15)
@given(KEYS, KEYS)
def test_bcrypt_agrees_with_bcrypt_up_to_72_bytes(key: str, other: str) -> None:
    value = bcrypt.hashpw(key.encode()[:72], bcrypt.gensalt(4)).decode()
    strict, cut = (read(Hash("bcrypt", value, params={"truncates": cuts})) for cuts in (False, True))
    assert matches(strict, key) == (len(key) <= 72)
    assert matches(cut, key)
    assert matches(strict, other) == (other == key and len(key) <= 72)
    assert matches(cut, other) == (other[:72] == key[:72])


@pytest.mark.parametrize("scheme", ["murmur3", "crc32", "aes-gcm", "base64", "md5", "sha1", "what", ""])
def test_reversible_weak_and_unknown_schemes_are_refused_with_a_reason(scheme: str) -> None:
    assert refusals(Hash(scheme, "00")) == ["unknown_scheme"]


@pytest.mark.parametrize(
    "hash",
    [
        Hash("bcrypt", "$2b$15$" + "a" * 53),
        Hash("argon2id", "$argon2id$v=19$m=1048576,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"),
        Hash("argon2id", "$argon2id$v=19$m=65536,t=99,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"),
        Hash("pbkdf2-sha256", "00" * 32, params={"salt": "s", "iterations": 2_000_001}),
        Hash("pbkdf2-sha256", "00" * 128, params={"salt": "s", "iterations": 600_000}),
        Hash("scrypt", "00" * 32, params={"salt": "s", "n": 2**17, "r": 8, "p": 1}),
        Hash("scrypt", "00" * 32, params={"salt": "s", "n": 2, "r": 1, "p": 2**20}),
    ],
)
def test_a_hash_that_is_too_expensive_to_test_is_refused(hash: Hash) -> None:
    assert refusals(hash) == ["too_expensive"]


@pytest.mark.parametrize(
    "hash",
    [
        Hash("sha256", "00" * 31),
        Hash("sha256", "zz" * 32),
        Hash("sha256", "00" * 32, "base32"),
        Hash("sha256", "00" * 32, params={"salt": 5}),
        Hash("sha256", "00" * 32, params={"salt": "zz", "salt_encoding": "hex"}),
        Hash("sha256", "00" * 32, params={"sale": "x"}),
        Hash("sha256", "00" * 32, params={"salt": "x", "salt_place": "around"}),
        Hash("sha256", "00" * 32, params={"pepper": "x"}),
        Hash("hmac-sha256", "00" * 32),
        Hash("pbkdf2-sha256", "00" * 32, params={"salt": "s"}),
        Hash("pbkdf2-sha256", "00" * 32, params={"salt": "s", "iterations": True}),
        Hash("scrypt", "00" * 32, params={"salt": "s", "n": 3, "r": 8, "p": 1}),
        Hash("scrypt", "00" * 32, params={"salt": "s", "n": 2**16, "r": 1, "p": 1}),
        Hash("bcrypt", "$2b$10$short"),
        Hash("bcrypt", "\ud800"),
        Hash("argon2id", "\ud800"),
        Hash("bcrypt", "$2b$10$" + "a" * 53, params={"truncates": True, "pepper": "p" * 57, "pepper_use": "before"}),
        Hash("bcrypt", "$2b$10$" + "a" * 53, params={"pepper": "p", "pepper_use": "hmac-sha512"}),
        Hash("bcrypt", "$2b$10$" + "a" * 53, params={"truncates": "yes"}),
        Hash("argon2id", "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"),
        Hash("raw", "k" * 20, params={"salt": "x"}),
    ],
)
def test_a_malformed_hash_is_refused(hash: Hash) -> None:
    assert len(refusals(hash)) == 1


@pytest.mark.parametrize(("n", "r", "p"), [(2, 1, 2**18), (2**15, 1, 64), (2**16, 8, 1), (2, 2**11, 2**7)])
def test_scrypt_at_its_caps_can_be_tested(n: int, r: int, p: int) -> None:
    assert not matches(read(Hash("scrypt", "00" * 32, params={"salt": "s", "n": n, "r": r, "p": p})), "k" * 20)


def test_neither_a_hash_nor_a_recipe_shows_itself() -> None:
    hash = Hash("sha256", "ab" * 32)
    assert "abab" not in repr(hash) + repr(read(hash))

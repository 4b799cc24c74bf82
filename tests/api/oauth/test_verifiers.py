"""Five libraries verify what Tokenry signs, with nothing but the issuer's JWKS. A rotation under load fails none."""

from __future__ import annotations

import json
import subprocess
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import jwt
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet

from tests.api.oauth.conftest import CLIENTS, NODE, Issuer
from tests.servers import web

with warnings.catch_warnings(record=True):  # Authlib's own, about its successor: that is joserfc, beside it here
    from authlib.jose import JsonWebKey, JsonWebToken

Verify = Callable[[str], dict[str, Any]]
"""Returns the subject that each library reads in a token."""


class Cached:
    """A key set that is read again when a token names a key that is not in it, as verifiers do."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._found: dict[str, Any] = {"keys": []}

    def of(self, token: str) -> dict[str, Any]:
        kid = jwt.get_unverified_header(token)["kid"]
        if all(key["kid"] != kid for key in self._found["keys"]):
            self._found = web.get(self._url).json()
        return self._found


def in_python(issuer: Issuer, algorithm: str) -> Verify:
    """Verify with PyJWT, joserfc and Authlib."""
    url, audience = f"{issuer.url}/.well-known/jwks.json", issuer.url
    client, cached = jwt.PyJWKClient(url, cache_keys=True), Cached(url)
    registry = joserfc_jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": issuer.url},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
    )

    def verify(token: str) -> dict[str, Any]:
        key = client.get_signing_key_from_jwt(token)
        by_pyjwt = jwt.decode(token, key, algorithms=[algorithm], audience=audience, issuer=issuer.url)
        found = joserfc_jwt.decode(token, KeySet.import_key_set(cached.of(token)), algorithms=[algorithm])
        registry.validate(found.claims)
        by_authlib = JsonWebToken([algorithm]).decode(token, JsonWebKey.import_key_set(cached.of(token)))
        by_authlib.validate()
        return {"pyjwt": by_pyjwt["sub"], "joserfc": found.claims["sub"], "authlib": by_authlib["sub"]}

    return verify


@contextmanager
def in_node(issuer: Issuer, algorithm: str) -> Iterator[Verify]:
    """Verify with jose and jsonwebtoken, in a process that keeps its keys."""
    command = [*NODE, str(CLIENTS / "verifiers.mjs"), issuer.url, issuer.url, algorithm]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def verify(token: str) -> dict[str, Any]:
            print(token, file=process.stdin, flush=True)
            found: dict[str, Any] = json.loads(process.stdout.readline())  # type: ignore[union-attr]
            return found

        with closing(process.stdin):
            yield verify


@contextmanager
def verifying(issuer: Issuer) -> Iterator[Verify]:
    """Verify with all five, whose caches are empty at first."""
    ours = in_python(issuer, "ES256")
    with in_node(issuer, "ES256") as theirs:
        yield lambda token: {**ours(token), **theirs(token)}


@pytest.fixture
def verify(issuer: Issuer) -> Iterator[Verify]:
    with verifying(issuer) as verify:
        yield verify


FIVE = {"pyjwt", "joserfc", "authlib", "jose", "jsonwebtoken"}


def test_five_libraries_verify_the_tokens_of_sessions_and_keys(issuer: Issuer, verify: Verify) -> None:
    derived = issuer.exchange(issuer.issue("ada", scopes=["read:*"])[1]).json()["access_token"]
    for token in (issuer.start()["access"], derived):
        assert verify(token) == dict.fromkeys(FIVE, "ada")


def test_a_token_of_another_tenant_verifies_with_none_of_them(issuer: Issuer, verify: Verify) -> None:
    foreign = issuer.server.call("PUT", "/v1/owners/eve", {}) and issuer.server.call(
        "POST", "/v1/sessions", {"owner": "eve"}
    )
    with pytest.raises(jwt.PyJWKClientError):
        verify(foreign["access"])


def test_a_rotation_under_load_fails_no_verifier_that_keeps_its_keys(issuer: Issuer) -> None:
    """Each rotates on keys that its verifiers read before, and that they need not read again."""
    session = issuer.start()
    tokens, kids, done = [session["access"]], set(), threading.Event()

    def refresh(token: str) -> None:
        while not done.is_set():
            found = issuer.refresh(token).json()
            token = found["refresh_token"]
            tokens.append(found["access_token"])

    thread = threading.Thread(target=refresh, args=(session["refresh"],))
    thread.start()
    try:
        for _ in range(3):
            with verifying(issuer) as verify:
                before = tokens[-1]
                assert verify(before) == dict.fromkeys(FIVE, "ada")
                issuer.call("POST", f"/v1/signing-keys/rotate?tenant={issuer.slug}")
                while tokens[-1] == before or kid_of(tokens[-1]) == kid_of(before):
                    assert verify(tokens[-1]) == dict.fromkeys(FIVE, "ada")
                for token in (tokens[-1], before):
                    kids.add(kid_of(token))
                    assert verify(token) == dict.fromkeys(FIVE, "ada")
    finally:
        done.set()
        thread.join(10)
    assert len(kids) == 4


def kid_of(token: str) -> str:
    kid: str = jwt.get_unverified_header(token)["kid"]
    return kid


def test_a_removed_key_is_gone_from_the_jwks_and_its_tokens_with_it(issuer: Issuer) -> None:
    token = issuer.start()["access"]
    kid = jwt.get_unverified_header(token)["kid"]
    issuer.call("POST", f"/v1/signing-keys/{kid}/remove?tenant={issuer.slug}")
    keys = web.get(f"{issuer.url}/.well-known/jwks.json").json()["keys"]
    assert kid not in [key["kid"] for key in keys]
    assert issuer.introspect(token).content == b'{"active":false}'

"""GitHub's reports: only what GitHub has signed, and the answer names no token."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.contract.conftest import Issue
from tokenry import Invalid, NotAllowed

# The sample that GitHub has published with its public key.
SAMPLE = b'[{"token":"some_token","type":"some_type","url":"some_url"}]'
SAMPLE_ID = "90a421169f0a406205f1563a953312f0be898d3c7b6c06b681aa86a874555f4a"
SAMPLE_SIGNATURE = "MEUCIQDKZokqnCjrRtw0tni+2Ltvl/uiMJ1EGumEsp1BsNr32AIgQY1YXD2nlj+XNfGK4rBfkMJ1JDOQcYXxa2sY8FNkrKc="
SAMPLE_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9MJJHnMfn2+H4xL4YaPDA4RpJqUq
kCmRCBnYERxZanmcpzQSXs1X/AljlKkbJ8qpVIW4clayyef9gWhFbNHWAA==
-----END PUBLIC KEY-----
"""
OURS = ec.generate_private_key(ec.SECP256R1())
PEM = OURS.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def document(*keys: tuple[str, str]) -> Any:
    return {"public_keys": [{"key_identifier": id, "key": pem, "is_current": True} for id, pem in keys]}


def send(tk: Any, matches: Any, **more: Any) -> Any:
    body = matches if isinstance(matches, bytes) else json.dumps(matches).encode()
    signature = b64encode(OURS.sign(body, ec.ECDSA(SHA256()))).decode()
    given = {"identifier": "k1", "signature": signature, "public_keys": document(("k0", SAMPLE_KEY), ("k1", PEM))}
    return tk.leaks.report_github(body, **given | more)


def test_the_published_sample_verifies(tk: Any) -> None:
    given = {"identifier": SAMPLE_ID, "public_keys": document((SAMPLE_ID, SAMPLE_KEY))}
    [answer] = tk.leaks.report_github(SAMPLE, signature=SAMPLE_SIGNATURE, **given)
    hashed = sha256(b"some_token").hexdigest()
    assert answer == {"token_hash": hashed, "token_type": "some_type", "label": "false_positive"}
    for body in (SAMPLE + b" ", SAMPLE.replace(b"some_url", b"other"), b"[]"):
        with pytest.raises(NotAllowed, match="not signed"):
            tk.leaks.report_github(body, signature=SAMPLE_SIGNATURE, **given)


def test_a_found_key_is_revoked_and_told_of(tk: Any, issue: Issue) -> None:
    issued, text = issue(), "tk_live_unknown"
    match = {"token": str(issued.secret), "type": "t", "url": "https://github.com/o/r", "source": "commit", "new": 1}
    answers = send(tk, [match, {"token": text}])
    assert [answer["label"] for answer in answers] == ["true_positive", "false_positive"]
    assert str(issued.secret) not in str(answers)
    assert tk.verify(issued.secret).code == "revoked"
    [event] = tk.events.list(types=["key.leaked"])
    assert (event.data["source"], event.data["url"]) == ("github/commit", "https://github.com/o/r")


def test_what_github_has_not_signed_does_nothing(tk: Any, issue: Issue) -> None:
    issued = issue()
    match = [{"token": str(issued.secret)}]
    wrong: list[dict[str, Any]] = [{"identifier": "k0"}, {"identifier": "k9"}, {"signature": ""}, {"signature": "é"}]
    wrong += [{"public_keys": one} for one in ({}, {"public_keys": "x"}, {"public_keys": [1]}, None)]
    wrong += [{"public_keys": document(("k1", "no key"))}]
    for more in wrong:
        with pytest.raises(NotAllowed):
            send(tk, match, **more)
    for body in (b"{}", b"[1]", b'[{"type":"t"}]', b"nothing", b"[" + b'{"token":"a"},' * 1000 + b'{"token":"a"}]'):
        with pytest.raises(Invalid):
            send(tk, body)
    assert tk.verify(issued.secret)

"""What presents a credential: header fields, cookies, keys, tokens, key sets."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from typing import Any
from zlib import crc32

import jwt as pyjwt

from tests.fuzz.fuzzer import Target
from tokenry.api.oauth.forms import Form, OAuthError, read_client
from tokenry.core import jwt
from tokenry.core.base62 import encode_checksum
from tokenry.core.presented import LENGTH_MAX, Presented, is_too_long, read_cookie, read_presented
from tokenry.core.secret import SCAN_PATTERN, TAIL, make_kid, mint, parse

TAG_KEY = bytes(range(32))
KEY = mint("tk_live", make_kid(bytes(range(16))), bytes(range(32)), TAG_KEY)
SIGNER = jwt.shared("k1", bytes(range(32)))
CLAIMS: dict[str, Any] = {
    "iss": "urn:tokenry/t/default", "sub": "ada", "aud": "api", "iat": 100, "exp": 200, "client_id": "default",
    "tid": "default", "scope": "read:x", "roles": [], "sid": "ses_1", "gen": 1,
}  # fmt: skip
TOKEN = jwt.write(CLAIMS, "u" * 16, SIGNER, TAG_KEY)


def lines(data: bytes) -> list[tuple[bytes, bytes]]:
    """Read header fields as a server hands them on: names in lower case, values without blanks around."""
    pairs = (line.partition(b":") for line in data.split(b"\n"))
    return [(name.lower(), value.strip(b" \t")) for name, _, value in pairs]


def check_header(data: bytes) -> Hashable:
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in lines(data)]
    found = read_presented(fields)
    assert found == read_presented(fields[::-1]), "the order of fields changes who it is"
    assert found == read_presented([(name.upper(), value) for name, value in fields]) or not data.isascii()
    if isinstance(found, Presented):
        assert not found.by_cookie
        assert any(found.text in value for _, value in fields)
        return "presented", is_too_long(found.text), bool(found.text)
    return found


def check_cookie(data: bytes) -> Hashable:
    header = data.decode("latin-1")
    found = read_cookie(header, "__Host-tokenry")
    pairs = [pair.partition("=") for pair in header.split(";")]
    values = {value.strip(" \t") for name, equals, value in pairs if equals and name.strip(" \t") == "__Host-tokenry"}
    if isinstance(found, Presented):
        assert found.by_cookie
        assert len(values - {found.text, f'"{found.text}"'}) == 0, "another cookie of the name was passed over"
        assert read_cookie(header + "; __Host-tokenry=other", "__Host-tokenry") in (
            "ambiguous",
            Presented("other", True),
        )
        return "presented", f'"{found.text}"' in values
    assert (found == "ambiguous") or not any(values - {"", '""'})
    return found


def check_key(data: bytes) -> Hashable:
    text = data.decode("utf-8", "replace")
    found = parse(text)
    if found is None:
        if re.fullmatch(SCAN_PATTERN, text, re.ASCII) and len(text) <= TAIL + 25:
            assert encode_checksum(crc32(text[:-6].encode())) != text[-6:]
            return "checksum"
        return len(text) > 128
    assert re.fullmatch(SCAN_PATTERN, text, re.ASCII), "a scanner would not find it"
    assert found.body + found.tag + encode_checksum(crc32((found.body + found.tag).encode())) == text
    assert f"{found.prefix}_1{found.kid}" == text[: len(found.prefix) + 18]
    assert not is_too_long(text)
    for place in range(0, len(text), 7):
        other = "0" if text[place] != "0" else "1"
        assert parse(text[:place] + other + text[place + 1 :]) is None, "a mistyped key passes"
    return "parsed"


def check_token(data: bytes) -> Hashable:
    text = data.decode("utf-8", "replace")
    found = jwt.read(text)
    if found is None:
        return len(text) > jwt.LENGTH_MAX, text.count(".")
    assert f"{found.first}.{jwt._encode(found.payload)}.{jwt._encode(found.signature)}" == text
    others = pyjwt.get_unverified_header(text)
    assert others["alg"] == found.header.alg
    is_ours = jwt.is_tagged(found, TAG_KEY)
    assert is_ours == (text.rpartition(".")[0] == TOKEN.rpartition(".")[0]), "a forged token has a tag"
    assert SIGNER.verifies(found) == (text == TOKEN)
    claims = jwt.claims_of(found)
    if claims is not None:
        payload = jwt.all_claims(found.payload)
        assert (payload["sub"], payload["exp"]) == (claims.sub, claims.exp)
    return is_ours, claims is not None, found.header.alg in jwt.ALGORITHMS


def check_client(data: bytes) -> Hashable:
    try:
        found = read_client(lines(data), Form([("client_id", "acme")]))
    except OAuthError as error:
        return oauth_refusal(error)
    assert found.id == "acme"
    assert found.key is None or not is_too_long(found.key) or len(data) > LENGTH_MAX
    return found.key is None, found.by_header


def oauth_refusal(error: OAuthError) -> Hashable:
    """Return how OAuth was refused, in a text that is bounded and JSON."""
    assert len(error.body()) < 500
    assert json.loads(error.body())["error"] == error.error
    return error.error, error.status, error.description.partition(" ")[2][:20]


FIELDS = (b"authorization: Bearer ", b"x-api-key: ", b"x-api-token: ", b"\n", b"authorization: Basic ", KEY.encode())
SEGMENTS = [part.encode() for part in TOKEN.split(".")]
TARGETS = {
    "header": Target(check_header, FIELDS),
    "cookie": Target(check_cookie, (b"__Host-tokenry=", b"; ", b"=", b'"', b"$Version=1", b"%3D", b",")),
    "key": Target(check_key, (b"tk_1", b"_1", b"_rt", KEY.encode()), (KEY.encode(),)),
    "token": Target(check_token, (*SEGMENTS, b".", b"==", b"-", b"_"), (TOKEN.encode(),)),
    "client": Target(check_client, (*FIELDS, b"YTpi", b"dXNlcjpwYXNz", b"Og==", b"%00", b"+")),
}

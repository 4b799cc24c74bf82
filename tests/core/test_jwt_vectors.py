"""The public vectors of Wycheproof: none that is called invalid is accepted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tokenry.core import jwt

FOLDER = Path(__file__).parents[1] / "vectors" / "wycheproof"
FILES = {"json_web_signature_test": 355, "json_web_key_test": 21, "json_web_crypto_test": 77}
OURS = {"HS256", "ES256", "RS256"}
# Under a secret of 32 zeros, which is no secret here, two of them with characters that do not belong into base64.
TOO_LAX = {("json_web_signature_test", number) for number in (357, 358, 359, 372, 373, 376, 377)}


def vectors() -> Iterator[Any]:
    for name in FILES:
        for group in json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["testGroups"]:
            found = group.get("public") or group["private"]
            keys = found.get("keys", [found])
            for case in group["tests"]:
                yield pytest.param(name, keys, case, id=f"{name} {case['tcId']}")


VECTORS = list(vectors())


def accepted(keys: list[dict[str, Any]], text: object) -> bool:
    """Do with a text what a verification does with it."""
    parts = jwt.read(text) if isinstance(text, str) else None
    return parts is not None and any(key.verifies(parts) for key in jwt.key_set(keys).values())


@pytest.mark.parametrize("file", FILES)
def test_the_files_are_whole(file: str) -> None:
    assert sum(p.values[0] == file and p.values[2]["result"] == "invalid" for p in VECTORS) == FILES[file]


def test_no_invalid_vector_is_accepted() -> None:
    wrong = [p.id for p in VECTORS if p.values[2]["result"] != "valid" and accepted(p.values[1], _text(p.values[2]))]
    assert wrong == []


def test_valid_vectors_of_our_algorithms_are_accepted() -> None:
    refused = [
        p.values for p in VECTORS if p.values[2]["result"] == "valid" and not accepted(p.values[1], _text(p.values[2]))
    ]
    ours = {(name, case["tcId"]) for name, keys, case in refused if all(key.get("alg") in OURS for key in keys)}
    assert ours == TOO_LAX


def test_signatures_of_our_own_vectors_are_right_or_wrong_in_every_language() -> None:
    """The other clients read the same file; what claims say is not judged here."""
    found = json.loads((FOLDER.parent / "tokens.json").read_text(encoding="utf-8"))
    for one in found["tokens"]:
        parts = jwt.read(one["token"])
        if one["code"] in ("valid", "expired", "not_found"):
            assert accepted(found["jwks"]["keys"], one["token"]), one["why"]
        elif parts is not None and parts.header.typ == jwt.TYPE and accepted(found["jwks"]["keys"], one["token"]):
            assert _says_something_else(json.loads(parts.payload), found), one["why"]


def _says_something_else(claims: dict[str, Any], found: dict[str, Any]) -> bool:
    whole = all(isinstance(claims.get(name), int) for name in ("iat", "exp")) and {"sub", "scope"} <= set(claims)
    return not whole or claims["iss"] != found["issuer"] or claims["tid"] != found["tenant"] or "nbf" in claims


def _text(case: dict[str, Any]) -> Any:
    return case.get("jws") or case.get("jwe")

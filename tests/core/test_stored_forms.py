"""What is stored, printed or signed keeps its form: a change of any byte here would end every key and every chain.

The values were written down once. Derived keys are checked against an implementation of HKDF that is not ours, too.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tokenry.core import jwt, refresh
from tokenry.core.chain import chain_link, cut_signature, entry_mac, head_signature, is_cut_signed, is_signed
from tokenry.core.keyring import Generation, Keyring
from tokenry.core.model import Entry
from tokenry.core.secret import digest_of, make_kid, mint

MATERIAL = bytes(range(32))
GENERATION = Generation("gen001", MATERIAL, 0)
PURPOSES = {
    "pepper": "pepper",
    "tag_key": "tag",
    "audit_key": "audit",
    "token_key": "token",
    "refresh_key": "refresh",
    "sealing_key": "signing-key",
    "canary": "canary",
}
KID = "7RiJxkEgOGusQGwp"
KEY = f"tk_live_1{KID}003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf071KV1mu2HVM20"
LINK = "48748cfbcd764a87b1bfe234697d92344800537640ebdd1d421e5c7243e58f4d"
HEAD = "gen001:85508d5ad9205e71b90cda89a240af380a246154b8c684ac912b2def595b66af"
CUT = "gen001:f227a0413a399353162cd7fbb7446e8c087ae3b3e0a29c3a21ddbb9aaeaa3e7d"
TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImsxIn0"
    ".eyJpc3MiOiJpIiwic3ViIjoicyIsImp0aSI6InVLMXVzZHhLNiJ9.pUBHsa6lq0qU4V0yUKFc94VoU6cW1l-HMjkxAphKV0Q"
)


@pytest.mark.parametrize(("name", "domain"), PURPOSES.items())
def test_the_key_of_every_purpose_is_derived_by_hkdf(name: str, domain: str) -> None:
    derived = HKDF(SHA256(), 32, b"tokenry/keyring/1", f"tokenry/{domain}/1".encode()).derive(MATERIAL)
    found: Any = getattr(GENERATION, name)
    assert (found if isinstance(found, str) else found.hex()) == derived.hex()


def test_a_key_is_written_and_stored_as_ever() -> None:
    assert make_kid(bytes(range(16))) == KID
    assert mint("tk_live", KID, MATERIAL, GENERATION.tag_key) == KEY
    stored = digest_of(GENERATION.pepper, KID, "ten_1", "key_1", KEY)
    assert stored.hex() == "8d184e977c80d3a9bc249eae91cec84600a59e3085d709f37d3ada6af64d596e"


def test_an_audit_entry_is_bound_as_ever() -> None:
    entry = Entry(
        id="aud_1",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        tenant="acme",
        actor="ada",
        action="key.issued",
        subject="key_1",
        before=None,
        after={"b": [1, "ü"], "a": None},
        ip="::1",
        request_id=None,
        position=None,
    )
    mac = entry_mac(GENERATION, "ten_1", entry)
    assert mac == "cd5ddbcff92a94a3990505d3ddffd04b821abe118c1fd23f528b5faed65edce4"
    assert chain_link(GENERATION, "before", 7, mac) == LINK
    traced = replace(entry, trace_id="4bf92f3577b34da6a3ce929d0e0e4736")
    assert entry_mac(GENERATION, "ten_1", traced) == "e8fb11b95112217089061a6292a000acac5f0dee7feb2264a62c3b47c0eb10a7"


def test_the_ends_of_a_chain_are_signed_as_ever_and_by_who_is_in_the_keyring() -> None:
    keyring, other = Keyring([GENERATION]), Keyring([Generation("gen001", MATERIAL[::-1], 0)])
    unknown = Keyring([Generation("gen002", MATERIAL, 0)])
    assert head_signature(GENERATION, "ten_1", 7, LINK, 5) == HEAD
    assert cut_signature(GENERATION, "ten_1", 7, LINK) == CUT
    assert is_signed(keyring, HEAD, "ten_1", 7, LINK, 5)
    assert is_cut_signed(keyring, CUT, "ten_1", 7, LINK)
    for about in (("ten_2", 7, LINK, 5), ("ten_1", 8, LINK, 5), ("ten_1", 7, LINK[::-1], 5), ("ten_1", 7, LINK, 6)):
        assert not is_signed(keyring, HEAD, *about)
    for ring in (other, unknown):
        assert is_signed(ring, HEAD, "ten_1", 7, LINK, 5) is False
        assert is_cut_signed(ring, CUT, "ten_1", 7, LINK) is False
    assert not is_cut_signed(keyring, HEAD, "ten_1", 7, LINK)
    assert not is_signed(keyring, CUT, "ten_1", 7, LINK, 0)


def test_refresh_tokens_follow_each_other_as_ever() -> None:
    rules = refresh.Rules(grace=10, idle=100, absolute=1000)
    first = refresh.begin((KID, "ten_1", "ses_1"), "tk_rt", MATERIAL, GENERATION, 0, rules)
    second = refresh.rotate(first.family, first.text, "tk_rt", b"n" * 16, GENERATION, 1, 100)
    assert first.text == f"tk_rt_1{KID}003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlfTMvur89L27ufxB"
    assert second.text == f"tk_rt_1{KID}ulDWFIWUVFKsUYv2VocqStWigLY02AHiARHQ1KrVrKgdHORJztz2lCsAP"
    digest = "43a0dc8093bde41ccc1c53663c3d61e4bebffe3da3eb3a772b5f235f2da33176"
    assert second.family.current.digest.hex() == digest


def test_a_token_is_written_and_tagged_as_ever() -> None:
    signer = jwt.shared("k1", MATERIAL)
    assert jwt.write({"iss": "i", "sub": "s"}, "u", signer, GENERATION.token_key) == TOKEN
    parts = jwt.read(TOKEN)
    assert parts is not None
    assert repr(parts) == "Parts(Header(alg='HS256', kid='k1', typ='at+jwt'))"
    assert jwt.is_tagged(parts, GENERATION.token_key)
    assert signer.verifies(parts)
    assert not jwt.is_tagged(parts, GENERATION.tag_key)

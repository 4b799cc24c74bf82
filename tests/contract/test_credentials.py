"""What is presented: bad credentials are refused as values, and nobody learns of a key without its whole secret."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import Installation
from tokenry.core.base62 import ALPHABET
from tokenry.core.secret import TAIL, mint, parse
from tokenry.types import Issued

STATES = ["good", "revoked", "disabled", "owner_disabled", "tenant_suspended"]
OTHER_TEXTS = [
    "",
    " ",
    "x",
    "_" * 80,
    "tk_live_1",
    "tk_live_1" + "0" * 73,
    "0" * 129,
    "a" * (1 << 20),
    "\x00" * 90,
    "tk_live_\r\n1" + "a" * 70,
    "тк_live_1" + "a" * 73,
    "tk_live_1" + "а" * 73,
    "tk_live_1" + "\udc80" * 73,
    "ＡＢＣ" * 30,
    "eyJhbGciOiJub25lIn0.e30.",
]


def forged(installation: Installation, secret: object) -> str:
    """Return a key with the same kid, a right tag and other secret bits: what a stolen tag key would give."""
    parsed = parse(str(secret))
    assert parsed is not None
    return mint(parsed.prefix, parsed.kid, bytes(32), installation.keyring.generations[0].tag_key)


def with_right_checksum(text: str) -> str:
    """Return a text of a key's form, altered, with the public checksum made right again."""
    from zlib import crc32

    from tokenry.core.base62 import encode

    return text[:-6] + encode(crc32(text[:-6].encode()), 6)


def swap(text: str, place: int) -> str:
    """Change one character into its neighbour in the alphabet."""
    other = ALPHABET[(ALPHABET.index(text[place]) + 1) % 62]
    return text[:place] + other + text[place + 1 :]


@pytest.fixture(params=STATES)
def key_in_a_state(request: pytest.FixtureRequest, tk: Any, issue: Issue) -> Issued:
    """A key, remembered, that then went into a state which only its holder may learn of."""
    issued = issue()
    assert tk.verify(issued.secret)
    if request.param == "revoked":
        tk.keys.revoke(issued.key.id)
    elif request.param == "disabled":
        tk.keys.disable(issued.key.id)
    elif request.param == "owner_disabled":
        tk.owners.disable("ada")
    elif request.param == "tenant_suspended":
        tk.tenants.suspend("default")
    return issued


@pytest.mark.parametrize("warm", [False, True])
def test_a_wrong_secret_with_a_right_tag_is_not_found_in_every_state(
    installation: Installation, tk: Any, key_in_a_state: Issued, warm: bool
) -> None:
    if warm:
        tk.verify(key_in_a_state.secret)
    assert tk.verify(forged(installation, key_in_a_state.secret)).code == "not_found"


@pytest.mark.parametrize("warm", [False, True])
def test_a_wrong_secret_with_a_wrong_tag_is_malformed_in_every_state(
    tk: Any, key_in_a_state: Issued, warm: bool
) -> None:
    if warm:
        tk.verify(key_in_a_state.secret)
    text = str(key_in_a_state.secret)
    for place in (len(text) - TAIL + 20, len(text) - 10):  # in the secret, in the tag
        assert tk.verify(with_right_checksum(swap(text, place))).code == "malformed"


@pytest.mark.parametrize("warm", [False, True])
def test_every_alteration_of_a_key_is_refused(tk: Any, issue: Issue, warm: bool) -> None:
    issued = issue()
    text = str(issued.secret)
    if warm:
        assert tk.verify(text)
    altered = [swap(text, place) for place in range(len(text)) if text[place] != "_"]
    altered += [text[:place] + text[place + 1 :] for place in range(len(text))]
    altered += [text[:place] + text[place].swapcase() + text[place + 1 :] for place in range(len(text))]
    altered += [text[:place] + text[place + 1] + text[place] + text[place + 2 :] for place in range(len(text) - 1)]
    assert {tk.verify(one).code for one in altered if one != text} == {"malformed"}
    assert {tk.verify(with_right_checksum(one)).code for one in altered[:80] if one[:-6] != text[:-6]} == {"malformed"}
    assert tk.verify(text)


def test_any_other_text_is_malformed(tk: Any, issue: Issue) -> None:
    assert tk.verify(issue().secret)
    for presented in OTHER_TEXTS:
        assert tk.verify(presented).code == "malformed"
        assert tk.explain(presented).code == "malformed"


def test_anything_but_a_text_or_a_secret_is_malformed(tk: Any) -> None:
    for presented in (None, 7, b"tk_live_1", ["tk"], {}, object()):
        assert tk.verify(presented).code == "malformed"
        assert tk.explain(presented).code == "malformed"


def test_white_space_around_a_key_is_not_forgiven(tk: Any, issue: Issue) -> None:
    text = str(issue().secret)
    assert tk.verify(text)
    for one in (f" {text}", f"{text} ", f"{text}\n", f"Bearer {text}"):
        assert tk.verify(one).code == "malformed"


def test_a_key_is_taken_as_a_secret_or_as_a_text(tk: Any, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret)
    assert tk.verify(str(issued.secret))


def test_a_key_of_another_installation_is_malformed(installation: Installation, tk: Any, issue: Issue) -> None:
    from tokenry.testing import throwaway

    with throwaway() as other:
        other.owners.put("ada")
        foreign = other.keys.issue("ada", name="k").secret
    assert tk.verify(foreign).code == "malformed"


def test_a_made_up_key_reaches_no_database(installation: Installation, tk: Any, issue: Issue) -> None:
    text = str(issue().secret)
    looked_up = []
    store = (tk.thing._sync if installation.face == "async" else tk)._database
    find = store.find
    store.find = lambda kid: looked_up.append(kid) or find(kid)
    try:
        for place in range(len(text) - TAIL + 1, len(text) - 6):
            assert tk.verify(with_right_checksum(swap(text, place))).code == "malformed"
    finally:
        del store.find
    assert looked_up == []


def test_the_prefix_says_tenant_and_environment(tk: Any, issue: Issue, acme: str) -> None:
    assert str(issue().secret).startswith("tk_live_1")
    assert str(issue(environment="test").secret).startswith("tk_test_1")
    assert str(tk.keys.issue("ada", name="k", tenant=acme).secret).startswith("acme_live_1")

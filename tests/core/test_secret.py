"""The key format: what `mint` makes `parse` takes apart, and nothing else passes."""

from __future__ import annotations

import base64
import copy
import hmac
import pickle
import re
import string
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenry.core.base62 import ALPHABET, encode, encode_checksum, encode_tag
from tokenry.core.ids import Ids, is_id, make_id
from tokenry.core.secret import (
    PREFIX_MAX,
    SCAN_PATTERN,
    Secret,
    digest_of,
    holds_credential,
    is_prefix,
    joined,
    keyed_digest,
    make_kid,
    mint,
    parse,
    same_tag,
    tag_of,
)

PREFIXES = st.from_regex(r"[a-z][a-z0-9]{0,5}(_[a-z0-9]{1,5}){0,3}", fullmatch=True).filter(
    lambda text: len(text) <= PREFIX_MAX
)
BITS = st.binary(min_size=32, max_size=32)
TAG_KEY = bytes(range(32))


@st.composite
def keys(draw: st.DrawFn) -> str:
    kid = make_kid(draw(st.binary(min_size=16, max_size=16)))
    return mint(draw(PREFIXES), kid, draw(BITS), TAG_KEY)


def value(text: str) -> int:
    """Read base62 the slow way."""
    number = 0
    for character in text:
        number = number * 62 + ALPHABET.index(character)
    return number


@given(PREFIXES, st.binary(min_size=16, max_size=16), BITS)
def test_a_key_is_its_parts_and_has_its_checksum_and_tag(prefix: str, entropy: bytes, bits: bytes) -> None:
    kid = make_kid(entropy)
    text = mint(prefix, kid, bits, TAG_KEY)
    parsed = parse(text)
    assert parsed is not None
    assert (parsed.prefix, parsed.kid) == (prefix, kid)
    assert text == parsed.body + parsed.tag + encode(crc32((parsed.body + parsed.tag).encode()), 6)
    assert parsed.body == f"{prefix}_1{kid}{encode(int.from_bytes(bits, 'big'), 43)}"
    assert parsed.tag == tag_of(TAG_KEY, parsed.body)
    assert same_tag(parsed, TAG_KEY)
    assert not same_tag(parsed, bytes(32))
    assert len(text) <= 99
    assert re.fullmatch(SCAN_PATTERN, text)
    assert re.search(SCAN_PATTERN, f'token = "{text}"')


@given(keys(), st.data())
def test_any_one_character_changed_is_refused(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(string.printable + "äé\u0430\udc80"))
    if other != text[place]:
        assert parse(text[:place] + other + text[place + 1 :]) is None


@given(keys(), st.data())
def test_any_transposition_truncation_insertion_and_case_flip_is_refused(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text) - 2))
    swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    flipped = text[:place] + text[place].swapcase() + text[place + 1 :]
    inserted = text[:place] + data.draw(st.sampled_from(ALPHABET + "_ ")) + text[place:]
    for altered in (swapped, flipped, inserted, text[:place], text[place + 1 :], text + "0", text.upper()):
        assert altered == text or parse(altered) is None


@given(st.text(max_size=200) | st.text(ALPHABET + "_", max_size=130))
def test_parse_takes_any_text_and_gives_back_only_what_is_a_key(text: str) -> None:
    parsed = parse(text)
    if parsed is not None:
        assert is_prefix(parsed.prefix)
        assert text == parsed.body + parsed.tag + text[-6:]


@given(st.text(max_size=30) | st.from_regex(r"[a-z0-9_]{0,26}", fullmatch=True))
def test_a_prefix_is_what_the_design_says(text: str) -> None:
    written = re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", text, re.ASCII) is not None and len(text) <= 24
    assert is_prefix(text) == written


@given(st.integers(0, 62**8 - 1))
def test_base62_is_a_number_in_a_fixed_width_and_sorts_as_it(number: int) -> None:
    text = encode(number, 8)
    assert (len(text), value(text)) == (8, number)
    assert encode(number + 1, 9) > encode(number, 9)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**47 - 1))
def test_the_quick_encoders_equal_the_general_one(checksum: int, tag: int) -> None:
    assert encode_checksum(checksum) == encode(checksum, 6)
    assert encode_tag(tag) == encode(tag, 8)


def test_a_number_that_does_not_fit_is_refused() -> None:
    assert encode(62**3 - 1, 3) == "zzz"
    with pytest.raises(OverflowError):
        encode(62**3, 3)


@given(st.lists(st.text()), st.lists(st.text()))
def test_joined_texts_are_equal_only_if_the_lists_are(one: list[str], other: list[str]) -> None:
    assert (joined(*one) == joined(*other)) == (one == other)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_keyed_digest_is_hmac_sha256(key: bytes, message: bytes) -> None:
    assert keyed_digest(key, message) == hmac.digest(key, message, "sha256")


@pytest.mark.parametrize("length", [0, 63, 64, 65])
def test_a_key_is_hashed_before_use_from_65_bytes_on(length: int) -> None:
    key = bytes(range(length))
    assert keyed_digest(key, b"message") == hmac.digest(key, b"message", "sha256")


@given(st.permutations(["kid", "tenant", "key", "text"]))
def test_a_digest_is_bound_to_every_part_in_its_place(parts: list[str]) -> None:
    original = digest_of(TAG_KEY, "kid", "tenant", "key", "text")
    assert (digest_of(TAG_KEY, *parts) == original) == (parts == ["kid", "tenant", "key", "text"])
    assert digest_of(bytes(32), "kid", "tenant", "key", "text") != original
    assert digest_of(TAG_KEY, "kidt", "enant", "key", "text") != original


@given(
    st.lists(st.text(ALPHABET, min_size=1, max_size=4), min_size=4, max_size=4), st.integers(0, 3), st.text(ALPHABET)
)
def test_another_part_anywhere_is_another_digest(parts: list[str], place: int, other: str) -> None:
    changed = [*parts[:place], other, *parts[place + 1 :]]
    assert (digest_of(TAG_KEY, *parts) == digest_of(TAG_KEY, *changed)) == (parts == changed)


@given(st.lists(st.tuples(st.integers(0, 2**53), st.binary(min_size=10, max_size=10)), min_size=2, max_size=30))
def test_ids_sort_in_the_order_in_which_they_were_made(moments: list[tuple[int, bytes]]) -> None:
    ids, made = Ids(), []
    for now, entropy in moments:
        made.append(ids.make("key", now, entropy))
    assert made == sorted(set(made))
    assert all(is_id("key", id) for id in made)


def test_ids_of_one_moment_without_entropy_are_all_different() -> None:
    ids = Ids()
    assert len({ids.make("key", 0, b"\xff" * 10) for _ in range(1000)}) == 1000


@given(
    st.integers(0, 2**50),
    st.integers(1, 2**40),
    st.binary(min_size=10, max_size=10),
    st.binary(min_size=10, max_size=10),
)
def test_an_id_sorts_by_its_millisecond(now: int, later: int, one: bytes, other: bytes) -> None:
    assert make_id("key", now, one) < make_id("key", now + 1000 + later, other)


@pytest.mark.parametrize("value", ["", "key", "key_", "key_" + "0" * 21, "key_" + "0" * 23, "own_" + "0" * 22, None, 7,
                                   "key_" + "ä" * 22, "key_" + "0" * 21 + "-", "KEY_" + "0" * 22])  # fmt: skip
def test_what_has_not_the_form_of_an_id_is_none(value: object) -> None:
    assert not is_id("key", value)


def summed(text: str) -> str:
    """Return a text with a right checksum behind it."""
    return text + encode(crc32(text.encode()), 6)


BODY = "k" * 16 + "s" * 43 + "t" * 8


@pytest.mark.parametrize(
    ("text", "is_key"),
    [
        (f"a_1{BODY}", True),
        (f"{'a' * 24}_1{BODY}", True),
        (f"{'a' * 25}_1{BODY}", False),
        (f"_1{BODY}", False),
        (f"1{BODY}", False),
        (f"a_2{BODY}", False),
        (f"a-1{BODY}", False),
        (f"A_1{BODY}", False),
        (f"0a_1{BODY}", False),
        (f"a__1{BODY}", False),
        (f"a_1{BODY[:-1]}-", False),
        (f"a_1{BODY[:-1]}\u00e9", False),
        (f"a_1{BODY}0", False),
        (f"a_1{BODY[1:]}", False),
    ],
)
def test_a_right_checksum_alone_makes_no_key(text: str, is_key: bool) -> None:
    assert (parse(summed(text)) is not None) is is_key


def test_a_parsed_key_shows_its_kid_alone() -> None:
    parsed = parse(summed(f"a_1{BODY}"))
    assert parsed is not None
    assert (parsed.prefix, parsed.kid, parsed.body, parsed.tag) == ("a", "k" * 16, f"a_1{BODY[:-8]}", "t" * 8)
    assert repr(parsed) == f"Parsed(kid={'k' * 16!r})"
    assert parsed.__rich_repr__() == [("kid", "k" * 16)]


def test_a_secret_is_read_as_a_text_and_in_no_other_way() -> None:
    secret = Secret("text")
    assert (str(secret), f"{secret}", repr(secret)) == ("text", "text", "Secret(…)")
    assert secret == Secret("text")
    assert hash(secret) == hash(Secret("text"))
    for other in (Secret("other"), "text", None):
        assert secret != other
    for leave in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            leave(secret)  # type: ignore[operator]


def test_a_kid_is_made_of_16_bytes() -> None:
    entropy = bytes(range(100, 117))
    assert make_kid(entropy) == make_kid(entropy[:16]) != make_kid(entropy[1:])


def test_only_the_header_of_a_token_says_that_it_is_an_access_token() -> None:
    access, plain = (
        base64.urlsafe_b64encode(b'{"typ":"%s"}' % typ).decode().rstrip("=") for typ in (b"at+jwt", b"JWT")
    )
    assert holds_credential(f"{access}.{plain}.{'s' * 16}")
    assert not holds_credential(f"{plain}.{access}.{'s' * 16}")
    assert not holds_credential(f"{access}.{plain}.{'s' * 15}")

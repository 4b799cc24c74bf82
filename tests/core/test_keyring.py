"""The keyring: text and back, and which generation signs."""

from __future__ import annotations

import base64
import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenry.core.errors import ConfigError
from tokenry.core.keyring import Keyring, is_keyring_text, new_generation, parse_keyring

ENTROPY = st.binary(min_size=38, max_size=38).filter(lambda raw: len(set(raw[:32])) >= 8)
MOMENTS = st.integers(0, 4 * 10**15)


@st.composite
def keyrings(draw: st.DrawFn) -> Keyring:
    generations = {}
    for _ in range(draw(st.integers(1, 4))):
        generation = new_generation(draw(ENTROPY), draw(MOMENTS))
        generations[generation.id] = generation
    return Keyring(generations.values())


@given(keyrings())
def test_a_keyring_goes_through_its_text_and_back(keyring: Keyring) -> None:
    for text in (keyring.dump(), keyring.dump().replace("\n", ";"), "# a comment\n" + keyring.dump() + "\n# more\n"):
        read = parse_keyring(text)
        assert [g.id for g in read.generations] == [g.id for g in keyring.generations]
        for one, other in zip(read.generations, keyring.generations, strict=True):
            assert (one.signs_from, one.pepper, one.tag_key) == (other.signs_from, other.pepper, other.tag_key)
            assert (one.audit_key, one.canary) == (other.audit_key, other.canary)


@given(keyrings(), MOMENTS)
def test_the_newest_whose_time_has_come_signs(keyring: Keyring, now: int) -> None:
    due = [g for g in keyring.generations if g.signs_from <= now]
    signing = keyring.signing(now)
    assert signing.signs_from == (max(g.signs_from for g in due) if due else keyring.generations[0].signs_from)


@given(ENTROPY)
def test_every_purpose_has_a_key_of_its_own(entropy: bytes) -> None:
    generation = new_generation(entropy, 0)
    derived = [generation.pepper, generation.tag_key, generation.audit_key, generation.derive("idempotency")]
    derived += [bytes.fromhex(generation.canary), entropy[:32]]
    assert len(set(derived)) == len(derived)


@given(keyrings())
def test_nothing_secret_is_in_a_repr(keyring: Keyring) -> None:
    text = repr(keyring) + repr(keyring.generations) + str(keyring.generations[0])
    for line in keyring.dump().splitlines()[1:]:
        assert line.split()[1][:16] not in text


@given(st.text(max_size=200))
def test_any_other_text_is_refused_without_showing_it(text: str) -> None:
    shown = ""
    for candidate in (text, "tokenry-keyring 1\n" + text):
        try:
            parse_keyring(candidate)
        except ConfigError as error:
            shown += str(error)
    assert not [word for word in text.split() if len(word) >= 20 and word in shown]


def test_a_keyring_needs_generations_with_ids_of_their_own() -> None:
    generation = new_generation(bytes(range(38)), 0)
    for generations in ([], [generation, generation]):
        with pytest.raises(ConfigError):
            Keyring(generations)
    with pytest.raises(ConfigError):
        Keyring([generation]).without(generation.id)


def test_a_generation_leaves_its_process_in_no_way_but_its_file() -> None:
    generation = new_generation(bytes(range(38)), 0)
    for leave in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            leave(generation)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("source", "is_text"),
    [
        (Keyring([new_generation(bytes(range(38)), 0)]).dump(), True),
        ("tokenry-keyring 1", True),
        ("tokenry-keyring  9 broken", True),
        ("a;b", True),
        ("a\nb", True),
        ("/etc/tokenry-keyring", False),
        ("tokenry-keyring", False),
        ("./a b.keyring", False),
    ],
)
def test_the_text_of_a_keyring_is_told_from_a_path(source: str, is_text: bool) -> None:
    assert is_keyring_text(source) is is_text


def line(material: bytes, id: str = "gen002") -> str:
    return f"{id} {base64.urlsafe_b64encode(material).decode().rstrip('=')} 2026-01-01T00:00:00+00:00"


GOOD = line(bytes(range(32)), "gen001")


@pytest.mark.parametrize("material", [bytes(range(31)), bytes(32), bytes(range(7)) * 8])
def test_a_weak_generation_is_refused_by_its_number(material: bytes) -> None:
    with pytest.raises(ConfigError, match="generation 2 of the keyring is too weak: it needs 32 random bytes"):
        parse_keyring(f"tokenry-keyring 1\n{GOOD}\n{line(material)}")


def test_a_generation_that_is_just_strong_enough_is_read() -> None:
    keyring = parse_keyring(f"tokenry-keyring 1\n{GOOD}\n{line(bytes(range(8)) * 4)}")
    assert [generation.id for generation in keyring.generations] == ["gen001", "gen002"]


@pytest.mark.parametrize("broken", ["gen002", "gen002 AAAA", "gen002 A 2026-01-01", f"{GOOD} more", "x y z"])
def test_a_line_that_cannot_be_read_is_named_by_its_number(broken: str) -> None:
    with pytest.raises(ConfigError, match="generation 2 of the keyring cannot be read: it must be an id, a secret"):
        parse_keyring(f"tokenry-keyring 1\n{GOOD}\n{broken}")


@pytest.mark.parametrize("text", ["", "\n# tokenry-keyring 1\n", "tokenry-keyring 2", GOOD])
def test_a_text_without_the_header_is_no_keyring(text: str) -> None:
    with pytest.raises(ConfigError, match="its first line must be 'tokenry-keyring 1'"):
        parse_keyring(text)

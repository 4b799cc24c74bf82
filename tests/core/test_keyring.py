"""The keyring: text and back, and which generation signs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenry.core.errors import ConfigError
from tokenry.core.keyring import Keyring, new_generation, parse_keyring

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

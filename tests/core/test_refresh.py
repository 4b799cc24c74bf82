"""The rules of rotation, grace, reuse and life, against a model that remembers every token that ever was."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tokenry.core.codes import REFRESH_CODES
from tokenry.core.keyring import Keyring, new_generation
from tokenry.core.refresh import (
    UNUSED_GRACE,
    Family,
    Rules,
    begin,
    generation_of,
    is_of,
    is_over,
    place_of,
    repeat,
    rotate,
    step,
)
from tokenry.core.secret import parse, same_tag

SECOND = 1_000_000
DAY = 86_400 * SECOND
RULES = Rules(grace=10 * SECOND, idle=7 * DAY, absolute=30 * DAY)
KEYRING = Keyring([new_generation(bytes(range(38)), 0)])
[GENERATION] = KEYRING.generations
IDS = ("K" * 16, "ten_1", "ses_1")
NOW = 1_000 * DAY


def entropy(seed: object) -> bytes:
    return hashlib.sha256(repr(seed).encode()).digest()


class Life:
    """A session, used as the engine uses it."""

    def __init__(self, rules: Rules = RULES, keyring: Keyring = KEYRING) -> None:
        self.rules, self.keyring, self.now = rules, keyring, NOW
        first = begin(IDS, "tk_rt", entropy("first"), keyring.signing(NOW), NOW, rules)
        self.family: Family = first.family
        self.tokens = [first.text]

    def present(self, text: str) -> str:
        """Return the successor, or the code of a refusal; a reuse ends the session."""
        over = is_over(self.family, self.now)
        if over:
            return over
        place = place_of(self.family, text, self.keyring)
        what = step(self.family, place, self.now, self.rules)
        if what == "repeat":
            again = repeat(self.family, place, text, "tk_rt", self.keyring)
            assert again is not None
            return again
        if what == "rotate":
            nonce = entropy((self.now, text))[:16]
            signing = self.keyring.signing(self.now)
            rotation = rotate(self.family, text, "tk_rt", nonce, signing, self.now, self.rules.idle)
            self.family = rotation.family
            self.tokens.append(rotation.text)
            return rotation.text
        if what == "reused":
            self.family = replace(self.family, revoked=True)
        return what

    def rotate_to(self, count: int) -> None:
        while len(self.tokens) < count:
            self.present(self.tokens[-1])


@pytest.fixture
def life() -> Life:
    return Life()


def test_a_refresh_token_is_one_of_ours_and_keeps_its_kid(life: Life) -> None:
    life.rotate_to(3)
    for text in life.tokens:
        parsed = parse(text)
        assert parsed is not None
        assert is_of(parsed)
        assert parsed.kid == IDS[0]
        assert same_tag(parsed, GENERATION.tag_key)
    assert len(set(life.tokens)) == 3


def test_who_presents_the_same_token_gets_the_same_successor(life: Life) -> None:
    [first] = life.tokens
    assert {life.present(first) for _ in range(5)} == {life.tokens[1]}
    assert life.family.generation == 2


def test_a_lost_answer_may_be_asked_for_again_for_five_minutes(life: Life) -> None:
    second = life.present(life.tokens[0])
    life.now += UNUSED_GRACE - 1
    assert life.present(life.tokens[0]) == second
    life.now += 1
    assert life.present(life.tokens[0]) == "reused"
    assert life.present(second) == "revoked"


def test_the_grace_ends_ten_seconds_after_the_first_use_of_the_successor(life: Life) -> None:
    second = life.present(life.tokens[0])
    life.now += 60 * SECOND
    life.present(second)
    life.now += 10 * SECOND - 1
    assert life.present(life.tokens[0]) == second
    life.now += 1
    assert life.present(life.tokens[0]) == "reused"


def test_without_a_grace_the_first_use_of_the_successor_ends_its_parent() -> None:
    life = Life(replace(RULES, grace=0))
    life.rotate_to(3)
    assert life.present(life.tokens[1]) == life.tokens[2]
    assert life.present(life.tokens[0]) == "reused"


def test_a_token_that_is_older_than_the_grace_remembers_ends_the_session_at_once(life: Life) -> None:
    life.rotate_to(4)
    assert life.present(life.tokens[1]) == life.tokens[2]
    assert life.present(life.tokens[0]) == "reused"
    assert life.present(life.tokens[3]) == "revoked"


def test_a_token_that_was_never_made_counts_as_older(life: Life) -> None:
    stranger = begin(IDS, "tk_rt", entropy("stranger"), GENERATION, NOW, RULES).text
    assert place_of(life.family, stranger, KEYRING) == "older"


def test_idle_life_begins_anew_with_a_rotation_and_not_with_a_repeat(life: Life) -> None:
    life.now += 6 * DAY
    life.present(life.tokens[0])
    assert life.family.idle_expires_at == life.now + 7 * DAY
    life.now += SECOND
    life.present(life.tokens[0])
    assert life.family.idle_expires_at == life.now - SECOND + 7 * DAY
    life.now = life.family.idle_expires_at - 1
    assert is_over(life.family, life.now) is None
    life.now += 1
    assert life.present(life.tokens[1]) == "expired"


def test_absolute_life_is_never_extended(life: Life) -> None:
    end = life.family.expires_at
    while life.now + 5 * DAY < end:
        life.now += 5 * DAY
        life.present(life.tokens[-1])
        assert life.family.expires_at == end
    assert life.family.idle_expires_at == end
    life.now = end
    assert life.present(life.tokens[-1]) == "expired"


def test_a_session_is_over_at_the_earlier_of_its_two_ends(life: Life) -> None:
    for idle, absolute in ((5, 9), (9, 5)):
        family = replace(life.family, idle_expires_at=idle, expires_at=absolute)
        assert [is_over(family, now) for now in (4, 5)] == [None, "expired"]


def test_an_ended_session_is_not_called_reused(life: Life) -> None:
    life.rotate_to(5)
    life.family = replace(life.family, revoked=True)
    assert life.present(life.tokens[0]) == "revoked"
    life.family = replace(life.family, revoked=False)
    life.now += 8 * DAY
    assert life.present(life.tokens[0]) == "expired"


def test_an_early_refresh_may_be_refused_and_a_repeat_is_not_early() -> None:
    life = Life(replace(RULES, refuse_before=300 * SECOND))
    assert life.present(life.tokens[0]) == "too_early"
    life.now += 300 * SECOND
    second = life.present(life.tokens[0])
    assert life.present(life.tokens[0]) == second
    assert life.present(second) == "too_early"


def test_a_refresh_is_early_until_the_whole_second_in_which_the_access_token_ends() -> None:
    life = Life(replace(RULES, refuse_before=300 * SECOND))
    life.family = replace(life.family, rotated_at=NOW + SECOND // 2)
    life.now = NOW + 300 * SECOND - 1
    assert life.present(life.tokens[0]) == "too_early"
    life.now += 1
    assert life.present(life.tokens[0]) == life.tokens[-1] != life.tokens[0]


def test_a_new_generation_of_the_keyring_changes_no_answer_that_was_given(life: Life) -> None:
    life.rotate_to(2)
    life.keyring = KEYRING.with_generation(new_generation(bytes(range(50, 88)), life.now))
    assert life.present(life.tokens[0]) == life.tokens[1]
    life.rotate_to(3)
    assert life.present(life.tokens[0]) == life.tokens[1]
    assert life.present(life.tokens[1]) == life.tokens[2]
    assert life.family.current.generation_id == life.keyring.generations[-1].id


def test_an_access_token_belongs_to_the_generation_of_its_refresh_token(life: Life) -> None:
    life.rotate_to(3)
    numbers = [generation_of(life.family, place_of(life.family, text, KEYRING)) for text in life.tokens]
    assert numbers == [1, 2, 3]


def test_what_is_kept_derives_no_token(life: Life) -> None:
    life.rotate_to(4)
    kept = life.family
    others = Keyring([new_generation(bytes(range(60, 98)), 0)])
    stranger = replace(kept, parent=replace(kept.parent, generation_id=others.generations[0].id))  # type: ignore[type-var]
    assert repeat(stranger, "parent", life.tokens[2], "tk_rt", others) != life.tokens[3]
    assert repeat(kept, "parent", "", "tk_rt", KEYRING) != life.tokens[3]
    shown = repr(kept)
    assert not any(text[21:64] in shown for text in life.tokens)
    for token in (kept.current, kept.parent, kept.elder):
        assert repr(token) == "Token(…)"


def test_a_token_under_a_generation_that_was_dropped_is_none_that_is_known(life: Life) -> None:
    life.rotate_to(3)
    others = Keyring([new_generation(bytes(range(60, 98)), 0)])
    assert [place_of(life.family, text, others) for text in life.tokens] == ["older"] * 3
    for place in ("parent", "elder"):
        assert repeat(life.family, place, life.tokens[1], "tk_rt", others) is None


def test_a_session_that_was_never_refreshed_has_one_token(life: Life) -> None:
    assert (life.family.generation, life.family.parent, life.family.elder) == (1, None, None)
    assert place_of(life.family, life.tokens[0], KEYRING) == "current"
    assert repeat(life.family, "parent", life.tokens[0], "tk_rt", KEYRING) is None


def test_a_rotation_shows_no_token(life: Life) -> None:
    assert repr(begin(IDS, "tk_rt", entropy("x"), GENERATION, NOW, RULES)) == "Rotation('ses_1', generation=1)"


def test_the_codes_of_a_step_are_documented(life: Life) -> None:
    assert {"reused", "too_early", "revoked", "expired"} <= set(REFRESH_CODES)


class Model(RuleBasedStateMachine):
    """Whatever is presented, whenever: the answer is that of a model that knows every rotation and its time."""

    @initialize(grace=st.sampled_from([0, 10, 60]))
    def begin(self, grace: int) -> None:
        self.life = Life(replace(RULES, grace=grace * SECOND))
        self.used_at: dict[int, int] = {}
        self.end = self.life.family.expires_at
        self.ended = False
        self.idle_from = NOW

    @rule(length=st.sampled_from([0, 1, SECOND, 9 * SECOND, 10 * SECOND, 299 * SECOND, 300 * SECOND, DAY, 6 * DAY]))
    def wait(self, length: int) -> None:
        self.life.now += length

    @rule(back=st.integers(0, 5))
    def present(self, back: int) -> None:
        life = self.life
        number = max(0, len(life.tokens) - 1 - back)
        count = len(life.tokens)
        expected = self.expected(number)
        answer = life.present(life.tokens[number])
        if expected == "next":
            assert len(life.tokens) == count + 1
            assert answer == life.tokens[-1]
            self.used_at[number] = self.idle_from = life.now
        elif expected == "same":
            assert answer == life.tokens[number + 1]
        else:
            assert answer == expected
            self.ended = self.ended or expected == "reused"

    def expected(self, number: int) -> Any:
        life, last = self.life, len(self.life.tokens) - 1
        if self.ended:
            return "revoked"
        if life.now >= min(self.end, self.idle_from + RULES.idle):
            return "expired"
        if number == last:
            return "next"
        if number + 1 == last:  # its successor was never used
            return "same" if life.now < self.used_at[number] + UNUSED_GRACE else "reused"
        if number + 2 == last:  # its successor was used when the current one was made
            return "same" if life.now < self.used_at[number + 1] + life.rules.grace else "reused"
        return "reused"

    @invariant()
    def the_end_stays(self) -> None:
        if hasattr(self, "life"):
            assert self.life.family.expires_at == self.end


Model.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestModel = Model.TestCase

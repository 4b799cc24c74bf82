"""Scopes: `covers` equals a reference of thirty lines, on a million random pairs and on what hypothesis thinks of."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.counting import calls
from tokenry.core import scopes
from tokenry.core.errors import FieldError, Invalid
from tokenry.core.scopes import (
    ASKED_MAX,
    FORMS_MAX,
    Granted,
    Narrowed,
    check_list,
    granted,
    is_scope,
    require,
    unknown,
)

SEGMENTS = ["a", "b", "read", "tokenry", "*", "a.b", "x_y", "1-2"]
SCOPES = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=5).map(":".join)
ASKS = st.recursive(
    SCOPES,
    lambda parts: (
        st.lists(parts, min_size=1, max_size=3)
        | st.fixed_dictionaries({"any": st.lists(parts, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"all": st.lists(parts, min_size=1, max_size=3)})
    ),
    max_leaves=8,
)


def reference(have: str, want: str) -> bool:
    """Say what the design says, segment by segment, without any thought of speed."""
    if have == want:
        return True
    return want.split(":")[0] != "tokenry" and all_matched(have.split(":"), want.split(":"))


def all_matched(have: list[str], want: list[str]) -> bool:
    if have == ["*"]:
        return len(want) >= 1  # a last `*` is one segment or more, whatever they are
    if not have or not want:
        return have == want
    if want == ["*"]:
        return False  # stands for any number of segments, and only a last `*` covers that
    if have[0] not in ("*", want[0]):
        return False
    return all_matched(have[1:], want[1:])


def covers(have: str, want: str) -> bool:
    return granted((have,)).covers(want)


def test_covers_equals_the_reference_on_a_million_random_pairs() -> None:
    chance = random.Random(20261121)
    scopes = [":".join(chance.choices(SEGMENTS[:5], k=chance.randint(1, 4))) for _ in range(1000)]
    wrong = [(have, want) for have in scopes for want in scopes if covers(have, want) != reference(have, want)]
    assert wrong == []


@given(SCOPES, SCOPES)
def test_covers_equals_the_reference(have: str, want: str) -> None:
    assert covers(have, want) == reference(have, want)


@given(SCOPES, SCOPES, SCOPES)
def test_covering_is_transitive(one: str, two: str, three: str) -> None:
    if covers(one, two) and covers(two, three):
        assert covers(one, three)


@given(st.lists(SCOPES, max_size=5), ASKS)
def test_a_question_is_answered_as_its_parts_are(have: list[str], ask: Any) -> None:
    def met(part: Any) -> bool:
        if isinstance(part, str):
            return any(reference(scope, part) for scope in have)
        if isinstance(part, dict):
            [(word, parts)] = part.items()
            return (all if word == "all" else any)(met(one) for one in parts)
        return all(met(one) for one in part)

    holds = granted(tuple(have))
    for _ in ("computed", "remembered"):
        assert holds.allows(require(ask)) == met(ask)


@given(st.text(max_size=70))
def test_any_text_is_a_scope_or_is_refused(text: str) -> None:
    errors: list[FieldError] = []
    clean = check_list("scopes", [text], errors)
    assert bool(errors) != bool(clean)
    if not is_scope(text):
        assert errors
        with pytest.raises(Invalid):
            require(text)


@given(st.lists(SCOPES, max_size=6))
def test_a_list_is_kept_once_each_in_input_order(scopes: list[str]) -> None:
    clean = check_list("scopes", scopes, [])
    expected = [scope for scope in dict.fromkeys(scopes) if not (scope.startswith("tokenry") and "*" in scope)]
    assert list(clean) == expected


@given(st.lists(SCOPES, min_size=1, max_size=4), st.lists(SCOPES, max_size=6))
def test_unknown_are_those_that_no_entry_covers_and_that_cover_no_entry(catalogue: list[str], asked: list[str]) -> None:
    expected = [
        scope
        for scope in dict.fromkeys(asked)
        if not any(reference(entry, scope) for entry in catalogue)
        and not ("*" in scope and any(reference(scope, entry) for entry in catalogue))
    ]
    assert list(unknown(catalogue, asked)) == expected
    assert unknown(None, asked) == ()


@pytest.mark.parametrize("depth", [1, 8])
def test_a_question_may_be_nested_eight_deep(depth: int) -> None:
    ask: Any = "a"
    for _ in range(depth):
        ask = {"any": [ask]}
    assert granted(("a",)).allows(require(ask))
    for _ in range(9 - depth):
        ask = [ask]
    with pytest.raises(Invalid):
        require([ask])


def test_a_question_nested_without_end_is_invalid_and_no_crash() -> None:
    ask: Any = "a"
    for _ in range(100_000):
        ask = [ask]
    with pytest.raises(Invalid):
        require(ask)


def test_a_question_is_nested_and_long_within_bounds() -> None:
    def nested(levels: int) -> object:
        asked: object = "a"
        for _ in range(levels):
            asked = {"any": [asked]}
        return asked

    def tuples(levels: int) -> Any:
        return (tuples(levels - 1) if levels > 1 else "a",)

    assert require(tuples(9)).met_by(granted(("a",)))
    with pytest.raises(Invalid, match="at most 8 deep"):
        require(tuples(10))
    assert require(nested(9)).met_by(granted(("a",)))  # type: ignore[arg-type]
    with pytest.raises(Invalid) as refused:
        require(nested(10))  # type: ignore[arg-type]
    assert [(error.field, error.code) for error in refused.value.errors] == [("scopes", "too_deep")]
    most = [f"s{number}" for number in range(ASKED_MAX)]
    assert require(most).met_by(granted(("*",)))
    for too_many in ([*most, "x"], {"any": [*most, "x"]}):
        with pytest.raises(Invalid) as refused:
            require(too_many)  # type: ignore[arg-type]
        assert [(error.field, error.code) for error in refused.value.errors] == [("scopes", "too_many")]


def test_a_set_of_scopes_remembers_64_questions() -> None:
    holds = Granted(("s:*",))
    questions = [require(f"s:{number}") for number in range(65)]
    assert all(question.is_kept for question in questions)
    for question in questions[:64]:
        assert holds.allows(question)
    assert len(holds._memo) == 64
    assert holds.allows(questions[64])
    assert list(holds._memo) == [questions[64]]


def test_a_question_is_remembered_unless_it_is_large_or_nobody_known_asks_it() -> None:
    assert require("kept") is require(["kept"]) is require(("kept",))
    assert require("kept").is_kept
    for asked, keep in (("not kept", False), ([f"large:{number}" for number in range(30)], True)):
        asked = [asked.replace(" ", ":")] if isinstance(asked, str) else asked
        found = require(asked, keep=keep)
        assert not found.is_kept
        assert require(asked, keep=keep) is not found
    assert require(["kept"], keep=False).is_kept, "it was remembered for somebody else"
    assert not require({"any": ["kept"]}).is_kept


@pytest.mark.parametrize(
    ("asked", "asks"),
    [
        ("a", True),
        ([], False),
        (["a", []], False),
        ({"any": ["a", ["b", []]]}, False),
        ({"any": ["a", ["b"]]}, True),
    ],
)
def test_a_question_asks_for_something_when_every_part_of_it_does(asked: Any, asks: bool) -> None:
    assert require(asked).asks is asks


NO_QUESTIONS: list[Any] = [
    {},
    {"all": ["a"], "any": ["b"]},
    {"none": ["a"]},
    {"all": "a"},
    {"any": []},
    {"any": {"all": ["a"]}},
    b"a",
    5,
    None,
    [b"a"],
    [["a"], 5],
    [{"any": ["a", None]}],
]


@pytest.mark.parametrize("asked", NO_QUESTIONS)
def test_what_is_no_question_is_refused_by_its_code(asked: Any) -> None:
    with pytest.raises(Invalid) as refused:
        require(asked)
    assert [(error.field, error.code) for error in refused.value.errors] == [("scopes", "bad_question")]


@pytest.mark.parametrize("scope", ["A", "", "a::b", ":a", "a:", "a b", "s" * 65, "a*", "ä"])
def test_a_scope_in_a_question_is_refused_by_its_code(scope: str) -> None:
    for asked in (scope, ["a", scope], {"any": [scope]}):
        with pytest.raises(Invalid) as refused:
            require(asked)
        assert [(error.field, error.code) for error in refused.value.errors] == [("scopes", "bad_scope")]


def test_scopes_are_counted_at_all_depths_together() -> None:
    half = [f"s{number}" for number in range(ASKED_MAX // 2)]
    assert require({"any": [half, half[:-2]]}).asks
    with pytest.raises(Invalid, match="at most 256 scopes"):
        require({"any": [half, half[:-1]]})


def test_what_is_remembered_is_bounded_as_documented() -> None:
    assert (2 * scopes._asked._half, scopes._asked._each_max) == (2 * 1024 * 1024, 4 * 1024)
    assert scopes.size_of(("ab", "c")) == scopes.size_of(("ab",)) + scopes.size_of(("c",)) > 3


def patterns(count: int) -> tuple[str, ...]:
    return tuple(f"area{number}:*:{number}" for number in range(count))


def test_a_search_among_a_thousand_patterns_costs_what_one_among_ten_costs() -> None:
    question = require({"any": [f"zone{number}:x:read" for number in range(ASKED_MAX)]})
    few, many = Granted(patterns(10)), Granted(patterns(1000))
    assert calls(lambda: question.met_by(few)) == calls(lambda: question.met_by(many))


def test_comparing_two_lists_of_patterns_costs_about_their_length() -> None:
    few, many = patterns(100), patterns(1000)
    assert calls(lambda: unknown(many, many)) < 15 * calls(lambda: unknown(few, few))
    one, ten = Granted(few), Granted(many)
    assert calls(lambda: Narrowed(ten, ten)) < 15 * calls(lambda: Narrowed(one, one))


def test_wildcards_of_one_list_stand_in_a_bounded_number_of_forms() -> None:
    forms = [":".join(("a",) * place + ("*",) + ("a",) * (29 - place)) for place in range(30)]
    forms += ["*", "b:*"]
    assert len(forms) == FORMS_MAX
    errors: list[FieldError] = []
    assert list(check_list("scopes", [*forms, "b:a"], errors)) == [*forms, "b:a"]
    assert check_list("scopes", [*forms, "c:*"], errors)
    assert errors == []
    check_list("scopes", [*forms, "*:b"], errors)
    assert [(error.field, error.code) for error in errors] == [("scopes", "too_many")]

"""No bytes from outside lead to an exception of a kind that nobody expects, or keep the processor busy for long."""

import random

import pytest

from tests.chaos.counts import LONG, times
from tests.fuzz import credentials, exports, mail, questions
from tests.fuzz.fuzzer import CORPUS, Found, Target, as_line, fuzz, outcome, seeds, shortened

TARGETS = {**credentials.TARGETS, **exports.TARGETS, **mail.TARGETS, **questions.TARGETS}
# Short counts try the same inputs every time, so that a change is judged by what it changed.
SEED = random.SystemRandom().randrange(1 << 32) if LONG else 1


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_that_was_kept_is_answered(name: str) -> None:
    target = TARGETS[name]
    for data in (*seeds(name), *target.made):
        outcome(target, data)


@pytest.mark.chaos
@pytest.mark.parametrize("name", TARGETS)
def test_every_input_is_answered_as_expected(name: str) -> None:
    target = TARGETS[name]
    assert fuzz(target, [*seeds(name), *target.made], SEED, rounds=times(1000, 0), seconds=times(0, 60)) >= 1000


def test_every_corpus_has_its_target_and_is_small() -> None:
    names = {path.stem for path in CORPUS.iterdir()}
    assert names == {*TARGETS, "wire"}
    assert sum(path.stat().st_size for path in CORPUS.iterdir()) < 64 * 1024


def test_what_fails_is_found_and_shown_shortened() -> None:
    def check(data: bytes) -> int:
        assert b"\r\n" not in data
        return len(data) // 100

    with pytest.raises(Found) as found:
        fuzz(Target(check, [b"\r", b"\n"]), [b"a" * 50], 1, rounds=100_000)
    assert str(found.value).endswith("\n\\r\\n")
    assert shortened(Target(check), b"x" * 999 + b"\r\n" + b"y" * 999, AssertionError) == b"\r\n"
    assert as_line(b"\xff\\\n") == r"\xff\\\n"


def test_what_takes_too_long_is_ended() -> None:
    def check(data: bytes) -> None:
        while True:
            pass

    with pytest.raises(TimeoutError):
        outcome(Target(check, cpu_seconds=0.05), b"")

"""A memo never takes more bytes than it may, keeps nothing large, and goes on answering for what is asked for."""

import sys
import threading
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from tokenry.core.memo import ENTRY_BYTES, Memo, length, remembering


def memo(bytes_max: int = 20 * 1024, each_max: int = 1024) -> Memo[str, str]:
    return Memo(lambda key, value: len(key) + len(value), bytes_max=bytes_max, each_max=each_max)


def taken(known: Memo[str, str]) -> int:
    kept = [*known._young.items(), *known._old.items(), *chain.from_iterable(map(dict.items, known._dropped))]
    return sum(ENTRY_BYTES + len(key) + len(value) for key, value in kept)


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 2000), st.booleans()), max_size=400))
def test_no_order_of_uses_makes_it_take_more_than_it_may(uses: list[tuple[int, int, bool]]) -> None:
    known = memo()
    for number, size, puts in uses:
        if puts:
            known.put(str(number), "x" * size)
        else:
            known.get(str(number))
        assert taken(known) <= 20 * 1024
        assert all(len(value) <= 1024 for value in known._young.values())


def test_what_is_asked_for_stays_and_the_rest_goes() -> None:
    known = memo()
    known.put("asked for", "yes")
    for number in range(1000):
        known.put(str(number), "x" * 100)
        assert known.get("asked for") == "yes"
    assert known.get("0") is None
    assert len(known) < 100


def test_what_is_forgotten_is_freed_by_and_by_and_nothing_is_left_in_the_end() -> None:
    known: Memo[str, str] = Memo(lambda key, value: 0, bytes_max=200 * ENTRY_BYTES, each_max=ENTRY_BYTES)
    left = []
    for number in range(301):
        known.put(str(number), "")
        left.append(sum(map(len, known._dropped)))
    assert left[200:] == [*range(99, -1, -1), 99]
    known.age()
    known.age()
    assert (len(known), known.is_empty) == (0, False)
    assert [known.free(100) for _ in range(2)] == [True, False]
    assert known.is_empty


def test_a_text_and_its_value_are_taken_for_equally_long() -> None:
    assert (length("", None), length("abc", 5), length(b"abc", 5)) == (0, 6, 6)


def test_what_nobody_asks_for_ages() -> None:
    known = memo()
    known.put("a", "1")
    known.age()
    assert known.get("a") == "1"
    known.age()
    known.age()
    assert (known.get("a"), len(known)) == (None, 0)


def test_a_function_remembers_small_answers_only() -> None:
    asked: list[str] = []

    @remembering(length, each_max=ENTRY_BYTES + 100)
    def upper(text: str) -> str | None:
        """Return it in capitals."""
        asked.append(text)
        return text.upper()

    assert [upper(text) for text in ("a", "a", "b" * 51, "b" * 51)] == ["A", "A", "B" * 51, "B" * 51]
    assert asked == ["a", "b" * 51, "b" * 51]
    assert upper.__doc__ == "Return it in capitals."


def test_threads_do_not_make_it_grow() -> None:
    known = memo()
    begin, switch = threading.Barrier(4), sys.getswitchinterval()

    def work(name: int) -> None:
        begin.wait()
        for number in range(5000):
            known.put(f"{name} {number}", "x" * 100)
            known.get(f"{name} {number // 2}")

    threads = [threading.Thread(target=work, args=[name]) for name in range(4)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    assert taken(known) <= 2 * 20 * 1024
    for number in range(1000):
        known.put(str(number), "x" * 100)
    assert len(known._dropped) <= 2, "nothing stays behind what is freed"


def test_a_half_holds_what_fits_into_it_and_nothing_that_is_larger_than_one_may_be() -> None:
    known: Memo[str, str] = Memo(lambda key, value: len(value), bytes_max=6 * ENTRY_BYTES, each_max=2 * ENTRY_BYTES)
    for name in "abcd":
        known.put(name, "")
    assert (list(known._young), list(known._old)) == (["d"], ["a", "b", "c"])
    for name in "efg":
        known.put(name, "")
    assert (list(known._young), list(known._old), len(known)) == (["g"], ["d", "e", "f"], 4)
    known.age()
    for name in "hij":
        known.put(name, "")
    assert (list(known._young), list(known._old)) == (["h", "i", "j"], ["g"])
    known.clear()
    known.put("fits", "x" * ENTRY_BYTES)
    known.put("large", "x" * (ENTRY_BYTES + 1))
    assert (known.get("fits"), known.get("large")) == ("x" * ENTRY_BYTES, None)

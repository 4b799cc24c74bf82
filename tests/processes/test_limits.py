"""Limits over many processes: never more than the limit in one window, nearly all of it usable, never reset."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.processes.crew import Member, together
from tests.processes.places import Place
from tests.processes.races import TRIALS, at_once
from tests.servers.waiting import until
from tokenry import Limit, Tokenry

YEAR = 366 * 86_400  # one window, unless the test runs over its end; `in_one_window` looks
PROCESSES = 8


def limited(tk: Tokenry, limit: int, name: str = "k") -> Any:
    tk.owners.put("u")
    issued = tk.keys.issue(
        owner="u", name=name, limits=[Limit("default", limit, YEAR)], expires_in=timedelta(days=3650)
    )
    (state,) = tk.keys.limits(issued.key.id)
    assert state.reset_at - datetime.now(UTC) > timedelta(hours=1), "this window ends soon: run the test again later"
    return issued


def drained(members: list[Member], secret: str, most: int = 10_000) -> int:
    return sum(together(members, "drain", str(secret), most))


@pytest.mark.parametrize("limit", [1, 7, 100, 1000, 5000])
def test_eight_processes_together_are_admitted_no_more_than_the_limit_and_nearly_all_of_it(
    place: Place, limit: int
) -> None:
    tk = place.open()
    issued = limited(tk, limit)
    admitted = drained(place.members(PROCESSES), issued.secret)
    assert limit * 99 / 100 <= admitted <= limit


@pytest.mark.parametrize("limit", [7, 1000])
def test_eight_processes_together_take_no_more_than_the_limit_of_a_subject(place: Place, limit: int) -> None:
    place.open()
    members = place.members(PROCESSES)
    for subject in ("one", "other"):
        assert limit * 99 / 100 <= sum(together(members, "take", "jobs", subject, limit, YEAR)) <= limit


@pytest.mark.parametrize("limit", [7, 1000])
def test_eight_processes_together_use_up_a_shared_limit_and_no_more(place: Place, limit: int) -> None:
    tk = place.open()
    issued = [limited(tk, 10**6, f"k{number}") for number in range(PROCESSES)]
    tk.owners.put("u", shared_limits=[Limit("all", limit, YEAR)])
    members = place.members(PROCESSES)
    for member, key in zip(members, issued, strict=True):
        member.begin("drain", str(key.secret), 10_000)
    assert limit * 99 / 100 <= sum(member.answer() for member in members) <= limit


def test_low_limits_are_exact_over_processes(place: Place) -> None:
    tk = place.open()
    members = place.members(4)
    for trial in range(TRIALS // 4):
        assert drained(members, limited(tk, 5, f"k{trial}").secret) == 5


def test_threads_of_one_process_are_admitted_exactly_the_limit(place: Place) -> None:
    tk = place.open()
    for trial in range(TRIALS // 8):
        secret = limited(tk, 20, f"k{trial}").secret
        answers = at_once([lambda secret=secret: sum(bool(tk.verify(secret)) for _ in range(5))] * 8)
        assert sum(answers) == 20


def test_killed_processes_never_make_room_for_more(place: Place) -> None:
    """What a dead process held counts as spent: at most the largest share each, and one that was on its way to it."""
    tk = place.open()
    issued = limited(tk, 10_000)
    board = place.board()
    members = place.members(PROCESSES)
    for number, member in enumerate(members[:4]):
        member.begin("drain_and_tell", str(issued.secret), board.path, number)
    for number, member in enumerate(members[:4]):
        board.wait(number + 8, 50)
        member.kill()
    before = sum(board[number] for number in range(4))  # each may have been admitted once more, untold
    admitted = before + drained(members[4:], issued.secret)
    assert 10_000 - 4 * 2 * (10_000 // 25 + 1) <= admitted <= 10_000


def test_a_process_that_ends_gives_back_what_it_did_not_spend(place: Place) -> None:
    tk = place.open()
    issued = limited(tk, 1000)
    for _ in range(10):
        one, other = place.members(2)
        assert together([one, other], "verify", str(issued.secret)) == ["valid"] * 2
        together([one, other], "close")
    (state,) = tk.keys.limits(issued.key.id)
    assert state.remaining == 980
    assert drained(place.members(2), issued.secret) == 980


@pytest.mark.parametrize("change", ["update", "rotate", "disable", "lower", "restart"])
def test_no_change_resets_what_was_taken(place: Place, change: str) -> None:
    tk = place.open()
    issued = limited(tk, 100)
    secret, left = issued.secret, 100
    members = place.members(2)
    assert drained(members, secret, 20) == 40
    if change == "update":
        tk.keys.update(issued.key.id, description="another")
    elif change == "rotate":
        secret = tk.keys.rotate(issued.key.id).secret
    elif change == "disable":
        tk.keys.disable(issued.key.id)
        tk.keys.enable(issued.key.id)
    elif change == "lower":
        tk.keys.update(issued.key.id, limits=[Limit("default", 60, YEAR)])
        left = 60
    elif change == "restart":
        members = place.members(2)
    admitted = drained(members, secret)

    def is_all() -> bool:
        """Tell whether everything was admitted: what was leased for the version before comes back within a second."""
        nonlocal admitted
        admitted += drained(members, secret)
        return admitted >= left - 40

    until(is_all, 15, lambda: f"{admitted} of {left - 40}")
    assert admitted == left - 40


def test_limits_that_change_under_load_never_fail_a_verification(place: Place) -> None:
    tk = place.open()
    issued = limited(tk, 10**6)

    def verify() -> list[Any]:
        return [tk.verify(issued.secret).code for _ in range(TRIALS * 2)]

    def change() -> None:
        for trial in range(TRIALS // 2):
            tk.keys.update(issued.key.id, limits=[Limit("default", 10**6 + trial + 1, YEAR)])

    *answers, changed = at_once([verify] * 4 + [change])
    assert changed is None
    assert answers == [["valid"] * TRIALS * 2] * 4


def test_a_key_that_is_deleted_under_load_is_refused_and_never_an_error(place: Place) -> None:
    tk, other = place.open(), place.open()
    for trial in range(TRIALS // 4):
        issued = limited(tk, 10, f"k{trial}")
        answers = at_once(
            [
                lambda issued=issued: {other.verify(issued.secret).code for _ in range(10)},
                lambda issued=issued: tk.keys.delete(issued.key.id),
            ]
        )
        assert answers[1] is None
        assert answers[0] <= {"valid", "not_found"}, answers
        assert other.verify(issued.secret).code == "not_found"

"""Credits over many processes and threads: exactly as many uses as there are, and one refill."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.processes.crew import together
from tests.processes.places import Place
from tests.processes.races import TRIALS, at_once
from tokenry import Conflict, Credits, Tokenry
from tokenry.testing import FakeClock
from tokenry.types import Issued

PROCESSES = 8


def issued(tk: Tokenry, credits: Credits, name: str = "k") -> Issued:
    tk.owners.put("u")
    return tk.keys.issue("u", name=name, credits=credits)


@pytest.mark.parametrize("credits", [Credits(1), Credits(100), Credits(1000, shared=True), Credits(7, shared=True)])
def test_eight_processes_together_use_exactly_the_credits(place: Place, credits: Credits) -> None:
    tk = place.open()
    secret = str(issued(tk, credits).secret)
    assert sum(together(place.members(PROCESSES), "drain", secret, 10_000)) == credits.amount


def test_killed_processes_with_shares_lose_at_most_a_share_each_and_never_make_room_for_more(place: Place) -> None:
    tk = place.open()
    key = issued(tk, Credits(10_000, shared=True))
    board = place.board()
    members = place.members(PROCESSES)
    for number, member in enumerate(members[:4]):
        member.begin("drain_and_tell", str(key.secret), board.path, number)
    for number, member in enumerate(members[:4]):
        board.wait(number + 8, 50)
        member.kill()
    before = sum(board[number] for number in range(4))  # each may have been admitted once more, untold
    admitted = before + sum(together(members[4:], "drain", str(key.secret), 20_000))
    assert 10_000 - 4 * (10_000 // 100 + 1) <= admitted <= 10_000


def test_a_process_that_ends_gives_back_its_share(place: Place) -> None:
    tk = place.open()
    key = issued(tk, Credits(1000, shared=True))
    members = place.members(2)
    assert together(members, "verify", str(key.secret)) == ["valid"] * 2
    together(members, "close")
    assert tk.credits.get(key.key.id).remaining == 998


def test_threads_that_race_for_a_refill_get_one(place: Place) -> None:
    clock = FakeClock()
    with Tokenry(place.url, keyring=place.keyring, clock=clock) as tk:
        key = issued(tk, Credits(5, refill="daily"))
        for _ in range(TRIALS // 20):
            clock.advance(timedelta(days=1))
            tk.keys.update(key.key.id, expires_in=timedelta(days=90))
            answers = at_once([lambda: sum(bool(tk.verify(key.secret)) for _ in range(3))] * 4)
            assert sum(answers) == 5


def test_racing_holds_and_uses_never_exceed_the_budget(place: Place) -> None:
    tk, other = place.open(), place.open()
    for trial in range(TRIALS // 20):
        key = issued(tk, Credits(20), f"k{trial}")

        def hold(one: Tokenry, id: str = key.key.id) -> int:
            charged = 0
            for _ in range(3):
                try:
                    charged += one.credits.reserve(id, 5).settle(3).charged or 0
                except Conflict:
                    continue
            return charged

        def use(one: Tokenry, key: Issued = key) -> int:
            return sum(bool(one.verify(key.secret)) for _ in range(6))

        racing = [lambda one=one, do=do: do(one) for one in (tk, other) for do in (hold, use)]
        answers = at_once(racing)
        state = tk.credits.get(key.key.id)
        assert (state.held, sum(answers) + state.remaining) == (0, 20), answers


def test_racing_settlements_of_one_hold_charge_it_once(place: Place) -> None:
    tk, other = place.open(), place.open()
    for trial in range(TRIALS // 20):
        key = issued(tk, Credits(20), f"k{trial}")
        hold = tk.credits.reserve(key.key.id, 20)

        def settle(one: Tokenry, amount: int, id: str = key.key.id, hold_id: str = hold.id) -> int | None:
            try:
                return one.credits.settle(id, hold_id, amount).charged
            except Conflict:
                return None

        calls = [lambda one=one, amount=amount: settle(one, amount) for one, amount in ((tk, 3), (other, 9), (tk, 9))]
        charged = {answer for answer in at_once(calls) if answer is not None}
        assert len(charged) == 1
        assert tk.credits.get(key.key.id).remaining == 20 - charged.pop()

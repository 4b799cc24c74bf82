"""Questions about scopes are noted once a day for each key, in bounded room."""

from __future__ import annotations

from tokenry.core.limits import SECOND
from tokenry.core.model import micros
from tokenry.runtime.tally import Tally
from tokenry.testing import FakeClock, throwaway


def test_a_question_is_written_once_a_day_by_a_process() -> None:
    clock = FakeClock()
    with throwaway(clock=clock) as tk:
        tk.owners.put("ada")
        secret = tk.keys.issue("ada", name="k", scopes=["read:a", "read:b"]).secret
        written = []
        for scopes in ("read:a", "read:a", "read:b", {"any": ["read:a"]}, {"any": ["read:a"]}, None, None):
            assert tk.verify(secret, scopes=scopes)
            spent, _ = tk._tally.drain()
            written.append(sum(len(one.unwritten) for one in spent))
        assert written == [1, 0, 1, 1, 0, 1, 0]


def test_a_flood_of_questions_takes_bounded_room() -> None:
    with throwaway() as tk:
        tk.owners.put("ada")
        secret = tk.keys.issue("ada", name="k", scopes=["*"]).secret
        for number in range(1000):
            tk.verify(secret, scopes=f"read:x{number}")
        [spent], _ = tk._tally.drain()
        assert (len(spent.asked), len(spent.unwritten), spent.valid) == (8, 256, 1000)
        assert sum(map(len, tk._tally._noted)) <= 256


def test_too_many_notes_are_forgotten_by_and_by() -> None:
    tally, now = Tally(), micros(FakeClock().now())
    held = []
    for number in range(400_000):
        assert tally._is_new((str(number), None), now)
        held.append(len(tally._noted[0]))
    assert sum(map(len, tally._noted)) <= 200_000
    assert max(held) == 200_000 // 64  # never is more than that freed at once
    assert not tally._is_new(("399999", None), now)
    assert tally._is_new(("399999", None), now + 86_400 * SECOND)

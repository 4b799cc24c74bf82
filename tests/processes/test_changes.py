"""Changes that meet: one wins, the others are told so, and nothing half done stays behind."""

import threading
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tests.processes.places import Place
from tests.processes.races import RACER, TRIALS, at_once
from tokenry import Conflict, NotFound, Tokenry, types


def living(tk: Tokenry, **which: object) -> list[types.Key]:
    return [key for key in tk.keys.list(limit=100, **which).items if key.status == "active"]  # type: ignore[arg-type]


def won(answers: list[object], lost_to: type[Exception]) -> list[object]:
    """Return the answers of those who won; everybody else must have lost in the right way."""
    winners = [answer for answer in answers if not isinstance(answer, Exception)]
    wrong = [answer for answer in answers if isinstance(answer, Exception) and not isinstance(answer, lost_to)]
    assert not wrong, wrong
    return winners


def test_of_twenty_issues_of_one_name_one_makes_a_key(place: Place) -> None:
    tk = place.open()
    tk.owners.put("u")
    for trial in range(TRIALS // 10):  # 20 callers each
        names = (f"K {trial}", f" k {trial} ")
        calls = [lambda name=names[n % 2]: tk.keys.issue(owner="u", name=name) for n in range(20)]
        (winner,) = won(at_once(calls), Conflict)
        assert [key.id for key in living(tk, text=f"k {trial}")] == [winner.key.id]
        assert tk.verify(winner.secret)
        tk.keys.revoke(winner.key.id)
    assert tk.audit.check()


def test_of_two_issues_of_one_name_one_makes_a_key(place: Place) -> None:
    tk = place.open()
    tk.owners.put("u")
    for trial in range(TRIALS):
        calls = [lambda trial=trial: tk.keys.issue(owner="u", name=f"k{trial}")] * 2
        assert len(won(at_once(calls), Conflict)) == 1
    assert sum(1 for entry in all_entries(tk, "key.issued")) == TRIALS


def test_of_rotations_at_once_one_wins_and_its_secret_is_the_only_one(place: Place) -> None:
    tk = place.open()
    tk.owners.put("u")
    issued = tk.keys.issue(owner="u", name="k")
    secrets = [issued.secret]
    for _ in range(TRIALS):
        answers = at_once([lambda: tk.keys.rotate(issued.key.id)] * 2)
        winners = won(answers, Conflict)
        assert winners, "somebody must win"
        # Rotations that did not meet may follow each other; each winner ends the one before.
        secrets += [winner.secret for winner in winners]
        codes = [tk.verify(secret).code for secret in secrets[-4:]]
        assert codes.count("valid") == 1
        assert len(tk.keys.get(issued.key.id).secrets) == 1
    assert len(list(all_entries(tk, "key.rotated"))) == len(secrets) - 1
    assert tk.keys.get(issued.key.id).version == len(secrets)


def test_of_two_rotations_that_saw_the_same_version_only_one_wins(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    tk = place.open()
    tk.owners.put("u")
    issued = tk.keys.issue(owner="u", name="k")
    barrier, change = threading.Barrier(2), tk._database.change

    def after_both_have_read(**options: Any) -> Any:
        if threading.current_thread().name == RACER:
            barrier.wait()
        return change(**options)

    monkeypatch.setattr(tk._database, "change", after_both_have_read)
    for _ in range(TRIALS):
        answers = at_once([lambda: tk.keys.rotate(issued.key.id, grace=timedelta(hours=1))] * 2)
        assert len(won(answers, Conflict)) == 1
        assert len(tk.keys.get(issued.key.id).secrets) == 2


def test_no_secret_lives_after_a_revocation_that_met_a_rotation(place: Place) -> None:
    tk = place.open()
    tk.owners.put("u")
    for trial in range(TRIALS):
        issued = tk.keys.issue(owner="u", name=f"k{trial}")
        rotated, revoked = at_once([partial(tk.keys.rotate, issued.key.id), partial(tk.keys.revoke, issued.key.id)])
        assert not isinstance(revoked, Exception), revoked
        secrets = [issued.secret] + [r.secret for r in [rotated] if not isinstance(r, Conflict)]
        assert [tk.verify(secret).code for secret in secrets] == ["revoked"] * len(secrets)


def test_no_key_of_a_deleted_owner_lives(place: Place) -> None:
    tk = place.open()
    for trial in range(TRIALS):
        tk.owners.put("u")
        old = tk.keys.issue(owner="u", name="old")
        issued, deleted = at_once(
            [lambda trial=trial: tk.keys.issue(owner="u", name=f"k{trial}"), lambda: tk.owners.delete("u")]
        )
        assert deleted is None, deleted
        secrets = [old.secret] + [one.secret for one in [issued] if not isinstance(one, NotFound | Conflict)]
        assert not any(tk.verify(secret) for secret in secrets)
    assert not living(tk)


def test_a_repeatable_issue_gives_all_who_race_the_same_secret(place: Place) -> None:
    tk = place.open()
    tk.owners.put("u")
    for trial in range(TRIALS // 8):  # 8 callers each
        call = lambda trial=trial: tk.keys.issue(owner="u", name=f"k{trial}", idempotency_key=f"once {trial}")  # noqa: E731
        answers = at_once([call] * 8)
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert len({(answer.key.id, str(answer.secret)) for answer in answers}) == 1
        assert tk.verify(answers[0].secret)
    assert len(list(all_entries(tk, "key.issued"))) == TRIALS // 8


def test_a_repeatable_rotation_gives_all_who_race_the_same_secret(place: Place) -> None:
    tk = place.open()
    tk.owners.put("u")
    issued = tk.keys.issue(owner="u", name="k")
    for trial in range(TRIALS // 4):  # 4 callers each
        answers = at_once([lambda trial=trial: tk.keys.rotate(issued.key.id, idempotency_key=f"once {trial}")] * 4)
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert len({str(answer.secret) for answer in answers}) == 1
        assert tk.verify(answers[0].secret)


def test_an_owner_who_is_put_many_times_at_once_is_one_owner(place: Place) -> None:
    tk = place.open()
    for trial in range(TRIALS):
        answers = at_once([lambda trial=trial: tk.owners.put(f"u{trial}", email="u@example.com")] * 3)
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert len({owner.id for owner in answers}) == 1
    assert len(list(all_entries(tk, "owner.created"))) == TRIALS


def test_a_role_that_is_put_many_times_at_once_is_one_role(place: Place) -> None:
    tk = place.open()
    for trial in range(TRIALS // 2):
        put = [lambda n=n, trial=trial: tk.roles.put(f"r{trial}", scopes=[f"read:{n}"]) for n in range(3)]
        assert not [answer for answer in at_once(put) if isinstance(answer, Exception)]
    assert len(list(all_entries(tk, "role.updated"))) == TRIALS // 2 * 3


def test_a_catalogue_that_is_defined_many_times_at_once_is_one_of_them(place: Place) -> None:
    tk = place.open()
    catalogues = [(f"read:{n}", f"write:{n}") for n in range(3)]
    for _ in range(TRIALS // 2):
        define = [lambda scopes=scopes: tk.scopes.define(scopes) for scopes in catalogues]
        assert not [answer for answer in at_once(define) if isinstance(answer, Exception)]
        assert tk.scopes.list() in catalogues


def test_of_two_who_create_one_tenant_one_does(place: Place) -> None:
    tk = place.open()
    for trial in range(TRIALS // 2):
        assert len(won(at_once([lambda trial=trial: tk.tenants.create(f"t{trial}")] * 2), Conflict)) == 1


def test_of_two_updates_from_one_version_one_wins(place: Place) -> None:
    tk = place.open()
    tk.owners.put("u")
    key = tk.keys.issue(owner="u", name="k").key
    for trial in range(TRIALS):
        seen = tk.keys.get(key.id).version
        calls = [
            lambda n=n, trial=trial, seen=seen: tk.keys.update(key.id, description=f"{trial} {n}", if_version=seen)
            for n in range(2)
        ]
        assert len(won(at_once(calls), Conflict)) == 1


def test_processes_that_race_for_a_name_make_one_key(place: Place) -> None:
    tk = place.open()
    tk.owners.put("u")
    calls = [[[], {"owner": "u", "name": f"k{trial}"}] for trial in range(TRIALS)]
    answers = _race_in_processes(place, 2, "keys", "issue", calls)
    for trial, each in enumerate(zip(*answers, strict=True)):
        assert sorted(type(answer).__name__ for answer in each) == ["list", "str"], (trial, each)
        assert "Conflict" in each
    assert len(list(all_entries(tk, "key.issued"))) == TRIALS


def test_processes_that_race_with_one_idempotency_key_get_one_secret(place: Place) -> None:
    tk = place.open()
    tk.owners.put("u")
    calls = [[[], {"owner": "u", "name": f"k{trial}", "idempotency_key": f"once {trial}"}] for trial in range(TRIALS)]
    answers = _race_in_processes(place, 2, "keys", "issue", calls)
    for one, other in zip(*answers, strict=True):
        assert one == other
        assert tk.verify(one[1])


def test_processes_that_race_to_rotate_leave_one_current_secret(place: Place) -> None:
    tk = place.open()
    tk.owners.put("u")
    issued = tk.keys.issue(owner="u", name="k")
    answers = _race_in_processes(place, 2, "keys", "rotate", [[[issued.key.id], {}]] * TRIALS)
    made = [answer for each in answers for answer in each if answer != "VersionConflict"]
    assert all(isinstance(answer, list) for answer in made), made
    assert sum(bool(tk.verify(secret)) for _, secret in made) == 1
    assert len(tk.keys.get(issued.key.id).secrets) == 1


def test_processes_that_put_one_owner_make_one(place: Place) -> None:
    place.open()
    answers = _race_in_processes(place, 2, "owners", "put", [[[f"u{trial}"], {}] for trial in range(TRIALS)])
    assert answers[0] == answers[1]


def test_a_whole_tenants_deadlocks_are_none_of_the_callers_business(postgres_place: Place) -> None:
    """Flushing usage takes many rows at once; no change may become its victim, nor it a change's."""
    one, other = postgres_place.open(flush_interval=_OFTEN), postgres_place.open(flush_interval=_OFTEN)
    one.owners.put("u")
    issued = [one.keys.issue(owner="u", name=f"k{n}") for n in range(8)]
    current = {i.key.id: i.secret for i in issued}

    def use(tk: Tokenry, order: int) -> None:
        for _ in range(TRIALS):
            for key in list(current)[::order]:
                tk.verify(current[key])
            tk.flush()

    def rotate() -> None:
        for _ in range(TRIALS // 8):
            for key in current:
                current[key] = one.keys.rotate(key, grace=timedelta(hours=1)).secret

    answers = at_once([lambda: use(one, 1), lambda: use(other, -1), rotate])
    assert answers == [None, None, None]


_OFTEN = timedelta(seconds=3600)  # nobody flushes but us


def all_entries(tk: Tokenry, action: str) -> list[types.Entry]:
    found: list[types.Entry] = []
    cursor = None
    while True:
        page = tk.audit.list(action=action, limit=100, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


def _race_in_processes(place: Place, count: int, group: str, name: str, calls: list[object]) -> list[list[object]]:
    board = place.board()
    board[0] = count
    members = place.members(count)
    for number, member in enumerate(members):
        member.begin("race", board.path, 1 + number, group, name, calls)
    return [member.answer() for member in members]

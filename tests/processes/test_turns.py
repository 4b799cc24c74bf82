"""A bulk call of one process lets the changes of others in between, at once and not when it is done."""

import json

from tests.processes.places import Place
from tests.servers.waiting import until
from tokenry import Tokenry

KEYS = 20_000
BETWEEN = 450
"""So many events of a bulk call may lie between two changes of another process: those of two batches, and a few."""


def issue(tk: Tokenry, owner: str, count: int) -> None:
    tk.owners.put(owner)
    for start in range(0, count, 1000):
        tk.keys.issue_many([{"owner": owner, "name": f"k{n}"} for n in range(start, start + 1000)])


def last_sequence(tk: Tokenry) -> int:
    with tk._database.read() as rows:
        return int(rows.core.exec_driver_sql("SELECT max(sequence) FROM tokenry_event").scalar() or 0)


def between(tk: Tokenry, began: int) -> list[int]:
    """Change something until the owner's keys are revoked; return how many events each change let pass."""
    passed, number, seen = [], 0, began
    while seen < began + KEYS:
        seen, number = last_sequence(tk), number + 1
        tk.owners.put("other", name=f"name {number}")
        with tk._database.read() as rows:
            own = rows.core.exec_driver_sql(
                "SELECT max(sequence) FROM tokenry_event WHERE subject = 'other'"
            ).scalar_one()
        passed.append(own - seen - 1)
    return passed


def test_a_change_of_another_process_waits_for_two_batches_at_most(file_place: Place) -> None:
    tk = file_place.open()
    tk.owners.put("other")
    issue(tk, "busy", KEYS)
    (member,) = file_place.members(1)
    member.begin("call", "keys", "revoke_where", owner="busy", dry_run=False)
    passed = between(tk, last_sequence(tk))
    member.answer()
    assert len(passed) > 10
    assert max(passed) <= BETWEEN, json.dumps(passed)


def test_a_repeat_finishes_the_deletion_of_an_owner_by_a_process_that_was_killed(place: Place) -> None:
    tk = place.open()
    issue(tk, "busy", 3000)
    verified = tk.keys.issue("busy", name="verified")
    assert tk.verify(verified.secret)
    (member,) = place.members(1)
    member.begin("call", "owners", "delete", "busy")
    until(lambda: tk.keys.list(owner="busy", status="revoked", limit=1).items)
    member.kill()
    assert tk.owners.get("busy").status == "disabled"
    until(lambda: not tk.verify(verified.secret))  # within a second: the call that nobody saw return promised nothing
    tk.owners.delete("busy")
    assert not tk.keys.list(status="active").items
    assert sum(1 for _ in tk.events.iterate(types=["key.revoked"])) == 3001
    assert len(tk.events.list(types=["owner.deleted"])) == 1
    assert tk.audit.check()

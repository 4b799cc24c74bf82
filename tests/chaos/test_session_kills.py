"""A process that is killed in the middle of a refresh leaves the old token working or the new one, and never both."""

import random

import pytest

from tests.chaos.counts import times
from tests.chaos.ledger import check_whole
from tests.chaos.nursery import Nursery
from tests.chaos.test_kills import reopened, spin
from tests.processes.places import Place

pytestmark = pytest.mark.chaos


@pytest.mark.parametrize("count", [times(12, 300)])
def test_a_kill_during_a_refresh_on_sqlite_loses_no_sign_in(nursery: Nursery, file_place: Place, count: int) -> None:
    _kill_again_and_again(nursery, file_place, count)


@pytest.mark.parametrize("count", [times(5, 300)])
def test_a_kill_during_a_refresh_on_postgres_loses_no_sign_in(
    nursery: Nursery, postgres_place: Place, count: int
) -> None:
    _kill_again_and_again(nursery, postgres_place, count)


def test_a_kill_between_two_batches_of_a_disabling_refuses_already_and_a_repeat_ends_the_rest(
    nursery: Nursery, place: Place
) -> None:
    for batches in range(5):
        *lines, last = nursery.start(place.url, place.keyring, batches, "disable").lines()
        assert ("disabled" in last) == (batches == 4)
        access = [line["access"] for line in (*lines, last) if "access" in line]
        with reopened(place) as tk:
            codes = {0: {"valid"}, 4: {"revoked"}}.get(batches, {"owner_disabled", "revoked"})
            assert {tk.verify(token).code for token in access} == codes
            tk.owners.disable("u")
            assert {tk.verify(token).code for token in access} == {"revoked"}
            assert sum(one.status == "revoked" for one in tk.sessions.list("u")) == 7
            assert sum(1 for _ in tk.events.iterate(types=["session.revoked"])) == 7 * (batches + 1)
            tk.owners.delete("u")
            check_whole(place, tk)


def _kill_again_and_again(nursery: Nursery, place: Place, count: int) -> None:
    for round_ in range(count):
        id, tokens, access, flying = _refresh_until_killed(nursery, place, round_)
        with reopened(place) as tk:
            generation = tk.sessions.get(id).generation
            assert generation in ((len(tokens), len(tokens) + 1) if flying else (len(tokens),))
            assert tk.verify(access), "an acknowledged access token was lost"
            successors = [tk.sessions.refresh(tokens[-1]) for _ in range(2)]
            assert successors[0].refresh == successors[1].refresh, "two branches"
            assert tk.sessions.get(id).generation == len(tokens) + 1
            assert tk.sessions.refresh(successors[0].refresh).session.generation == len(tokens) + 2
            assert tk.verify(successors[0].access)
            entries, cursor = 0, None
            while True:
                page = tk.audit.list(subject=id, action="session.refreshed", limit=100, cursor=cursor)
                entries, cursor = entries + len(page.items), page.next_cursor
                if cursor is None:
                    break
            assert entries == len(tokens) + 1, "not one entry for each change"
            if round_ % times(5, 25) == 0 or round_ == count - 1:
                check_whole(place, tk)


def _refresh_until_killed(nursery: Nursery, place: Place, round_: int) -> tuple[str, list[str], str, bool]:
    chance = random.Random()
    enough = chance.randrange(3, 60)
    child = nursery.start(place.url, place.keyring, round_, "refresh")
    id, tokens, access, flying = "", [], "", False
    for count, line in enumerate(child.lines(), 1):
        flying = "begin" in line
        if not flying:
            id, access = line.get("id", id), line["access"]
            tokens.append(line["token"])
        if count == enough:
            spin(chance.random() * 0.003)
            child.kill()
    return id, tokens, access, flying

"""Sessions under races: a refresh token is spent once, however many present it, and an end is an end everywhere."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.counts import times
from tests.processes.places import Place
from tests.processes.races import at_once, end_in_turn, witness
from tokenry import Tokenry
from tokenry.core.secret import parse
from tokenry.edge import Refreshing, refresh_together

PROCESSES, THREADS = 4, 13


@pytest.mark.parametrize("trials", [times(6, 200)])
def test_fifty_who_present_the_same_token_get_the_same_successor(place: Place, trials: int) -> None:
    tk = place.open()
    tk.owners.put("u")
    started = [tk.sessions.start("u") for _ in range(trials)]
    members, board = place.members(PROCESSES), place.board()
    board[0] = PROCESSES
    for number, member in enumerate(members):
        member.begin("refresh_at_once", board.path, 1 + number, [str(one.refresh) for one in started], THREADS)
    answers = [member.answer() for member in members]
    for number, one in enumerate(started):
        got = {answer for process in answers for answer in process[number]}
        assert len(got) == 1, got
        [successor] = got
        assert successor.startswith("tk_rt_")
        assert tk.sessions.get(one.session.id).generation == 2
        assert [entry.action for entry in tk.audit.list(subject=one.session.id)].count("session.refreshed") == 1
        assert tk.sessions.refresh(successor).session.generation == 3


@pytest.mark.parametrize("trials", [times(25, 1000)])
def test_after_a_revocation_no_token_of_the_session_lives_however_fast_it_was_refreshed(
    place: Place, trials: int
) -> None:
    tk = place.open()
    tk.owners.put("u")
    started = [tk.sessions.start("u") for _ in range(trials)]
    (refresher, revoker), board = place.members(2), place.board()
    refresher.begin("refresh_until_ended", board.path, 1, [str(one.refresh) for one in started])
    revoker.ask("revoke_each", board.path, 1, [one.session.id for one in started])
    for one, (code, last, *access) in zip(started, refresher.answer(), strict=True):
        assert code == "revoked"
        assert {tk.verify(token).code for token in [str(one.access), *access]} == {"revoked"}
        assert tk.sessions.refresh(last).code == "revoked"
        actions = [entry.action for entry in tk.audit.list(subject=one.session.id, limit=100)]
        assert actions.count("session.revoked") == 1
        assert "session.reuse_detected" not in actions


@pytest.mark.parametrize("trials", [times(10, 200)])
def test_many_who_see_a_reuse_at_once_raise_one_event(place: Place, trials: int) -> None:
    one, other = place.open(), place.open()
    one.owners.put("u")
    for _ in range(trials):
        first = one.sessions.start("u")
        newest = first
        for _ in range(3):
            newest = one.sessions.refresh(newest.refresh)
        tries = [lambda who=who, first=first: who.sessions.refresh(first.refresh).code for who in (one, other) * 4]
        codes = at_once(tries)
        assert codes.count("reused") == 1
        assert codes.count("revoked") == 7
        assert not one.verify(newest.access)
        assert not other.verify(newest.access)
        entries = [entry.action for entry in one.audit.list(subject=first.session.id)]
        assert entries.count("session.reuse_detected") == 1


@pytest.mark.parametrize("trials", [times(10, 200)])
def test_an_owner_who_is_disabled_at_this_very_moment_keeps_no_session(place: Place, trials: int) -> None:
    one, other = place.open(), place.open()
    one.owners.put("u")
    for _ in range(trials):
        started = one.sessions.start("u")
        answers = at_once(
            [
                lambda: one.owners.disable("u"),
                lambda started=started: other.sessions.refresh(started.refresh),
                lambda: other.sessions.start("u"),
            ]
        )
        tokens = [answer for answer in answers[1:] if hasattr(answer, "access")]
        for pair in [started, *tokens]:
            assert not other.verify(pair.access)
            assert not other.sessions.refresh(pair.refresh)
        one.owners.enable("u")
        assert [session.status for session in one.sessions.list("u", limit=100)].count("active") == 0


@pytest.mark.parametrize("trials", [times(20, 200)])
def test_a_batch_of_refreshes_and_a_sign_out_everywhere_never_wait_for_each_other(
    postgres_place: Place, trials: int
) -> None:
    one, other = postgres_place.open(), postgres_place.open()
    for number in range(trials):
        one.owners.put(f"u{number}")
        started = [one.sessions.start(f"u{number}") for _ in range(16)]
        asks = [Refreshing(refresh=str(tokens.refresh)) for tokens in started]
        answers: list[Any] = at_once(
            [
                lambda asks=asks: refresh_together(one, asks),
                lambda number=number: other.sessions.revoke_all(f"u{number}"),
            ]
        )
        assert len(answers[1]) == 16
        assert {getattr(answer, "code", "valid") for answer in answers[0]} <= {"valid", "revoked"}
        tokens = [*started, *(answer for answer in answers[0] if answer)]
        assert {one.verify(token.access).code for token in tokens} == {"revoked"}


@pytest.mark.parametrize("trials", [times(3, 30)])
def test_processes_that_sign_for_the_first_time_at_once_make_one_key(place: Place, trials: int) -> None:
    tk = place.open()
    for number in range(trials):
        slug = f"t{number}"
        tk.tenants.create(slug)
        instances = [place.open() for _ in range(3)]
        sets = at_once([lambda who=who, slug=slug: who.jwks(tenant=slug) for who in instances])
        assert sets[0] == sets[1] == sets[2]
        assert [key.status for key in tk.signing_keys.list(tenant=slug)] == ["active", "next"]


def sessions(tk: Tokenry, count: int) -> tuple[list[str], list[Callable[[], Any]]]:
    """Return access tokens of sessions, and how each ends: by its id, by a refresh token, or all of its owner's."""
    tokens, ends = [], []
    for number in range(count):
        tk.owners.put(f"u{number}")
        started = tk.sessions.start(f"u{number}")
        tokens.append(str(started.access))
        ends.append(
            [
                lambda started=started: tk.sessions.revoke(started.session.id),
                lambda started=started: tk.sessions.revoke_by_token(started.refresh),
                lambda number=number: tk.sessions.revoke_all(f"u{number}"),
            ][number % 3]
        )
    return tokens, ends


def derived(tk: Tokenry, count: int) -> tuple[list[str], list[Callable[[], Any]]]:
    """Return tokens derived from keys, and how each key ends."""
    tk.owners.put("u")
    issued = [tk.keys.issue("u", name=f"k{number}") for number in range(count)]
    return (
        [str(tk.exchange(one.secret).access) for one in issued],
        [lambda one=one: tk.keys.revoke(one.key.id) for one in issued],
    )


@pytest.mark.parametrize("make", [sessions, derived])
@pytest.mark.parametrize("trials", [times(60, 1000)])
def test_no_verification_of_a_token_that_begins_after_its_end_is_valid(
    place: Place, make: Callable[[Tokenry, int], Any], trials: int
) -> None:
    tk = place.open()
    tokens, ends = make(tk, trials)
    [member], board = place.members(1), place.board()
    member.begin("witness", board.path, tokens)
    end_in_turn(board, ends)
    assert member.answer() == [[], ["revoked"]]


@pytest.mark.parametrize("make", [sessions, derived])
@pytest.mark.parametrize("trials", [times(60, 1000)])
def test_no_thread_of_the_same_process_remembers_a_token_beyond_its_end(
    place: Place, make: Callable[[Tokenry, int], Any], trials: int
) -> None:
    tk = place.open()
    tokens, ends = make(tk, trials)
    board = place.board()
    answers: list[Any] = at_once([lambda: witness(tk, board, tokens), lambda: end_in_turn(board, ends)])
    assert answers[0] == [[], ["revoked"]]


def test_a_lookup_that_a_revocation_overtook_is_not_remembered(file_place: Place) -> None:
    tk = file_place.open()
    tk.owners.put("u")
    started = tk.sessions.start("u")
    looked_up, original = [], tk._database.find

    def find(kid: str) -> Any:
        row = original(kid)
        if not looked_up:
            looked_up.append(kid)
            tk.sessions.revoke(started.session.id)
        return row

    tk._database.find = find  # type: ignore[method-assign, union-attr]
    assert tk.verify(started.access)  # it began before the end
    assert looked_up == [started.session.id]
    assert tk.verify(started.access).code == "revoked"


@pytest.mark.parametrize("meanwhile", ["revoked", "refreshed"])
def test_a_session_that_was_changed_since_it_was_read_is_not_rotated(place: Place, meanwhile: str) -> None:
    tk = place.open()
    tk.owners.put("u")
    started = tk.sessions.start("u")
    parsed = parse(str(started.refresh))
    assert parsed is not None
    with tk._context.store.read() as rows:
        found = rows.sessions.by_kid(parsed.kid, tk._context.now())
    assert found is not None
    if meanwhile == "revoked":
        tk.sessions.revoke(started.session.id)
    else:
        tk.sessions.refresh(started.refresh)
    before = tk.sessions.get(started.session.id)
    with tk._context.store.change() as rows:
        assert not rows.sessions.rotate(replace(found.family, generation=7), found.family.generation)
    assert tk.sessions.get(started.session.id) == before


def test_a_session_that_a_disabled_owner_has_kept_somehow_gets_nothing(place: Place) -> None:
    tk = place.open()
    owner = tk.owners.put("u")
    started = tk.sessions.start("u")
    with tk._context.store.change() as rows:
        tenant = rows.tenants.get("default")
        assert tenant is not None
        rows.owners.update(tenant, owner, {"status": "disabled"}, owner.created_at)
    assert tk.sessions.refresh(started.refresh).code == "owner_disabled"
    assert tk.sessions.get(started.session.id).generation == 1

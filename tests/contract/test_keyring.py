"""Rotation of the keyring: a list, of which the newest signs and all verify."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import KEYRING, QUIET, Installation
from tokenry import Conflict, NotFound, Tokenry
from tokenry.config import fresh_keyring, read_keyring_file, write_keyring_file
from tokenry.core.keyring import Keyring, new_generation, parse_keyring
from tokenry.core.model import micros
from tokenry.installation import Installation as Kept
from tokenry.service import canary
from tokenry.testing import FakeClock
from tokenry.types import Issued

pytestmark = pytest.mark.lasting

HOUR = timedelta(hours=1)


@pytest.fixture
def longer(clock: FakeClock) -> Keyring:
    """The keyring with one generation more, which signs an hour from now."""
    return KEYRING.with_generation(new_generation(bytes(range(100, 138)), micros(clock.now() + HOUR)))


def generations(installation: Installation, issued: Issued) -> tuple[str, str]:
    """Return under which generation a secret's digest and tag are."""
    [row] = installation.sql(
        "SELECT pepper_id, tag_id FROM tokenry_secret WHERE kid = :kid", kid=issued.key.secrets[0].kid
    )
    return row.pepper_id, row.tag_id


def test_a_new_generation_first_verifies_and_signs_when_its_time_has_come(
    installation: Installation, tk: Any, clock: FakeClock, longer: Keyring
) -> None:
    first, second = (generation.id for generation in longer.generations)
    tk = installation.reopen(tk, keyring=longer)
    tk.owners.put("ada")
    old = tk.keys.issue("ada", name="old")
    assert generations(installation, old) == (first, first)
    clock.advance(HOUR)
    new = tk.keys.issue("ada", name="new")
    assert generations(installation, new) == (second, second)
    assert tk.verify(old.secret)
    assert tk.verify(new.secret)


def test_rows_move_to_the_newest_pepper_when_they_are_used(
    installation: Installation, tk: Any, clock: FakeClock, longer: Keyring, issue: Issue
) -> None:
    first, second = (generation.id for generation in longer.generations)
    used, unused = issue(), issue()
    tk = installation.reopen(tk, keyring=longer)
    assert tk.verify(used.secret)
    tk.flush()
    assert generations(installation, used) == (first, first)
    clock.advance(HOUR)
    tk = installation.reopen(tk, keyring=longer)
    for _ in range(2):
        assert tk.verify(used.secret)
        tk.flush()
    assert generations(installation, used) == (second, first)
    assert generations(installation, unused) == (first, first)
    for issued in (used, unused):
        assert tk.verify(issued.secret)
    assert tk.audit.check()


def test_an_instance_that_knows_both_verifies_what_either_made(
    installation: Installation, tk: Any, clock: FakeClock, longer: Keyring, issue: Issue
) -> None:
    old = issue()
    other = installation.open(keyring=longer)
    clock.advance(HOUR)
    new = other.keys.issue("ada", name="new")
    assert other.verify(old.secret)
    third = installation.open(keyring=longer)
    assert third.verify(old.secret)
    assert third.verify(new.secret)
    assert tk.verify(old.secret)
    assert tk.verify(new.secret).code == "malformed", "a process without the generation does not know it"


def test_a_pepper_that_moved_meanwhile_is_not_moved_back(
    installation: Installation, tk: Any, clock: FakeClock, longer: Keyring, issue: Issue
) -> None:
    issued = issue()
    clock.advance(HOUR)
    instances = [installation.open(keyring=longer) for _ in range(2)]
    for instance in instances:
        assert instance.verify(issued.secret)
    for instance in instances:
        instance.flush()
        assert generations(installation, issued)[0] == longer.generations[1].id
        assert instance.verify(issued.secret)


def test_a_digest_is_moved_only_from_what_was_read(
    installation: Installation, tk: Any, clock: FakeClock, longer: Keyring, issue: Issue
) -> None:
    issued, longest = issue(), longer.with_generation(new_generation(bytes(38), micros(clock.now() + 2 * HOUR)))
    clock.advance(HOUR)
    slow = installation.open(keyring=longest)
    assert slow.verify(issued.secret)
    clock.advance(HOUR)
    with_the_newest = installation.open(keyring=longest)
    assert with_the_newest.verify(issued.secret)
    with_the_newest.flush()
    slow.flush()
    assert generations(installation, issued)[0] == longest.generations[2].id
    assert installation.open(keyring=longest).verify(issued.secret)


def test_repeats_and_audit_live_through_a_rotation_of_the_keyring(
    installation: Installation, tk: Any, clock: FakeClock, longer: Keyring, issue: Issue
) -> None:
    clock.advance(HOUR - timedelta(minutes=5))
    issued = issue(name="k", idempotency_key="one")
    head = tk.audit.head()
    tk = installation.reopen(tk, keyring=longer)
    clock.advance(timedelta(minutes=6))
    assert tk.keys.issue("ada", name="k", idempotency_key="one").secret == issued.secret
    tk.owners.put("bob")
    assert tk.audit.check(head=head)


def drop(installation: Installation, keyring: Keyring, id: str, clock: FakeClock) -> Keyring:
    """Drop a generation, as `tokenry secrets` does."""
    with Tokenry(installation.url, keyring=keyring, settings=QUIET, clock=clock) as tk:
        return canary.drop(tk._database, keyring, id, clock.now())


def test_a_generation_that_a_living_secret_needs_cannot_be_dropped(
    installation: Installation, tk: Any, clock: FakeClock, longer: Keyring, issue: Issue
) -> None:
    first = longer.generations[0].id
    issued = issue()
    clock.advance(HOUR)
    tk = installation.reopen(tk, keyring=longer)
    assert tk.verify(issued.secret)
    tk.flush()
    with pytest.raises(Conflict) as conflict:
        drop(installation, longer, first, clock)
    assert "1 living secret" in str(conflict.value)
    tk.keys.rotate(issued.key.id)
    with pytest.raises(Conflict) as conflict:
        drop(installation, longer, first, clock)
    assert "audit" in str(conflict.value)
    assert "living" not in str(conflict.value)
    assert tk.verify(tk.keys.rotate(issued.key.id).secret)


def test_a_generation_that_nothing_needs_is_dropped_and_the_rest_goes_on(
    installation: Installation, tk: Any, clock: FakeClock, longer: Keyring, issue: Issue
) -> None:
    first = longer.generations[0].id
    issued = issue()
    clock.advance(HOUR)
    tk = installation.reopen(tk, keyring=longer)
    rotated = tk.keys.rotate(issued.key.id)
    clock.advance(HOUR)
    tk.audit.cut(before=clock.now())
    tk.audit.head()
    smaller = drop(installation, longer, first, clock)
    assert [generation.id for generation in smaller.generations] == [longer.generations[1].id]
    tk = installation.reopen(tk, keyring=smaller)
    assert tk.verify(rotated.secret)
    assert tk.verify(issued.secret).code == "malformed"
    report = tk.audit.check()
    assert report, report.problems
    with pytest.raises(NotFound):
        drop(installation, smaller, first, clock)


def test_what_a_dropped_generation_has_signed_of_a_key_is_signed_anew(
    installation: Installation, tk: Any, clock: FakeClock, longer: Keyring, issue: Issue
) -> None:
    def seal() -> str:
        [row] = installation.sql("SELECT seal FROM tokenry_secret")
        return str(row.seal).partition(".")[0]

    longest = longer.with_generation(new_generation(bytes(range(50, 88)), micros(clock.now() + 2 * HOUR)))
    issued = issue()
    assert seal() == longest.generations[0].id
    tk = installation.reopen(tk, keyring=longest)
    clock.advance(HOUR)
    tk.keys.update(issued.key.id, description="signed by the second")
    assert seal() == longest.generations[1].id
    clock.advance(HOUR)
    tk.owners.put("bob")
    tk.audit.cut(before=clock.now())
    tk.audit.head()
    smaller = drop(installation, longest, longest.generations[1].id, clock)
    assert seal() == longest.generations[2].id
    tk = installation.reopen(tk, keyring=smaller)
    assert tk.verify(issued.secret).key.description == "signed by the second"


def test_a_keyring_lives_through_its_file(tmp_path: Path, longer: Keyring, tk: Any) -> None:
    write_keyring_file(tmp_path / "ring", longer)
    read = read_keyring_file(tmp_path / "ring")
    assert read.dump() == longer.dump() == parse_keyring(longer.dump()).dump()
    assert [generation.canary for generation in read.generations] == [g.canary for g in longer.generations]
    with pytest.raises(Exception, match="exists"):
        write_keyring_file(tmp_path / "ring", fresh_keyring())
    assert read_keyring_file(tmp_path / "ring").dump() == longer.dump()


def test_a_changed_keyring_file_is_read_without_a_restart(
    tmp_path: Path, installation: Installation, tk: Any, clock: FakeClock, longer: Keyring
) -> None:
    from dataclasses import replace

    ring = tmp_path / "ring"
    write_keyring_file(ring, KEYRING)
    eager = replace(QUIET, flush_interval=timedelta(microseconds=1))
    running = installation.open(keyring=ring, settings=eager)
    running.owners.put("ada")
    write_keyring_file(ring, longer, replace=True)
    running.owners.put("bob")
    clock.advance(HOUR)
    running.owners.put("eve")
    issued = running.keys.issue("ada", name="k")
    assert generations(installation, issued)[1] == longer.generations[1].id
    assert running.verify(issued.secret)


def test_a_keyring_that_is_rotated_while_a_process_opens_is_read_again(tmp_path: Path) -> None:
    url, ring = f"sqlite:///{tmp_path}/keys.db", tmp_path / "ring"
    write_keyring_file(ring, KEYRING)
    Tokenry(url, keyring=ring, settings=QUIET).close()
    place = Kept(url, str(ring), QUIET)

    class Opening(Tokenry):
        """Has read the file by the time it is rotated, and not the database."""

        def _prepare(self, *, migrate: bool) -> None:
            self._keyring.get()
            place.rotate_keyring(timedelta(0))
            super()._prepare(migrate=migrate)

    with Opening(url, keyring=ring, settings=QUIET) as opening:
        opening.owners.put("ada")
        issued = opening.keys.issue("ada", name="k")
    with Tokenry(url, keyring=ring, settings=QUIET) as later:
        assert later.verify(issued.secret)

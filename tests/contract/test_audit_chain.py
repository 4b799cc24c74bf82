"""The end of the audit chain: no tampering is covered up by going on, and honest work raises no alarm."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.places import KEYRING, QUIET, Installation
from tokenry import Conflict, NotAllowed, NotFound, Tokenry
from tokenry.config import write_keyring_file
from tokenry.core.keyring import new_generation
from tokenry.core.model import micros
from tokenry.runtime.heads import HeadFile
from tokenry.service import canary
from tokenry.service.checking import Checking
from tokenry.store.audit import AuditRows
from tokenry.testing import FakeClock

pytestmark = pytest.mark.lasting


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    """Give a keyring that is a file, so that heads are kept beside it."""
    write_keyring_file(tmp_path / "ring", KEYRING)
    return tmp_path / "ring"


@pytest.fixture
def keeping(installation: Installation, ring: Path) -> Any:
    """Give an instance that keeps heads, after five changes that are sealed."""
    tk = installation.open(keyring=ring)
    grow(tk, "early", 5)
    return tk


@pytest.fixture
def other(installation: Installation, ring: Path, keeping: Any) -> Any:
    """Give another process on the same database, which seals at its own times."""
    with Tokenry(installation.url, keyring=ring, settings=QUIET, clock=installation.clock) as tk:
        yield tk


def grow(tk: Any, name: str, count: int) -> None:
    for number in range(count):
        tk.owners.put(f"{name}{number}")
    tk.audit.seal_all()


def kept(ring: Path) -> bytes:
    return ring.with_name("ring.heads").read_bytes()


def cut_tail(installation: Installation, count: int) -> None:
    """Remove the last entries and set the head back in front of them, without its signature."""
    last = "(SELECT max(position) FROM tokenry_audit_entry)"
    installation.sql(f"DELETE FROM tokenry_audit_entry WHERE position > {last} - {count}")
    link = f"(SELECT chain FROM tokenry_audit_entry WHERE position = {last})"
    installation.sql(f"UPDATE tokenry_audit_head SET position = {last}, chain = {link}, signature = 'x'")


def unsealed(installation: Installation) -> int:
    return len(installation.sql("SELECT id FROM tokenry_audit_entry WHERE position IS NULL"))


def test_a_cut_tail_does_not_launder_itself_by_growing(installation: Installation, keeping: Any, ring: Path) -> None:
    before = kept(ring)
    cut_tail(installation, 3)
    grow(keeping, "later", 4)
    report = keeping.audit.check()
    assert [problem for problem in report.problems if "forged" in problem]
    assert [problem for problem in report.problems if "tail was cut" in problem]
    assert kept(ring) == before


def test_a_forged_end_is_neither_extended_nor_cut_behind_and_changes_go_on(
    installation: Installation, keeping: Any, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    installation.sql("UPDATE tokenry_audit_head SET signature = 'x'")
    for name in ("a", "b"):
        grow(keeping, name, 1)
    assert unsealed(installation) == 2
    assert [record.name for record in caplog.records if "not as it was left" in record.message] == ["tokenry.audit"] * 2
    with pytest.raises(Conflict):
        keeping.audit.cut(before=clock.now() + timedelta(days=1))
    assert keeping.audit.check().entry_count == 7


@pytest.mark.parametrize("grown", [0, 1, 5])
def test_an_old_head_put_back_is_found_however_far_the_log_has_grown(
    installation: Installation, keeping: Any, ring: Path, grown: int
) -> None:
    [old] = installation.sql("SELECT * FROM tokenry_audit_head")
    grow(keeping, "secret", 3)
    before = kept(ring)
    installation.sql(f"DELETE FROM tokenry_audit_entry WHERE position > {old.position}")
    row = {name: getattr(old, name) for name in ("position", "chain", "at", "signature")}
    installation.sql(f"UPDATE tokenry_audit_head SET {', '.join(f'{name} = :{name}' for name in row)}", **row)
    grow(keeping, "later", grown)
    assert unsealed(installation) == 0
    assert not keeping.audit.check()
    assert kept(ring) == before


@pytest.mark.parametrize(
    "edit",
    [
        "DELETE FROM tokenry_audit_head",
        "DELETE FROM tokenry_audit_entry WHERE position = 5",
        "UPDATE tokenry_audit_head SET position = 3",
    ],
)
def test_sealing_stops_at_an_end_that_does_not_fit(installation: Installation, keeping: Any, edit: str) -> None:
    installation.sql(edit)
    grow(keeping, "later", 2)
    assert unsealed(installation) == 2
    assert not keeping.audit.check()


def test_an_entry_planted_in_front_of_the_chain_is_found(installation: Installation, keeping: Any) -> None:
    columns = "tenant_id, id, at, actor, action, subject, generation, mac, position, chain"
    values = columns.replace(" id,", " 'aud_planted',").replace("position,", f"{-(2**63)},")
    installation.sql(
        f"INSERT INTO tokenry_audit_entry ({columns}) SELECT {values} FROM tokenry_audit_entry WHERE position = 1"
    )
    assert not keeping.audit.check()


def test_what_is_committed_is_kept_even_if_another_process_sealed_it(
    installation: Installation, keeping: Any, ring: Path
) -> None:
    with Tokenry(installation.url, keyring=KEYRING, settings=QUIET, clock=installation.clock) as nowhere:
        grow(nowhere, "other", 2)
    head = keeping.audit.head()
    assert head.position == 7
    assert head.signature.encode() in kept(ring)
    assert keeping.audit.check()


@pytest.mark.parametrize("look", ["head", "chain", "to_seal"])
def test_two_processes_that_begin_a_chain_at_the_same_moment_raise_no_alarm(
    installation: Installation,
    keeping: Any,
    other: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    look: str,
) -> None:
    if installation.store == "sqlite":
        return  # one writes after the other there
    keeping.tenants.create("fresh")
    there = other.scoped(tenant="fresh")
    there.owners.put("ada")
    real, sealing = getattr(AuditRows, look), [True]

    def meanwhile(self: AuditRows, *args: Any, **options: Any) -> Any:
        found = real(self, *args, **options)
        if self._connection.in_transaction() and options.get("lock", look != "head") and sealing and sealing.pop():
            there.audit.seal()
            there.owners.put("bob")
        return found

    monkeypatch.setattr(AuditRows, look, meanwhile)
    keeping.scoped(tenant="fresh").audit.seal()
    assert sealing == []
    keeping.scoped(tenant="fresh").audit.seal()
    report = keeping.scoped(tenant="fresh").audit.check()
    assert (report.problems, report.entry_count, caplog.messages) == ((), 2, [])


def test_nothing_is_sealed_or_kept_inside_a_hosts_transaction(
    installation: Installation, keeping: Any, ring: Path, clock: FakeClock
) -> None:
    before = kept(ring)
    with installation.connection() as connection:
        with keeping.using(connection) as joined:
            joined.owners.put("never")
            assert joined.audit.check()
            assert joined.audit.head().position == 5
            joined.audit.seal()
            joined.audit.seal_all()
            assert joined.audit.cut(before=clock.now() - timedelta(days=1)) == 0
            assert [entry.position for entry in joined.audit.list(subject="never")] == [None]
        connection.rollback()
    assert kept(ring) == before
    report = keeping.audit.check()
    assert (report.entry_count, report.problems) == (5, ())


@pytest.mark.parametrize("moment", [(HeadFile, "get"), (Checking, "_sealed"), (Checking, "_check_head")])
@pytest.mark.parametrize("cutting", [False, True])
def test_a_check_is_not_alarmed_by_who_seals_or_cuts_meanwhile(
    keeping: Any,
    other: Any,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    moment: tuple[Any, str],
    cutting: bool,
) -> None:
    place, name = moment
    real = getattr(place, name)
    pending = [False, True] if name == "get" else [True]  # sealing looks at what is kept first, and then the check

    def meanwhile(*args: Any) -> Any:
        if pending and pending.pop(0):
            grow(other, "meanwhile", 2)
            if cutting:
                clock.advance(timedelta(seconds=1))
                other.audit.cut(before=clock.now())
        return real(*args)

    monkeypatch.setattr(place, name, meanwhile)
    report = keeping.audit.check()
    assert report.problems == ()
    assert keeping.audit.check()


def test_a_generation_that_links_or_ends_a_chain_cannot_be_dropped(
    installation: Installation, tk: Any, clock: FakeClock
) -> None:
    hour = timedelta(hours=1)
    second, third = (
        new_generation(bytes(range(start, start + 38)), micros(clock.now() + hour * hours))
        for start, hours in ((60, 1), (150, 2))
    )
    longer = KEYRING.with_generation(second).with_generation(third)
    with Tokenry(installation.url, keyring=longer, settings=QUIET, clock=clock) as keeper:
        keeper.owners.put("written under the first")
        clock.advance(hour)
        keeper.audit.seal_all()
        clock.advance(hour)
        with pytest.raises(Conflict, match="audit"):
            canary.drop(keeper._database, longer, second.id, clock.now())
        assert keeper.audit.cut(before=clock.now()) == 1
        with pytest.raises(Conflict, match="end of 1 audit log"):
            canary.drop(keeper._database, longer, second.id, clock.now())
        keeper.audit.seal_all()
        smaller = canary.drop(keeper._database, longer, second.id, clock.now())
    with Tokenry(installation.url, keyring=smaller, settings=QUIET, clock=clock) as keeper:
        assert keeper.audit.check().problems == ()


def test_that_a_tenant_was_deleted_is_read_in_the_operators_log_and_its_own_log_by_its_id(
    tk: Any, acme: str, clock: FakeClock
) -> None:
    id = tk.tenants.get(acme).id
    tk.owners.delete("ada", tenant=acme)
    tk.tenants.suspend(acme)
    reported: list[str] = []
    tk.events.subscribe(lambda event: reported.append(event.type), types=["tenant.deleted"])
    tk.tenants.delete(acme)
    entry = tk.audit.list(tenant="system").items[0]
    assert (entry.action, entry.subject, entry.before["id"], entry.before["slug"]) == ("tenant.deleted", acme, id, acme)
    assert [event.subject for event in tk.events.list(tenant="system", types=["tenant.deleted"])] == [acme]
    assert reported == ["tenant.deleted"]
    assert [e.action for e in tk.audit.list(tenant=id, limit=2)] == ["tenant.deleted", "tenant.suspended"]
    report = tk.audit.check(tenant=id, head=tk.audit.head(tenant=id))
    assert (report.entry_count, report.problems) == (4, ())
    clock.advance(timedelta(seconds=1))
    assert tk.audit.cut(tenant=id, before=clock.now()) == 4
    assert tk.audit.check(tenant=id)
    assert tk.audit.check(tenant="system")


def test_a_log_is_found_by_an_id_only_for_operators_and_only_if_there_is_one(tk: Any, acme: str) -> None:
    id = tk.tenants.get(acme).id
    tk.owners.put("root", admin=True, tenant=acme)
    tk.owners.put("operator", admin=True, tenant="system")
    assert tk.audit.check(tenant=acme, by="root")
    for call in (tk.audit.list, tk.audit.check, tk.audit.head):
        assert call(tenant=id, by="operator")
        with pytest.raises(NotAllowed):
            call(tenant=id, by="root")
        with pytest.raises(NotFound):
            call(tenant=id[:-1] + ("0" if id[-1] != "0" else "1"))


def test_who_may_not_read_the_log_does_not_seal_it_either(
    installation: Installation, tk: Any, clock: FakeClock
) -> None:
    tk.owners.put("ada")
    for call in (tk.audit.check, tk.audit.head, lambda by: tk.audit.cut(before=clock.now(), by=by)):
        with pytest.raises(NotAllowed):
            call(by="ada")
    assert unsealed(installation) == 1

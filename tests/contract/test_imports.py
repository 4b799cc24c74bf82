"""Keys of other systems go on working, and obey everything that ours obey."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.contract.places import Installation
from tests.servers.waiting import until
from tokenry.core.secret import mint
from tokenry.imports import Hash, Hint, ImportRow
from tokenry.testing import FakeClock

DAY = timedelta(days=1)


def key_of(number: int) -> str:
    return f"tt_{hashlib.sha256(str(number).encode()).hexdigest()[:32]}"


def row_of(number: int, **given: Any) -> ImportRow:
    text = key_of(number)
    digest = hashlib.sha256(text.encode()).hexdigest()
    given = {"owner": "ada", "hash": Hash("sha256", digest), "hint": Hint(prefix="tt_"), **given}
    return ImportRow(id=str(number), **given)


def code(tk: Any, text: str, **asked: Any) -> str:
    verdict = tk.verify(text, **asked)
    return str(verdict.code)


def test_an_imported_key_verifies_with_its_owner_scopes_and_expiry(tk: Any, clock: FakeClock) -> None:
    row = row_of(1, scopes=("read:a",), expires_at=clock.now() + DAY, owner_name="Ada", tags=("old",))
    assert tk.imports.run([row], source="tt").imported_count == 1
    verdict = tk.verify(key_of(1), scopes="read:a")
    assert (verdict.owner.external_id, verdict.owner.name, verdict.key.tags) == ("ada", "Ada", ("old",))
    assert code(tk, key_of(1), scopes="write:a") == "insufficient_scope"
    clock.advance(DAY)
    assert code(tk, key_of(1)) == "expired"


def test_the_first_use_replaces_the_old_hash_once(tk: Any) -> None:
    tk.imports.run([row_of(1)])
    for _ in range(3):
        assert tk.verify(key_of(1))
    types = [event.type for event in tk.events.list().items]
    assert types.count("key.hash_upgraded") == 1


def test_a_key_that_was_not_imported_is_not_found_and_one_of_another_form_is_malformed(tk: Any) -> None:
    assert code(tk, key_of(1)) == "malformed"
    tk.imports.run([row_of(1)])
    assert code(tk, key_of(2)) == "not_found"
    assert code(tk, "xx_" + key_of(1)) == "malformed"


def test_importing_twice_changes_nothing(tk: Any) -> None:
    first = tk.imports.run([row_of(1), row_of(2)], source="tt")
    again = tk.imports.run([row_of(1), row_of(2), row_of(3)], source="tt")
    assert (first.imported_count, again.imported_count, again.existing_count) == (2, 1, 2)
    assert len(tk.keys.list().items) == 3


def test_a_dry_run_says_the_same_and_writes_nothing(tk: Any) -> None:
    rows = [row_of(1), row_of(2, scopes=("not a scope",))]
    dry = tk.imports.run(rows, dry_run=True)
    assert (dry.imported_count, dry.refused_count, dry.dry_run) == (1, 1, True)
    assert tk.keys.list().items == ()
    assert code(tk, key_of(1)) == "malformed"
    done = tk.imports.run(rows)
    assert done.refused == dry.refused


def test_each_row_has_a_result(tk: Any) -> None:
    results: list[Any] = []
    rows = [row_of(1), {"id": "x"}, b"{", row_of(2, hash=Hash("murmur3", "00"))]
    tk.imports.run(rows, each=results.append)
    assert [(one.id, one.status) for one in results] == [
        ("1", "imported"), ("x", "refused"), ("", "refused"), ("2", "refused")
    ]  # fmt: skip
    assert "reversible" in results[-1].errors[0].message


def test_a_raw_key_is_never_stored(tk: Any, installation: Installation) -> None:
    text = "legacy.key-with.dots_1"
    tk.imports.run([row_of(1, hash=Hash("raw", text), hint=Hint())])
    assert tk.verify(text)
    assert text not in repr(row_of(1, hash=Hash("raw", text)))
    if installation.path.exists():
        assert text.encode() not in installation.path.read_bytes()


def test_a_revoked_one_is_revoked_before_and_after_its_first_use(tk: Any) -> None:
    tk.imports.run([row_of(1), row_of(2)])
    assert tk.verify(key_of(1))
    for key in tk.keys.list().items:
        tk.keys.revoke(key.id)
    assert (code(tk, key_of(1)), code(tk, key_of(2))) == ("revoked", "revoked")


def test_a_disabled_one_comes_disabled(tk: Any) -> None:
    tk.imports.run([row_of(1, disabled=True)])
    assert code(tk, key_of(1)) == "disabled"
    tk.keys.enable(tk.keys.list().items[0].id)
    assert tk.verify(key_of(1))


def test_names_are_made_unique(tk: Any) -> None:
    tk.imports.run([row_of(1, name="CI"), row_of(2, name="ci"), row_of(3, name="CI")])
    names = [key.name for key in tk.keys.list().items]
    assert len(set(map(str.casefold, names))) == 3


def hinted(number: int) -> ImportRow:
    """Return a row whose hint is as short as may be, so that many have the same."""
    digest = hashlib.sha256(b"salt" + key_of(number).encode()).hexdigest()
    hash = Hash("sha256", digest, params={"salt": "salt"})
    return row_of(number, hash=hash, hint=Hint(first=key_of(number)[:4]))


ALIKE = [n for n in range(400) if key_of(n)[:4] == key_of(0)[:4]]
"""The numbers of keys that have the same first characters."""


def test_at_most_four_rows_share_a_hint(tk: Any) -> None:
    numbers = ALIKE[:6]
    summary = tk.imports.run([hinted(n) for n in numbers])
    assert (summary.imported_count, summary.refused_count) == (4, 2)
    assert summary.refused[0].errors[0].code == "crowded"
    assert [bool(tk.verify(key_of(n))) for n in numbers] == [True] * 4 + [False] * 2


def test_a_row_that_repeats_a_refused_one_is_refused_for_the_same_reason(tk: Any) -> None:
    summary = tk.imports.run([hinted(n) for n in (*ALIKE[:5], ALIKE[4])])
    assert (summary.imported_count, summary.existing_count, summary.refused_count) == (4, 0, 2)
    assert [one.errors[0].code for one in summary.refused] == ["crowded"] * 2


def test_a_place_of_a_hint_is_free_again_after_the_first_use(tk: Any) -> None:
    tk.imports.run([hinted(n) for n in ALIKE[:4]])
    assert tk.verify(key_of(ALIKE[1]))
    assert tk.imports.run([hinted(ALIKE[4])]).imported_count == 1
    assert tk.imports.run([hinted(ALIKE[5])]).refused_count == 1
    assert all(tk.verify(key_of(n)) for n in ALIKE[:5])


@pytest.mark.lasting
def test_two_imports_at_once_give_a_hint_no_more_than_four_rows(tk: Any, installation: Installation) -> None:
    if hasattr(tk, "thing"):
        pytest.skip("the driver of the asynchronous face has one caller at a time")
    other = installation.open()
    with ThreadPoolExecutor(1) as pool, installation.connection() as connection:
        with tk.using(connection) as joined:
            assert joined.imports.run([hinted(n) for n in ALIKE[:3]]).imported_count == 3
            beside = pool.submit(other.imports.run, [hinted(n) for n in ALIKE[3:6]])
            wait_for_lock(installation)
        connection.commit()
        joined.settle()
        summary = beside.result(30)
    assert (summary.imported_count, [one.errors[0].code for one in summary.refused]) == (1, ["crowded"] * 2)
    assert sum(bool(tk.verify(key_of(n))) for n in ALIKE) == 4


def wait_for_lock(installation: Installation) -> None:
    """Wait until somebody waits for a lock, which SQLite does not tell: there is one writer at a time anyway."""
    if installation.store == "postgres":
        until(lambda: installation.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))


def test_a_key_belongs_to_its_tenant(tk: Any, acme: str) -> None:
    tk.imports.run([row_of(1)], tenant=acme)
    assert tk.verify(key_of(1)).tenant.slug == acme
    assert code(tk, key_of(1), tenant="default") == "malformed"
    tk.imports.run([row_of(1)])
    assert tk.verify(key_of(1), tenant="default").tenant.slug == "default"
    assert tk.verify(key_of(1), tenant=acme).tenant.slug == acme
    assert tk.verify(key_of(1)).tenant.slug == acme


@pytest.mark.lasting
def test_others_know_an_imported_key_at_once(tk: Any, installation: Installation) -> None:
    other = installation.open()
    assert code(other, key_of(1)) == "malformed"
    tk.imports.run([row_of(1)])
    assert other.verify(key_of(1))
    tk.keys.revoke(tk.keys.list().items[0].id)
    assert code(other, key_of(1)) == "revoked"


def slow_row(number: int, **given: Any) -> ImportRow:
    digest = hashlib.pbkdf2_hmac("sha512", key_of(number).encode(), b"salt", 2).hex()
    hash = Hash("pbkdf2-sha512", digest, params={"salt": "salt", "iterations": 2})
    return row_of(number, hash=hash, hint=Hint(first=key_of(number)[:16], prefix="tt_"), **given)


def test_a_slow_hash_is_tested_once(tk: Any) -> None:
    tk.imports.run([slow_row(1)])
    assert code(tk, key_of(1)[:16] + "wrong") == "not_found"
    assert [code(tk, key_of(1)) for _ in range(3)] == ["valid"] * 3


def test_wrong_keys_for_a_slow_hash_are_throttled_and_the_right_one_still_gets_in(tk: Any) -> None:
    tk.imports.run([slow_row(1)])
    wrong = [code(tk, f"{key_of(1)[:16]}{n}", ip="192.0.2.1") for n in range(15)]
    assert wrong == ["not_found"] * 10 + ["throttled"] * 5
    assert tk.verify(key_of(1), ip="192.0.2.2")
    assert tk.verify(key_of(1), ip="192.0.2.1")


@pytest.mark.lasting
def test_an_old_hash_that_was_changed_or_moved_in_the_database_opens_nothing(
    tk: Any, installation: Installation
) -> None:
    tk.imports.run([row_of(1), row_of(2)])
    installation.sql(
        "UPDATE tokenry_foreign SET sealed = (SELECT sealed FROM tokenry_foreign WHERE source_id = '2'), "
        "hint = (SELECT hint FROM tokenry_foreign WHERE source_id = '2'), hint_place = 1 WHERE source_id = '1'"
    )
    assert code(tk, key_of(1)) == "not_found"
    assert tk.verify(key_of(2)).key.id == tk.keys.list().items[0].id


@pytest.mark.lasting
def test_a_stolen_database_shows_no_hash_and_no_key(tk: Any, installation: Installation) -> None:
    tk.imports.run([row_of(1), row_of(2, hash=Hash("raw", key_of(2)))])
    rows = [row for table in ("foreign", "secret", "key", "event", "audit_entry") for row in installation.sql(
        f"SELECT * FROM tokenry_{table}"
    )]  # fmt: skip
    stored = repr([bytes(v).hex() if isinstance(v, (bytes, memoryview)) else v for row in rows for v in row])
    for text in (key_of(1), key_of(2)):
        assert text not in stored
        assert hashlib.sha256(text.encode()).hexdigest() not in stored


def test_a_foreign_key_is_found_and_reported_by_its_text(tk: Any) -> None:
    dotted = "legacy.0123456789abcdef"
    tk.imports.run([row_of(1), row_of(2, hash=Hash("raw", dotted), hint=Hint())])
    for text in (key_of(1), dotted):
        key = tk.verify(text).key
        assert tk.keys.find(text).id == key.id
        assert tk.leaks.report(text).subject == key.id
        assert code(tk, text) == "revoked"
    assert not tk.leaks.report(key_of(9))


def test_a_reported_key_that_was_never_used_here_is_ended(tk: Any) -> None:
    elsewhere = mint("tk_live", "0" * 16, bytes(32), bytes(32))
    tk.imports.run([row_of(1), slow_row(2), row_of(3, hash=Hash("raw", elsewhere), hint=Hint())])
    for text in (key_of(1), key_of(2), elsewhere):
        report = tk.leaks.report(text)
        assert (bool(report), report.action) == (True, "revoked")
        assert code(tk, text) == "revoked"


@pytest.mark.parametrize("id", ["", "a\0b", "a\nb", "\ud800", "x" * 256])
def test_a_row_with_a_bad_id_is_refused_alone(tk: Any, id: str) -> None:
    summary = tk.imports.run([row_of(1), msgspec.structs.replace(row_of(2), id=id, name="n")])
    assert (summary.imported_count, summary.refused[0].errors[0].field) == (1, "id")


def test_a_key_that_looks_like_an_access_token_is_refused(tk: Any) -> None:
    summary = tk.imports.run([row_of(1, hash=Hash("raw", "eyJhbGciOiJub25lIn0.e30.c2ln"), hint=Hint())])
    assert summary.refused[0].errors[0].code == "bad_key"


def test_no_key_comes_with_a_use_in_the_future(tk: Any, clock: FakeClock) -> None:
    tk.imports.run([row_of(1, last_used_at=clock.now() + DAY)])
    assert tk.keys.list().items[0].last_used_at == clock.now()


def test_how_long_a_key_was_idle_counts_from_its_import(tk: Any, clock: FakeClock, installation: Installation) -> None:
    tk.imports.run([row_of(1, created_at=clock.now() - 900 * DAY)])
    [row] = installation.sql("SELECT created_at, enabled_at FROM tokenry_key")
    assert row.enabled_at - row.created_at == 900 * 86_400 * 1_000_000


@pytest.mark.parametrize("is_raw", [False, True])
@pytest.mark.parametrize("is_used", [False, True])
def test_no_import_revives_a_key_that_was_revoked_and_removed(
    tk: Any, clock: FakeClock, is_raw: bool, is_used: bool
) -> None:
    row = row_of(1, hash=Hash("raw", key_of(1))) if is_raw else row_of(1)
    tk.imports.run([row], source="tt")
    if is_used:
        assert tk.verify(key_of(1))
    tk.keys.revoke(tk.keys.list().items[0].id)
    tk.imports.run([row], source="before")
    clock.advance(DAY)
    assert tk.keys.purge(revoked_before=clock.now()) == 1
    assert code(tk, key_of(1)) == "not_found"
    assert tk.imports.run([row], source="tt").existing_count == 1
    tk.imports.run([row], source="after")
    assert code(tk, key_of(1)) == "not_found"


def test_the_hash_of_a_key_that_is_there_is_refused(tk: Any) -> None:
    tk.imports.run([row_of(1)], source="tt")
    summary = tk.imports.run([row_of(1), row_of(2), {**msgspec.to_builtins(row_of(2)), "id": "3"}], source="other")
    assert [one.errors[0].code for one in summary.refused] == ["taken", "taken"]
    assert len(tk.keys.list().items) == 2

"""Notes of verifications are kept until the database has them, within bounds."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from tests.counting import calls
from tokenry import Tokenry
from tokenry.runtime.tally import Tally
from tokenry.service import decoys, refusals, usage
from tokenry.service.context import Change
from tokenry.testing import throwaway
from tokenry.types import StoreUnavailable


def test_what_could_not_be_looked_up_is_looked_up_by_the_next_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    with throwaway() as tk:
        tk.owners.put("ada")
        decoy = tk.keys.issue("ada", name="k", decoy=True)
        tk.verify(decoy.secret, ip="203.0.113.1")
        with monkeypatch.context() as away:
            away.setattr(decoys, "tell_used", _unavailable)
            with pytest.raises(StoreUnavailable):
                tk.flush()
        tk.verify(decoy.secret, ip="203.0.113.1")
        tk.flush()
        assert [event.data["count"] for event in _events(tk, "key.decoy_used")] == [2]


def test_refusals_that_could_not_be_written_are_written_by_the_next_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    with throwaway() as tk:
        tk.owners.put("ada")
        loud, *others = [tk.keys.issue("ada", name=f"k{number}") for number in range(60)]
        with monkeypatch.context() as away:
            away.setattr(refusals, "write", _unavailable)
            for number in range(5):
                for issued in (loud, *others[10 * number :]):
                    tk.verify(issued.secret, scopes=f"a:b{number}")
                with pytest.raises(StoreUnavailable):
                    tk.flush()
        tk.flush()
        counts = [len(tk.refusals.list(key_id=issued.key.id).items) for issued in (loud, *others)]
        assert sum(counts) == 180, "a loud one leaves room for the others"
        assert (counts[0], counts[1], counts[-1]) == (4, 1, 4)


def test_forgeries_that_could_not_be_told_are_told_once_by_the_next_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    with throwaway() as tk:
        tk.owners.put("ada")
        keys = [tk.keys.issue("ada", name=f"k{number}") for number in range(3)]
        with tk._database.change() as rows:
            rows.connection.execute(text("UPDATE tokenry_secret SET seal = NULL"))
        tk._memory.clear()
        for issued in keys:
            assert tk.verify(issued.secret).code == "not_found"
        with monkeypatch.context() as away:
            recorded, record = [], Change.record

            def record_one(change: Change, type: str, subject: str, *rest: Any, **values: Any) -> None:
                if recorded:
                    raise StoreUnavailable("away")
                recorded.append(subject)
                record(change, type, subject, *rest, **values)

            away.setattr(Change, "record", record_one)
            with pytest.raises(StoreUnavailable):
                tk.flush()
        tk.flush()
        assert sorted(event.subject for event in _events(tk, "key.tampered")) == sorted(one.key.id for one in keys)


def test_failures_that_could_not_be_told_are_told_later(monkeypatch: pytest.MonkeyPatch) -> None:
    with throwaway() as tk:
        tk.owners.put("ada")
        key = tk.keys.issue("ada", name="k")
        with monkeypatch.context() as away:
            away.setattr(usage, "tell_failed", _unavailable)
            tk.verify(key.secret, scopes="a:b")
            with pytest.raises(StoreUnavailable):
                tk._upkeep()
        tk.verify(key.secret, scopes="a:b")
        tk._upkeep()
        assert [event.data["counts"] for event in _events(tk, "auth.failed")] == [{"insufficient_scope": 2}]


def test_a_decoy_costs_the_same_work_as_the_secret_of_a_deleted_key() -> None:
    with throwaway() as tk:
        tk.owners.put("ada")
        decoy, gone = (tk.keys.issue("ada", name=name, decoy=name == "decoy") for name in ("decoy", "gone"))
        tk.keys.delete(gone.key.id)
        for call in (tk.verify, tk.explain, tk.leaks.report):
            for issued in (decoy, gone):
                call(issued.secret)
            of_decoy, of_gone = [calls(partial(call, issued.secret)) for issued in (decoy, gone)]
            assert of_decoy == of_gone > 10, call


def test_a_flood_of_missing_secrets_takes_bounded_room() -> None:
    tally = Tally()
    for kid in range(3000):
        for place in range(30):
            tally.count_missing(str(kid), f"203.0.113.{place}")
    missing = tally.drain_missing()
    assert len(missing) == 1024
    assert max(map(len, missing.values())) == 16
    assert tally.drain_missing() == {}
    assert tally.drain_failed()["system", "not_found"] == 90_000


def _unavailable(*arguments: object) -> None:
    raise StoreUnavailable("away")


def _events(tk: Tokenry, type: str) -> list[Any]:
    return [event for event in tk.events.list() if event.type == type]

"""Secrets that are not found are kept until the flush has looked whether they are decoys, and no more than so many."""

from __future__ import annotations

from functools import partial

import pytest

from tests.counting import calls
from tokenry import Tokenry
from tokenry.runtime.tally import Tally
from tokenry.service import decoys
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
        assert [event.data["count"] for event in _used(tk)] == [2]


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


def _used(tk: Tokenry) -> list[object]:
    return [event for event in tk.events.list() if event.type == "key.decoy_used"]

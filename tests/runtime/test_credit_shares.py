"""Shares of credits in one process: spent once, void after a refill, and given back after a change or when idle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tokenry import Settings, StoreUnavailable, Tokenry
from tokenry.core.credits import Balance, Credits
from tokenry.core.grant import KEY_SHOWN, CreditedGrant
from tokenry.core.limits import SECOND
from tokenry.core.scopes import granted
from tokenry.runtime.credit_shares import CreditShares, Returned
from tokenry.runtime.leases import Leases

CREDITS = Credits(1000, shared=True)
LEFT = Balance(990)


def a_grant(version: int = 1) -> CreditedGrant:
    known = {"id": "key_1", "version": version}
    record: Any = json.dumps([known.get(column) for column in KEY_SHOWN.columns]).encode()
    fields: Any = ("kid", "default", "live", False, False, None, False, None, None, False)
    parts: Any = (granted(()), (), None, (), record, b'["own_1", "ada"]', b'["ten_1"]')
    return CreditedGrant(*fields, *parts, credits=CREDITS)


def filled(units: int, balance: Balance = LEFT) -> tuple[CreditShares, CreditedGrant]:
    shares, grant = CreditShares(), a_grant()
    shares.fill(grant, balance, units, 0)
    return shares, grant


def test_a_share_is_spent_once_and_tells_what_is_left() -> None:
    shares, grant = filled(3)
    assert shares.has(grant, 3, 0)
    assert not shares.has(grant, 4, 0)
    states = [shares.spend(grant, 2, 0), shares.spend(grant, 2, 0), shares.spend(grant, 1, 0)]
    assert [state and (state.key, state.amount, state.remaining) for state in states] == [
        ("key_1", 1000, 991),
        None,
        ("key_1", 1000, 990),
    ]
    assert not shares.has(grant, 1, 0)


def test_a_share_is_void_from_the_refill_on() -> None:
    shares, grant = filled(3, Balance(990, refill_at=5))
    assert shares.spend(grant, 1, 4) is not None
    assert not shares.has(grant, 1, 5)
    assert shares.spend(grant, 1, 5) is None
    assert shares.idle(10 * SECOND, everything=True) == []


def test_shares_of_one_epoch_add_up_and_an_older_one_goes_back() -> None:
    shares, grant = filled(3)
    shares.fill(grant, Balance(980), 4, 0)
    assert shares.has(grant, 7, 0)
    shares.fill(grant, Balance(500, epoch=1), 2, 0)
    assert not shares.has(grant, 3, 0)
    assert shares.idle(0) == [Returned("ten_1", "key_1", 0, 7)]


def test_after_a_change_of_the_key_its_share_goes_back_and_an_older_grant_brings_nothing_back() -> None:
    shares, grant = filled(3)
    newer = a_grant(version=2)
    assert shares.spend(newer, 1, 0) is None
    assert shares.idle(0) == [Returned("ten_1", "key_1", 0, 3)]
    shares.fill(newer, Balance(900), 5, 0)
    assert shares.spend(a_grant(version=2), 1, 0) is not None
    assert shares.spend(grant, 1, 0) is not None  # it was looked up before, and the share is the newer one's
    assert shares.idle(0, everything=True) == [Returned("ten_1", "key_1", 0, 3)]


def test_an_idle_share_goes_back_and_one_in_use_stays() -> None:
    shares, grant = filled(3)
    assert shares.idle(SECOND - 1) == []
    shares.spend(grant, 1, SECOND)
    assert shares.idle(2 * SECOND - 1) == []
    assert shares.idle(2 * SECOND) == [Returned("ten_1", "key_1", 0, 2)]
    assert shares.idle(9 * SECOND) == []
    assert not shares.has(grant, 1, 2 * SECOND)


def test_a_forked_child_has_no_shares() -> None:
    leases, grant = Leases(), a_grant()
    leases.credits.fill(grant, Balance(990), 3, 0)
    kept = leases.credits
    leases.forget()
    assert leases.credits is kept
    assert not kept.has(grant, 1, 0)
    assert kept.idle(9 * SECOND, everything=True) == []


def test_the_share_of_credits_that_were_removed_does_not_go_to_those_that_come_after_them(tmp_path: Path) -> None:
    with Tokenry(f"sqlite:///{tmp_path}/keys.db", settings=Settings(background=False)) as tk:
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="k", credits=CREDITS)
        assert tk.verify(issued.secret)
        tk.keys.update(issued.key.id, credits=None)
        tk.keys.update(issued.key.id, credits=CREDITS)
        tk._give_back(everything=True)
        assert tk.credits.get(issued.key.id).remaining == 1000


def test_a_share_that_cannot_be_given_back_is_given_back_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**options: Any) -> Any:
        raise StoreUnavailable("the disk is full")

    with Tokenry(f"sqlite:///{tmp_path}/keys.db", settings=Settings(background=False)) as tk:
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="k", credits=CREDITS)
        assert tk.verify(issued.secret)
        with monkeypatch.context() as patched:
            patched.setattr(tk._database, "change", fail)
            with pytest.raises(StoreUnavailable):
                tk._give_back(everything=True)
        tk._give_back(everything=True)
        assert tk.credits.get(issued.key.id).remaining == 999

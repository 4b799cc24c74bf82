"""Refreshes that share a transaction end as they would alone, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import STORES
from tokenry import Tokenry
from tokenry.config import fresh_keyring
from tokenry.edge import Refreshing, refresh_together
from tokenry.types import Invalid, Refused, SessionTokens


@pytest.fixture(params=STORES)
def tk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tokenry]:
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_server").create_database()
    with Tokenry(url, keyring=fresh_keyring()) as tk:
        tk.owners.put("ada")
        yield tk


def test_each_is_answered_by_itself(tk: Tokenry) -> None:
    good, ended = tk.sessions.start("ada"), tk.sessions.start("ada")
    tk.sessions.revoke(ended.session.id)
    asks = [
        Refreshing(refresh=str(good.refresh), ip="203.0.113.7", request_id="first"),
        Refreshing(refresh=str(ended.refresh)),
        Refreshing(refresh="nonsense"),
        Refreshing(refresh=str(good.refresh), scopes=["NO SCOPE"]),
        Refreshing(refresh=str(good.refresh), tenant="other"),
        Refreshing(refresh=str(good.refresh), client_id="other"),
        Refreshing(refresh=str(good.refresh)),
    ]
    first, *others, last = refresh_together(tk, asks)
    assert isinstance(first, SessionTokens)
    assert isinstance(last, SessionTokens)
    assert first.refresh == last.refresh
    assert others[:2] == [Refused("revoked"), Refused("malformed")]
    assert isinstance(others[2], Invalid)
    assert others[3:] == [Refused("not_found"), Refused("not_found")]
    [entry] = [one for one in tk.audit.list() if one.action == "session.refreshed"]
    assert (entry.ip, entry.request_id, entry.actor) == ("203.0.113.7", "first", "ada")


def test_one_whose_row_is_spoiled_harms_no_other(tk: Tokenry) -> None:
    good, spoiled = tk.sessions.start("ada"), tk.sessions.start("ada")
    with tk._context.store.change() as rows:
        statement = f"UPDATE tokenry_session SET claims = '{{' WHERE id = '{spoiled.session.id}'"
        rows.core.exec_driver_sql(statement)  # type: ignore[attr-defined]
    answers = refresh_together(tk, [Refreshing(refresh=str(one.refresh)) for one in (good, spoiled, good)])
    assert answers[1] == Refused("not_found")
    assert isinstance(answers[0], SessionTokens)
    assert isinstance(answers[2], SessionTokens)


def test_one_for_whose_owner_the_host_cannot_answer_harms_no_other(tk: Tokenry) -> None:
    started = [tk.sessions.start("ada"), tk.sessions.start(tk.owners.put("bob")), tk.sessions.start("ada")]

    def load(external_id: str, tenant: str) -> dict[str, str]:
        if external_id == "bob":
            raise LookupError("the host's own mistake")
        return {"name": "Ada"}

    tk.owner_loader(load)
    answers = refresh_together(tk, [Refreshing(refresh=str(one.refresh)) for one in started])
    assert isinstance(answers[0], SessionTokens)
    assert isinstance(answers[1], LookupError)
    assert isinstance(answers[2], SessionTokens)
    assert [entry.action for entry in tk.audit.list(action="owner.updated")] == ["owner.updated"]


def test_hosts_that_answer_for_owners_keep_nobody_elses_rows_locked_meanwhile(tk: Tokenry) -> None:
    owners = [tk.owners.put(name) for name in ("ada", "bob", "cyd")]
    batches = [[str(tk.sessions.start(owner).refresh) for owner in owners * 2] for _ in range(4)]
    asked: list[str] = []

    def load(external_id: str, tenant: str) -> dict[str, str]:
        asked.append(external_id)
        return {"name": f"{external_id} {len(asked)}"}  # something new to write every time

    def run(batch: list[str]) -> list[Any]:
        barrier.wait(10)
        return refresh_together(tk, [Refreshing(refresh=token) for token in batch])

    tk.owner_loader(load)
    barrier = threading.Barrier(4)
    for _ in range(10):
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(run, batches))
        assert all(isinstance(one, SessionTokens) for batch in found for one in batch), found
        batches = [[str(one.refresh) for one in batch] for batch in found]
    assert len(asked) == 10 * 4 * 6, "no transaction had to be begun anew"


def test_no_tokens_need_no_transaction(tk: Tokenry) -> None:
    assert refresh_together(tk, []) == []


def test_batches_that_cross_never_wait_for_each_other_in_a_circle(tk: Tokenry) -> None:
    tokens = [str(tk.sessions.start("ada").refresh) for _ in range(12)]
    barrier = threading.Barrier(4)

    def run(order: list[str]) -> list[str]:
        barrier.wait(10)
        results = refresh_together(tk, [Refreshing(refresh=token) for token in order])
        assert all(isinstance(result, SessionTokens) for result in results), results
        by_token = dict(zip(order, results, strict=True))
        return [str(by_token[token].refresh) for token in tokens]  # type: ignore[union-attr]

    for _ in range(5):
        orders = [tokens, tokens[::-1], tokens[6:] + tokens[:6], sorted(tokens)]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(run, orders))
        assert all(one == found[0] for one in found)
        tokens = found[0]

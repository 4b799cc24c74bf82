"""Changes that are asked for at the same time are made in one transaction, and each is answered for itself."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from httpx2 import ASGITransport, AsyncClient

from tests.api.management.conftest import Api
from tokenry.api.management import Callers, Management
from tokenry.api.management.gathering import Writer
from tokenry.groups import Groups
from tokenry.types import NotFound


def test_changes_that_wait_share_a_commit_and_not_a_failure(api: Api) -> None:
    ids = [api.tk.keys.issue("ada", name=f"k{number}").key.id for number in range(20)]
    seen: list[str] = []
    api.tk._database._write_with.raw.set_trace_callback(seen.append)  # type: ignore[union-attr]
    entered, go_on = threading.Event(), threading.Event()

    def hold(groups: Groups) -> None:
        entered.set()
        assert go_on.wait(30)

    async def scenario() -> list[Any]:
        writer = Writer(api.tk)
        holding = asyncio.ensure_future(writer.change(hold))
        while not entered.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0)
        changes = [
            asyncio.ensure_future(writer.change(lambda groups, id=id: groups.keys.revoke(id).status))  # type: ignore[misc]
            for id in [*ids, "key_0000000000000000000000"]
        ]
        await asyncio.sleep(0)
        go_on.set()
        await holding
        return await asyncio.gather(*changes, return_exceptions=True)

    *outcomes, last = asyncio.run(scenario())
    assert outcomes == ["revoked"] * 20
    assert isinstance(last, NotFound)
    steps = [text for text in seen if text in ("SAVEPOINT change", "COMMIT")]
    first = steps.index("SAVEPOINT change")
    assert steps[first : first + 22] == ["SAVEPOINT change"] * 21 + ["COMMIT"]
    entries = api.tk.audit.list(action="key.revoked", limit=50)
    assert {entry.subject for entry in entries} == set(ids)


def test_requests_at_the_same_time_are_told_apart_in_the_audit_log(api: Api) -> None:
    ids = [api.tk.keys.issue("ada", name=f"k{number}").key.id for number in range(16)]
    client = api.client(api.operator)

    def revoke(id: str) -> None:
        assert client.post(f"/v1/keys/{id}/revoke").status_code == 200

    with client:
        threads = [threading.Thread(target=revoke, args=(id,)) for id in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    entries = api.tk.audit.list(action="key.revoked", limit=50)
    assert {entry.subject for entry in entries} == set(ids)
    assert len({entry.request_id for entry in entries}) == len(ids)


def test_of_two_rotations_at_a_time_one_is_told_that_it_was_too_late(api: Api) -> None:
    id = api.tk.keys.issue("ada", name="k").key.id
    entered, go_on = threading.Event(), threading.Event()
    callers = Callers(api.tk)
    app = Management(api.tk, callers)

    def hold(groups: Groups) -> None:
        entered.set()
        assert go_on.wait(30)

    async def scenario() -> list[int]:
        holding = asyncio.ensure_future(callers._writer.change(hold))
        while not entered.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0)
        async with AsyncClient(
            transport=ASGITransport(app), base_url="http://test", headers={"Authorization": f"Bearer {api.operator}"}
        ) as client:
            asked = [asyncio.ensure_future(client.post(f"/v1/keys/{id}/rotate")) for _ in range(2)]
            while len(callers._writer._batches._waiting) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0)
            go_on.set()
            await holding
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert sorted(asyncio.run(asyncio.wait_for(scenario(), 30))) == [200, 409]

"""How long keys may stay unused travels as a number of seconds, and is a length of time at both ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.client.conftest import slug_of
from tokenry.client import Client
from tokenry.types import Invalid

DAY = timedelta(days=1)


def test_of_a_key(client: Client) -> None:
    issued = client.keys.issue("ada", name="seldom", max_idle=400 * DAY, idempotency_key="one")
    again = client.keys.issue("ada", name="seldom", max_idle=400 * DAY, idempotency_key="one")
    [many] = client.keys.issue_many([{"owner": "ada", "name": "many", "max_idle": 400 * DAY}])
    id = issued.key.id
    shown: list[Any] = [
        issued.key,
        again.key,
        many.key,  # type: ignore[union-attr]
        client.keys.get(id),
        *client.keys.list(owner="ada"),
        client.keys.find(issued.secret),
        client.keys.rotate(id).key,
        *[item.key for item in client.keys.revoke_where(owner="ada")],
    ]
    assert {key.max_idle for key in shown} == {400 * DAY}
    assert client.keys.update(id, max_idle=36 * timedelta(hours=1)).max_idle == 1.5 * DAY
    assert client.keys.update(id, max_idle=None).max_idle is None
    with pytest.raises(Invalid) as refused:
        client.keys.update(id, max_idle=timedelta(0))
    assert [error.field for error in refused.value.errors] == ["max_idle"]


def test_of_a_verified_key_nothing_is_told(client: Client) -> None:
    issued = client.keys.issue("ada", name="seldom", max_idle=400 * DAY)
    assert client.require(issued.secret).key.max_idle is None  # type: ignore[union-attr]


def test_of_a_tenant(operator: Client, client: Client, request: pytest.FixtureRequest) -> None:
    slug = slug_of(request)
    assert operator.tenants.update(slug, max_idle=30 * DAY).max_idle == 30 * DAY
    assert operator.tenants.get(slug).max_idle == 30 * DAY
    assert client.require(client.keys.issue("ada", name="k").secret).tenant.max_idle == 30 * DAY
    assert operator.tenants.update(slug, max_idle=None).max_idle is None

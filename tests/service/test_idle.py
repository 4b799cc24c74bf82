"""A key that nobody uses is disabled, after a notice; one that is used never is."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import STORES
from tests.servers.postgres import Postgres
from tokenry import Invalid, Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.testing import FakeClock
from tokenry.types import Issued

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
Later = Callable[[timedelta], None]
Issue = Callable[..., Issued]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=STORES)
def tk(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[Tokenry]:
    url = "sqlite://"
    if request.param == "postgres":
        if request.node.originalname not in ON_POSTGRES:
            pytest.skip("one database is enough for a rule")
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.create_database()
    with Tokenry(url, keyring=fresh_keyring(), settings=Settings(background=False), clock=clock) as tk:
        tk.owners.put("ada")
        yield tk


@pytest.fixture
def issue(tk: Tokenry) -> Issue:
    return lambda **given: tk.keys.issue("ada", name="a", **given)


@pytest.fixture
def later(tk: Tokenry, clock: FakeClock) -> Later:
    """Give a function that advances the clock and does what upkeep does."""

    def look(length: timedelta) -> None:
        clock.advance(length)
        tk.flush()
        while tk._upkeep():
            pass

    return look


ON_POSTGRES = (
    "test_a_key_goes_by_its_own_time_and_not_by_that_of_its_tenant",
    "test_an_unused_key_is_told_of_and_disabled",
    "test_a_use_at_the_last_moment_saves_the_key_although_it_is_written_later",
)


def events(tk: Tokenry, type: str) -> list[Any]:
    return list(tk.events.list(types=[type]))


def test_an_unused_key_is_told_of_and_disabled(tk: Tokenry, issue: Issue, clock: FakeClock, later: Later) -> None:
    tk.tenants.update("default", max_idle=30 * DAY)
    began = clock.now()
    issued = issue(expires_in=1000 * DAY)
    later(23 * DAY - HOUR)
    assert events(tk, "key.idle") == []
    later(HOUR)
    [event] = events(tk, "key.idle")
    assert event.subject == issued.key.id
    assert event.data["owner"] == "ada"
    assert event.data["idle_since"] == began.isoformat()
    assert event.data["disables_at"] == (began + 30 * DAY).isoformat()
    later(7 * DAY)
    assert tk.keys.get(issued.key.id).status == "active"
    later(HOUR)
    assert tk.keys.get(issued.key.id).status == "disabled"
    assert tk.verify(issued.secret).code == "disabled"
    [disabled] = events(tk, "key.disabled")
    assert disabled.data["reason"] == "idle"
    assert len(events(tk, "key.idle")) == 1
    [entry] = tk.audit.list(action="key.disabled")
    assert entry.subject == issued.key.id


def test_a_use_at_the_last_moment_saves_the_key_although_it_is_written_later(
    tk: Tokenry, issue: Issue, clock: FakeClock, later: Later
) -> None:
    tk.tenants.update("default", max_idle=30 * DAY)
    issued = issue(expires_in=1000 * DAY)
    later(23 * DAY)
    clock.advance(7 * DAY - timedelta(seconds=1))
    assert tk.verify(issued.secret)
    while tk._upkeep():  # before the use is written
        pass
    clock.advance(timedelta(minutes=59))
    while tk._upkeep():
        pass
    later(timedelta(minutes=30))
    assert tk.verify(issued.secret)
    later(23 * DAY)
    assert len(events(tk, "key.idle")) == 2


def test_a_key_that_is_used_is_left_alone(tk: Tokenry, issue: Issue, later: Later) -> None:
    tk.tenants.update("default", max_idle=30 * DAY)
    issued = issue(expires_in=1000 * DAY)
    for _ in range(10):
        assert tk.verify(issued.secret)
        later(20 * DAY)
    assert events(tk, "key.idle") == []


def test_a_key_that_is_enabled_again_starts_anew(tk: Tokenry, issue: Issue, later: Later) -> None:
    tk.tenants.update("default", max_idle=10 * DAY)
    issued = issue(expires_in=1000 * DAY)
    later(6 * DAY)
    later(6 * DAY)
    assert tk.keys.get(issued.key.id).status == "disabled"
    tk.keys.enable(issued.key.id)
    later(4 * DAY)
    assert tk.keys.get(issued.key.id).status == "active"
    assert len(events(tk, "key.idle")) == 1
    later(2 * DAY)
    assert len(events(tk, "key.idle")) == 2


def test_old_keys_get_their_notice_first_when_the_setting_comes(tk: Tokenry, issue: Issue, later: Later) -> None:
    issued = issue(expires_in=1000 * DAY)
    later(500 * DAY)
    tk.tenants.update("default", max_idle=30 * DAY)
    later(2 * HOUR)
    assert tk.keys.get(issued.key.id).status == "active"
    assert len(events(tk, "key.idle")) == 1
    later(7 * DAY)
    later(2 * HOUR)
    assert tk.keys.get(issued.key.id).status == "disabled"


def test_a_tenant_without_it_disables_nothing(tk: Tokenry, issue: Issue, later: Later) -> None:
    acme = tk.tenants.create("acme").slug
    tk.owners.put("ada", tenant=acme)
    assert tk.tenants.get("default").max_idle is None
    issued = issue(expires_in=1000 * DAY)
    tk.tenants.update(acme, max_idle=10 * DAY)
    assert tk.tenants.get(acme).max_idle == 10 * DAY
    tk.tenants.update(acme, max_idle=None)
    other = tk.keys.issue("ada", name="x", expires_in=1000 * DAY, tenant=acme)
    later(900 * DAY)
    later(8 * DAY)
    assert tk.verify(issued.secret)
    assert tk.verify(other.secret, tenant=acme)


@pytest.mark.parametrize("wrong", [timedelta(hours=23), timedelta(days=40_000), 30, "30d"])
def test_a_length_that_makes_no_sense_is_refused(tk: Tokenry, wrong: object) -> None:
    with pytest.raises(Invalid) as refused:
        tk.tenants.update("default", max_idle=wrong)
    assert refused.value.errors[0].field == "max_idle"


def test_a_decoy_waits_for_its_thief(tk: Tokenry, issue: Issue, later: Later) -> None:
    tk.tenants.update("default", max_idle=30 * DAY)
    decoy = issue(decoy=True, max_idle=20 * DAY).key
    for _ in range(4):
        later(20 * DAY)
    assert events(tk, "key.idle") == []
    assert tk.keys.get(decoy.id).status == "active"


@pytest.mark.parametrize("of_tenant", [None, 30 * DAY])
@pytest.mark.parametrize("own", [10 * DAY, 90 * DAY])
def test_a_key_goes_by_its_own_time_and_not_by_that_of_its_tenant(
    tk: Tokenry, issue: Issue, clock: FakeClock, later: Later, own: timedelta, of_tenant: timedelta | None
) -> None:
    tk.tenants.update("default", max_idle=of_tenant)
    disables_at = (clock.now() + own).isoformat()
    key = issue(expires_in=1000 * DAY, max_idle=own).key
    notice = min(7 * DAY, own / 2)
    later(own - notice - HOUR)
    assert events(tk, "key.idle") == []
    later(HOUR)
    assert [event.data["disables_at"] for event in events(tk, "key.idle")] == [disables_at]
    later(notice)
    assert tk.keys.get(key.id).status == "active"
    later(HOUR)
    assert tk.keys.get(key.id).status == "disabled"


def test_a_key_without_a_time_of_its_own_goes_by_its_tenant_again(tk: Tokenry, issue: Issue, later: Later) -> None:
    tk.tenants.update("default", max_idle=30 * DAY)
    key = issue(expires_in=1000 * DAY, max_idle=900 * DAY).key
    later(100 * DAY)
    assert events(tk, "key.idle") == []
    assert tk.keys.update(key.id, max_idle=None).max_idle is None
    later(2 * HOUR)
    assert len(events(tk, "key.idle")) == 1
    later(7 * DAY + 2 * HOUR)
    assert tk.keys.get(key.id).status == "disabled"


@pytest.mark.parametrize("then", [60 * DAY, 2 * DAY])
def test_after_a_change_of_the_time_comes_a_new_notice(
    tk: Tokenry, issue: Issue, clock: FakeClock, later: Later, then: timedelta
) -> None:
    began = clock.now()
    key = issue(expires_in=1000 * DAY, max_idle=30 * DAY).key
    later(25 * DAY)
    tk.keys.update(key.id, max_idle=then)
    while tk.keys.get(key.id).status == "active":
        later(6 * HOUR)
    first, second = (event.data["disables_at"] for event in events(tk, "key.idle"))
    assert first == (began + 32 * DAY).isoformat()
    assert second <= clock.now().isoformat()
    assert second == (began + max(then, 26 * DAY + 6 * HOUR)).isoformat()


def test_a_longer_time_of_the_tenant_comes_with_a_new_notice(tk: Tokenry, issue: Issue, later: Later) -> None:
    tk.tenants.update("default", max_idle=30 * DAY)
    key = issue(expires_in=1000 * DAY).key
    later(25 * DAY)
    tk.tenants.update("default", max_idle=90 * DAY)
    later(60 * DAY)
    assert (tk.keys.get(key.id).status, len(events(tk, "key.idle"))) == ("active", 2)
    later(8 * DAY)
    assert tk.keys.get(key.id).status == "disabled"

"""GitHub's public keys: read when they are needed, seldom, and kept while their source fails."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers.publishing import Publisher, document, publishing
from tests.servers.receiving import LOOPBACK
from tokenry import ConfigError, NotAllowed
from tokenry.core.targets import networks
from tokenry.runtime.github_keys import GithubKeys

LOCAL = networks(LOOPBACK)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source() -> Iterator[Publisher]:
    with publishing(("k1", "pem")) as publisher:
        yield publisher


@pytest.fixture
def keys(source: Publisher, clock: Clock) -> GithubKeys:
    return GithubKeys(source.url, LOCAL, seconds=clock)


def test_they_are_kept_for_an_hour(keys: GithubKeys, source: Publisher, clock: Clock) -> None:
    assert keys.recall("k1") is None
    assert keys.document("k1") == keys.recall("k1") == document(("k1", "pem"))
    clock.now += 3599
    keys.document("k1")
    assert source.count == 1
    clock.now += 1
    source.publish(("k2", "pem"))
    assert keys.document("k2") == document(("k2", "pem"))
    assert source.count == 2


def test_an_unknown_key_makes_them_be_read_once_a_minute(keys: GithubKeys, source: Publisher, clock: Clock) -> None:
    keys.document("k1")
    source.publish(("k1", "pem"), ("k2", "pem"))
    assert keys.document("k2") == document(("k1", "pem"), ("k2", "pem"))
    source.publish(("k3", "pem"))
    for unknown in ("k3", "k4", "", "k5"):
        with pytest.raises(NotAllowed):
            keys.document(unknown)
    assert source.count == 2
    clock.now += 60
    assert keys.document("k3")
    assert source.count == 3


def test_an_unknown_key_at_first_costs_two_reads(keys: GithubKeys, source: Publisher) -> None:
    for _ in range(3):
        with pytest.raises(NotAllowed):
            keys.document("k9")
    assert source.count == 2


@pytest.mark.parametrize("failure", [(500, b"{}"), (302, b"{}"), (200, b"no"), (200, b"[]"), (200, b" " * (1 << 19))])
def test_the_last_copy_serves_while_the_source_fails(
    keys: GithubKeys, source: Publisher, clock: Clock, failure: tuple[int, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    before = keys.document("k1")
    source.status, source.body = failure
    clock.now += 5000
    with caplog.at_level(logging.WARNING, "tokenry"):
        assert keys.document("k1") is before
    assert "github_keys" in caplog.text
    assert keys.document("k1") is before
    for _ in range(3):
        with pytest.raises(NotAllowed):
            keys.document("k2")
    assert source.count == 2
    clock.now += 60
    source.publish(("k2", "pem"))
    assert keys.document("k2")


def test_without_any_copy_the_error_names_the_setting(keys: GithubKeys, source: Publisher, clock: Clock) -> None:
    source.status = 404
    for _ in range(3):
        with pytest.raises(ConfigError, match="github_keys"):
            keys.document("k1")
    assert source.count == 1
    source.publish(("k1", "pem"))
    clock.now += 60
    assert keys.document("k1")


def test_an_address_that_is_not_allowed_is_not_asked(source: Publisher, clock: Clock) -> None:
    with pytest.raises(ConfigError):
        GithubKeys(source.url, seconds=clock).document("k1")
    assert source.count == 0


def test_many_who_ask_at_once_read_once(keys: GithubKeys, source: Publisher) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len({json.dumps(one) for one in pool.map(keys.document, ["k1"] * 8)}) == 1
    assert source.count == 1


def test_a_file_is_a_source_too(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "keys.json"
    keys = GithubKeys(str(file), seconds=clock)
    with pytest.raises(ConfigError):
        keys.document("k1")
    file.write_text(json.dumps(document(("k1", "pem"))))
    clock.now += 60
    assert keys.document("k1") == document(("k1", "pem"))

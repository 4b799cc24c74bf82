"""A whole installation moves into another database, and every key of it verifies there."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.contract.conftest import Issue
from tests.contract.places import KEYRING, QUIET, Installation
from tests.contract.test_imports import key_of, row_of, slow_row
from tokenry import ConfigError, Tokenry, exports
from tokenry.config import fresh_keyring
from tokenry.service import sealed_stream
from tokenry.testing import FakeClock

PASS = "correct horse battery"

pytestmark = pytest.mark.lasting


def sync(tk: Any) -> Tokenry:
    """Return the synchronous instance behind either face."""
    return getattr(getattr(tk, "thing", tk), "_sync", tk)


def exported(tk: Any, **how: Any) -> bytes:
    stream = io.BytesIO()
    exports.write(sync(tk), stream, **how)
    return stream.getvalue()


@pytest.fixture
def empty(tmp_path: Path, clock: FakeClock) -> Any:
    with Tokenry(f"sqlite:///{tmp_path}/other.db", keyring=KEYRING, settings=QUIET, clock=clock) as tk:
        yield tk


@pytest.fixture
def full(tk: Any, issue: Issue, installation: Installation) -> Any:
    if "engine" in installation.place and installation.face == "async":
        pytest.skip("an AsyncEngine belongs to its loop: exports are made with the synchronous face")
    return tk


def test_everything_verifies_after_the_move(full: Any, issue: Issue, empty: Tokenry) -> None:
    ours = issue(
        scopes=["read:a"], limits=[{"name": "hourly", "limit": 5, "window_seconds": 3600}], metadata={"a": "base64:x"}
    )
    revoked = issue()
    full.keys.revoke(revoked.key.id)
    full.imports.run([row_of(1), row_of(2), slow_row(3)])
    assert full.verify(key_of(1))
    tokens = full.sessions.start("ada")
    full.flush()
    before, events = full.keys.list().items, [event.id for event in full.events.list(limit=100)]
    assert exports.restore(empty, io.BytesIO(exported(full, passphrase=PASS)), passphrase=PASS) > 20
    for one in (full, empty):
        (entry,) = one.audit.list(action="tenant.exported", tenant="system")
        assert entry.after == {"whole": True, "encrypted": True}
        assert one.events.list(types=["tenant.exported"], tenant="system").items[0].subject == "system"
        assert one.audit.check(tenant="system")
    assert empty.keys.list().items == before
    assert empty.verify(str(ours.secret), scopes="read:a").key.metadata == {"a": "base64:x"}
    assert empty.verify(str(revoked.secret)).code == "revoked"
    assert [bool(empty.verify(key_of(n))) for n in (1, 2, 3)] == [True] * 3
    assert empty.verify(str(tokens.access))
    assert empty.sessions.refresh(str(tokens.refresh))
    assert empty.audit.check()
    assert empty.keys.issue("ada", name="later")
    there = [event.id for event in empty.events.list(limit=100)]
    assert there[: len(events)] == events
    assert len(there) > len(events)


def test_a_recipient_opens_it_and_nobody_else(full: Any, empty: Tokenry) -> None:
    identity, recipient = exports.new_identity()
    other, _ = exports.new_identity()
    made = exported(full, recipient=recipient)
    for wrong in ({"identity": other}, {"passphrase": PASS}, {}):
        with pytest.raises(ConfigError):
            exports.restore(empty, io.BytesIO(made), **wrong)
    assert exports.restore(empty, io.BytesIO(made), identity=identity)


def test_an_export_that_was_cut_or_changed_changes_nothing(full: Any, empty: Tokenry) -> None:
    full.owners.put("ada@example.com")
    made = exported(full, passphrase=PASS)
    changed = made[:-20] + bytes([made[-20] ^ 1]) + made[-19:]
    for broken in (made[:-1], made[: len(made) // 2], made + b"x", changed, b"x" + made):
        with pytest.raises(ConfigError):
            exports.restore(empty, io.BytesIO(broken), passphrase=PASS)
    assert empty.keys.list().items == ()
    assert b"ada@example" not in made


def test_it_goes_into_an_empty_installation_with_the_same_keyring_alone(
    full: Any, issue: Issue, tmp_path: Path
) -> None:
    issue()
    made = exported(full, passphrase=PASS)
    with pytest.raises(ConfigError, match="holds nothing yet"):
        exports.restore(sync(full), io.BytesIO(made), passphrase=PASS)
    stranger = Tokenry(f"sqlite:///{tmp_path}/foreign.db", keyring=fresh_keyring(), settings=QUIET)
    with stranger, pytest.raises(ConfigError, match="keyring"):
        exports.restore(stranger, io.BytesIO(made), passphrase=PASS)


def test_nothing_that_somebody_has_made_is_replaced(full: Any, empty: Tokenry) -> None:
    made = exported(full, passphrase=PASS)
    empty.tenants.create("other")
    with pytest.raises(ConfigError, match="holds nothing yet"):
        exports.restore(empty, io.BytesIO(made), passphrase=PASS)
    assert "other" in [tenant.slug for tenant in empty.tenants.list()]


@pytest.mark.parametrize("lines", [[], [b"{}"], [b"5"], [b"no"]])
def test_what_somebody_else_encrypted_for_us_is_refused(empty: Tokenry, lines: list[bytes]) -> None:
    identity, recipient = exports.new_identity()
    stream = io.BytesIO()
    sealed_stream.write(lines, stream, os.urandom, recipient=recipient)
    with pytest.raises(ConfigError, match="no export"):
        exports.restore(empty, io.BytesIO(stream.getvalue()), identity=identity)


@pytest.mark.parametrize("line", [b'["nothing", {"a": 1}]', b'["key", {"a": 1}]', b"[1, 2]", b"no", b'["key", 5]'])
def test_rows_that_this_version_does_not_know_are_refused_and_nothing_is_restored(empty: Tokenry, line: bytes) -> None:
    identity, recipient = exports.new_identity()
    with empty._database.read() as rows:
        here = rows.dump.revision()
    stream = io.BytesIO()
    head = msgspec.json.encode({"export": 1, "revision": here, "generations": []})
    sealed_stream.write([head, line], stream, os.urandom, recipient=recipient)
    with pytest.raises(ConfigError, match=r"does not know|no export"):
        exports.restore(empty, io.BytesIO(stream.getvalue()), identity=identity)
    assert empty.owners.put("ada")


@pytest.mark.parametrize("head", [b"[" * 4000, b"5", b'{"kdf": "scrypt"}', b"x" * 5000])
def test_a_spoiled_header_is_refused(empty: Tokenry, head: bytes) -> None:
    with pytest.raises(ConfigError):
        exports.restore(empty, io.BytesIO(b"tokenry-export 1\n" + head + b"\n"), passphrase=PASS)


def test_it_is_never_written_in_the_clear(full: Any) -> None:
    for how in (
        {},
        {"passphrase": "short"},
        {"recipient": "nobody"},
        {"recipient": "tkrcpt_x"},
        {"passphrase": PASS, "recipient": "x"},
    ):
        with pytest.raises(ConfigError):
            exported(full, **how)

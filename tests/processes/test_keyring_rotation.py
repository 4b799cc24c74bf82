"""A new generation of the keyring arrives by file, while processes verify: nobody is refused meanwhile."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.processes.places import Place
from tokenry import ConfigError, Tokenry
from tokenry.config import fresh_keyring, read_keyring_file, write_keyring_file
from tokenry.core.keyring import Keyring, new_generation
from tokenry.service import canary

SECOND = 1_000_000


def keyring_file(place: Place) -> Path:
    return Path(place.keyring or f"{place.directory}/keys.db.keyring")


def grown(path: Path, signs_from: int) -> Keyring:
    return read_keyring_file(path).with_generation(new_generation(os.urandom(38), signs_from))


def generation_of_digest(tk: Tokenry, secret: str) -> str:
    row = tk._database.find(tk.keys.find(secret).secrets[0].kid)
    assert row is not None
    return row.pepper_id


def test_a_rotation_under_load_refuses_nobody(place: Place) -> None:
    tk = place.open(flush_interval=timedelta(milliseconds=50))
    tk.owners.put("u")
    secrets = [str(tk.keys.issue(owner="u", name=f"old {n}").secret) for n in range(10)]
    published = place.directory / "secrets"
    published.write_text("\n".join(secrets) + "\n")
    board = place.board()
    members = place.members(2, flush_interval=0.05)
    for number, member in enumerate(members, 1):
        member.begin("verify_while", board.path, number, str(published))
    for number in (1, 2):
        board.wait(number, 100)

    path = keyring_file(place)
    # It verifies at once and signs a little later, when every process has read it.
    keyring = grown(path, tk._now() + 2 * SECOND)
    write_keyring_file(path, keyring, replace=True)
    begun = time.monotonic()
    while generation_of_digest(tk, secrets[-1]) != keyring.generations[-1].id:
        assert time.monotonic() - begun < 30, "the new generation never signs"
        secrets.append(str(tk.keys.issue(owner="u", name=f"new {len(secrets)}").secret))
        with published.open("a") as file:
            file.write(secrets[-1] + "\n")
    for number in (1, 2):
        board.wait(number, board[number] + 3 * len(secrets))
    board[0] = 1
    assert [member.answer() for member in members] == [[], []]
    assert all(tk.verify(secret) for secret in secrets)


def test_the_digests_of_keys_that_are_used_move_to_the_newest_generation(place: Place) -> None:
    tk = place.open(memory_entries=0)
    tk.owners.put("u")
    used, unused = (str(tk.keys.issue(owner="u", name=name).secret) for name in ("used", "unused"))
    path = keyring_file(place)
    before = read_keyring_file(path).generations[-1].id
    write_keyring_file(path, grown(path, tk._now()), replace=True)
    after = read_keyring_file(path).generations[-1].id
    members = place.members(2)
    for member in members:  # both want to write it
        member.begin("verify_often", [used], 50, 4)
    assert [member.answer() for member in members] == [{"valid": 200}] * 2
    for member in members:
        member.ask("flush")
    assert (generation_of_digest(tk, used), generation_of_digest(tk, unused)) == (after, before)
    assert members[0].ask("verify", used) == members[0].ask("verify", unused) == "valid"


@pytest.mark.parametrize("mistake", ["another keyring", "not a keyring", "open to others", "gone"])
def test_a_mistake_with_the_file_stops_nobody_and_is_made_good_by_the_right_one(
    place: Place, mistake: str, caplog: pytest.LogCaptureFixture
) -> None:
    tk = place.open(background=False, flush_interval=timedelta(microseconds=1))
    tk.owners.put("u")
    secret = tk.keys.issue(owner="u", name="k").secret
    path = keyring_file(place)
    right = grown(path, tk._now() + 3600 * SECOND)
    path.unlink()
    if mistake == "another keyring":
        write_keyring_file(path, fresh_keyring())
    elif mistake == "not a keyring":
        path.touch(mode=0o600)
    elif mistake == "open to others":
        write_keyring_file(path, right)
        path.chmod(0o644)
    for _ in range(3):
        assert tk.verify(secret)
    assert tk.verify(tk.keys.issue(owner="u", name="another").secret)
    assert ("not taken over" in caplog.text) is (mistake != "gone")
    assert caplog.text.count("is gone: put it back") == (mistake == "gone")

    if mistake == "open to others":
        path.chmod(0o600)
    else:
        write_keyring_file(path, right, replace=path.exists())
    assert tk.verify(secret)
    assert len(tk._keyring.get().generations) == 2


@pytest.mark.parametrize("background", [True, False])
def test_an_instance_that_was_idle_during_a_rotation_knows_the_new_generation_at_once(
    place: Place, background: bool
) -> None:
    place.open().owners.put("u")
    by_key, by_token, exchanging, refreshing, issuing, showing = (
        place.open(background=background, flush_interval=timedelta(hours=1)) for _ in range(6)
    )
    path = keyring_file(place)
    write_keyring_file(path, grown(path, 0), replace=True)
    newest = read_keyring_file(path).generations[-1].id
    tk = place.open()
    issued, tokens = tk.keys.issue(owner="u", name="k"), tk.sessions.start("u")
    assert generation_of_digest(tk, str(issued.secret)) == newest
    assert by_key.verify(issued.secret)
    assert by_token.verify(tokens.access)
    assert tk.verify(exchanging.exchange(issued.secret).access)
    assert tk.verify(refreshing.sessions.refresh(tokens.refresh).access)
    assert generation_of_digest(tk, str(issuing.keys.issue(owner="u", name="l").secret)) == newest
    assert showing.jwks() == tk.jwks()
    assert len(tk.signing_keys.list()) == 2, "nobody made others, for want of the generation that these are under"
    tk.flush()
    assert tk.audit.check()


def test_a_process_that_still_signs_with_a_dropped_generation_changes_nothing(place: Place) -> None:
    tk = place.open()
    path = keyring_file(place)
    old = place.directory / "copied before"
    write_keyring_file(old, grown(path, 0))
    with Tokenry(place.url, keyring=old) as stale:
        stale.owners.put("u")
        stale.flush()
        dropped = read_keyring_file(old).generations[-1].id
        keyring = read_keyring_file(old).with_generation(new_generation(os.urandom(38), 0))
        write_keyring_file(path, keyring, replace=True)
        tk.owners.put("v")
        tk.flush()
        assert tk.audit.cut(before=tk._context.now(), tenant="default")
        tk.flush()
        write_keyring_file(path, canary.drop(tk._database, keyring, dropped, tk._context.now()), replace=True)
        with pytest.raises(ConfigError, match=f"generation {dropped} of the keyring was dropped"):
            stale.keys.issue(owner="u", name="k")
        with pytest.raises(ConfigError, match="nothing was read or changed"):
            stale.sessions.start("u")
    assert tk.keys.list().items == ()
    assert tk.audit.check()

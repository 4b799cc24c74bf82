"""`tokenry sessions` and `tokenry signing-keys`, on a database and on a server alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.conftest import Shell
from tokenry import Tokenry
from tokenry.client import Client
from tokenry.types import SessionTokens

NOBODY = "ses_0000000000000000000000"


@contextmanager
def opened(shell: Shell) -> Iterator[Tokenry | Client]:
    """Open what the commands of a shell work on."""
    if "TOKENRY_SERVER" in shell.environment:
        with Client(shell.environment["TOKENRY_SERVER"], shell.environment["TOKENRY_KEY"]) as client:
            yield client
    else:
        with Tokenry(shell.environment["TOKENRY_DATABASE_URL"]) as tk:
            yield tk


def sign_in(shell: Shell) -> SessionTokens:
    with opened(shell) as tk:
        return tk.sessions.start("user-42", device={"name": "Dana's phone"}, claims={"plan": "pro"})


def holds(shell: Shell, tokens: SessionTokens) -> bool:
    with opened(shell) as tk:
        return bool(tk.verify(tokens.access))


def test_sessions_are_listed_and_shown_without_their_tokens(face: Shell) -> None:
    first, second = sign_in(face), sign_in(face)
    listed = face("sessions", "list", "--owner", "user-42", "--json")
    assert [one["id"] for one in listed.json["sessions"]] == [second.session.id, first.session.id]
    table, page = face("sessions", "list"), face("sessions", "show", first.session.id)
    assert "Dana's phone" in table.out
    assert "plan=pro" in page.out
    for answer in (listed, table, page):
        assert str(first.refresh) not in answer.out
        assert str(first.access) not in answer.out
    assert face("sessions", "show", first.session.id, "--json").json["session"]["owner"] == "user-42"
    face("owners", "put", "bob")
    assert "no such sessions" in face("sessions", "list", "--owner", "bob").err


def test_a_revoked_session_is_over_at_once_and_says_why(face: Shell) -> None:
    tokens = sign_in(face)
    assert holds(face, tokens)
    answer = face("sessions", "revoke", tokens.session.id, "--reason", "laptop lost", "--json")
    assert answer.json["session"]["revoke_reason"] == "laptop lost"
    assert not holds(face, tokens)


def test_all_sessions_of_an_owner_end_but_those_named(face: Shell) -> None:
    here, there = sign_in(face), sign_in(face)
    face("sessions", "revoke-all", "user-42", "--except", here.session.id, code=2)  # which nobody has confirmed
    answer = face("sessions", "revoke-all", "user-42", "--except", here.session.id, "--yes", "--json")
    assert answer.json == {"sessions": [there.session.id]}
    assert (holds(face, here), holds(face, there)) == (True, False)


@pytest.mark.parametrize("command", ["show", "revoke"])
@pytest.mark.parametrize("id", [NOBODY, "nonsense"])
def test_an_unknown_session_is_said_to_be_unknown(face: Shell, command: str, id: str) -> None:
    assert "does not exist" in face("sessions", command, id, code=1).err


def test_a_refresh_token_is_no_argument(face: Shell) -> None:
    tokens = sign_in(face)
    answer = face("sessions", "revoke", str(tokens.refresh), code=2)
    assert str(tokens.refresh) not in answer.err
    assert holds(face, tokens)


def test_signing_keys_rotate_and_are_removed(face: Shell) -> None:
    assert "first sign-in" in face("signing-keys", "list").err
    before = sign_in(face)
    first, following = face("signing-keys", "list", "--json").json["signing_keys"]
    assert face("signing-keys", "rotate", "--json").json["signing_key"]["kid"] == following["kid"]
    assert holds(face, before)
    assert [line.split()[2] for line in face("signing-keys", "list").out.splitlines()[1:]] == [
        "retiring",
        "active",
        "next",
    ]
    face("signing-keys", "remove", first["kid"], code=2)
    assert face("signing-keys", "remove", first["kid"], "--yes", "--json").json["signing_key"]["status"] == "removed"
    assert not holds(face, before)
    assert "signing key 'nonsense' does not exist" in face("signing-keys", "remove", "nonsense", "--yes", code=1).err


def test_a_token_is_verified_for_an_audience_and_offline(face: Shell) -> None:
    with opened(face) as tk:
        tokens = tk.sessions.start("user-42", audience=["billing"])
    text = str(tokens.access)
    verdict = face("verify", "--audience", "billing", "--json", stdin=text).json
    assert (verdict["valid"], verdict["online"]) == (True, True)
    assert "not_found" in face("verify", "--audience", "elsewhere", stdin=text, code=3).out
    with opened(face) as tk:
        tk.sessions.revoke(tokens.session.id)
    assert "revoked" in face("verify", stdin=text, code=3).out
    offline = ("verify", "--offline", "--tenant", tokens.session.tenant)
    verdict = face(*offline, "--audience", "billing", "--json", stdin=text).json
    assert (verdict["valid"], verdict["online"], verdict["kind"]) == (True, False, "session")
    assert "not_found" in face(*offline, "--audience", "elsewhere", stdin=text, code=3).out
    assert "--offline" in face("verify", "--offline", "--explain", stdin=text, code=2).err


def test_what_only_the_database_knows_is_not_verified_offline(face: Shell) -> None:
    with opened(face) as tk:
        key = str(tk.keys.issue("user-42", name="offline").secret)
        refresh = str(tk.sessions.start("user-42").refresh)
    for text, kind in ((key, "an API key"), (refresh, "a refresh token")):
        message = face("verify", "--offline", stdin=text, code=2).err
        assert f"{kind} cannot be checked offline" in " ".join(message.replace("│", " ").split())
        assert text not in message
    assert "malformed" in face("verify", "--offline", stdin="nonsense", code=3).out

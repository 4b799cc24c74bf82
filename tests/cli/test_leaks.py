"""`tokenry leaks report`, on a database and on a server alike."""

from __future__ import annotations

from tests.cli.conftest import Shell


def test_a_reported_key_is_revoked(face: Shell) -> None:
    secret = face("keys", "issue", "--owner", "user-42", "--name", "leaky").out.strip()
    answer = face("leaks", "report", "--source", "scanner", "--url", "a.py:3", "--json", stdin=secret)
    assert (answer.json["report"]["label"], answer.json["report"]["action"]) == ("true_positive", "revoked")
    assert secret not in answer.out + answer.err
    face("verify", stdin=secret, code=3)
    assert "is revoked" in face("leaks", "report", stdin=secret).out


def test_an_unknown_credential_exits_with_3(face: Shell) -> None:
    answer = face("leaks", "report", stdin="tk_live_nonsense", code=3)
    assert "unknown" in answer.out


def test_the_policy_of_a_tenant_is_set_and_shown(ready: Shell) -> None:
    ready("tenants", "update", "default", "--on-leak", "flag")
    assert "flagged" in ready("tenants", "show", "default").out
    secret = ready("keys", "issue", "--owner", "user-42", "--name", "flagged").out.strip()
    assert "is flagged" in ready("leaks", "report", stdin=secret).out
    ready("verify", stdin=secret)

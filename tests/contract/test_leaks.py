"""Leak reports: whoever holds a credential may end it, once and for all, and nothing of it is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Invalid

HOUR = timedelta(hours=1)


def leaks(tk: Any, type: str = "key.leaked", **where: Any) -> list[Any]:
    return [event for event in tk.events.list(**where) if event.type == type]


def test_a_reported_key_is_revoked_and_told_of_once(tk: Any, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret)
    reports = [tk.leaks.report(issued.secret, source="scanner", url="https://x.example/a.py#L3") for _ in range(3)]
    assert {(bool(one), one.label, one.kind, one.action, one.subject, one.tenant) for one in reports} == {
        (True, "true_positive", "key", "revoked", issued.key.id, "default")
    }
    assert tk.verify(issued.secret).code == "revoked"
    [leaked] = leaks(tk)
    kid = issued.key.secrets[0].kid
    place = {"source": "scanner", "url": "https://x.example/a.py#L3", "kid": kid}
    assert leaked.data == {"owner": "ada", **place, "policy": "revoke"}
    assert (leaked.subject, leaked.actor) == (issued.key.id, issued.key.id)
    [entry] = tk.audit.list(action="key.revoked")
    assert entry.after["reason"] == "leaked"
    assert len(tk.audit.list(action="key.leaked")) == 1


def test_a_tenant_may_have_leaked_keys_flagged(tk: Any, issue: Issue) -> None:
    issued = issue()
    assert tk.verify(issued.secret).key.secrets[0].leaked_at is None
    tk.tenants.update("default", on_leak="flag")
    assert {tk.leaks.report(issued.secret).action for _ in range(2)} == {"flagged"}
    verdict = tk.verify(issued.secret)
    assert verdict.key.secrets[0].leaked_at == tk.keys.get(issued.key.id).secrets[0].leaked_at is not None
    assert len(leaks(tk)) == 1
    assert tk.keys.rotate(issued.key.id).key.secrets[0].leaked_at is None
    issued = issue()
    tk.leaks.report(issued.secret)
    tk.tenants.update("default", on_leak="revoke")
    assert tk.leaks.report(issued.secret).action == "revoked"
    assert tk.verify(issued.secret).code == "revoked"


def test_the_policy_is_one_of_two(tk: Any) -> None:
    assert tk.tenants.get("default").on_leak == "revoke"
    assert tk.tenants.create("flagging", on_leak="flag").on_leak == "flag"
    for wrong in ("delete", "", None, True, ["revoke"]):
        with pytest.raises(Invalid, match="revoke or flag"):
            tk.tenants.update("default", on_leak=wrong)


def test_an_old_secret_ends_and_the_key_goes_on(tk: Any, issue: Issue) -> None:
    issued = issue()
    renewed = tk.keys.rotate(issued.key.id, grace=HOUR)
    assert tk.verify(issued.secret)
    assert {tk.leaks.report(issued.secret).action for _ in range(2)} == {"ended"}
    assert tk.verify(issued.secret).code == "revoked"
    assert tk.verify(renewed.secret)
    assert tk.keys.get(issued.key.id).secrets == renewed.key.secrets[:1]
    assert len(leaks(tk)) == 1


def test_an_old_secret_that_was_flagged_ends_under_another_policy_and_that_is_told(tk: Any, issue: Issue) -> None:
    tk.tenants.update("default", on_leak="flag")
    issued = issue()
    tk.keys.rotate(issued.key.id, grace=HOUR)
    assert tk.leaks.report(issued.secret).action == "flagged"
    assert tk.verify(issued.secret)
    tk.tenants.update("default", on_leak="revoke")
    assert {tk.leaks.report(issued.secret).action for _ in range(2)} == {"ended"}
    assert tk.verify(issued.secret).code == "revoked"
    assert [event.data["policy"] for event in leaks(tk)] == ["flag", "revoke"]


def test_a_secret_that_has_ended_cannot_end_its_key(tk: Any, issue: Issue) -> None:
    issued = issue()
    renewed = tk.keys.rotate(issued.key.id)
    assert tk.leaks.report(issued.secret).action == "ended"
    assert tk.verify(renewed.secret)


def test_any_token_of_a_session_ends_it(tk: Any) -> None:
    tk.owners.put("ada")
    tk.tenants.update("default", on_leak="flag")
    for which in ("access", "refresh", "older"):
        first = tk.sessions.start("ada")
        tokens = first if which != "older" else tk.sessions.refresh(first.refresh)
        text = first.refresh if which == "older" else getattr(tokens, which)
        reports = [tk.leaks.report(text, source="scanner") for _ in range(2)]
        assert {(one.kind, one.action, one.subject) for one in reports} == {("session", "revoked", first.session.id)}
        assert tk.verify(tokens.access).code == "revoked"
        assert tk.sessions.refresh(tokens.refresh).code == "revoked"
    assert [event.data["source"] for event in leaks(tk, "session.leaked")] == ["scanner"] * 3


def test_a_derived_token_is_told_of_and_its_key_goes_on(tk: Any, issue: Issue) -> None:
    issued = issue()
    token = tk.exchange(issued.secret)
    reports = [tk.leaks.report(token.access) for _ in range(2)]
    assert {(one.kind, one.action, one.subject) for one in reports} == {("token", "expires", issued.key.id)}
    assert tk.verify(issued.secret)
    assert [event.data["kind"] for event in leaks(tk)] == ["token"]


def test_a_key_of_another_tenant_is_dealt_with_by_its_own_policy(tk: Any, acme: str) -> None:
    tk.tenants.update(acme, on_leak="flag")
    tk.owners.put("ada", tenant=acme)
    issued = tk.keys.issue("ada", name="k", tenant=acme)
    report = tk.scoped(by="ada").leaks.report(issued.secret)
    assert (report.tenant, report.action) == (acme, "flagged")
    [leaked] = leaks(tk, tenant=acme)
    assert leaked.actor == "default/ada"
    assert leaks(tk) == []


def test_what_is_unknown_changes_nothing(tk: Any, issue: Issue) -> None:
    issued, other = issue(), issue()
    tk.keys.delete(other.key.id)
    text = str(issued.secret)
    unknown = [text[:-1] + ("a" if text[-1] != "a" else "b"), str(other.secret), "", "x", "a.b.c", None, 7]
    unknown += [f" {text}", text.upper(), "eyJhbGciOiJub25lIn0.e30."]
    before = len(tk.audit.list())
    for one in unknown:
        report = tk.leaks.report(one)
        assert (bool(report), report.action, report.subject, report.kind) == (False, "none", None, None), one
    assert tk.verify(issued.secret)
    assert len(tk.audit.list()) == before


def test_nothing_of_the_reported_secret_is_kept(tk: Any, issue: Issue, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    issued = issue()
    text = str(issued.secret)
    tk.leaks.report(text, url=f"https://ada:{text}@x.example/{text}/a?key={text}#{text}")
    [leaked] = leaks(tk)
    assert leaked.data["url"] == "https://x.example/tk_live[hidden]/a#tk_live[hidden]"
    kept = [*tk.events.list(), *tk.audit.list(), tk.keys.get(issued.key.id), caplog.text]
    assert text[-57:] not in repr(kept)


def test_a_report_names_its_source_in_plain_words(tk: Any, issue: Issue) -> None:
    secret = issue().secret
    for wrong in ("", "a b", "x" * 65, "\n", None, "é"):
        with pytest.raises(Invalid, match="source"):
            tk.leaks.report(secret, source=wrong)
    with pytest.raises(Invalid, match="url"):
        tk.leaks.report(secret, url=None)
    assert tk.verify(secret)

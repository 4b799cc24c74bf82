"""Many keys at once: a result for each, and no secret that was made is lost."""

import json
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, nullcontext

import pytest

from tests.cli.conftest import Shell
from tests.cli.test_sessions import sign_in
from tokenry.cli import audit, bulk, owners, sessions
from tokenry.cli.output import Output


def test_every_line_of_a_file_becomes_a_key_or_an_error(face: Shell) -> None:
    lines = [
        {"owner": "user-42", "name": "one", "scopes": ["read:a"], "expires_in": "30d"},
        {"owner": "nobody", "name": "two"},
        {"owner": "user-42", "name": "three", "expires_in_days": 2, "metadata": {"within": None}},
        {"owner": "user-42", "name": "ONE"},
        {"owner": "user-42", "name": "four", "limits": [{"name": "a", "limit": 3, "window_seconds": 60}]},
    ]
    text = "\n\n".join(map(json.dumps, lines))
    answer = face("keys", "issue-many", "-", stdin=text, code=1)
    results = [json.loads(line) for line in answer.out.splitlines()]
    assert [result["line"] for result in results] == [1, 3, 5, 7, 9]
    assert ["secret" in result for result in results] == [True, False, True, False, True]
    assert [result["error"]["code"] for result in results if "error" in result] == ["not_found", "conflict"]
    assert results[2]["key"]["metadata"] == {"within": None}
    assert "3 keys issued, 2 lines failed" in answer.err
    face("verify", "--scope", "read:a", stdin=results[0]["secret"])


def test_results_go_into_a_file_for_its_owner_alone(face: Shell) -> None:
    lines = "".join(json.dumps({"owner": "user-42", "name": f"key {number}"}) + "\n" for number in range(120))
    (face.directory / "keys.jsonl").write_text(lines)
    answer = face("keys", "issue-many", "keys.jsonl", "--secret-out", "made", "--json")
    assert answer.json == {"results_file": "made"}
    made = face.directory / "made"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert len({json.loads(line)["secret"] for line in made.read_text().splitlines()}) == 120
    assert "exists already" in face("keys", "issue-many", "keys.jsonl", "--secret-out", "made", code=1).err


def test_a_line_that_cannot_be_read_changes_nothing(face: Shell) -> None:
    good = json.dumps({"owner": "user-42", "name": "good"})
    for bad in ("nonsense", "[]", '{"expires_at": "soon"}', '{"owner": 1e999}x'):
        assert "line 2" in face("keys", "issue-many", "-", stdin=f"{good}\n{bad}\n", code=2).err
    assert face("keys", "list", "--text", "good", "--json").json["keys"] == []


def test_only_what_every_filter_means_is_revoked(face: Shell) -> None:
    for name in ("ci one", "ci two", "other"):
        face("keys", "issue", "--owner", "user-42", "--name", name)
    which = ("keys", "bulk-revoke", "--owner", "user-42", "--text", "ci")
    assert len(face(*which, "--dry-run", "--json").json["items"]) == 2
    assert face("keys", "list", "--status", "revoked", "--json").json["keys"] == []
    assert "--yes" in face(*which, code=2).err
    done = face(*which, "--yes", "--reason", "tidy", "--json").json
    assert [item["error"] for item in done["items"]] == [None, None]
    assert [(item["key"]["status"], item["key"]["revoke_reason"]) for item in done["items"]] == [
        ("revoked", "tidy")
    ] * 2
    assert face(*which, "--yes", "--json").json == {"dry_run": False, "items": []}
    assert face(*which, "--dry-run", "--json").json == {"dry_run": True, "items": []}
    ended = face("keys", "list", "--status", "revoked", "--json").json["keys"]
    assert {(key["name"], key["revoke_reason"]) for key in ended} == {("ci one", "tidy"), ("ci two", "tidy")}
    left = face("keys", "list", "--owner", "user-42", "--status", "active", "--json").json["keys"]
    assert [key["name"] for key in left] == ["other"]
    assert "every key" in face("keys", "bulk-revoke", "--yes", code=2).err
    shown = face("keys", "bulk-revoke", "--text", "other", "--yes")
    assert [line.split()[3] for line in shown.out.splitlines()] == ["status", "revoked"]
    assert "1 key revoked, 0 cannot be" in shown.err


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("options", [("--json",), ("--secret-out", "made"), ()])
def test_every_key_that_was_issued_before_a_signal_is_told(
    ready: Shell, options: tuple[str, ...], how: signal.Signals
) -> None:
    lines = [json.dumps({"owner": "user-42", "name": f"key {number}"}) for number in range(20_000)]
    (ready.directory / "keys.jsonl").write_text("\n".join(lines))
    command = [sys.executable, "-m", "tokenry.cli", "keys", "issue-many", "keys.jsonl", *options]
    with (ready.directory / "out").open("w") as out, (ready.directory / "err").open("w") as err:
        process = subprocess.Popen(command, cwd=ready.directory, env=ready.environment, stdout=out, stderr=err)
    with closing(sqlite3.connect(ready.environment["TOKENRY_DATABASE_URL"].removeprefix("sqlite:///"))) as database:
        count = "SELECT count(*) FROM tokenry_key WHERE name LIKE 'key %'"
        while database.execute(count).fetchone()[0] < 200:
            assert process.poll() is None
        process.send_signal(how)
        assert process.wait(30) == 128 + how
        issued = database.execute(count).fetchone()[0]
    output = (ready.directory / ("made" if "made" in options else "out")).read_text()
    assert output.count('"secret": "') == issued < 20_000
    assert f"{issued} keys issued, stopped before line {issued + 1}" in (ready.directory / "err").read_text()


def issued(shell: Shell, count: int) -> None:
    lines = "".join(json.dumps({"owner": "user-42", "name": f"key {number}"}) + "\n" for number in range(count))
    shell("keys", "issue-many", "-", "--secret-out", f"made-{count}", stdin=lines)


def test_bulk_revoke_tells_every_batch_once_it_is_done(face: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_BATCH_REVOKED", 2)
    monkeypatch.setattr(bulk.revoked, "__kwdefaults__", {"limit": 2})
    issued(face, 5)
    sizes: list[int] = []
    monkeypatch.setattr(bulk, "total", lambda done: sizes.append(len(done.items)) or done.revoked_count)
    lines = face("keys", "bulk-revoke", "--owner", "user-42", "--yes").out.splitlines()
    assert [line.split()[1] for line in lines].count("name") == 1
    assert len(lines) == 1 + 5
    assert max(sizes) == 2
    assert face("keys", "bulk-revoke", "--owner", "user-42", "--yes", "--json").json["items"] == []


def test_a_key_that_revokes_itself_among_others_revokes_them_all(
    served: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk.revoked, "__kwdefaults__", {"limit": 1})
    for name in ("one", "two"):
        served("keys", "issue", "--owner", "operator", "--name", name)
    assert "3 keys revoked, 0 cannot be" in served("keys", "bulk-revoke", "--owner", "operator", "--yes").err


def test_long_work_shows_on_a_terminal_how_far_it_is(face: Shell) -> None:
    issued(face, 3)
    lines = face.directory / "more.jsonl"
    lines.write_text("".join(json.dumps({"owner": "user-42", "name": f"more {number}"}) + "\n" for number in (1, 2)))
    assert "issuing  2 of 2 keys  100%" in face.on_terminal("keys", "issue-many", "more.jsonl", "--secret-out", "made")
    seen = face.on_terminal("keys", "bulk-revoke", "--owner", "user-42", "--yes")
    assert "revoking  5 of 5 keys  100%" in seen
    assert "\r\x1b[2K" in seen
    assert "5 keys revoked" in seen
    assert "removing  0 keys" in face.on_terminal("keys", "purge", "--revoked-before", "0s", "--yes")
    assert face("keys", "list", "--owner", "user-42", "--json").json["keys"] == []


def test_changes_of_many_rows_show_on_a_terminal_how_far_they_are(ready: Shell) -> None:
    issued(ready, 3)
    ready("owners", "put", "user-43")
    seen = ready.on_terminal("owners", "hand-over", "user-42", "user-43", "--yes")
    assert "counting  0 keys" in seen  # the line of a count without an end is written ten times a second
    assert "handing over  3 of 3 keys  100%" in seen
    ready("roles", "put", "dev")
    seen = ready.on_terminal("roles", "delete", "dev", "--yes")
    assert "removing the role 'dev' from owners and keys" in seen
    assert "ending  0 sessions" in ready.on_terminal("sessions", "revoke-all", "user-43", "--yes")
    assert "removing  0 entries" in ready.on_terminal("audit", "cut", "--before", "1d", "--yes")


def sizes_of(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the counts that a command reports, as it goes."""
    sizes: list[int] = []
    monkeypatch.setattr(Output, "progress", lambda self, *given: nullcontext(sizes.append))
    return sizes


def test_a_hand_over_goes_on_where_the_batch_before_ended(face: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "_MANY", 2)
    monkeypatch.setattr(owners, "_SHOWN", 1)
    issued(face, 5)
    face("owners", "put", "user-43")
    for name in ("key 1", "key 4"):
        face("keys", "issue", "--owner", "user-43", "--name", name)
    sizes = sizes_of(monkeypatch)
    done = face("owners", "hand-over", "user-42", "user-43", "--yes", "--json", code=1).json["hand_over"]
    assert (done["handed_count"], done["skipped_count"]) == (3, 2)
    assert ([one["name"] for one in done["skipped"]], done["next_cursor"]) == (["key 4"], None)
    assert sizes == [2, 2, 1] * 2
    left = face("keys", "list", "--owner", "user-42", "--json").json["keys"]
    assert {key["name"] for key in left} == {"key 1", "key 4"}


@pytest.mark.parametrize("count", [4, 5])
def test_sessions_end_batch_by_batch(face: Shell, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(sessions, "_BATCH", 2)
    started = [sign_in(face).session.id for _ in range(count)]
    sizes = sizes_of(monkeypatch)
    ended = face("sessions", "revoke-all", "user-42", "--except", started[0], "--yes", "--json").json["sessions"]
    assert set(ended) == set(started[1:])
    assert sizes == {4: [2, 1], 5: [2, 2, 0]}[count]
    living = [one["id"] for one in face("sessions", "list", "--json").json["sessions"] if one["status"] == "active"]
    assert living == started[:1]


def test_an_audit_log_is_cut_batch_by_batch(ready: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_BATCH", 2)
    issued(ready, 5)
    sizes = sizes_of(monkeypatch)
    cut = ready("audit", "cut", "--before", "0s", "--yes", "--json").json["deleted_count"]
    assert (sum(sizes), max(sizes)) == (cut, 2)
    assert cut >= 5
    ready("audit", "check")


@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_no_progress_is_shown_to_programs(ready: Shell, option: str) -> None:
    assert "\r\x1b" not in ready.on_terminal("keys", "bulk-revoke", "--owner", "user-42", "--yes", option)
    assert "\r\x1b" not in ready.process("keys", "bulk-revoke", "--owner", "user-42", "--yes").err
    assert ready("keys", "bulk-revoke", "--owner", "user-42", "--yes", "--quiet").err == ""


def test_an_owner_of_many_keys_goes_with_all_of_them(face: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "_MANY", 2)
    monkeypatch.setattr(bulk.revoked, "__kwdefaults__", {"limit": 2})
    issued(face, 3)
    face("owners", "delete", "user-42", "--yes")
    done = [entry["action"] for entry in face("audit", "list", "--json").json["entries"]]
    assert done[:5] == ["owner.deleted", *["key.revoked"] * 3, "owner.disabled"]
    face("owners", "show", "user-42", code=1)
    assert face("keys", "list", "--status", "active", "--text", "key", "--json").json["keys"] == []

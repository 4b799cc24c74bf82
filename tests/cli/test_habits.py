"""What every command does alike: exit codes, JSON, options before and behind, talk on stderr."""

import json
import subprocess
import sys

import pytest

import tokenry
from tests.cli.conftest import Shell, clean_environment

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


def test_version_and_help_need_no_engine() -> None:
    code = (
        "import sys; from tokenry.cli import main\n"
        "try: main()\n"
        "finally: print(sorted({'sqlalchemy', 'alembic', 'rich', 'questionary'} & set(sys.modules)), file=sys.stderr)"
    )
    for option in ("--version", "--help"):
        done = subprocess.run([sys.executable, "-c", code, option], capture_output=True, text=True, check=True)
        assert done.stderr.strip() == "[]"
        assert tokenry.__version__ in done.stdout or "Usage: tokenry" in done.stdout


def test_without_typer_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['typer'] = None; from tokenry.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'tokenry[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "lsit"),
        ("keys", "list", "--no-such-option"),
        ("keys", "issue"),
        ("keys", "issue", "--owner", "user-42", "--name", "x", "--expires-in", "soon"),
        ("keys", "issue", "--owner", "user-42", "--name", "x", "--limit", "many"),
        ("keys", "update", "key_x"),
        ("keys", "update", "key_x", "--scope", "a:b", "--no-scopes"),
        ("keys", "delete", "key_x", "--yes", "surplus"),
        ("keys", "purge", "--yes"),
        ("verify",),
    ],
)
def test_a_wrong_call_exits_with_2_and_says_so_on_stderr(run: Shell, arguments: tuple[str, ...]) -> None:
    answer = run(*arguments, code=2)
    assert answer.out == ""
    assert answer.err


def test_a_failure_exits_with_1_and_names_every_field(run: Shell) -> None:
    answer = run("keys", "issue", "--owner", "user-42", "--name", " ", "--expires-in", "99999d", code=1)
    assert answer.out == ""
    assert "name:" in answer.err
    assert "expires_in:" in answer.err
    assert run("keys", "list", "--json").json["keys"] == []


@pytest.mark.parametrize(
    "arguments", [("keys", "show", "key_x"), ("owners", "show", "nobody"), ("keys", "revoke", "x")]
)
def test_what_does_not_exist_exits_with_1(run: Shell, arguments: tuple[str, ...]) -> None:
    answer = run(*arguments, "--json", code=1)
    assert answer.json["error"]["code"] == "not_found"
    assert answer.err.startswith("error: ")


def test_a_database_that_cannot_be_reached_exits_with_5(shell: Shell) -> None:
    shell("secrets", "new", "--out", "keyring")
    for command in (("keys", "list"), ("doctor",), ("db", "status"), ("init", "--json")):
        shell(*command, "--database", NOWHERE, "--keyring", "keyring", code=5)
    error = shell("keys", "list", "--json", "--database", NOWHERE, "--keyring", "keyring", code=5).json["error"]
    assert error["code"] == "store_unavailable"


def test_without_a_database_it_says_where_to_name_one(shell: Shell) -> None:
    assert "tokenry init" in shell("keys", "list", code=1).err
    shell("init")
    assert "export TOKENRY_DATABASE_URL=" in shell("keys", "list", code=1).err


def test_a_wrong_path_makes_no_database(shell: Shell) -> None:
    assert "there is no Tokenry in" in shell("keys", "list", "--database", "sqlite:///typo.db", code=1).err
    assert list(shell.directory.iterdir()) == []


def test_the_options_of_every_command_go_before_or_behind(ready: Shell) -> None:
    url = ready.environment.pop("TOKENRY_DATABASE_URL")
    before = ready("--json", "--database", url, "owners", "list").json
    behind = ready("owners", "list", "--database", url, "--json").json
    assert before == behind
    assert (
        ready("owners", "list", "--database", url, "--json", "--no-color", TOKENRY_DATABASE_URL=NOWHERE).json == before
    )


def test_a_file_of_settings_is_read(ready: Shell) -> None:
    url = ready.environment.pop("TOKENRY_DATABASE_URL")
    (ready.directory / "tokenry.toml").write_text(f"database_url = {json.dumps(url)}\n")
    ready("owners", "show", "user-42")


def test_every_command_answers_one_document(run: Shell) -> None:
    issued = run("keys", "issue", "--owner", "user-42", "--name", "a", "--limit", "burst=10/1s", "--json").json
    key, secret = issued["key"], issued["secret"]
    answers = [
        run("keys", "rotate", key["id"], "--json"),
        run("keys", "limits", key["id"], "--json"),
        run("keys", "update", key["id"], "--description", "x", "--no-limits", "--if-version", "2", "--json"),
        run("keys", "disable", key["id"], "--json"),
        run("keys", "enable", key["id"], "--json"),
        run("keys", "find", "--json", stdin=secret),
        run("keys", "find", "--json", "--kid", key["secrets"][0]["kid"]),
        run("keys", "expiring", "--within", "100d", "--json"),
        run("verify", "--json", stdin=secret, code=3),
        run("verify", "--json", "--explain", stdin=secret, code=3),
        run("keys", "revoke", key["id"], "--json"),
        run("keys", "delete", key["id"], "--yes", "--json"),
        run("keys", "purge", "--revoked-before", "0s", "--yes", "--json"),
        run("owners", "put", "user-42", "--name", "Jo", "--admin", "--json"),
        run("owners", "disable", "user-42", "--json"),
        run("owners", "enable", "user-42", "--json"),
        run("owners", "list", "--all", "--json"),
        run("owners", "delete", "user-42", "--yes", "--json"),
        run("secrets", "list", "--json"),
        run("secrets", "rotate", "--json"),
        run("secrets", "new", "--out", "other", "--json"),
        run("db", "status", "--json"),
        run("db", "upgrade", "--json"),
        run("audit", "list", "--json"),
        run("audit", "head", "--json"),
        run("audit", "check", "--json"),
        run("audit", "cut", "--before", "1d", "--yes", "--json"),
        run("doctor", "--json"),
        run("try", "--json"),
        run("owners", "show", "user-42", "--json", code=1),
    ]
    assert all(isinstance(answer.json, dict) for answer in answers)


def test_lists_go_on_where_they_ended(run: Shell) -> None:
    for name in "abc":
        run("keys", "issue", "--owner", "user-42", "--name", name)
    first = run("keys", "list", "--limit", "2", "--json").json
    rest = run("keys", "list", "--limit", "2", "--cursor", first["next_cursor"], "--json").json
    assert [key["name"] for key in first["keys"] + rest["keys"]] == ["c", "b", "a"]
    assert rest["next_cursor"] is None
    assert len(run("keys", "list", "--all", "--limit", "1", "--json").json["keys"]) == 3
    assert "--cursor" in run("keys", "list", "--limit", "2").err


def test_a_page_that_has_found_nothing_yet_does_not_say_that_there_is_nothing(
    run: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        run("keys", "issue", "--owner", "user-42", "--name", name)
    monkeypatch.setattr("tokenry.store.reach.ROWS", 2)
    message = run("keys", "list", "--text", "a").err
    assert "so far" in message
    assert "--cursor" in message
    assert [key["name"] for key in run("keys", "list", "--text", "a", "--all", "--json").json["keys"]] == ["a"]
    assert "so far" not in run("keys", "list", "--text", "d", "--all").err


def test_a_table_is_aligned_text_in_a_pipe_and_drawn_on_a_terminal(ready: Shell) -> None:
    plain = ready("owners", "list").out
    assert plain.splitlines()[0].split("  ")[0] == "external id"
    assert "\t" not in plain
    assert "\x1b" not in plain
    assert "\x1b[1m" in ready.on_terminal("owners", "list")
    assert "\x1b" not in ready.on_terminal("owners", "list", "--no-color")
    ready.environment["NO_COLOR"] = "1"
    assert "\x1b" not in ready.on_terminal("owners", "list")


def test_what_cannot_be_undone_is_asked_for(ready: Shell) -> None:
    assert "--yes" in ready("owners", "delete", "user-42", code=2).err
    ready.on_terminal("owners", "delete", "user-42", typed="n\n", code=1)
    ready("owners", "show", "user-42")
    ready.on_terminal("owners", "delete", "user-42", typed="y\n")
    ready("owners", "show", "user-42", code=1)


def test_revoking_on_a_terminal_says_what_ends_and_asks(ready: Shell) -> None:
    secret = ready("keys", "issue", "--owner", "user-42", "--name", "CI").out.strip()
    ready("verify", "--ip", "192.0.2.1", stdin=secret)
    id = ready("keys", "list", "--json").json["keys"][0]["id"]
    shown = ready("keys", "impact", id, "--json").json["impact"]
    assert (shown["valid_count"], [one["ip"] for one in shown["addresses"]]) == (1, ["192.0.2.1"])
    seen = ready.on_terminal("keys", "revoke", id, typed="n\n", code=1)
    assert "'CI' of 'user-42': 1 valid call since 20" in seen
    assert ":00:00 UTC, last used 20" in seen
    assert "from 192.0.2.1; 1 secret and every token derived from it end" in seen
    ready("verify", stdin=secret)
    ready.on_terminal("keys", "revoke", id, typed="y\n")
    ready("verify", stdin=secret, code=3)
    assert "for good?" not in ready.on_terminal("keys", "revoke", id, "--yes")


def test_the_last_use_has_no_address_of_an_older_one(ready: Shell) -> None:
    secret = ready("keys", "issue", "--owner", "user-42", "--name", "CI").out.strip()
    ready("verify", "--ip", "192.0.2.1", stdin=secret)
    id = ready("keys", "list", "--json").json["keys"][0]["id"]
    newer = ready("keys", "rotate", id, "--grace", "1h").out.strip()
    ready("verify", stdin=newer)
    seen = ready.on_terminal("keys", "revoke", id, typed="n\n", code=1)
    assert "UTC; 2 secrets and every token derived from it end" in seen


def test_settings_of_a_key_are_read_as_people_write_them(run: Shell) -> None:
    options = ["--allow-ip", "10.0.0.0/8", "--limit", "1000/1h", "--limit", "burst=10/1s", "--metadata", "team=a=b"]
    named = ["--not-before", "2026-01-01", "--expires-in", "never", "--description", "d", "--role", "dev"]
    run("roles", "put", "dev", "--scope", "read:projects")
    key = run("keys", "issue", "--owner", "user-42", "--name", "a", *options, *named, "--json").json["key"]
    assert key["allowed_ips"] == ["10.0.0.0/8"]
    assert [(limit["name"], limit["window_seconds"]) for limit in key["limits"]] == [("default", 3600), ("burst", 1)]
    assert key["metadata"] == {"team": "a=b"}
    assert key["not_before"] == "2026-01-01T00:00:00+00:00"
    assert key["expires_at"] is None
    clear = ["--no-allow-ips", "--no-limits", "--no-roles", "--not-before", "none", "--expires-at", "2027-01-01"]
    after = run("keys", "update", key["id"], *clear, "--json").json["key"]
    assert (after["allowed_ips"], after["limits"], after["roles"], after["not_before"]) == ([], [], [], None)
    assert after["description"] == "d"


def test_any_of_several_scopes_is_enough(run: Shell) -> None:
    secret = run("keys", "issue", "--owner", "user-42", "--name", "a", "--scope", "read:a", "--scope", "x").out
    run("verify", "--any-scope", "read:a", "--any-scope", "read:b", "--scope", "x", stdin=secret)
    run("verify", "--any-scope", "read:a", "--scope", "y", stdin=secret, code=3)


def test_try_prints_what_to_type_and_ends(shell: Shell) -> None:
    answer = shell("try")
    assert "from tokenry import Tokenry" in answer.out
    assert "operator-key" in answer.err
    assert "operator" not in shell("try").err


def test_try_offers_a_prompt_on_a_terminal(shell: Shell) -> None:
    seen = shell.on_terminal("try", typed="print('owner', tk.owners.get('operator', tenant='system').admin)\nexit()\n")
    assert "owner True" in seen


def test_what_try_prints_works(shell: Shell) -> None:
    text = shell("try").out
    start, end = text.index("from tokenry import"), text.index("In a shell:")
    program = "\n".join(line.strip() for line in text[start:end].splitlines())
    program += "\nassert tk.verify(issued.secret).code == 'revoked'"
    subprocess.run([sys.executable, "-c", program], cwd=shell.directory, env=clean_environment(), check=True)
    script = "\n".join(line.strip() for line in text[text.index("export ") :].splitlines())
    script = f'set -e\ntokenry() {{ {sys.executable} -m tokenry.cli "$@"; }}\n{script}'
    done = subprocess.run(
        ["bash", "-c", script], cwd=shell.directory, env=clean_environment(), capture_output=True, text=True, check=True
    )
    assert "verdict  valid" in done.stdout


def test_long_work_shows_how_far_it_is_on_a_terminal_only(ready: Shell) -> None:
    assert "100%" in ready.on_terminal("audit", "check")
    assert ready("audit", "check").err == ""


def test_lists_as_csv_run_nothing_in_a_spreadsheet(run: Shell) -> None:
    run("owners", "put", "user-42", "--name", "=HYPERLINK(1)")
    header, row = run("owners", "list", "--output", "csv").out.splitlines()
    assert header.startswith("external id,")
    assert row.split(",")[1] == "'=HYPERLINK(1)"
    assert run("owners", "show", "user-42", "--output", "csv").out.startswith("name,value\n")
    assert run("owners", "list", "--output", "json").json["owners"][0]["name"] == "=HYPERLINK(1)"


def test_an_unknown_format_names_those_that_exist(run: Shell) -> None:
    for arguments in (("--output", "xml"), ("--output", "csv", "--json")):
        answer = run("owners", "list", *arguments, code=2)
        assert "table, json, csv" in answer.err
        assert answer.out == ""


def test_help_shows_an_example_and_whole_summaries(run: Shell) -> None:
    assert "tokenry keys list --owner user-42" in run("keys", "list", "--help").out
    assert "reads elsewhere." in run("--help").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("owners", "show", "ghost"),
            "owner 'ghost' does not exist in the tenant 'default': tokenry owners put ghost",
        ),
        (("owners", "show", "a b"), "owner 'a b' does not exist in the tenant 'default': tokenry owners put 'a b'\n"),
        (("keys", "list", "--tenant", "acme"), "tenant 'acme' does not exist: tokenry tenants create acme\n"),
        (("keys", "show", "key_1"), "key 'key_1' does not exist in the tenant 'default': `tokenry keys list` shows"),
        (
            ("roles", "show", "clerk"),
            "role 'clerk' does not exist in the tenant 'default': tokenry roles put clerk",
        ),
    ],
)
def test_what_does_not_exist_is_named_with_the_command_that_helps(
    ready: Shell, arguments: tuple[str, ...], message: str
) -> None:
    assert message in ready(*arguments, code=1).err


def test_a_command_that_helps_names_the_tenant(ready: Shell) -> None:
    ready("tenants", "create", "acme")
    assert "owners put ghost --tenant acme" in ready("owners", "show", "ghost", "--tenant", "acme", code=1).err

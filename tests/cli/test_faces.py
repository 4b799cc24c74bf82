"""A command answers the same on a database and on a server: the same document, the same words, the same exit code."""

import json
import re

import pytest

from tests.cli.conftest import Answer, Shell, operators_key

MADE = re.compile(
    r"t-[0-9a-f]{12}|default|(?:key|own|ten|evt|aud)_[0-9A-Za-z]{22}|tk_live_1[0-9A-Za-z]{73}"
    r"|never|\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00| UTC)?)?"
)
COMMANDS: list[tuple[str, ...]] = [
    ("owners", "put", "ada", "--role", "dev"),
    ("roles", "put", "dev", "--scope", "read:projects"),
    ("owners", "put", "ada", "--name", "Ada", "--email", "ada@example.com", "--role", "dev", "--admin"),
    ("owners", "put", "a/b ü%2F", "--name", "Awkward"),
    ("owners", "show", "a/b ü%2F"),
    ("owners", "list"),
    ("owners", "list", "--text", "awk"),
    ("owners", "show", "nobody"),
    ("owners", "disable", "ada"),
    ("owners", "enable", "ada"),
    ("scopes", "list"),
    ("scopes", "define", "read:projects", "write:*", "admin:all"),
    ("scopes", "list"),
    ("scopes", "check", "read:projects", "write:x"),
    ("scopes", "check", "no:such"),
    ("roles", "put", "dev", "--scope", "read:projects"),
    ("roles", "put", "dev", "--scope", "no:such"),
    ("roles", "list"),
    ("roles", "show", "dev"),
    ("roles", "show", "none"),
    ("keys", "issue", "--owner", "ada", "--name", "CI", "--scope", "read:projects", "--limit", "10/1h"),
    ("keys", "issue", "--owner", "ada", "--name", "ci", "--expires-in", "never"),
    ("keys", "issue", "--owner", "nobody", "--name", "x"),
    ("keys", "issue", "--owner", "ada", "--name", "x", "--scope", "no:such", "--scope", "no:more"),
    ("keys", "issue", "--owner", "ada", "--name", "other", "--expires-in", "12h", "--metadata", "within=a"),
    ("keys", "list"),
    ("keys", "list", "--owner", "ada", "--status", "active", "--scope", "read:projects", "--text", "ci"),
    ("keys", "list", "--owner", "nobody"),
    ("keys", "list", "--limit", "1"),
    ("keys", "expiring", "--within", "1d"),
    ("keys", "show", "{key}"),
    ("keys", "show", "key_x"),
    ("keys", "limits", "{key}"),
    ("credits", "show", "{key}"),
    ("keys", "update", "{key}", "--credits", "5/week"),
    ("keys", "update", "{key}", "--credits", "5/month:31"),
    ("credits", "show", "{key}"),
    ("keys", "show", "{key}"),
    ("keys", "update", "{key}", "--credits", "5/month:31+shared", "--no-credits"),
    ("keys", "update", "{key}", "--credits", "5"),
    ("credits", "add", "{key}", "20"),
    ("credits", "set", "{key}", "7"),
    ("credits", "set", "{key}", "-7"),
    ("credits", "list"),
    ("credits", "holds", "{key}"),
    ("credits", "reserve", "{key}", "70"),
    ("credits", "settle", "{key}", "hold_x", "1"),
    ("keys", "update", "{key}", "--no-credits"),
    ("keys", "issue", "--owner", "ada", "--name", "seldom", "--max-idle", "2d"),
    ("keys", "update", "{key}", "--max-idle", "30d"),
    ("keys", "update", "{key}", "--max-idle", "0d"),
    ("keys", "update", "{key}", "--max-idle", "1d", "--no-max-idle"),
    ("keys", "show", "{key}"),
    ("keys", "update", "{key}", "--no-max-idle"),
    ("keys", "update", "{key}", "--description", "for CI", "--allow-ip", "10.0.0.1/32", "--if-version", "1"),
    ("keys", "update", "{key}", "--description", "again", "--if-version", "1"),
    ("keys", "update", "{key}", "--tag", "ci", "--tag", "blue"),
    ("keys", "update", "{key}", "--tag", "not a tag"),
    ("keys", "show", "{key}"),
    ("keys", "list", "--tag", "ci"),
    ("keys", "list", "--tag", "c"),
    ("keys", "bulk-revoke", "--tag", "blue", "--dry-run"),
    ("keys", "update", "{key}", "--tag", "x", "--no-tags"),
    ("keys", "update", "{key}", "--no-tags"),
    ("keys", "update", "{key}", "--no-allow-ips", "--expires-in", "never", "--not-before", "none"),
    ("keys", "disable", "{key}"),
    ("keys", "rotate", "{key}"),
    ("keys", "enable", "{key}"),
    ("keys", "rotate", "{key}", "--grace", "1h"),
    ("keys", "bulk-revoke", "--text", "other", "--dry-run"),
    ("keys", "bulk-revoke", "--text", "other", "--yes", "--reason", "tidy"),
    ("owners", "hand-over", "ada", "ada", "--dry-run"),
    ("owners", "hand-over", "ada", "nobody"),
    ("usage", "{key}"),
    ("refusals", "{key}"),
    ("refusals", "--request", "never-asked"),
    ("keys", "impact", "{key}"),
    ("keys", "revoke", "{key}", "--reason", "leaked"),
    ("keys", "revoke", "{key}"),
    ("keys", "update", "{key}", "--description", "too late"),
    ("keys", "delete", "{key}", "--yes"),
    ("keys", "purge", "--revoked-before", "0s", "--yes"),
    ("events", "--type", "key.disabled", "--type", "key.rev*"),
    ("events", "--type", "no.such"),
    ("audit", "list", "--subject", "dev"),
    ("roles", "delete", "dev", "--yes"),
    ("owners", "delete", "ada", "--yes"),
    ("keys", "list", "--cursor", "broken"),
]


def plain(text: str) -> str:
    """Return what does not differ from one installation to the next, nor with the second in which use is written."""
    text = re.sub(
        r'"(kid|sequence|after|actor|ip|request_id|next_cursor|last_used_\w+|use_count)": ("[^"]*"|\d+|null)', "…", text
    )
    text = re.sub(r"--cursor \S+|\(in [^)]*\)", "…", text)
    text = text.replace("the program", "…").replace("127.0.0.1", "-")  # who asked, and from where
    lines = (re.sub(r"^ *\d+ ", "", line) for line in MADE.sub("…", text).splitlines())
    text = re.sub(r'(, )?"request_id": "[^"]*"(?=\})', "", text)  # which only a server has
    varying = re.compile(r"secret +\w{16} |last used|use count")
    return "\n".join(re.sub(r" +", " ", line) for line in lines if not varying.match(line))


def answers(shell: Shell, command: tuple[str, ...], key: str) -> tuple[Answer, Answer]:
    arguments = [part.replace("{key}", key) for part in command]
    return shell.ask(*arguments), shell.ask(*arguments, "--json")


def test_every_command_answers_alike_on_a_database_and_on_a_server(ready: Shell, served: Shell) -> None:
    operators_key(ready, "default")
    keys = {"ready": "key_x", "served": "key_x"}
    for command in COMMANDS:
        outputs = []
        for name, shell in (("ready", ready), ("served", served)):
            answer = answers(shell, command, keys[name])[:: -1 if "--if-version" in command else 1]
            outputs.append([(one.code, plain(one.out), plain(one.err)) for one in answer])
            for one in answer:
                if command[:2] == ("keys", "issue") and "CI" in command and one.out.startswith("{"):
                    keys[name] = json.loads(one.out).get("key", {}).get("id", keys[name])
        assert outputs[0] == outputs[1], command


@pytest.mark.parametrize("json", [True, False])
def test_a_credential_is_judged_alike(ready: Shell, served: Shell, json: bool) -> None:
    outputs = []
    for shell in (ready, served):
        issue = ("keys", "issue", "--owner", "user-42", "--name", "a", "--scope", "read:a", "--limit", "2/366d")
        secret = shell(*issue, "--allow-ip", "10.0.0.0/8").out.strip()
        more = ["--json"] * json
        asks = [
            ("--scope", "read:a", "--ip", "10.1.1.1"),
            ("--any-scope", "read:a", "--any-scope", "b", "--ip", "10.1.1.1", "--cost", "0"),
            ("--scope", "b", "--ip", "10.1.1.1"),
            ("--ip", "192.0.2.1"),
            ("--ip", "10.1.1.1", "--cost", "3"),
            ("--ip", "10.1.1.1", "--explain"),
            ("--ip", "10.1.1.1", "--environment", "test"),
            ("--ip", "nonsense"),
            ("--scope", "Not A Scope"),
            ("--tenant", "foreign"),
        ]
        answers = [shell.ask("verify", *ask, *more, stdin=secret) for ask in asks]
        answers += [shell.ask("keys", "find", *more, stdin=secret)]
        answers += [
            shell.ask("verify", *more, stdin=text)
            for text in ("nonsense", secret[:-1] + ("1" if secret[-1] == "0" else "0"), secret.upper())
        ]
        assert not any(secret in answer.out + answer.err for answer in answers)
        outputs.append([(answer.code, plain(answer.out), plain(answer.err)) for answer in answers])
    assert outputs[0] == outputs[1]

"""Who asks a server is known by a key that nobody else sees, and everything that can go wrong has its exit code."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.servers.serving import Serving, serving

NOWHERE = "http://127.0.0.1:1"


def test_the_key_comes_from_the_environment_or_a_private_file(served: Shell) -> None:
    key = served.environment.pop("TOKENRY_KEY")
    assert "--key-file" in served("keys", "list", code=4).err
    file = served.directory / "key"
    file.write_text(key + "\n")
    file.chmod(0o644)
    assert "chmod 600" in served("keys", "list", "--key-file", "key", code=1).err
    file.chmod(0o600)
    served("--key-file", "key", "keys", "list")
    served("keys", "list", TOKENRY_KEY_FILE="key")
    assert "argument looks like a key" in served("keys", "list", "--key-file", key, code=2).err


def test_a_key_that_the_server_does_not_accept_exits_with_4(served: Shell) -> None:
    ordinary = served("keys", "issue", "--owner", "user-42", "--name", "a").out.strip()
    operator = served.environment["TOKENRY_KEY"]
    for key in ("nonsense", ordinary, operator[:-1] + ("y" if operator[-1] == "x" else "x")):
        answer = served("keys", "list", code=4, TOKENRY_KEY=key)
        assert key not in answer.err
    assert served("keys", "list", "--json", code=4, TOKENRY_KEY="x").json["error"]["code"] == "caller_refused"


def test_a_server_that_cannot_be_reached_exits_with_5(served: Shell) -> None:
    for command in (("keys", "list"), ("doctor",), ("events",)):
        served(*command, TOKENRY_SERVER=NOWHERE, code=5)
    assert served("verify", TOKENRY_SERVER=NOWHERE, code=5, stdin="x").out == ""


@pytest.mark.parametrize("address", ["nonsense", "ftp://x", "http://", "http://name:word@x", "http://x/?a=b"])
def test_an_address_that_is_none_is_refused(served: Shell, address: str) -> None:
    assert "https://" in served("keys", "list", "--server", address, code=1).err


def test_an_option_beats_the_environment_and_two_contradict(served: Shell, ready: Shell) -> None:
    url = ready.environment["TOKENRY_DATABASE_URL"]
    here = served("owners", "list", "--database", url, "--json").json["owners"]
    assert [owner["tenant"] for owner in here] == ["default"]
    there = served("owners", "list", "--json", TOKENRY_DATABASE_URL=url).json["owners"]
    assert {owner["tenant"] for owner in there} != {"default"}
    assert "contradict" in served("owners", "list", "--database", url, "--server", NOWHERE, code=2).err


@pytest.mark.parametrize("command", [("secrets", "list"), ("db", "status"), ("init",), ("try",)])
def test_what_needs_the_database_says_so(served: Shell, command: tuple[str, ...]) -> None:
    assert "--database" in served(*command, "--server", served.environment["TOKENRY_SERVER"], code=2).err


def test_beside_a_server_that_is_alone_it_says_to_use_it(shell: Shell, tokenry_server: Serving) -> None:
    database = tokenry_server.directory / "tokenry-data" / "tokenry.db"
    assert "use --server" in shell("keys", "list", "--database", f"sqlite:///{database}", code=1).err


def test_an_audit_log_cannot_be_cut_from_afar(served: Shell) -> None:
    served("keys", "issue", "--owner", "user-42", "--name", "a")
    before = len(served("audit", "list", "--json").json["entries"])
    assert "where its database is" in served("audit", "cut", "--before", "0s", "--yes", code=1).err
    assert len(served("audit", "list", "--json").json["entries"]) == before


def test_a_head_that_was_kept_is_checked_from_afar(served: Shell) -> None:
    (served.directory / "head").write_text(served("audit", "head").out)
    assert served("audit", "check", "--head", "head", "--json").json["ok"] is True
    (served.directory / "head").write_text(served("audit", "head").out.replace('"position": ', '"position": 1'))
    served("audit", "check", "--head", "head", code=1)


def test_the_doctor_looks_at_a_server(served: Shell) -> None:
    found = [(one["check"], one["status"]) for one in served("doctor", "--json").json["findings"]]
    assert found == [("server", "ok"), ("key", "ok"), ("installation", "warning")], "a tenant's operator may not"
    served("doctor", code=1, TOKENRY_KEY="nonsense")


def test_the_doctor_lets_a_server_examine_its_installation(tokenry_server: Serving, shell: Shell) -> None:
    shell.environment |= {"TOKENRY_SERVER": tokenry_server.url, "TOKENRY_KEY": tokenry_server.operator_key}
    found = {one["check"]: one for one in shell("doctor", "--json").json["findings"]}
    assert {"server", "key", "keyring file", "database", "revision", "audit log", "signed keys"} <= set(found)
    assert str(tokenry_server.directory) in found["keyring place"]["message"]
    assert "Keep backups of the two apart" in shell("doctor").out
    assert "--database" in shell("doctor", "--all-keys", code=2).err


def test_the_doctor_says_what_the_server_found_to_repair(tmp_path: Path, shell: Shell) -> None:
    with serving(tmp_path) as server:
        (tmp_path / "tokenry-data" / "tokenry.db.keyring").chmod(0o644)
        shell.environment |= {"TOKENRY_SERVER": server.url, "TOKENRY_KEY": server.operator_key}
        [bad] = [one for one in shell("doctor", "--json", code=1).json["findings"] if one["status"] == "failed"]
    assert bad["check"] == "keyring file"
    assert bad["command"].startswith("chmod 600 ")


def test_an_operator_of_the_installation_reaches_every_tenant(tokenry_server: Serving, shell: Shell) -> None:
    shell.environment |= {"TOKENRY_SERVER": tokenry_server.url, "TOKENRY_KEY": tokenry_server.operator_key}
    made = shell("tenants", "create", "wide", "--prefix", "wide", "--expires-in-default", "36h", "--json").json[
        "tenant"
    ]
    assert (made["expires_in_default_seconds"], made["expires_in_max_seconds"]) == (36 * 3600, 3650 * 86_400)
    assert shell("tenants", "show", "wide", "--json").json["tenant"] == made
    assert shell("tenants", "update", "wide", "--name", "Wide", "--json").json["tenant"]["name"] == "Wide"
    updated = shell("tenants", "update", "wide", "--self-rotation-allowed", "--json").json["tenant"]
    assert updated["self_rotation_allowed"] is True
    assert "wide" in shell("tenants", "list", "--all").out
    shell("owners", "put", "ada", "--tenant", "wide")
    assert shell("keys", "issue", "--owner", "ada", "--name", "a", "--tenant", "wide").out.startswith("wide_live_1")
    assert shell("audit", "check", "--tenant", "wide", "--json").json["ok"] is True
    assert shell("tenants", "suspend", "wide", "--json").json["tenant"]["status"] == "suspended"
    shell("tenants", "delete", "wide", "--yes", code=1)
    shell("tenants", "resume", "wide")
    shell("owners", "delete", "ada", "--yes", "--tenant", "wide")
    shell("tenants", "suspend", "wide")
    shell("tenants", "delete", "wide", "--yes")
    shell("tenants", "show", "wide", code=1)


def test_an_operator_of_one_tenant_reaches_no_other(served: Shell) -> None:
    for command in (("owners", "list"), ("keys", "list"), ("events",), ("audit", "list"), ("scopes", "list")):
        assert "does not exist" in served(*command, "--tenant", "default", code=1).err
    served("tenants", "create", "mine", code=1)
    served("tenants", "list", code=1)


def test_no_process_list_shows_the_key(served: Shell) -> None:
    key = served.environment.pop("TOKENRY_KEY")
    secret = served("keys", "issue", "--owner", "user-42", "--name", "a", TOKENRY_KEY=key).out.strip()
    file = served.directory / "key"
    file.write_text(key)
    file.chmod(0o600)
    command = [sys.executable, "-m", "tokenry.cli", "verify", "--key-file", "key", "--json"]
    with subprocess.Popen(command, cwd=served.directory, env=served.environment, stdin=-1, stdout=-1, text=True) as one:
        seen = [(Path("/proc") / str(one.pid) / name).read_text() for name in ("cmdline", "environ")]
        out, _ = one.communicate(secret, timeout=30)
    assert '"valid": true' in out
    assert not any(text in line for text in (key, secret) for line in seen)


def test_verifications_are_measured(face: Shell) -> None:
    secret = face("keys", "issue", "--owner", "user-42", "--name", "a", "--limit", "1/1h").out.strip()
    found = face("bench", "--seconds", "1", "--connections", "2", "--json", stdin=secret).json["measured"]
    assert all(one["count"] > 20 and 0 < one["p50"] <= one["p99"] <= one["max"] for one in found)
    face("verify", stdin=secret)
    assert "nothing to measure" in face("bench", "--seconds", "1", stdin="nonsense", code=3).err

"""`tokenry serve` as a person meets it: the first start, the next one, and what it says when something is wrong."""

import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.serving import Serving, serving


def run(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that must end by itself."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TOKENRY_")}
    return subprocess.run(
        [sys.executable, "-m", "tokenry.cli", *arguments],
        cwd=directory,
        env={**ours, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def curl_line(server: Serving) -> str:
    found = re.search(r"curl .*", server.out)
    assert found, server.out
    return found[0]


def answer_of(line: str, directory: Path) -> str:
    return subprocess.run(["sh", "-c", line], cwd=directory, capture_output=True, text=True, check=True).stdout


def test_the_first_start_makes_one_key_and_the_next_makes_none(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        key = server.operator_key
        server.process.send_signal(signal.SIGHUP)  # nothing to renew, and no reason to end
        assert key not in server.out + server.err
        assert '"first operator key"' in answer_of(curl_line(server), tmp_path)
        assert f"Console    {server.url}/console\n" in server.out
        kept = tmp_path / "tokenry-data"
        assert {stat.S_IMODE(path.stat().st_mode) for path in kept.iterdir()} == {0o600}
        assert stat.S_IMODE(kept.stat().st_mode) == 0o700
        assert server.end() == 0
    with serving(tmp_path) as server:
        assert server.operator_key == key
        assert [path.name for path in (tmp_path / "tokenry-data").glob("*operator-key*")] == ["tokenry.operator-key"]
        assert len(server.call("GET", "/v1/keys?tenant=system")["items"]) == 1
        assert '"first operator key"' in answer_of(curl_line(server), tmp_path)
        assert "--new-operator-key" not in server.out
    (tmp_path / "tokenry-data" / "tokenry.operator-key").unlink()
    with serving(tmp_path) as server:
        assert "Lost key   tokenry init --new-operator-key\n" in server.out
        assert '"ready"' in answer_of(curl_line(server), tmp_path)
        assert not list((tmp_path / "tokenry-data").glob("*operator-key*"))


def test_the_curl_line_shows_a_key_that_works_after_the_first_one_was_replaced(tmp_path: Path) -> None:
    assert run(tmp_path, "init").returncode == 0
    assert run(tmp_path, "init", "--new-operator-key").returncode == 0
    kept = tmp_path / "tokenry-data"
    (kept / "tokenry.operator-key.3").write_bytes(b"\xff nonsense")
    with serving(tmp_path) as server:
        assert '"first operator key"' in answer_of(curl_line(server), tmp_path)
    (kept / "tokenry.operator-key.2").unlink()
    for migrate in ("true", "false"):
        with serving(tmp_path, TOKENRY_MIGRATE=migrate) as server:
            assert '"ready"' in answer_of(curl_line(server), tmp_path)


def test_on_a_terminal_the_key_is_shown_once_and_in_no_file(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    ours_only = {name: value for name, value in os.environ.items() if not name.startswith("TOKENRY_")}
    command = [sys.executable, "-m", "tokenry.cli", "serve", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=ours_only, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    seen = ""
    try:
        while "curl" not in seen or not seen.endswith("\n"):
            assert select.select([ours], [], [], 20)[0], seen
            seen += os.read(ours, 65536).decode()
        found = re.findall(r"^tk_op_1\w+", seen, re.MULTILINE)
        assert len(found) == 1
        line = re.search(r"curl .*", seen.replace("\r", ""))
        assert line is not None
        assert '"first operator key"' in answer_of(line[0], tmp_path)
        assert not list((tmp_path / "tokenry-data").glob("*operator-key*"))
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(15)
        os.close(ours)
    assert code == 0


def test_with_json_it_says_where_it_listens_and_the_key_in_one_document(tmp_path: Path) -> None:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TOKENRY_")}
    command = [sys.executable, "-m", "tokenry.cli", "serve", "--port", "0", "--json"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=ours, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        document = json.loads(process.stdout.readline())
        process.terminate()
        assert process.stdout.read() == b""
    assert document["address"].startswith("http://127.0.0.1:")
    assert document["operator_key"].startswith("tk_op_1")


def test_a_database_command_beside_a_running_server_says_to_use_it(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        done = run(tmp_path, "keys", "list", "--database", f"sqlite:///{tmp_path}/tokenry-data/tokenry.db")
        assert done.returncode == 1
        assert "--server" in done.stderr
        key_file = str(tmp_path / "tokenry-data" / "tokenry.operator-key")
        done = run(tmp_path, "keys", "list", "--server", server.url, "--key-file", key_file)
        assert done.returncode == 0, done.stderr
        again = run(tmp_path, "serve", "--port", "0")
        assert again.returncode == 1
        assert "another process is alone on it" in again.stderr


def test_a_port_that_is_taken_is_named_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with serving(tmp_path / "one") as server:
        done = run(tmp_path / "two", "serve", "--port", str(server.port))
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{server.port}" in done.stderr
    assert not (tmp_path / "two" / "tokenry-data").exists()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TOKENRY_PRODUCTION": "true"}, "database_url: missing"),
        ({"TOKENRY_PRODUCTION": "true", "TOKENRY_DATA_DIR": "d", "TOKENRY_HOST": "0.0.0.0"}, "without TLS"),
        ({"TOKENRY_PRODUCTION": "true", "TOKENRY_DATA_DIR": "d", "TOKENRY_PROT": "1"}, "did you mean TOKENRY_PORT"),
        ({"TOKENRY_SHUTDOWN_SECONDS": "soon"}, "shutdown_seconds must be a whole number"),
        ({"TOKENRY_TLS_CERTIFICATE": "missing.pem", "TOKENRY_TLS_KEY": "missing.key"}, "missing.pem"),
        ({"TOKENRY_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "keyring"),
    ],
)
def test_what_keeps_it_from_starting_is_said_in_a_line_and_nothing_is_made(
    environment: dict[str, str], message: str, tmp_path: Path
) -> None:
    done = run(tmp_path, "serve", "--port", "0", **environment)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_settings_of_the_file_count_and_outside_production_an_unfit_one_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "tokenry.toml").write_text('data_dir = "elsewhere"\nlog_level = "warning"\n')
    with serving(tmp_path, TOKENRY_PROT="1") as server:
        assert (tmp_path / "elsewhere" / "tokenry.db").exists()
        assert server.end() == 0
        (line,) = server.lines()
    assert (line["level"], line["setting"]) == ("warning", "TOKENRY_PROT")
    assert line["reason"] == "unknown; did you mean TOKENRY_PORT?"

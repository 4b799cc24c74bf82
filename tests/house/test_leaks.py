"""No secret stands in what a program leaves behind: logs, errors, records, files."""

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "tokenry"
CRASH = """
import logging, sys, traceback
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
from tokenry import Tokenry
tk = Tokenry(sys.argv[1])
tk.owners.put("ada")
issued = tk.keys.issue("ada", name="k", scopes=["a"], idempotency_key="i")
open(sys.argv[2], "w").write(str(issued.secret))
tk.events.subscribe(lambda event: 1 / 0)
rotated = tk.keys.rotate(issued.key.id)
open(sys.argv[2], "a").write("\\n" + str(rotated.secret))
for ask in ({"scopes": "b"}, {"ip": "10.0.0.1"}, {"cost": -1}, {"scopes": issued.secret}):
    try:
        tk.require(issued.secret, **ask)
    except Exception:
        traceback.print_exc()
print(tk, issued, rotated, tk.verify(rotated.secret), tk.keys.list(), tk.audit.list(), tk.events.list())
tk.close()
tk.verify(rotated.secret, scopes=rotated.secret)
"""


def test_a_crashing_program_leaves_no_secret_behind(tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    shown.mkdir()
    command = [sys.executable, "-c", CRASH, f"sqlite:///{tmp_path}/keys.db", str(shown / "secrets")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "Traceback" in result.stderr
    secrets = (shown / "secrets").read_text().split()
    assert len(secrets) == 2
    files = [path.read_bytes().decode("latin-1") for path in tmp_path.iterdir() if path.is_file()]
    assert len(files) >= 3
    for text in [result.stdout, result.stderr, *files]:
        for secret in secrets:
            assert secret not in text
            assert secret[-57:-14] not in text
            assert secret[-57:-36] not in text


def test_our_loggers_never_format_a_secret_by_hand() -> None:
    calls = [
        f"{path.relative_to(SRC)}: {line.strip()}"
        for path in SRC.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"_log\.\w+\(", line) and re.search(r"\b(secret|text|presented|digest)\b", line.partition('"')[0])
    ]
    assert calls == []


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_the_hot_path_logs_nothing(level: int, caplog: pytest.LogCaptureFixture) -> None:
    from tokenry.testing import throwaway

    with throwaway() as tk:
        tk.owners.put("ada")
        issued = tk.keys.issue("ada", name="k")
        with caplog.at_level(level, "tokenry"):
            for _ in range(3):
                assert tk.verify(issued.secret)
                assert not tk.verify("nonsense")
        assert [record for record in caplog.records if record.name.startswith("tokenry")] == []

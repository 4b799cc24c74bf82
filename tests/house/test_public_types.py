"""The types of public calls say what they return."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_a_type_checker_reads_the_public_calls_as_they_are_meant() -> None:
    command = [sys.executable, "-m", "mypy", "--no-error-summary", str(HERE / "public_types.py")]
    result = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr

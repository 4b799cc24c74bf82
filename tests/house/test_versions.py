"""One version of Tokenry, in every file that names it."""

import json
import re
import tomllib
from pathlib import Path

import tokenry

ROOT = Path(__file__).parents[2]


def test_every_file_names_the_same_version() -> None:
    version = tokenry.__version__
    of_npm = re.sub(r"(a|b|rc)(\d+)$", r"-\1.\2", version)  # npm and Helm write 1.0.0rc1 as 1.0.0-rc.1
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == version
    assert json.loads((ROOT / "web/client/package.json").read_text())["version"] == of_npm
    chart = (ROOT / "deploy/helm/tokenry/Chart.yaml").read_text().splitlines()
    assert f"version: {of_npm}" in chart
    assert f'appVersion: "{version}"' in chart
    assert f"rev: v{version}\n" in (ROOT / "docs/scanning.md").read_text()
    newest = next(line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## "))
    assert newest == "## Unreleased" or newest.startswith(f"## {version} - ")

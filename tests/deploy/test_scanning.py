"""What `deploy/` has for scanners finds what it should, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.proxies import DEPLOY, program
from tokenry.offline import SCAN_PATTERN, tell

ROOT = DEPLOY.parent
VECTORS = json.loads((ROOT / "tests" / "vectors" / "keys.json").read_text(encoding="utf-8"))
KEY = next(one["text"] for one in VECTORS if one["parsed"])
WEBHOOK = json.loads((ROOT / "tests" / "vectors" / "webhooks.json").read_text(encoding="utf-8"))[0]["secrets"][0]
KEYRING = "tokenry-keyring 1\n"
FOUND = [
    f'key = "{KEY}"',
    f"x {KEY}",
    f"TOKENRY_KEY={KEY}\n",
    f"secret: {WEBHOOK}",
    KEYRING,
    r"tokenry-keyring 1\n2026",
]
PASSED = [KEY[:-1], f"{KEY}a", "key_01k9v5m0q2x8r7c4t6y3w1", "whsec_short", "the tokenry-keyring file", WEBHOOK[:-1]]
TRY = """\
package main

import (
	"encoding/json"
	"os"
	"regexp"
)

func main() {
	var asked struct{ Expressions, Texts []string }
	if json.NewDecoder(os.Stdin).Decode(&asked) != nil {
		os.Exit(2)
	}
	found := []bool{}
	for _, text := range asked.Texts {
		one := false
		for _, expression := range asked.Expressions {
			one = one || regexp.MustCompile(expression).MatchString(text)
		}
		found = append(found, one)
	}
	json.NewEncoder(os.Stdout).Encode(found)
}
"""


def expressions(name: str) -> list[str]:
    text = (DEPLOY / "scanning" / name).read_text(encoding="utf-8")
    if name.endswith(".toml"):
        return [rule["regex"] for rule in tomllib.loads(text)["rules"]]
    return [one for detector in yaml.safe_load(text)["detectors"] for one in detector["regex"].values()]


def keywords(name: str) -> list[str]:
    text = (DEPLOY / "scanning" / name).read_text(encoding="utf-8")
    kinds = tomllib.loads(text)["rules"] if name.endswith(".toml") else yaml.safe_load(text)["detectors"]
    return [one for kind in kinds for one in kind["keywords"]]


@pytest.mark.parametrize("name", ["gitleaks.toml", "trufflehog.yaml"])
def test_the_expressions_find_credentials_in_the_syntax_of_go(name: str, tmp_path: Path) -> None:
    (tmp_path / "try.go").write_text(TRY)
    asked = json.dumps({"Expressions": expressions(name), "Texts": [*FOUND, *PASSED]})
    done = subprocess.run(
        [program("go"), "run", "try.go"], input=asked, capture_output=True, text=True, cwd=tmp_path, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [True] * len(FOUND) + [False] * len(PASSED)
    # The scanners look at a text only when a keyword is in it.
    assert all(any(word in text for word in keywords(name)) for text in FOUND)


def test_the_expression_for_keys_is_that_of_the_library() -> None:
    assert expressions("gitleaks.toml")[0] == SCAN_PATTERN
    assert expressions("trufflehog.yaml")[0] == SCAN_PATTERN.replace(r"\b", r"\b(", 1)[: -len(r"\b")] + r")\b"


def test_the_form_for_github_has_an_expression_and_an_example_that_fit() -> None:
    page = (ROOT / "docs" / "scanning.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([^|]+) \| `([^`]+)`[^|]*\|$", page, re.MULTILINE))
    example = rows["Example that is whole"]
    assert re.fullmatch(rows["Regular expression"], example)
    assert tell(example).checksum


def run(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder), **environment}
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, cwd=folder, env=variables, timeout=60
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose second commit adds a key, and whose third removes it."""
    git = "git -c user.name=ada -c user.email=ada@example.com"
    script = f"git init -q . && echo clean > a && git add . && {git} commit -qm 1 && git tag one"
    script += f" && echo {KEY} > b && git add . && {git} commit -qm 2 && git tag two"
    script += f" && git rm -q b && {git} commit -qm 3 && git tag three"
    done = run(script, tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def step() -> Any:
    action = yaml.safe_load((DEPLOY / "github-action" / "action.yml").read_text(encoding="utf-8"))
    return action["runs"]["steps"][1]["run"]


@pytest.mark.parametrize(
    ("commits", "code"), [("", 0), ("one..two", 3), ("one..three", 3), ("two..three", 0), ("no..such", 128)]
)
def test_the_step_for_github_fails_when_a_commit_adds_a_key(checkout: Path, commits: str, code: int) -> None:
    done = run(step(), checkout, RANGE=commits)
    assert done.returncode == code, done.stdout + done.stderr
    assert KEY not in done.stdout + done.stderr


def test_the_hook_for_pre_commit_runs_a_command_that_finds_a_key(checkout: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert run(f"{hook['entry']} a", checkout).returncode == 0
    (checkout / "c").write_text(KEY)
    assert run(f"{hook['entry']} a c", checkout).returncode == 3
    assert hook["id"] in (ROOT / "docs" / "scanning.md").read_text(encoding="utf-8")

"""What pyproject.toml promises about dependencies is what is tested."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BARE_INSTALL_MAX = 12
REQUIREMENT = re.compile(r"([a-z0-9-]+)(?:\[[^]]*])?>=([0-9.]+)")


def declared() -> dict[str, str]:
    """Give the lower bound of every direct dependency, extras included."""
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    lines = [line for line in PROJECT["dependencies"] + extras if not line.startswith("tokenry")]
    matches = [REQUIREMENT.match(line) for line in lines]
    assert all(matches), f"every dependency needs a lower bound: {lines}"
    return {match[1]: match[2] for match in matches if match}


def installed_by(name: str, seen: set[str]) -> set[str]:
    """Follow what a plain install of a package brings with it, extras aside."""
    seen.add(name)
    for line in importlib.metadata.requires(name) or []:
        found = re.match(r"[A-Za-z0-9._-]+", line)
        if found and "extra ==" not in line and "python_version <" not in line:
            package = re.sub(r"[-_.]+", "-", found[0]).lower()
            if package not in seen:
                installed_by(package, seen)
    return seen


@pytest.mark.parametrize(("name", "bound"), declared().items())
def test_the_lowest_leg_tests_the_lower_bound(name: str, bound: str) -> None:
    pinned = re.search(rf"^{re.escape(name)}(?:\[[^]]*])?==([0-9.]+)", lowest_pins(), re.MULTILINE)
    assert pinned is not None, f"{name} is not in tests/lowest.txt: make lock"
    assert pinned[1].startswith(bound), f"{name}>={bound}, but tests/lowest.txt has {pinned[1]}: make lock"


def test_a_bare_install_is_small() -> None:
    packages = installed_by("tokenry", set())
    assert len(packages) <= BARE_INSTALL_MAX, sorted(packages)


def test_lock_files_name_no_private_registry() -> None:
    hosts = set(re.findall(r"https?://([^/\"\s]+)", (ROOT / "uv.lock").read_text() + lowest_pins()))
    assert hosts <= {"pypi.org", "files.pythonhosted.org"}


def lowest_pins() -> str:
    return (ROOT / "tests" / "lowest.txt").read_text(encoding="utf-8")


def test_the_extra_of_each_framework_brings_the_commands_of_its_page() -> None:
    extras = PROJECT["optional-dependencies"]
    assert [one for one in ("aiohttp", "django", "fastapi", "flask", "mcp") if "tokenry[cli]" not in extras[one]] == []

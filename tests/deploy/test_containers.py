"""What `deploy/` has for Compose and Kubernetes names settings, secrets and values that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.deploy.proxies import DEPLOY

CHART = DEPLOY / "helm" / "tokenry"
REFERENCE = (DEPLOY.parent / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
SETTINGS = {name.upper() for name in re.findall(r"`(\w+)`", REFERENCE)}
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
TEMPLATES = "\n".join(path.read_text(encoding="utf-8") for path in sorted((CHART / "templates").iterdir()))


def test_every_variable_is_a_setting() -> None:
    named = set(re.findall(r"TOKENRY_[A-Z_]+", TEMPLATES)) | set(VALUES["settings"])
    named |= set(COMPOSE["services"]["tokenry"]["environment"])
    assert len(named) > 5
    assert {name.removeprefix("TOKENRY_").removesuffix("_FILE") for name in named} <= SETTINGS


def test_every_secret_network_and_volume_of_compose_is_declared() -> None:
    for service in COMPOSE["services"].values():
        assert set(service["secrets"]) <= set(COMPOSE["secrets"])
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        assert {volume.partition(":")[0] for volume in service["volumes"]} <= set(COMPOSE["volumes"])
        files = [value for name, value in service["environment"].items() if name.endswith("_FILE")]
        assert {file.removeprefix("/run/secrets/") for file in files} == set(service["secrets"])


def paths(values: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, value in values.items():
        yield f"{above}{name}"
        if isinstance(value, dict):
            yield from paths(value, f"{above}{name}.")


def test_the_chart_uses_each_of_its_values_and_no_other() -> None:
    used = set(re.findall(r"\.Values\.([\w.]+)", TEMPLATES))
    assert used <= set(paths(VALUES))
    assert {name.partition(".")[0] for name in used} == set(VALUES)


def test_the_recipes_for_gateways_are_whole() -> None:
    page = (DEPLOY.parent / "docs" / "deploying.md").read_text(encoding="utf-8")
    recipes = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(recipes) == 3
    for recipe in recipes:
        assert all(yaml.safe_load_all(recipe))
        for name in ("key-id", "owner", "tenant", "scopes", "session"):
            assert f"x-auth-{name}" in recipe.lower()

"""Every metric that `deploy/monitoring` names is there in the answer of a running server."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator

import pytest
import yaml

from tests.deploy.proxies import DEPLOY
from tests.servers.postgres import Postgres
from tests.servers.serving import Serving
from tokenry.config import fresh_keyring, write_keyring_file

FOLDER = DEPLOY / "monitoring"
OF_PROMETHEUS = {"up"}


def rules() -> list[dict[str, str]]:
    (group,) = yaml.safe_load((FOLDER / "prometheus-rules.yml").read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, str]] = group["rules"]
    return found


def panels() -> list[str]:
    dashboard = json.loads((FOLDER / "grafana-dashboard.json").read_text(encoding="utf-8"))
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    yield from panels()


@pytest.fixture(scope="module")
def metrics(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a server on PostgreSQL answers, which has all metrics. Its settings are those of Compose."""
    folder = tmp_path_factory.mktemp("monitoring")
    write_keyring_file(folder / "keyring", fresh_keyring())
    (folder / "database_url").write_text(postgres_server.create_database())
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]["tokenry"]
    environment = {
        name: value.replace("/run/secrets", str(folder)).replace("/var/lib/tokenry", str(folder))
        for name, value in service["environment"].items()
    }
    server = Serving(folder, environment=environment)
    try:
        with urllib.request.urlopen(server.url + "/metrics", timeout=60) as answer:
            text: str = answer.read().decode()
    finally:
        server.end()
    assert (folder / "journal").exists()
    return text


def test_each_metric_exists(metrics: str) -> None:
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", metrics, re.MULTILINE))
    there = set(kinds)
    named = {name for text in expressions() for name in re.findall(r"\b((?:tokenry|process)_\w+|up)\{", text)}
    assert len(named) > 15
    assert named - OF_PROMETHEUS <= there


def test_counters_are_read_as_rates_and_nothing_else_is(metrics: str) -> None:
    for text in expressions():
        for name in re.findall(r"\b(?:tokenry|process)_\w+(?=\{)", text):
            is_rate = re.search(rf"(?:rate|increase)\({name}\b", text) is not None
            assert is_rate == name.endswith("_total"), text


def test_each_alert_says_what_to_do() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    assert len(alerts) > 8
    for alert in alerts:
        annotations = alert["annotations"]
        assert isinstance(annotations, dict)
        assert annotations["summary"]
        assert annotations["action"]

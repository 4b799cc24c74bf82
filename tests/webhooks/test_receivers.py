"""Receivers that nobody here wrote verify what is sent."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import standardwebhooks

from tests.api.oauth.conftest import CLIENTS, NODE
from tests.core.test_webhooks import EVENT, NEW, OLD, sent


def in_node(secret: str, body: bytes, headers: dict[str, str]) -> Any:
    asked = {"secret": secret, "body": body.decode(), "headers": headers}
    command = [*NODE, str(CLIENTS / "webhooks.mjs")]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=60)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("secret", [OLD, NEW], ids=["old", "new"])
def test_the_packages_of_npm_and_pypi_verify_with_either_secret_of_a_rotation(secret: Any) -> None:
    body, headers = sent(NEW, OLD, include="object")
    assert in_node(secret.text, body, headers) == {"type": EVENT.type}
    assert standardwebhooks.Webhook(secret.text).verify(body, headers)["type"] == EVENT.type


def test_they_refuse_what_was_signed_with_another_secret() -> None:
    body, headers = sent(NEW)
    assert "error" in in_node(OLD.text, body, headers)

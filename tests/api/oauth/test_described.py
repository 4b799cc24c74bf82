"""The OpenAPI document tells the truth about the OAuth endpoints."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from tests.servers.serving import Serving

ENDPOINTS = ["oauth.token", "oauth.introspect", "oauth.revoke", "oauth.jwks", "oauth.metadata"]


@lru_cache(maxsize=1)
def _operations(url: str) -> dict[str, Any]:
    found = [result.ok() for result in schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations()]
    return {operation.definition.raw["operationId"]: operation for operation in found}


@pytest.mark.parametrize("id", ENDPOINTS)
def test_every_endpoint_answers_as_the_document_says(server: Serving, id: str) -> None:
    headers = {"Authorization": f"Bearer {server.operator_key}"} if id == "oauth.introspect" else {}

    @settings(
        max_examples=10,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=_operations(server.url)[id].as_strategy())
    def holds(case: Any) -> None:
        # That a text is a token is no promise of the document's; a client is authenticated by its body, too.
        case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance, ignored_auth])

    holds()

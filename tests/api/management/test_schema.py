"""The OpenAPI document tells the truth: schemathesis sends what it allows and what it forbids."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.api.management.conftest import Api
from tokenry import Settings, Tokenry
from tokenry.api.management import management
from tokenry.api.policy import POLICY
from tokenry.api.settings import ServerSettings
from tokenry.installation import make_operator_key

EXAMPLES = 10

# Ids that exist, so that what is generated reaches the rooms and does not stop at their doors.
SELF = ("self.revoke", "self.rotate")


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """Give one installation in memory for all examples."""
    with Tokenry("sqlite://", settings=Settings(background=False)) as tk:
        operator = str(make_operator_key(tk).secret)
        tk.owners.put("ada")
        yield Api(tk, management(tk, ServerSettings()), operator)


@lru_cache(maxsize=1)
def _operations(app: Any) -> dict[str, Any]:
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    found = [result.ok() for result in schema.get_all_operations()]
    return {operation.definition.raw["operationId"]: operation for operation in found}


@pytest.mark.parametrize("id", sorted(set(POLICY) - set(SELF)))
def test_every_operation_answers_as_the_document_says(api: Api, id: str) -> None:
    """Status, content type, body, refusal of what is forbidden, authentication: every check but one.

    That values which each fit their schema are accepted together is no promise: a cursor is opaque, an address list
    is no regular expression, and a default expiry lies below the maximum.
    """
    headers = {"Authorization": f"Bearer {api.operator}"}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=_operations(api.app)[id].as_strategy())
    def check(case: Any) -> None:
        case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

    check()


def test_every_operation_has_a_summary_a_security_scheme_and_its_problems(api: Api) -> None:
    document = api.app.openapi()
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["summary"]
            assert operation["security"] == [{"bearer": []}]
            assert {"401", "403", "404", "422", "429", "503"} <= set(operation["responses"])
            for status, answer in operation["responses"].items():
                if status[0] in "45":
                    assert list(answer["content"]) == ["application/problem+json"]

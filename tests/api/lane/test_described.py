"""The OpenAPI document tells the truth about the hot routes."""

from functools import lru_cache
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from .answer import read
from .conftest import Place, Way, run
from .requests import request
from .wire import talk


@lru_cache(maxsize=1)
def _operations(app: Any) -> dict[str, Any]:
    found = [result.ok() for result in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()]
    return {operation.definition.raw["operationId"]: operation for operation in found}


@pytest.mark.parametrize("id", ["verify", "verify.batch", "auth"])
def test_the_hot_routes_answer_as_the_document_says(place: Place, plain: Way, id: str) -> None:
    @settings(
        max_examples=30,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=_operations(plain.app)[id].as_strategy())
    def holds(case: Any) -> None:
        key = place.key if id == "auth" else place.operator
        response = case.call(headers={"Authorization": f"Bearer {key}"})
        # That texts which fit are scopes or addresses is no promise of the document's.
        case.validate_response(
            response, headers={"Authorization": f"Bearer {key}"}, excluded_checks=[positive_data_acceptance]
        )

    holds()


def test_the_reference_shows_them(place: Place, lane: Way) -> None:
    answers, _ = run(talk(lane.served, lane.protocol, lane.app, [request("GET", "/docs")]))
    [answer] = read(answers)
    assert answer.status == 200
    assert "/v1/verify/batch" in answer.body.decode()
    assert "X-Auth-Require-Scopes" in answer.body.decode()

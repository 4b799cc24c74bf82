"""Requests whose signatures every client judges alike."""

import json
from pathlib import Path
from typing import Any

import pytest

from tokenry.webhooks import BadSignature, verify

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "webhooks.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["why"])
def test_a_signature_is_right_or_wrong_as_the_vector_says(vector: dict[str, Any]) -> None:
    try:
        verify(vector["body"], vector["headers"], vector["secrets"], now=vector["now"])
    except BadSignature:
        assert not vector["valid"]
    else:
        assert vector["valid"]

"""Every face takes the same media types for JSON."""

from __future__ import annotations

import pytest

from tokenry.core.media import is_json

JSON = [
    "application/json",
    "Application/JSON",
    " application/json ; charset=utf-8",
    "application/problem+json",
    "application/x+json",
    "application/vnd.api+json;v=1",
]
OTHER = [
    "",
    "json",
    "text/json",
    "text/plain",
    "text/plain; application/json",
    "application/jsonx",
    "application/+json",
    "application/json, text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=+json",
]


@pytest.mark.parametrize("text", JSON)
def test_json_is_known_in_every_spelling(text: str) -> None:
    assert is_json(text)
    assert is_json(text.encode())


@pytest.mark.parametrize("text", OTHER)
def test_anything_else_is_no_json(text: str) -> None:
    assert not is_json(text)
    assert not is_json(text.encode())
    assert not is_json(None)

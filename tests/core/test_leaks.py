"""The place where a credential was found comes from strangers: it is kept without what is secret in it."""

from __future__ import annotations

import pytest

from tokenry.core.errors import FieldError
from tokenry.core.leaks import read_found_at


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://github.com/o/r/blob/12345600b9cbe38a219f39a9941c9319b600c002/foo/bar.txt#L5", None),
        ("src/settings.py:12", None),
        ("", None),
        ("https://ada:pass@x.example/a", "https://x.example/a"),
        ("https://x.example/a?token=hunter2&b#c", "https://x.example/a#c"),
        ("//ada@x.example/a?b", "//x.example/a"),
        ("https://[broken/a?token=hunter2", "https://[broken/a"),
        ("a\r\nSet-Cookie: b\0\u202e", "aSet-Cookie: b"),
        ("x " * 400, ("x " * 250) + "[hidden]"),
        ("https://x.example/eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", "https://x.example/[hidden]"),
    ],
)
def test_a_place_is_kept_without_secrets(given: str, kept: str | None) -> None:
    errors: list[FieldError] = []
    assert read_found_at(given, errors) == (given if kept is None else kept)
    assert not errors


def test_a_place_of_any_length_costs_little() -> None:
    assert len(read_found_at("https://x.example/" + "a/?" * 1_000_000, [])) <= 510

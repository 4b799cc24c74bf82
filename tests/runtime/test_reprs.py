"""Rows that carry digests do not show them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tokenry.core.grant import Row
from tokenry.core.ports import Answer, Pepper, SecretRow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HIDDEN = b"hidden"


@pytest.mark.parametrize(
    "row",
    [
        SecretRow("kid", "key_1", HIDDEN, "1", "1", NOW),
        Pepper("kid", HIDDEN, HIDDEN, "1"),
        Answer("arguments", "1", HIDDEN, "answer", NOW),
        Row(*["kid", HIDDEN, "1", None, "key_1", "ten_1", *[""] * 16]),  # type: ignore[arg-type]
    ],
    ids=lambda row: type(row).__name__,
)
def test_a_row_does_not_show_what_is_hidden(row: object) -> None:
    assert "hidden" not in repr(row)
    assert "hidden" not in f"{row}"

"""Lengths and moments as people write them."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from tokenry.cli.lengths import lasting, length, length_text, moment, past, when


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("90m", timedelta(minutes=90)),
        ("45s", timedelta(seconds=45)),
        ("2w", timedelta(days=14)),
        ("1d12h", timedelta(hours=36)),
        ("0s", timedelta(0)),
        (" 1H ", timedelta(hours=1)),
    ],
)
def test_a_length_is_read(text: str, expected: timedelta) -> None:
    assert length(text) == expected


@pytest.mark.parametrize(
    "text", ["", "d", "30", "-1d", "1.5h", "1d 12h", "30 days", "never", "٣d", "9" * 13 + "d", "9" * 12 + "w"]
)
def test_what_is_not_a_length_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        length(text)


def test_never_and_none_are_told_from_a_length_and_a_moment() -> None:
    assert lasting("never").value is None
    assert lasting("1d").value == timedelta(days=1)
    assert when("none").value is None


def test_a_day_begins_in_utc_and_a_moment_needs_its_zone() -> None:
    assert moment("2026-12-31") == datetime(2026, 12, 31, tzinfo=UTC)
    assert moment("2026-12-31T18:00:00+02:00") == datetime(2026, 12, 31, 16, tzinfo=UTC)
    for text in ("2026-12-31T18:00:00", "yesterday", "31.12.2026"):
        with pytest.raises(typer.BadParameter):
            moment(text)


def test_a_length_may_mean_so_long_ago() -> None:
    assert abs(datetime.now(UTC) - timedelta(days=90) - past("90d")) < timedelta(minutes=1)
    with pytest.raises(typer.BadParameter):
        past("999999d")


def test_a_length_is_told_in_two_units() -> None:
    assert length_text(timedelta(days=89, hours=23, minutes=59)) == "89d 23h"
    assert length_text(timedelta(seconds=3600)) == "1h"
    assert length_text(timedelta(0)) == "0s"

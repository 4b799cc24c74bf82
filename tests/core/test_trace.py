"""A `traceparent` is read as W3C Trace Context says, and a malformed one is ignored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenry.core.trace import Trace, read_trace

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
WHOLE = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("field", "is_sampled"),
    [
        (WHOLE, True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-02", False),
        (f"00-{TRACE}-{SPAN}-03", True),
    ],
)
def test_trace_span_and_flag_are_read(field: str, is_sampled: bool) -> None:
    assert read_trace(field) == Trace(TRACE, SPAN, is_sampled)


@pytest.mark.parametrize("field", [f"cc-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-what the future holds"])
def test_a_later_version_is_read_as_far_as_this_one_goes(field: str) -> None:
    assert read_trace(field) == Trace(TRACE, SPAN, True)


@pytest.mark.parametrize(
    "field",
    [
        *(None, "", b"", 7, WHOLE.encode(), WHOLE.upper(), f" {WHOLE}", f"{WHOLE} ", f"{WHOLE}\n", WHOLE[:-1]),
        *(f"{WHOLE}0", f"{WHOLE}-", f"{WHOLE}-00", f"ff-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01.more"),
        *(f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-{SPAN}-0g", f"00_{TRACE}_{SPAN}_01"),
        *(f"00-{TRACE[:-1]}-{SPAN}-01", f"00-{TRACE}0-{SPAN}-01", f"0-{TRACE}-{SPAN}-01", f"{WHOLE},{WHOLE}"),
        WHOLE.replace("4", "٤"),
    ],
)
def test_a_malformed_one_is_ignored(field: object) -> None:
    assert read_trace(field) is None


@given(st.text())
def test_no_text_raises(text: str) -> None:
    read_trace(text)
    read_trace(WHOLE + text)

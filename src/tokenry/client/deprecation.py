"""Warns once about a deprecated operation."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime

_log = logging.getLogger("tokenry.client")
# A date of a structured field (RFC 9651). More than ten digits would be a year that a datetime cannot hold.
_DATE = re.compile(r"@([0-9]{1,10})")
_warned: set[str] = set()


def tell(operation: str, headers: Mapping[str, str]) -> None:
    """Log a warning, once in a process, if an answer says that its operation is deprecated (RFC 9745, RFC 8594)."""
    found = headers.get("deprecation")
    if found is None or operation in _warned:
        return
    _warned.add(operation)
    date = _DATE.fullmatch(found.strip())
    since = f" since {datetime.fromtimestamp(int(date[1]), UTC):%Y-%m-%d}" if date else ""
    sunset = headers.get("sunset", "")
    until = f"; it may not be answered any more after {sunset}" if sunset.isprintable() and sunset else ""
    _log.warning("%s is deprecated%s%s. The reference of the server (/docs) says what to use", operation, since, until)

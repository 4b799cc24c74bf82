"""Redacts everything that looks like a credential, of any issuer, for logs.

Every pattern begins with a literal or at a boundary, so that a hostile text costs no more than its length.
"""

from __future__ import annotations

import re

from tokenry.edge import HIDDEN, unrepeated

_FIELDS = re.compile(
    r"(?i:\b(?:authorization|(?:set-)?cookie)['\"]?\s*[:=]\s*)[^\r\n]+"
    r"|(?i:\b(?:x-api-key|x-api-token|password|secret)['\"]?\s*[:=]\s*)['\"]?[^\s'\",;&]+"
    r"|(?i:\b(?:bearer|basic|token) )[^\s'\",;]{8,}"
    # The user of a URL ends at the first colon: one that may hold further colons is tried at each of them.
    r"|(?<=://)[^\s/@:]*:[^\s/]*(?=@)"
    r"|tokenry-keyring\s[^\0]*"
)


def redacted(text: str) -> str:
    """Return a text without anything that looks like a credential, of any issuer, for logs."""
    return _FIELDS.sub(HIDDEN, unrepeated(text))

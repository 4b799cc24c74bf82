"""Texts without credentials, for logs and for answers that repeat what was sent.

Every pattern begins with a literal or at a boundary, so that a hostile text costs no more than its length.
"""

from __future__ import annotations

import re

HIDDEN = "[hidden]"
_KEY = r"_[0-9][0-9A-Za-z]{40,}"  # ours, whole, mistyped or cut; the prefix stays
_JWT = r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)+"
_BARE = r"(?<![0-9A-Za-z])[0-9A-Za-z]{65,}"  # ours without its prefix, which is no secret; longer than an id may be
_BARE_MIN = 65
_CREDENTIALS = re.compile(f"{_KEY}|{_JWT}|{_BARE}")
_FIELDS = re.compile(
    r"(?i:\b(?:authorization|(?:set-)?cookie)['\"]?\s*[:=]\s*)[^\r\n]+"
    r"|(?i:\b(?:x-api-key|x-api-token|password|secret)['\"]?\s*[:=]\s*)['\"]?[^\s'\",;&]+"
    r"|(?i:\b(?:bearer|basic|token) )[^\s'\",;]{8,}"
    r"|(?<=://)[^\s/@]*:[^\s/]*(?=@)"  # the user and the password of a URL
    r"|tokenry-keyring\s[^\0]*"
)


def unrepeated(text: str) -> str:
    """Return a text without our keys and tokens, whatever it repeats of what a client has sent."""
    if len(text) < _BARE_MIN and "_" not in text and "eyJ" not in text:
        return text
    return _CREDENTIALS.sub(HIDDEN, text)


def redacted(text: str) -> str:
    """Return a text without anything in it that looks like a credential of anybody, for logs."""
    return _FIELDS.sub(HIDDEN, unrepeated(text))

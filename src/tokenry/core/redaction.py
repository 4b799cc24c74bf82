"""Credentials in texts: the patterns that find them, so that errors, answers and logs do not repeat one.

Every pattern begins with a literal or at a boundary, so that a hostile text costs no more than its length.
"""

from __future__ import annotations

import re

HIDDEN = "[hidden]"
# One of our keys or refresh tokens: whole, mistyped or cut. Its prefix stays visible.
_KEY = r"_[0-9][0-9A-Za-z]{40,}"
_JWT = r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)+"
# One of our keys without its prefix. No id is that long.
_BARE = r"(?<![0-9A-Za-z])[0-9A-Za-z]{65,}"
_BARE_MIN = 65
# A keyring as its file, as an environment variable, or as `repr` writes it. The header alone is no secret.
_KEYRING = r"tokenry-keyring[ \t]+[0-9]+(?:\s|;|\\n)[^\0]*"
_WEBHOOK = r"\bwhsec_[0-9A-Za-z+/]{20,}=*"
_CREDENTIALS = re.compile(f"{_KEY}|{_JWT}|{_BARE}|{_KEYRING}|{_WEBHOOK}")
# The length from which a word of letters and digits may be a secret of somebody else's make.
_WORD_MIN = 32
_WORD = re.compile(rf"[0-9A-Za-z+/=_-]{{{_WORD_MIN},}}")
_WORD_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/=_-"
_HEX = re.compile(r"[0-9a-f]+")


def unrepeated(text: str) -> str:
    """Return a text without our keys, tokens and keyrings, whatever it repeats of what a client has sent."""
    if len(text) < _BARE_MIN and "_" not in text and "eyJ" not in text and "keyring" not in text:
        return text
    return _CREDENTIALS.sub(HIDDEN, text)


def without_secrets(text: str) -> str:
    """Return a text without credentials, and without any long word that looks random, as other secrets do."""
    text = unrepeated(text)
    return _WORD.sub(_hidden_if_random, text) if len(text) >= _WORD_MIN else text


def cut(text: str, most: int) -> str:
    """Return the beginning of a text. The word that the cut divides is hidden: no pattern finds half a secret."""
    return text if len(text) <= most else text[:most].rstrip(_WORD_LETTERS) + HIDDEN


def _hidden_if_random(word: re.Match[str]) -> str:
    found = word[0]
    is_mixed = any(map(str.isdigit, found)) and any(map(str.isupper, found)) and any(map(str.islower, found))
    return HIDDEN if is_mixed or _HEX.fullmatch(found) else found

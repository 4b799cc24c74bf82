"""The two colours of a page, and whether text in them can be read (WCAG 2.2, contrast of 4.5)."""

from __future__ import annotations

import re
from typing import Final

from ..core.errors import ConfigError, shown

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_CONTRAST: Final = 4.5
_BACKS: Final = {"light": ("#f7f8fa", "#ffffff"), "dark": ("#12161b", "#191f26")}
"""What lies behind a colour in each mode: the page and its cards, as `web/keys/style.css` has them."""


def check_colour(colour: object, mode: str) -> str:
    """Return a colour as `#rrggbb`; raise ConfigError when it cannot be read on the page of a mode."""
    if not isinstance(colour, str) or not _HEX.fullmatch(colour):
        raise ConfigError(f"colours: {shown(str(colour))} is no colour: write it as '#1f5f8b'")
    least = min(contrast(colour, back) for back in _BACKS[mode])
    if least < _CONTRAST:
        better = _readable(colour, mode)
        raise ConfigError(
            f"colours: {shown(colour)} has a contrast of {least:.1f} on the {mode} page, and text needs {_CONTRAST}: "
            f"choose a {'darker' if mode == 'light' else 'lighter'} one, such as {shown(better)}"
        )
    return colour.lower()


def on_colour(colour: str) -> str:
    """Return the colour of text on a colour: black or white, whichever is read more easily."""
    return max("#000000", "#ffffff", key=lambda text: contrast(colour, text))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _readable(colour: str, mode: str) -> str:
    """Return the nearest shade of a colour that can be read."""
    target = 0 if mode == "light" else 255
    parts = _parts(colour)
    for share in range(1, 101):
        shade = "#" + "".join(f"{round(part + (target - part) * share / 100):02x}" for part in parts)
        if min(contrast(shade, back) for back in _BACKS[mode]) >= _CONTRAST:
            return shade
    raise AssertionError("black and white can be read")


def _luminance(colour: str) -> float:
    linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in _parts(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _parts(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]

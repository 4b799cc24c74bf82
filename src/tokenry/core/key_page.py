"""The settings of a key page: its look, its permissions, and the contrast of its colours (WCAG 2.2). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from .errors import FieldError, shown
from .fields import HOLDS_CREDENTIAL
from .secret import holds_credential

PERMISSIONS: Final = ("make", "rotate", "revoke")
"""The permissions of owners for their keys on the page. Owners always see their keys."""
LANGUAGES: Final = ("en", "de")
"""The languages that the page speaks by itself."""
KEYS_MAX: Final = 1000
TEXT_MAX: Final = 500
_TITLE_MAX: Final = 100
_TEXTS_MAX: Final = 500
_NAME = re.compile(r"[a-z0-9_.:*-]{1,80}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_CONTRAST: Final = 4.5
_BACKS: Final = {"light": ("#f7f8fa", "#ffffff"), "dark": ("#12161b", "#191f26")}
"""The backgrounds behind a colour in each mode: the page and its cards, as in `web/keys/style.css`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPageSettings:
    """The look, the texts and the permissions of a tenant's key page.

    `colours` are the colour of the light page and that of the dark page. `texts` are by language and name.
    """

    tenant: str
    texts: Mapping[str, Mapping[str, str]]
    title: str = ""
    logo: str | None = None
    colours: tuple[str, ...] | None = None
    language: str | None = None
    permissions: tuple[str, ...] = PERMISSIONS
    keys_max: int = 100
    updated_at: datetime | None = None


def read_settings(given: Mapping[str, Any], errors: list[FieldError]) -> dict[str, Any]:
    """Return the settings of a page as they are kept, and add what is wrong with them to `errors`."""

    def wrong(name: str, code: str, message: str) -> None:
        errors.append(FieldError(name, code, message))

    title = given["title"]
    if not isinstance(title, str) or len(title) > _TITLE_MAX or not (title == "" or title.isprintable()):
        wrong("title", "bad_title", f"the title is a line of at most {_TITLE_MAX} characters")
    if message := logo_mistake(given["logo"]):
        wrong("logo", "bad_logo", message)
    if message := colours_mistake(given["colours"]):
        wrong("colours", "low_contrast" if "contrast" in message else "bad_colours", message)
    if message := texts_mistake(given["texts"]):
        wrong("texts", "bad_texts", message)
    elif (language := given["language"]) is not None and language not in {*LANGUAGES, *given["texts"]}:
        wrong("language", "no_texts", f"{shown(str(language))} has no texts: add them to `texts`")
    named = [("title", title), ("logo", given["logo"]), ("language", given["language"])]
    if not any(error.field == "texts" for error in errors):
        named += [("texts", f"{name} {text}") for of in given["texts"].values() for name, text in of.items()]
    for name, text in named:
        if isinstance(text, str) and holds_credential(text):
            wrong(name, "holds_credential", HOLDS_CREDENTIAL)
    if message := permissions_mistake(given["permissions"]):
        wrong("permissions", "bad_permissions", message)
    most = given["keys_max"]
    if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= KEYS_MAX:
        wrong("keys_max", "out_of_range", f"keys_max is how many keys an owner may have, from 1 to {KEYS_MAX}")
    if errors:
        return {}
    colours = given["colours"]
    return {
        **given,
        "colours": None if colours is None else tuple(colour.lower() for colour in colours),
        "permissions": tuple(name for name in PERMISSIONS if name in given["permissions"]),
    }


def logo_mistake(logo: object) -> str | None:
    """Return the mistake in the path of a logo, or None."""
    is_path = isinstance(logo, str) and len(logo) <= TEXT_MAX and logo.isprintable() and "\\" not in logo
    if logo is None or (is_path and str(logo)[:1] == "/" and str(logo)[:2] != "//" and not urlsplit(str(logo)).netloc):
        return None
    return f"{shown(str(logo))} is no path on this host, such as '/static/logo.svg': the page asks no other host"


def permissions_mistake(permissions: object) -> str | None:
    """Return the mistake in the permissions of owners, or None."""
    if isinstance(permissions, str) or not isinstance(permissions, Sequence) or not {*permissions} <= {*PERMISSIONS}:
        return f"permissions are some of {', '.join(PERMISSIONS)}"
    return None


def texts_mistake(texts: object) -> str | None:
    """Return the first mistake in the texts by language and name, or None."""
    if not isinstance(texts, Mapping) or not all(isinstance(one, Mapping) for one in texts.values()):
        return "texts are a mapping by language, such as {'de': {'title': 'Zugänge'}}"
    for language, named in texts.items():
        if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
            return f"{shown(str(language))} is no language, such as 'de'"
        for name, text in named.items():
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                return f"{shown(str(name))} is no name of a text"
            if not isinstance(text, str) or not 0 < len(text) <= TEXT_MAX:
                return f"{shown(name)} is a text of 1 to {TEXT_MAX} characters"
    if sum(len(named) for named in texts.values()) > _TEXTS_MAX:
        return f"a page has at most {_TEXTS_MAX} texts of its own"
    return None


def colours_mistake(colours: object) -> str | None:
    """Return the mistake in the two colours of a page, with the nearest legible shade, or None."""
    if colours is None:
        return None
    if not isinstance(colours, Sequence) or isinstance(colours, str) or len(colours) != 2:
        return "colours are two: that of the light page and that of the dark one, ('#1f5f8b', '#7db8e0')"
    return _colour_mistake(colours[0], "light") or _colour_mistake(colours[1], "dark")


def _colour_mistake(colour: object, mode: str) -> str | None:
    if not isinstance(colour, str) or not _HEX.fullmatch(colour):
        return f"{shown(str(colour))} is no colour: write it as '#1f5f8b'"
    least = min(contrast(colour, back) for back in _BACKS[mode])
    if least >= _CONTRAST:
        return None
    return (
        f"{shown(colour)} has a contrast of {least:.1f} on the {mode} page, and text needs {_CONTRAST}: "
        f"choose a {'darker' if mode == 'light' else 'lighter'} one, such as {shown(_readable(colour, mode))}"
    )


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

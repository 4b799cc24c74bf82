"""What a host decides about its page: what it offers, how it looks and what it says. Read once, at the start."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, TypeAlias, TypedDict
from urllib.parse import urlsplit

from ..core.errors import ConfigError, FieldError, shown
from ..core.mistakes import name_unknown
from ..core.model import OwnerId
from ..core.scopes import check_list, for_admins, is_operator
from .colours import check_colour, on_colour

Texts: TypeAlias = Mapping[str, Mapping[str, str]]
Offer: TypeAlias = Sequence[str] | Callable[[OwnerId], Sequence[str] | Awaitable[Sequence[str] | None] | None]
"""The scopes that a host offers: the same to everybody, or what a function returns for an owner."""

_SCOPE: Final = "scope:"
"""Texts that begin so say what a scope lets a key do: `scope:read:invoices`."""
_TEXT_MAX: Final = 500


class KeyPageGiven(TypedDict, total=False):
    """The options of a key page."""

    scopes: Offer | None
    tenant: str | None
    title: str
    logo: str | None
    colours: tuple[str, str] | None
    language: str | None
    texts: Texts | None
    sessions: bool
    keys_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPageOptions:
    """The options of a key page, as they were found good."""

    scopes: Offer | None = None
    tenant: str | None = None
    title: str = ""
    logo: str | None = None
    colours: tuple[str, str] | None = None
    language: str | None = None
    texts: Texts | None = None
    sessions: bool = True
    keys_max: int = 100

    def look(self) -> dict[str, Any]:
        """Return what the page is told of its looks and words."""
        light, dark = self.colours or (None, None)
        colours = [light, on_colour(light), dark, on_colour(dark)] if light and dark else None
        document = {"title": self.title, "logo": self.logo, "colours": colours, "language": self.language}
        return {**document, "texts": self.texts or {}, "sessions": self.sessions}


def read_key_page(given: Mapping[str, Any]) -> KeyPageOptions:
    """Return the options of a page; raise ConfigError."""
    errors: list[FieldError] = []
    name_unknown(sorted(given), KeyPageGiven.__annotations__, errors, what="an option of a key page")
    if errors:
        raise ConfigError(f"{errors[0].field} {errors[0].message}")
    found = dict(given)
    if not callable(found.get("scopes")):
        found["scopes"] = read_offer(found.get("scopes"))
    found["logo"] = _logo(found.get("logo"))
    found["colours"] = _colours(found.get("colours"))
    found["texts"] = _texts(found.get("texts") or {})
    language = found.get("language")
    if language is not None and language not in {*all_texts(), *found["texts"]}:
        raise ConfigError(f"language: {shown(str(language))} has no texts: add them to `texts`")
    most = found.get("keys_max", 100)
    if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= 1000:
        raise ConfigError("keys_max is how many keys an owner may have, from 1 to 1000")
    return KeyPageOptions(**found)


def read_offer(scopes: object) -> tuple[str, ...] | None:
    """Return the scopes that a host offers, None for those that the owner's roles hold; raise ConfigError."""
    if scopes is None:
        return None
    errors: list[FieldError] = []
    found = check_list("scopes", scopes, errors)
    if errors:
        raise ConfigError(f"scopes: {errors[0].message}")
    barred = [scope for scope in found if for_admins(scope) or is_operator(scope)]
    if barred:
        raise ConfigError(f"scopes: only administrators grant {shown(barred[0])}: leave it out of the key page")
    return found


def all_texts() -> dict[str, dict[str, str]]:
    """Return every text of the page by language and name."""
    found: dict[str, dict[str, str]] = json.loads(files(__package__).joinpath("static", "texts.json").read_bytes())
    return found


def _logo(logo: object) -> str | None:
    if logo is None:
        return None
    if not isinstance(logo, str) or not logo.startswith("/") or logo.startswith("//") or urlsplit(logo).netloc:
        raise ConfigError(
            f"logo: {shown(str(logo))} is no path on this host, such as '/static/logo.svg': the page asks no other host"
        )
    return logo


def _colours(colours: object) -> tuple[str, str] | None:
    if colours is None:
        return None
    if not isinstance(colours, Sequence) or isinstance(colours, str) or len(colours) != 2:
        raise ConfigError("colours are two: that of the light page and that of the dark one, ('#1f5f8b', '#7db8e0')")
    return check_colour(colours[0], "light"), check_colour(colours[1], "dark")


def _texts(texts: object) -> Texts:
    if not isinstance(texts, Mapping) or not all(isinstance(one, Mapping) for one in texts.values()):
        raise ConfigError("texts are a mapping by language, such as {'de': {'title': 'Zugänge'}}")
    known = all_texts()["en"]
    for language, named in texts.items():
        errors: list[FieldError] = []
        name_unknown(sorted(n for n in named if not n.startswith(_SCOPE)), known, errors, what="a text of the page")
        if errors:
            raise ConfigError(f"texts of {shown(str(language))}: {errors[0].field} {errors[0].message}")
        for name, text in named.items():
            if not isinstance(text, str) or not 0 < len(text) <= _TEXT_MAX:
                raise ConfigError(f"texts: {shown(str(name))} is a text of 1 to {_TEXT_MAX} characters")
    return texts

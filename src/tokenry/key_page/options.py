"""The options of a host for its page: scopes, looks and texts. Read once, at the start.

`core.key_page` says what is allowed, here and for the settings that a tenant keeps. An option that the host does not
give is the tenant's.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, Final, TypeAlias, TypedDict

from ..core.errors import ConfigError, FieldError, shown
from ..core.key_page import PERMISSIONS, KeyPageSettings, on_colour, read_settings
from ..core.mistakes import name_unknown
from ..core.model import OwnerId
from ..core.scopes import check_list, for_admins, is_operator

Texts: TypeAlias = Mapping[str, Mapping[str, str]]
Offer: TypeAlias = Sequence[str] | Callable[[OwnerId], Sequence[str] | Awaitable[Sequence[str] | None] | None]
"""The scopes that a host offers: the same to everybody, or what a function returns for an owner."""

_SCOPE: Final = "scope:"
"""Texts that begin so say what a scope lets a key do: `scope:read:invoices`."""
_KEPT: Final = ("title", "logo", "colours", "language", "texts", "permissions", "keys_max")
"""The options that a tenant keeps settings of."""


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
    permissions: Sequence[str]
    keys_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPageOptions:
    """The validated options of a key page."""

    scopes: Offer | None = None
    tenant: str | None = None
    title: str = ""
    logo: str | None = None
    colours: tuple[str, ...] | None = None
    language: str | None = None
    texts: Texts | None = None
    sessions: bool = True
    permissions: tuple[str, ...] = PERMISSIONS
    keys_max: int = 100
    given: frozenset[str] = frozenset()
    """The names of the options that the host has given."""

    def over(self, settings: KeyPageSettings) -> KeyPageOptions:
        """Return these options, with the settings of the tenant where the host has given none."""
        return replace(self, **{name: getattr(settings, name) for name in _KEPT if name not in self.given})

    def look(self) -> dict[str, Any]:
        """Return the looks and texts for the page."""
        light, dark = self.colours or (None, None)
        colours = [light, on_colour(light), dark, on_colour(dark)] if light and dark else None
        document = {"title": self.title, "logo": self.logo, "colours": colours, "language": self.language}
        may = {"sessions": self.sessions, "permissions": self.permissions}
        return {**document, "texts": self.texts or {}, **may}


def read_key_page(given: Mapping[str, Any]) -> KeyPageOptions:
    """Return the options of a page; raise ConfigError."""
    errors: list[FieldError] = []
    name_unknown(sorted(given), KeyPageGiven.__annotations__, errors, what="an option of a key page")
    if errors:
        raise ConfigError(f"{errors[0].field} {errors[0].message}")
    found = dict(given)
    texts: Any = found.get("texts") or {}
    if not callable(found.get("scopes")):
        found["scopes"] = read_offer(found.get("scopes"))
    kept = {"title": "", "logo": None, "colours": None, "language": None, "permissions": PERMISSIONS, "keys_max": 100}
    found |= read_settings({**kept, **{name: found[name] for name in _KEPT if name in found}, "texts": texts}, errors)
    if errors:
        raise ConfigError(f"{errors[0].field}: {errors[0].message}")
    _name_unknown_texts(texts)
    return KeyPageOptions(**found, given=frozenset(given))


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


def _name_unknown_texts(texts: Texts) -> None:
    known = all_texts()["en"]
    for language, named in texts.items():
        errors: list[FieldError] = []
        name_unknown(sorted(n for n in named if not n.startswith(_SCOPE)), known, errors, what="a text of the page")
        if errors:
            raise ConfigError(f"texts of {shown(str(language))}: {errors[0].field} {errors[0].message}")

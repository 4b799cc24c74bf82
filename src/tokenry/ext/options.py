"""The options of an application, with the same names in every framework."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal, TypedDict

from tokenry.config import SERVER_NAMES, Settings, typed
from tokenry.edge import is_cookie_name, is_origin
from tokenry.types import ConfigError, nearest, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Every option of an extension. Flask and Django read them from their own settings as `TOKENRY_…`."""

    access_cookie: str = "tokenry_access"
    refresh_cookie: str = "tokenry_refresh"
    access_cookie_life: timedelta | None = None
    refresh_cookie_life: timedelta | None = None
    cookie_secure: bool = True
    cookie_samesite: Literal["Lax", "Strict"] = "Lax"
    refresh_path: str = "/auth"
    tenant: str | None = None
    environment: str | None = None
    audience: str | None = None
    allowed_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] | None = None
    failures_max: int = 100
    failures_window: timedelta = timedelta(minutes=15)

    def __post_init__(self) -> None:
        if self.cookie_samesite not in ("Lax", "Strict"):
            raise ConfigError("cookie_samesite must be 'Lax' or 'Strict'")
        if not self.refresh_path.startswith("/") or set(self.refresh_path) & set(";,\r\n "):
            raise ConfigError("refresh_path is a path such as /auth")
        for name in ("access_cookie", "refresh_cookie"):
            if not is_cookie_name(getattr(self, name)):
                raise ConfigError(f"{name} must be the name of a cookie, of letters, digits, _, . and -")
        if self.access_cookie == self.refresh_cookie:
            raise ConfigError("access_cookie and refresh_cookie must differ: two cookies of one name are ambiguous")
        for origin in self.allowed_origins:
            if not is_origin(origin):
                raise ConfigError(
                    f"allowed_origins: {shown(origin)} is no origin, which is like https://app.example.com"
                )

    @property
    def access_name(self) -> str:
        """The access cookie's name on the wire."""
        return f"__Host-{self.access_cookie}" if self.cookie_secure else self.access_cookie

    @property
    def refresh_name(self) -> str:
        """The refresh cookie's name on the wire; its path is no root, so it cannot be `__Host-`."""
        return f"__Secure-{self.refresh_cookie}" if self.cookie_secure else self.refresh_cookie


class OptionsGiven(TypedDict, total=False):
    """The same options as an application writes them. A length of time may be a number of seconds."""

    access_cookie: str
    refresh_cookie: str
    access_cookie_life: timedelta | float | None
    refresh_cookie_life: timedelta | float | None
    cookie_secure: bool
    cookie_samesite: Literal["Lax", "Strict"]
    refresh_path: str
    tenant: str | None
    environment: str | None
    audience: str | None
    allowed_origins: Collection[str]
    trusted_proxies: Collection[str] | None
    failures_max: int
    failures_window: timedelta | float


NAMES: Final = tuple(field.name for field in dataclasses.fields(Options))
ENGINE_NAMES: Final = tuple(field.name for field in dataclasses.fields(Settings))
PLACES: Final = ("database_url", "keyring")
_DEFAULTS: Final = {field.name: field.default for field in dataclasses.fields(Options)}
_LENGTHS: Final = ("access_cookie_life", "refresh_cookie_life", "failures_window")
_LISTS: Final = ("allowed_origins", "trusted_proxies")


def read_options(values: Mapping[str, Any], spelled: Callable[[str], str] = str, beside: Iterable[str] = ()) -> Options:
    """Read options by their names. Lengths may be numbers of seconds, and numbers and booleans texts.

    `spelled` writes a name as the framework does, and `beside` are names that the framework reads itself. Raise
    ConfigError for an unknown name and for a value that cannot be read.
    """
    for name in values:
        if name not in NAMES:
            raise ConfigError(_unknown(name, spelled, (*NAMES, *beside)))
    return Options(**{name: _read(name, value) for name, value in values.items()})


def _unknown(name: str, spelled: Callable[[str], str], known: tuple[str, ...]) -> str:
    message = f"{spelled(name)} is no option of this extension"
    near = nearest(name, known)
    if name in ENGINE_NAMES:
        return f"{message} but a setting of the engine: pass Tokenry(settings=Settings({name}=…))"
    if name in SERVER_NAMES:
        return f"{message} but a setting of the server: see docs/reference/settings.md"
    if near:
        return f"{message}: did you mean {spelled(near)}?"
    return f"{message}. Known are: {', '.join(map(spelled, known))}"


def _read(name: str, value: Any) -> Any:
    default = _DEFAULTS[name]
    if value is None and default is None:
        return None
    if name in _LISTS:
        if not isinstance(value, (list, tuple, set, frozenset)) or not all(isinstance(one, str) for one in value):
            raise ConfigError(f"{name} is a list of texts")
        return tuple(value)
    if name in _LENGTHS:
        return typed(name, value, timedelta())
    if isinstance(default, (bool, int)):
        return typed(name, value, default)
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be a text, not {type(value).__name__}")
    return value

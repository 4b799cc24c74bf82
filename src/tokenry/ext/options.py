"""What an application decides about its edge, in every framework by the same names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from tokenry.types import ConfigError


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
        for name in ("allowed_origins", "trusted_proxies"):
            if isinstance(getattr(self, name), str):
                raise ConfigError(f"{name} is a list of texts")

    @property
    def access_name(self) -> str:
        """The access cookie's name on the wire."""
        return f"__Host-{self.access_cookie}" if self.cookie_secure else self.access_cookie

    @property
    def refresh_name(self) -> str:
        """The refresh cookie's name on the wire; its path is no root, so it cannot be `__Host-`."""
        return f"__Secure-{self.refresh_cookie}" if self.cookie_secure else self.refresh_cookie


NAMES = tuple(field.name for field in dataclasses.fields(Options))


def read_options(values: Mapping[str, Any]) -> Options:
    """Read options by their names; lengths may be numbers of seconds, lists lists. Raise ConfigError for others."""
    unknown = sorted(set(values) - set(NAMES))
    if unknown:
        raise ConfigError(f"unknown options: {', '.join(unknown)}. Known are: {', '.join(NAMES)}")
    return Options(**{name: _read(name, value) for name, value in values.items()})


def _read(name: str, value: Any) -> Any:
    if name.endswith(("_life", "_window")) and isinstance(value, (int, float)):
        return timedelta(seconds=value)
    return tuple(value) if isinstance(value, (list, set)) else value

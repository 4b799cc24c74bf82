"""The settings of the server, and their checks. `docs/reference/settings.md` explains each."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tokenry.config import yes_or_no
from tokenry.edge import Proxies, is_cookie_name, is_origin
from tokenry.types import ConfigError, Invalid, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The settings of the server; the settings of the engine are `tokenry.Settings`."""

    host: str = "127.0.0.1"
    port: int = 8000
    unix_socket: Path | None = None
    workers: int = 1
    data_dir: Path = Path("tokenry-data")
    production: bool = False
    lane: bool = True
    trusted_proxies: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    verify_open: bool = False
    auth_tenant: str | None = None
    auth_answers: Literal["standard", "nginx"] = "standard"
    auth_cookie: str = "__Host-tokenry_access"
    connections_max: int = 1000
    failures_max: int = 100
    failures_window_seconds: int = 900
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"
    access_log_share: float = 0.01
    shutdown_seconds: int = 10
    deliver_webhooks: bool = True
    console: bool = True

    def __post_init__(self) -> None:
        wrong = list(_wrong(self))
        if wrong:
            raise ConfigError("; ".join(wrong))

    @property
    def address(self) -> str:
        """Where a client on this machine reaches the server."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104
        scheme = "https" if self.tls_certificate else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"


def server_settings(found: Mapping[str, Any]) -> ServerSettings:
    """Build settings from environment and file; raise ConfigError that names every mistake."""
    kinds = typing.get_type_hints(ServerSettings)
    values, wrong = {}, []
    for name, value in found.items():
        if value == "":  # a template leaves unset values empty
            continue
        try:
            values[name] = _typed(kinds[name], value)
        except ValueError as error:
            wrong.append(f"{name} {error}, not {shown(str(value))}{_kubernetes(str(value))}")
    if wrong:
        raise ConfigError("; ".join(wrong))
    return ServerSettings(**values)


def _kubernetes(value: str) -> str:
    """Explain the variables that Kubernetes makes by itself for a service that is called `tokenry`."""
    return " (Kubernetes sets this by itself: enableServiceLinks: false)" if value.startswith("tcp://") else ""


def _typed(kind: Any, value: object) -> Any:
    """Convert a text, or a value of TOML, to the type of a setting."""
    if kind is bool:
        try:
            return yes_or_no(value)
        except KeyError:
            raise ValueError("must be true or false") from None
    if kind in (int, float):
        try:
            return kind(str(value))
        except ValueError:
            raise ValueError("must be a whole number" if kind is int else "must be a number") from None
    if kind == tuple[str, ...]:
        parts = value if isinstance(value, list) else str(value).split(",")
        return tuple(str(part).strip() for part in parts if str(part).strip())
    if Path in (kind, *typing.get_args(kind)):
        return Path(str(value)).expanduser()
    return str(value)


def _wrong(settings: ServerSettings) -> typing.Iterator[str]:
    """Yield the mistakes that are wrong on every machine."""
    kinds = typing.get_type_hints(ServerSettings)
    for field in dataclasses.fields(settings):
        choices = typing.get_args(kinds[field.name]) if typing.get_origin(kinds[field.name]) is Literal else ()
        if choices and getattr(settings, field.name) not in choices:
            yield f"{field.name} must be one of {', '.join(choices)}"
    for name, least, most in (
        ("port", 0, 65535),
        ("workers", 1, 256),
        ("connections_max", 1, 1_000_000),
        ("failures_max", 1, 1_000_000),
        ("failures_window_seconds", 1, 86_400),
        ("access_log_share", 0, 1),
        ("shutdown_seconds", 1, 600),
    ):
        if not least <= getattr(settings, name) <= most:
            yield f"{name} must be between {least} and {most}"
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        yield "tls_certificate and tls_key belong together: give both, or neither"
    if not is_cookie_name(settings.auth_cookie):
        yield "auth_cookie must be the name of a cookie, of letters, digits, _, . and -"
    try:
        Proxies(settings.trusted_proxies)
    except Invalid as error:
        yield str(error)
    for origin in settings.allowed_origins:
        if not is_origin(origin) or not origin.startswith(("http://", "https://")):
            yield f"allowed_origins: {shown(origin)} is no origin, which is like https://app.example.com"

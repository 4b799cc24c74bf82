"""Checks before the server starts: unknown names, and values that are unsafe in production."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from tokenry.config import Configuration, known_names, shown_path
from tokenry.installation import Installation
from tokenry.types import ConfigError, nearest

from .listening import expired_at, load_certificate
from .settings import ServerSettings

_PASSWORD_MIN = 12
_OTHERS = {"server", "key", "key_file", "complete", "database_url_file", "keyring_file"}
"""Names that commands and files use besides settings."""
_BEGINNING = "TOKENRY_"
_NO_SETTING = "no setting is called so"
_KUBERNETES = re.compile(r"TOKENRY_(SERVICE_|PORT)")
_PLACEHOLDER = re.compile(
    r"^(?:change[-_ ]?(?:me|this|it).*|(?:your|my|the)[-_ ].*|password\d*|secret\d*|example|placeholder|dummy|test\d*|"
    r"todo|tbd|xxx+|\.\.\.|admin|postgres|tokenry|insecure.*|\*+)$|^<.*>$|\$\{[^${}]*\}|\$\([^$()]*\)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem: the setting, and how to fix the problem."""

    setting: str
    message: str

    def __str__(self) -> str:
        return f"{self.setting}: {self.message}"


def check(found: Configuration, settings: ServerSettings, environment: Mapping[str, str]) -> list[Finding]:
    """Return settings that are unknown, missing, placeholders or weak; in production raise ConfigError with all."""
    findings = [*_unknown(environment), *_places(found), *_doors(settings)]
    if settings.production:
        findings += _missing(found)
        if findings:
            summary = "".join(f"\n  {finding}" for finding in findings)
            raise ConfigError(f"these settings are not fit for production, so the server does not start:{summary}")
    return findings


def fits(installation: Installation, settings: ServerSettings) -> None:
    """Raise ConfigError for settings that cannot work on this machine, before anything is created."""
    try:
        load_certificate(settings)
    except OSError as error:  # ssl.SSLError is one, too
        pair = f"{shown_path(str(settings.tls_certificate))} and {shown_path(str(settings.tls_key))}"
        raise ConfigError(f"TLS cannot be spoken with {pair}: {error.strerror or error}") from None


def _unknown(environment: Mapping[str, str]) -> Iterator[Finding]:
    known = {name.upper() for name in (*known_names(), *_OTHERS)}
    for name in sorted(environment):
        named = name.removeprefix(_BEGINNING)
        if name.startswith(_BEGINNING) and named not in known and not _KUBERNETES.match(name):
            near = nearest(named, known)
            yield Finding(name, f"unknown; {f'did you mean {_BEGINNING}{near}?' if near else _NO_SETTING}")


def _places(found: Configuration) -> Iterator[Finding]:
    url = found.database_url or ""
    if _PLACEHOLDER.search(url):
        yield Finding("database_url", "holds a placeholder that was not filled in")
    if found.keyring and _PLACEHOLDER.search(found.keyring):
        yield Finding("keyring", "is a placeholder: make one with `tokenry secrets new --out FILE`")
    password = _password(url)
    if password is None or _PLACEHOLDER.search(url):
        return
    if _PLACEHOLDER.search(password):
        yield Finding("database_url", "its password is a placeholder")
    elif len(password) < _PASSWORD_MIN:
        yield Finding("database_url", f"its password has fewer than {_PASSWORD_MIN} characters")


def _password(url: str) -> str | None:
    try:
        password = urlsplit(url).password
    except ValueError:
        return None
    return unquote(password) if password is not None else None


def _doors(settings: ServerSettings) -> Iterator[Finding]:
    """Check which machines can reach the server, and whether they use TLS."""
    inside = settings.unix_socket is not None or _is_loopback(settings.host)
    if not inside and settings.tls_certificate is None and not settings.trusted_proxies:
        yield Finding(
            "host",
            f"{settings.host or 'every address'} is reached without TLS, where keys can be read on their way: set "
            "tls_certificate and tls_key, or name the proxy that speaks TLS in trusted_proxies",
        )
    if settings.verify_open and not inside:
        yield Finding("verify_open", "whoever reaches the server may ask it about credentials: turn it off")
    for network in settings.trusted_proxies:
        if network.endswith("/0"):
            yield Finding("trusted_proxies", f"{network} trusts everybody's X-Forwarded-For: name your proxies")
    for origin in settings.allowed_origins:
        if origin.startswith("http://") and not _is_loopback(urlsplit(origin).hostname or ""):
            yield Finding("allowed_origins", f"{origin} is not https")
    if settings.log_level == "debug":
        yield Finding("log_level", "debug is for looking for an error")
    if settings.tls_key is not None and settings.tls_key.exists() and settings.tls_key.stat().st_mode & 0o007:
        yield Finding("tls_key", f"others can read {settings.tls_key}: run `chmod 600 {settings.tls_key}`")
    with contextlib.suppress(OSError, ValueError):  # `fits` reports a file that cannot be read
        expired = expired_at(settings.tls_certificate) if settings.tls_certificate is not None else None
        if expired is not None:
            yield Finding("tls_certificate", f"the certificate expired at {expired.isoformat()}: renew it")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _missing(found: Configuration) -> Iterator[Finding]:
    if not found.database_url and "data_dir" not in found.server:
        yield Finding("database_url", "missing: say where the database is, or where it is to be made with data_dir")
    if (found.database_url or "").startswith("postgres") and not found.keyring:
        yield Finding("keyring", "missing: PostgreSQL needs one, from `tokenry secrets new --out FILE`")

"""How an installation is set up: settings, where the database is, and where its keyring comes from."""

from __future__ import annotations

import dataclasses
import logging
import os
import stat
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from .core.errors import ConfigError, shown
from .core.keyring import Keyring, is_keyring_text, new_generation, parse_keyring
from .core.policy import Retention, TokenPolicy
from .core.refresh import Rules
from .runtime.files import sync_folder
from .settings_checks import check_mail, check_retention, check_tokens

_FILE = "tokenry.toml"
_PLACES = ("database_url", "keyring")
SERVER_NAMES = (
    *("host", "port", "unix_socket", "workers", "data_dir", "production", "lane", "trusted_proxies", "allowed_origins"),
    *("verify_open", "auth_tenant", "auth_answers", "auth_cookie", "failures_max", "failures_window_seconds"),
    "connections_max",
    *("tls_certificate", "tls_key", "log_level", "log_format", "access_log_share"),
    *("shutdown_seconds", "deliver_webhooks", "console"),
)
"""Names besides the engine's settings: the server reads them, and a library with the same file ignores them."""
_WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
# Characters that a file of environment variables may leave around a value.
_AROUND = " \t\r\n'\"\ufeff"
# The longest path, or name in it, that errors show although nothing is there: the secret of a keyring is longer.
_SHORT = 32
_SLOW_MS_MAX = 3_600_000
_log = logging.getLogger("tokenry.keyring")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every knob there is. `docs/reference/settings.md` explains each."""

    memory_entries: int = 100_000
    exclusive: bool = False
    background: bool = True
    flush_interval: timedelta = timedelta(seconds=1)
    owner_max_age: timedelta = timedelta(seconds=60)
    limits_when_down: Literal["closed", "open"] = "closed"
    store_timeout: timedelta = timedelta(seconds=5)
    migrate: bool = True
    slow_statement_ms: int = 200
    tracing: bool = False
    worker: bool = False
    webhook_networks: str = ""
    github_keys: str = ""
    smtp_url: str = field(default="", repr=False)
    mail_from: str = ""
    mail_templates: str = ""
    public_url: str = ""
    issuer: str = "urn:tokenry"
    access_life: timedelta = timedelta(minutes=5)
    session_idle_life: timedelta = timedelta(days=7)
    session_life: timedelta = timedelta(days=30)
    refresh_grace: timedelta = timedelta(seconds=10)
    sessions_per_owner: Literal["many", "one"] = "many"
    early_refresh: Literal["allow", "refuse"] = "allow"
    bind_access: bool = False
    algorithm: Literal["ES256", "RS256", "Ed25519", "HS256"] = "ES256"
    shared_secret: str = field(default="", repr=False)
    signing_key_life: timedelta = timedelta(days=90)
    event_retention: timedelta = timedelta(days=90)
    delivery_retention: timedelta = timedelta(days=7)
    usage_hour_retention: timedelta = timedelta(days=35)
    usage_retention: timedelta = timedelta(days=800)
    session_retention: timedelta = timedelta(days=30)
    key_retention: timedelta = timedelta(days=400)
    audit_retention: timedelta = timedelta(days=730)
    journal: str = ""
    journal_on_restore: Literal["replay", "wait"] = "replay"
    journal_retention: timedelta = timedelta(days=400)

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):
            if isinstance(one.default, timedelta) and not isinstance(getattr(self, one.name), timedelta):
                raise ConfigError(f"{one.name} is a timedelta, such as timedelta(seconds=300)")
            if type(one.default) is int and not isinstance(getattr(self, one.name), int):
                raise ConfigError(f"{one.name} is a whole number")
        if self.memory_entries < 0:
            raise ConfigError("memory_entries must be 0 (off) or more")
        if self.limits_when_down not in ("closed", "open"):
            raise ConfigError("limits_when_down must be 'closed' or 'open'")
        if self.journal_on_restore not in ("replay", "wait"):
            raise ConfigError("journal_on_restore must be 'replay' or 'wait'")
        for name in ("flush_interval", "owner_max_age", "store_timeout", "journal_retention"):
            if getattr(self, name) <= timedelta(0):
                raise ConfigError(f"{name} must be longer than nothing")
        if not 0 <= self.slow_statement_ms <= _SLOW_MS_MAX:
            raise ConfigError(f"slow_statement_ms must be between 0 (off) and {_SLOW_MS_MAX}")
        check_tokens(self)
        check_mail(self)
        check_retention(self)

    def retention(self) -> Retention:
        """Return how long what is over is kept."""
        return Retention(
            events=self.event_retention,
            deliveries=self.delivery_retention,
            usage_hours=self.usage_hour_retention,
            usage=self.usage_retention,
            sessions=self.session_retention,
            keys=self.key_retention,
            audit=self.audit_retention,
        )

    def token_policy(self) -> TokenPolicy:
        """Return the settings of sessions and access tokens."""
        unit = timedelta(microseconds=1)
        rules = Rules(
            grace=self.refresh_grace // unit,
            idle=self.session_idle_life // unit,
            absolute=self.session_life // unit,
            refuse_before=self.access_life // unit if self.early_refresh == "refuse" else None,
        )
        return TokenPolicy(
            issuer=self.issuer.rstrip("/"),
            access_life=self.access_life // unit,
            rules=rules,
            one_session=self.sessions_per_owner == "one",
            bind_access=self.bind_access,
            algorithm=self.algorithm,
            shared_secret=self.shared_secret.encode(),
            signing_key_life=self.signing_key_life // unit,
        )


@dataclass(frozen=True, slots=True)
class Configuration:
    """The configuration from the environment and from `tokenry.toml`."""

    database_url: str | None = field(repr=False)
    keyring: str | None = field(repr=False)
    settings: Settings
    server: Mapping[str, Any] = field(default_factory=dict)


def load(
    environment: Mapping[str, str] | None = None, directory: Path | None = None, *, settings: Settings | None = None
) -> Configuration:
    """Read `TOKENRY_…` variables and `tokenry.toml`; the environment wins. Unknown names in the file are refused.

    With `settings` the file is not read, and of the variables only where the database and its keyring are.
    """
    environment = os.environ if environment is None else environment
    values = {} if settings is not None else _from_file((directory or Path.cwd()) / _FILE)
    known = known_names() if settings is None else _PLACES
    for name in known:
        if f"TOKENRY_{name.upper()}" in environment:
            values[name] = environment[f"TOKENRY_{name.upper()}"]
    for name in (*_PLACES, "smtp_url") if settings is None else _PLACES:
        if f"TOKENRY_{name.upper()}_FILE" in environment:
            values[name] = _from_secret_file(name, environment)
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(f"unknown setting in {_FILE}: {', '.join(unknown)}. Known are: {', '.join(known)}")
    url, keyring = (values.pop(name, None) for name in _PLACES)
    server = {name: values.pop(name) for name in SERVER_NAMES if name in values}
    return Configuration(url, keyring, settings or Settings(**_typed_settings(values)), server)


def override(values: Mapping[str, Any]) -> Configuration:
    """Return the configuration of the environment and `tokenry.toml`, with these settings in place of theirs."""
    found = load()
    return dataclasses.replace(found, settings=dataclasses.replace(found.settings, **_typed_settings(values)))


def _typed_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {field.name: field.default for field in dataclasses.fields(Settings)}
    return {name: typed(name, value, defaults[name]) for name, value in values.items()}


def known_names() -> tuple[str, ...]:
    """Return every name that may stand in `tokenry.toml` and, as `TOKENRY_{NAME}`, in the environment."""
    return (*_PLACES, *(field.name for field in dataclasses.fields(Settings)), *SERVER_NAMES)


def _from_secret_file(name: str, environment: Mapping[str, str]) -> str:
    """Read a setting that is mounted as a file, as Docker, Kubernetes and systemd do with secrets."""
    variable = f"TOKENRY_{name.upper()}"
    if variable in environment:
        raise ConfigError(f"{variable} and {variable}_FILE are both set: keep one")
    path = environment[f"{variable}_FILE"]
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        message = f"{variable}_FILE names {shown_path(path)}, which cannot be read: {type(error).__name__}"
        raise ConfigError(message) from None
    if not text:
        raise ConfigError(f"{variable}_FILE names {path}, which is empty")
    return text


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None


def yes_or_no(value: object) -> bool:
    """Return the value of an on/off setting's word; raise KeyError for any other word."""
    return _WORDS[str(value).strip().lower()]


def typed(name: str, value: object, default: object) -> Any:
    """Turn a text (or a number of seconds) into what a setting with this default needs; raise ConfigError."""
    try:
        if isinstance(default, bool):
            return yes_or_no(value)
        if isinstance(default, int):
            return int(str(value))
        if isinstance(default, timedelta):
            if isinstance(value, timedelta):
                return value
            return timedelta(seconds=float(str(value)))
    except (KeyError, ValueError, OverflowError):  # the last one of a number that no length of time can have
        kind = {bool: "true or false", int: "a whole number"}.get(type(default), "a number of seconds")
        raise ConfigError(f"{name} must be {kind}, not {shown(str(value))}") from None
    return str(value)


def fresh_keyring() -> Keyring:
    """Make a keyring of one random generation."""
    return Keyring([new_generation(os.urandom(38), 0)])


def read_keyring_file(path: Path) -> Keyring:
    """Read a keyring file; refuse one that others can read."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"the keyring {shown_path(path)} does not exist. A database that was made with one works with no other: "
            f"put it back. Only for a new database make one: `tokenry secrets new --out {shown_path(path)}`"
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"the keyring {shown_path(path)} cannot be read: {type(error).__name__}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"others can read the keyring {path}: run `chmod 600 {path}`")
    return parse_keyring(text)


def write_keyring_file(path: Path, keyring: Keyring, *, replace: bool = False) -> None:
    """Write a keyring file with mode 0600, whole or not at all; without `replace` never over another."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w", encoding="utf-8") as stream:
            stream.write(keyring.dump())
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            _keep_owner(path, aside)
            os.replace(aside, path)
        else:
            os.link(aside, path)
    except FileExistsError:
        raise ConfigError(f"{path} exists already; nothing was written") from None
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(path)


def _keep_owner(path: Path, aside: Path) -> None:
    """Let a file that root replaces stay readable for the account that runs Tokenry."""
    found = path.stat()
    if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
        os.chown(aside, found.st_uid, found.st_gid)


def keyring_source(source: str | Path | Keyring) -> Path | Keyring:
    """Return the path of a keyring file, or the keyring that is given as text; nothing else decides which it is.

    Raise ConfigError for a broken text, without showing any of it.
    """
    if isinstance(source, Keyring):
        return source
    text = str(source).strip(_AROUND)
    if is_keyring_text(text) or (len(text.split()) > 1 and not os.path.lexists(text)):
        return parse_keyring(text)
    return Path(text)


def shown_path(path: str | Path) -> str:
    """Return how an error names a path: as it is when it exists or could exist, else only its existing part.

    A secret may have been put in the place of the path by mistake.
    """
    text = str(path)
    folder, name = os.path.split(text)
    # A URL with a password has an "@".
    is_short = len(text) <= _SHORT and "@" not in text
    if is_short or os.path.lexists(text) or (len(name) <= _SHORT and os.path.isdir(folder or ".")):
        return text
    while folder and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return f"{folder}/…" if folder.strip("/") else f"{text[:4]}…"

"""The checks of `manage.py check`: Tokenry's settings, and its tables with `--database`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

from tokenry.config import keyring_source, override, read_keyring_file
from tokenry.installation import Installation
from tokenry.types import ConfigError, Keyring, StoreUnavailable, shown

from .engine import alias, database_url, engine_settings, guard, project_settings

_OURS = "tokenry.ext.django.TokenryMiddleware"
_USERS = "django.contrib.auth.middleware.AuthenticationMiddleware"
# Warnings and not errors: `manage.py migrate` runs this check first, and an error would stop it.
_MIGRATE = "`manage.py migrate` brings them up to date."


@register("tokenry")
def check_settings(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Check the settings without a database."""
    return [*_settings(), *_database(), *_keyring(), *_middleware(), *_cookies()]


@register(Tags.database)
def check_tables(app_configs: Any = None, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Check that the tables are those of this version."""
    using = alias()
    if not databases or (using is not None and using not in databases):
        return []
    try:
        found = Installation(database_url(), None, override(engine_settings()).settings).revision()
    except ConfigError:  # `check_settings` reports this error
        return []
    except StoreUnavailable as error:
        return [Error(f"Tokenry's database cannot be used: {error.message}", id="tokenry.E005")]
    # `manage.py migrate` runs this check before it makes the tables.
    if found or sys.argv[1:2] == ["migrate"]:
        return []
    if found.current is None:
        return [Warning("Tokenry's tables do not exist.", hint=_MIGRATE, id="tokenry.W004")]
    message = f"Tokenry's tables are at revision {found.current}, and this version needs {found.head}."
    return [Warning(message, hint=_MIGRATE, id="tokenry.W004")]


def _settings() -> Iterator[CheckMessage]:
    try:
        override(engine_settings())
    except ConfigError as error:
        yield Error(f"TOKENRY: {error.message}", id="tokenry.E001")


def _database() -> Iterator[CheckMessage]:
    using = alias()
    if using is not None and using not in connections.settings:
        known = ", ".join(connections.settings)
        yield Error(f"TOKENRY['DATABASE'] is {shown(using)}, and DATABASES has {known}.", id="tokenry.E002")
        return
    try:
        database_url()
    except ConfigError as error:
        yield Error(f"TOKENRY: {error.message}", id="tokenry.E002")
        return
    if using is None or connections[using].vendor != "sqlite":
        return
    if connections.settings[using]["OPTIONS"].get("transaction_mode") != "IMMEDIATE":
        message = f"The SQLite database {shown(using)} begins its transactions without a lock."
        hint = 'Set "OPTIONS": {"transaction_mode": "IMMEDIATE"}: two requests that write at a time fail without it.'
        yield Warning(message, hint=hint, id="tokenry.W001")


def _keyring() -> Iterator[CheckMessage]:
    try:
        named = project_settings().get("KEYRING") or override({}).keyring
        source = None if named is None else keyring_source(named)
        if source is not None and not isinstance(source, Keyring):
            read_keyring_file(source)
    except ConfigError as error:
        yield Error(f"TOKENRY['KEYRING']: {error.message}", id="tokenry.E003")
        return
    using = alias()
    vendor = connections[using].vendor if using in connections.settings else ""
    if source is None and (vendor == "postgresql" or (using is None and not database_url().startswith("sqlite"))):
        hint = "Make one with `tokenry secrets new --out FILE`, and name the file in TOKENRY['KEYRING']."
        yield Error("PostgreSQL needs a keyring, and none is named.", hint=hint, id="tokenry.E003")


def _middleware() -> Iterator[CheckMessage]:
    order = list(settings.MIDDLEWARE)
    if _OURS in order and _USERS in order[order.index(_OURS) :]:
        hint = f"Move {_OURS} below it, or Django's own session replaces the user of a credential."
        yield Warning(f"{_OURS} stands before {_USERS}.", hint=hint, id="tokenry.W002")


def _cookies() -> Iterator[CheckMessage]:
    if not settings.DEBUG and not guard().options.cookie_secure:
        hint = "Without it access cookies travel in plain text, and subdomains can set them."
        yield Warning("TOKENRY['COOKIE_SECURE'] is false, and DEBUG is off.", hint=hint, id="tokenry.W003")

"""The one engine of a project, on the database that Django's settings name, and the options of its views.

TOKENRY = {
    "DATABASE": "default",                # an alias of DATABASES, or instead "DATABASE_URL": "postgresql://…"
    "KEYRING": "/etc/project/keyring",    # an SQLite file has one beside it
    "USER_LOADER": "project.users.load",  # returns a user by an owner's external id
    "ACCESS_COOKIE": …                    # and every option of `docs/django.md` and setting of the engine
}
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.db import connections
from django.utils.module_loading import import_string
from sqlalchemy import URL

from tokenry import Tokenry
from tokenry.config import override
from tokenry.types import ConfigError, shown

from ..guard import Guard
from ..hooks import Hooks
from ..options import ENGINE_NAMES, read_options

hooks = Hooks()
"""Where a project registers its hooks, such as `@hooks.theft_detected`; `AppConfig.ready` is the place for it."""

_OWN = ("DATABASE", "DATABASE_URL", "KEYRING", "USER_LOADER")
_LIBPQ = (
    "application_name",
    "connect_timeout",
    "options",
    "passfile",
    "service",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
)
_lock = threading.Lock()
_open: dict[str, Tokenry] = {}


def _after_fork() -> None:
    """Replace a lock that another thread of the parent may have held."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


def get_tokenry() -> Tokenry:
    """Return the engine, opened at its first use; another one when Django's database has changed, as in tests."""
    place = _place()
    tk = _open.get(place)
    if tk is None:
        with _lock:
            if place not in _open:
                _close_all()
                found = override(engine_settings())
                keyring = project_settings().get("KEYRING") or found.keyring
                _open[place] = Tokenry(database_url(), keyring=keyring, settings=found.settings)
            tk = _open[place]
    return tk


def close() -> None:
    """Close the engine; the next use opens it again."""
    with _lock:
        _close_all()


@cache
def guard() -> Guard:
    """Return the guard of the project's options."""
    beside = tuple(name.lower() for name in _OWN) + ENGINE_NAMES
    options = {name.lower(): value for name, value in project_settings().items() if name.lower() not in beside}
    return Guard(read_options(options, lambda name: f"TOKENRY[{name.upper()!r}]", beside))


@cache
def user_loader() -> Callable[[str], Any] | None:
    """Return the project's function that loads a user by external id, or None; raise ConfigError for a bad one."""
    named = project_settings().get("USER_LOADER")
    if named is None:
        return None
    try:
        loader = import_string(named) if isinstance(named, str) else named
    except ImportError as error:
        raise ConfigError(
            f"TOKENRY['USER_LOADER'] is {shown(named)}, which cannot be imported: {error}. "
            "Name a function by its dotted path, such as 'project.users.load'"
        ) from error
    if not callable(loader):
        raise ConfigError(
            f"TOKENRY['USER_LOADER'] is {shown(named)}, which is no function: it takes the external id of an owner and "
            "returns a user or None"
        )
    found: Callable[[str], Any] = loader
    return found


@cache
def alias() -> str | None:
    """Return the alias of the database that Tokenry shares with Django; None when it has one of its own."""
    return None if "DATABASE_URL" in project_settings() else str(project_settings().get("DATABASE", "default"))


def is_in_memory(using: str) -> bool:
    """Return whether a database of Django is in memory, where no other process can reach it."""
    name = str(connections.settings[using]["NAME"])
    return connections[using].vendor == "sqlite" and (name == ":memory:" or "mode=memory" in name or not name)


def project_settings() -> dict[str, Any]:
    """Return the project's setting TOKENRY."""
    found: dict[str, Any] = getattr(settings, "TOKENRY", {})
    return found


def engine_settings() -> dict[str, Any]:
    """Return the engine's settings from the project's setting."""
    found = project_settings()
    return {name: found[name.upper()] for name in ENGINE_NAMES if name.upper() in found}


def database_url() -> str:
    """Return the URL of the database that the project's settings name."""
    using = alias()
    return str(project_settings()["DATABASE_URL"]) if using is None else _url_of(using)


def _place() -> str:
    """Return a value that changes with the database. Django renames it for tests, and later each connection."""
    using = alias()
    return database_url() if using is None else f"{using} {connections.settings[using]['NAME']}"


def _url_of(using: str) -> str:
    """Return the URL of a database of Django's."""
    result, vendor = connections.settings[using], connections[using].vendor
    if is_in_memory(using):
        raise ConfigError(
            f"the database {shown(using)} lives in memory, and nothing but Django can reach it. "
            'In tests give it a file: "TEST": {"NAME": BASE_DIR / "test.db"}'
        )
    if vendor == "sqlite":
        return f"sqlite:///{Path(str(result['NAME'])).absolute()}"
    if vendor != "postgresql":
        raise ConfigError(f"Tokenry runs on SQLite and PostgreSQL, not on {vendor}: set TOKENRY['DATABASE_URL']")
    host = str(result["HOST"] or "")
    query = {name: str(value) for name, value in result["OPTIONS"].items() if name in _LIBPQ}
    if host.startswith("/"):
        query["host"] = host
    url = URL.create(
        "postgresql",
        username=result["USER"] or None,
        password=result["PASSWORD"] or None,
        host=None if host.startswith("/") else host or None,
        port=int(result["PORT"]) if result["PORT"] else None,
        database=str(result["NAME"]) if result["NAME"] else None,
        query=query,
    )
    return url.render_as_string(hide_password=False)


def _close_all() -> None:
    while _open:
        _open.popitem()[1].close()


def _forget(setting: str, **_: Any) -> None:
    """Read the settings again after a test has changed them."""
    if setting == "TOKENRY":
        guard.cache_clear()
        user_loader.cache_clear()
        alias.cache_clear()
        close()


setting_changed.connect(_forget)

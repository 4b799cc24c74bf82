"""The application, as `INSTALLED_APPS` has it."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TokenryConfig(AppConfig):
    """Makes Tokenry's tables along with Django's: `manage.py migrate` does both."""

    name = "tokenry.ext.django"
    label = "tokenry"
    verbose_name = "Tokenry"

    def ready(self) -> None:
        """Listen for the end of a migration; raise ConfigError for a mistake in the settings."""
        from . import checks  # noqa: F401 - an import registers them
        from .engine import guard, user_loader

        guard()
        user_loader()
        post_migrate.connect(_migrate, dispatch_uid="tokenry")


def _migrate(using: str, **_: Any) -> None:
    from .engine import alias, get_tokenry, is_in_memory

    if using == alias() and not is_in_memory(using):
        get_tokenry()  # the engine migrates its own database when it opens

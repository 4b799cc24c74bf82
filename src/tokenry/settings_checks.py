"""Checks of settings beyond their types."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .core.errors import ConfigError
from .core.jwt import ALGORITHMS, is_strong_secret
from .core.mail import address_of, read_smtp_url

if TYPE_CHECKING:
    from .config import Settings


def check_mail(settings: Settings) -> None:
    """Raise ConfigError for mail that could not be sent."""
    if settings.public_url and urlsplit(settings.public_url).scheme not in ("http", "https"):
        raise ConfigError("public_url is where others reach the server: https://tokenry.example.com")
    if not settings.smtp_url:
        return
    read_smtp_url(settings.smtp_url)
    if address_of(settings.mail_from) != settings.mail_from:
        raise ConfigError("smtp_url needs mail_from, the address that mail comes from: tokenry@example.com")


def check_tokens(settings: Settings) -> None:
    """Raise ConfigError for lives, words and secrets that sessions and tokens cannot have."""
    bounds = (
        ("access_life", timedelta(seconds=10), timedelta(hours=24)),
        ("session_idle_life", settings.access_life, settings.session_life),
        ("session_life", settings.access_life, timedelta(days=3650)),
        ("refresh_grace", timedelta(0), timedelta(seconds=60)),
        ("signing_key_life", timedelta(hours=1), timedelta(days=3650)),
    )
    _check_bounds(settings, bounds)
    words = (("sessions_per_owner", ("many", "one")), ("early_refresh", ("allow", "refuse")))
    for name, known in (*words, ("algorithm", tuple(ALGORITHMS))):
        if getattr(settings, name) not in known:
            raise ConfigError(f"{name} must be one of {', '.join(known)}")
    if not settings.issuer.isprintable() or not 1 <= len(settings.issuer.strip()) <= 255:
        raise ConfigError("issuer must be the URL (or another name) that tokens name as their issuer")
    if settings.algorithm == "HS256" and not is_strong_secret(settings.shared_secret.encode()):
        raise ConfigError("HS256 needs shared_secret: at least 32 random characters that the verifiers have too")


def check_retention(settings: Settings) -> None:
    """Raise ConfigError for rows that would be removed while something still needs them."""
    kept = timedelta(days=36_500)
    bounds = (
        # A delivery is tried for 75.6 hours, and its event must be there for so long.
        ("event_retention", max(timedelta(days=4), settings.delivery_retention), kept),
        ("delivery_retention", timedelta(days=1), kept),
        ("usage_hour_retention", timedelta(days=2), settings.usage_retention),
        ("usage_retention", timedelta(days=2), kept),
        ("session_retention", timedelta(days=1), kept),
        ("key_retention", timedelta(days=1), kept),
        ("audit_retention", timedelta(days=1), kept),
    )
    _check_bounds(settings, bounds)


def _check_bounds(settings: Settings, bounds: Sequence[tuple[str, timedelta, timedelta]]) -> None:
    for name, least, most in bounds:
        if not least <= getattr(settings, name) <= most:
            raise ConfigError(f"{name} must be from {least} to {most}")

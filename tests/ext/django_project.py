"""A Django project of one module, set up once for a process; each test points its database where it wants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
from django.conf import settings

if not settings.configured:
    settings.configure(
        SECRET_KEY="for tests",
        ALLOWED_HOSTS=["testserver", "127.0.0.1", "localhost"],
        ROOT_URLCONF="tests.ext.django_urls",
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.admin",
            "tokenry.ext.django",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware", "tokenry.ext.django.TokenryMiddleware"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        USE_TZ=True,
        TOKENRY={},
        REST_FRAMEWORK={"EXCEPTION_HANDLER": "tokenry.ext.django.drf.exception_handler"},
    )
    django.setup()


@contextmanager
def database(**settings: Any) -> Iterator[Any]:
    """Let Django's default connection be another one for a while."""
    from django.db import connections

    from tokenry.ext.django import close

    before, original = connections["default"], connections.settings["default"]
    connections.settings["default"] = {**original, **settings}
    del connections["default"]
    try:
        yield connections["default"]
    finally:
        close()
        connections["default"].close()
        connections.settings["default"] = original
        connections["default"] = before


def sqlite(path: Path) -> dict[str, Any]:
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}


def postgres(url: str) -> dict[str, Any]:
    from sqlalchemy import make_url

    parts = make_url(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.database,
        "USER": parts.username or "",
        "PASSWORD": parts.password or "",
        "HOST": str(parts.query.get("host") or parts.host or ""),
        "PORT": str(parts.query.get("port") or parts.port or ""),
    }

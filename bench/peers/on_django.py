"""Refresh with django-oauth-toolkit, and with simplejwt and its blacklist. `on_django.py N` prepares N chains."""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

settings.configure(
    SECRET_KEY="a key for benchmarks alone, long enough for HS256",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="on_django",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "oauth2_provider",
        "rest_framework",
        "rest_framework_simplejwt.token_blacklist",
    ],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(Path(os.environ["BENCH_FOLDER"], "django.db")),
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
            },
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    SIMPLE_JWT={"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True},
)
application = get_wsgi_application()


def __getattr__(name: str) -> object:
    """Make the routes when they are asked for: their views need the applications."""
    if name != "urlpatterns":
        raise AttributeError(name)
    from rest_framework_simplejwt.views import TokenRefreshView

    return [
        path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
        path("api/token/refresh/", TokenRefreshView.as_view()),
    ]


def prepare(count: int) -> dict[str, list[str]]:
    """Make a user, a public client and a refresh token for each chain and package."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.utils import timezone
    from oauth2_provider.models import AccessToken, Application, RefreshToken
    from rest_framework_simplejwt.tokens import RefreshToken as SimpleToken

    call_command("migrate", verbosity=0)
    user = User.objects.create(username="user")
    client = Application.objects.create(
        client_id="bench",
        client_type="public",
        authorization_grant_type="authorization-code",
        redirect_uris="https://app.example",
        user=user,
    )
    ends = timezone.now() + timedelta(hours=1)
    for number in range(count):
        access = AccessToken.objects.create(
            user=user, application=client, token=f"access-{number}", expires=ends, scope="read"
        )
        RefreshToken.objects.create(user=user, application=client, token=f"refresh-{number}", access_token=access)
    return {
        "toolkit": [f"refresh-{number}" for number in range(count)],
        "simplejwt": [str(SimpleToken.for_user(user)) for _ in range(count)],
    }


if __name__ == "__main__":
    django.setup()
    print(json.dumps(prepare(int(sys.argv[1]))))

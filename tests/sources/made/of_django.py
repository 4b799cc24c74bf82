"""Make a database with the real packages of Django's REST framework, as a program of its own: settings are global.

python of_django.py DATABASE COUNT prints the keys that were made, a JSON object for each source.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

import django
from django.conf import settings


def set_up(path: str) -> None:
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": path}},
        INSTALLED_APPS=[
            *("django.contrib.auth", "django.contrib.contenttypes"),
            *("rest_framework", "rest_framework.authtoken", "rest_framework_api_key", "knox"),
        ],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def make(count: int) -> dict[str, Any]:
    from django.contrib.auth.hashers import PBKDF2PasswordHasher
    from django.contrib.auth.models import User
    from django.utils import timezone
    from knox.models import AuthToken
    from rest_framework.authtoken.models import Token
    from rest_framework_api_key.models import APIKey

    users = [User.objects.create(username=f"user{n}", email=f"user{n}@example.com") for n in range(count)]
    gone = User.objects.create(username="gone", is_active=False)
    live, past = timezone.now() + timedelta(days=30), timezone.now() - timedelta(days=1)
    keys: dict[str, Any] = {"knox": {"live": {}, "dead": []}, "drf-token": {"live": {}, "dead": []}}
    for user in users:
        keys["knox"]["live"][AuthToken.objects.create(user, expiry=timedelta(days=30))[1]] = str(user.pk)
        keys["drf-token"]["live"][Token.objects.create(user=user).key] = str(user.pk)
    keys["knox"]["dead"] = [
        AuthToken.objects.create(users[0], expiry=-timedelta(days=1))[1],
        AuthToken.objects.create(gone, expiry=None)[1],
    ]
    keys["drf-token"]["dead"] = [Token.objects.create(user=gone).key]

    made = [APIKey.objects.create_key(name=f"key {n % 3}", expiry_date=live if n % 2 else None) for n in range(count)]
    old, text = APIKey.objects.create_key(name="hashed by an older version")
    hasher = PBKDF2PasswordHasher()
    old.hashed_key = hasher.encode(text, hasher.salt(), iterations=1000)
    old.save()
    assert APIKey.objects.key_generator.verify(text, old.hashed_key)
    dead = [
        APIKey.objects.create_key(name="over", expiry_date=past),
        APIKey.objects.create_key(name="revoked", revoked=True),
    ]
    keys["drf-api-key"] = {"live": [text, *(one for _, one in made)], "dead": [one for _, one in dead]}
    return keys


if __name__ == "__main__":
    set_up(sys.argv[1])
    from django.db import transaction

    with transaction.atomic():
        keys = make(int(sys.argv[2]))
    print(json.dumps(keys))

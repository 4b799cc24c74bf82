"""Starts this project from nothing: makes the tables, the scopes and two users, and serves on this machine."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
SCOPES = ["read:projects", "write:projects"]


def prepare() -> None:
    """Do what `manage.py migrate`, `manage.py tokenry` and a form to sign up would do. A second run changes nothing."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from django.contrib.auth.models import User
    from urls import make_user

    from tokenry.ext.django import get_tokenry

    get_tokenry().scopes.define(SCOPES)
    get_tokenry().roles.put("member", scopes=SCOPES)
    for name, password in {"ada": "engine", "grace": "compiler"}.items():
        if not User.objects.filter(username=name).exists():
            make_user(name, password)


if __name__ == "__main__":
    # For plain http on this machine. Django's own server is not for production either.
    os.environ.setdefault("COOKIE_SECURE", "false")
    prepare()
    from django.core.management import execute_from_command_line

    port = os.environ.get("PORT", "8000")
    print(f"Open http://127.0.0.1:{port} and sign in as ada, password engine.", flush=True)
    execute_from_command_line(["manage.py", "runserver", "--noreload", port])

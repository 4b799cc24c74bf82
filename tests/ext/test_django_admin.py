"""Keys in Django's admin, with its own client; what `manage.py check` says; and the schema of drf-spectacular."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ext import django_project
from tokenry import Tokenry
from tokenry.ext.django import get_tokenry

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "tokenry.ext.django.TokenryMiddleware",
]


class Site:
    """A project with an admin, and a client that is signed in."""

    def __init__(self) -> None:
        from django.contrib.auth.models import User
        from django.test import Client

        self.tk: Tokenry = get_tokenry()
        self.tk.owners.put("dana")
        self.key = self.tk.keys.issue("dana", name="build", scopes=["read:projects"])
        self.user = User.objects.create_superuser("root")
        self.client = Client(enforce_csrf_checks=True)
        self.client.force_login(self.user)

    def get(self, path: str = "", status: int = 200) -> str:
        answer = self.client.get(f"/admin/tokenry/key/{path}")
        assert answer.status_code == status, answer
        return str(answer.content.decode())

    def post(self, path: str, **fields: str) -> Any:
        """Send the form of a page, with what is hidden in it."""
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', self.get(path)))
        return self.client.post(f"/admin/tokenry/key/{path}", {**hidden, **fields})


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    from django.core.management import call_command
    from django.test import override_settings

    urls = override_settings(ROOT_URLCONF="tests.ext.django_admin_urls", MIDDLEWARE=MIDDLEWARE)
    with django_project.database(**django_project.sqlite(tmp_path / "site.db")), urls:
        call_command("migrate", verbosity=0)
        yield Site()


def test_keys_are_listed_and_searched(site: Site) -> None:
    for number in range(51):
        site.tk.keys.issue("dana", name=f"key-{number}")
    first = site.get()
    assert "key-50" in first
    assert "build" not in first
    cursor = re.findall(r"cursor=([\w-]+)", first)[0]
    assert "build" in site.get(f"?cursor={cursor}")
    assert re.findall(r"key/key_\w+/\?tenant=default\">([\w-]+)<", site.get("?text=buil")) == ["build"]
    assert "No keys." in site.get("?status=revoked")
    assert 'class="error"' in site.get("?status=nonsense")
    assert "read:projects" in site.get(f"{site.key.key.id}/")
    assert str(site.key.secret) not in site.get(f"{site.key.key.id}/")
    site.get("key_none/", status=404)
    assert "API keys" in site.client.get("/admin/").content.decode()


def test_a_key_is_revoked_by_the_engine(site: Site) -> None:
    from django.contrib.admin.models import LogEntry

    path = f"{site.key.key.id}/revoke/"
    assert site.client.post(f"/admin/tokenry/key/{path}").status_code == 403, "without the token of a form"
    assert site.tk.verify(site.key.secret)
    assert site.post(path, reason="left").status_code == 302
    assert site.tk.verify(site.key.secret).code == "revoked"
    entry = next(one for one in site.tk.audit.list().items if one.action == "key.revoked")
    assert entry.subject == site.key.key.id
    assert site.tk.keys.get(site.key.key.id).revoke_reason == "left"
    assert LogEntry.objects.get().user == site.user
    assert "Build is revoked" in site.get(f"{site.key.key.id}/")


def test_a_rotated_key_shows_its_secret_once(site: Site) -> None:
    path = f"{site.key.key.id}/rotate/"
    assert site.post(path, grace="17").status_code == 302
    answer = site.post(path, grace="3600")
    secret = re.findall(r"<code>(\S+)</code>", answer.content.decode())[0]
    assert "no-store" in answer["Cache-Control"]
    assert site.tk.verify(secret)
    assert site.tk.verify(site.key.secret), "for one more hour"
    assert secret not in site.get(f"{site.key.key.id}/")
    site.tk.keys.revoke(site.key.key.id)
    assert site.post(path, grace="0").status_code == 302
    assert "Rotate…" not in site.get(f"{site.key.key.id}/")


def test_keys_of_operators_are_not_to_be_had_here(site: Site) -> None:
    site.tk.tenants.create("other")  # then there is something to choose
    system = site.tk.scoped(tenant="system")
    system.owners.put("boss", admin=True)
    boss = system.keys.issue("boss", name="installation", environment="op", scopes=["tokenry:keys:write"])
    site.get("?tenant=system", status=404)
    site.get(f"{boss.key.id}/?tenant=system", status=404)
    site.get(f"{boss.key.id}/rotate/?tenant=system", status=404)
    assert "<option>system" not in site.get()

    operator = site.tk.keys.issue("dana", name="deploys", environment="op", scopes=["tokenry:keys:write"])
    assert "Revoke…" in site.get(f"{operator.key.id}/")
    assert "Rotate…" not in site.get(f"{operator.key.id}/")
    site.get(f"{operator.key.id}/rotate/", status=403)


def test_the_tenant_of_the_settings_is_the_only_one(site: Site) -> None:
    from django.test import override_settings

    site.tk.tenants.create("other")
    other = site.tk.scoped(tenant="other")
    other.owners.put("eve")
    hers = other.keys.issue("eve", name="elsewhere")
    assert "elsewhere" in site.get("?tenant=other")
    with override_settings(TOKENRY={"TENANT": "default"}):
        assert "elsewhere" not in site.get("?tenant=other")
        site.get(f"{hers.key.id}/?tenant=other", status=404)


def test_permissions_decide_who_sees_and_who_changes(site: Site) -> None:
    from django.contrib.auth.models import Permission, User

    reader = User.objects.create_user("reader", is_staff=True)
    site.client.force_login(reader)
    site.get(status=403)
    reader.user_permissions.add(Permission.objects.get(codename="view_key"))
    assert "build" in site.get()
    assert "Revoke…" not in site.get(f"{site.key.key.id}/")
    site.get(f"{site.key.key.id}/revoke/", status=403)
    assert site.client.get("/admin/tokenry/key/add/").status_code == 404
    assert site.client.get(f"/admin/tokenry/key/{site.key.key.id}/delete/").status_code == 404
    site.client.logout()
    site.get(status=302)


def test_the_model_needs_no_migration(site: Site) -> None:
    from django.core.management import call_command

    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def check(*arguments: str, **settings: Any) -> str:
    """Return what `manage.py check` says, without its colours."""
    from django.core.management import call_command
    from django.core.management.base import SystemCheckError
    from django.test import override_settings

    out = io.StringIO()
    with override_settings(**settings):
        try:
            call_command("check", "--tag", "tokenry", *arguments, stderr=out, stdout=out)
        except SystemCheckError as error:
            out.write(str(error))
    return out.getvalue()


def test_check_names_mistakes(tmp_path: Path) -> None:
    good = {"MIDDLEWARE": MIDDLEWARE, "DEBUG": True}
    short = tmp_path / "keyring"
    short.write_text("too short")
    short.chmod(0o600)
    url = "postgresql://localhost/nowhere"
    with django_project.database(**django_project.sqlite(tmp_path / "site.db")):
        assert "tokenry.W001" in check(**good)
    database = {**django_project.sqlite(tmp_path / "site.db"), "OPTIONS": {"transaction_mode": "IMMEDIATE"}}
    with django_project.database(**database):
        assert "no issues" in check(**good)
        assert "tokenry.W002" in check(**{**good, "MIDDLEWARE": MIDDLEWARE[::-1]})
        assert "tokenry.W003" in check(**{**good, "DEBUG": False, "TOKENRY": {"COOKIE_SECURE": False}})
        for wrong, code in (
            ({"ACCESS_LIFE": "soon"}, "tokenry.E001"),
            ({"DATABASE": "other"}, "tokenry.E002"),
            ({"KEYRING": str(tmp_path / "nowhere")}, "tokenry.E003"),
            ({"KEYRING": str(short)}, "tokenry.E003"),
            ({"DATABASE_URL": url}, "tokenry.E003"),
        ):
            assert code in check(**{**good, "TOKENRY": wrong}), wrong
    assert "tokenry.E002" in check(**good), "a database in memory"


def test_check_names_a_database_without_migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.checks import run_checks

    def found(**options: Any) -> list[str]:
        return [one.id for one in run_checks(tags=["database"], **options) if str(one.id).startswith("tokenry")]

    with django_project.database(**django_project.sqlite(tmp_path / "site.db")):
        assert found(databases=["default"]) == ["tokenry.W004"]
        assert found() == []
        monkeypatch.setattr(sys, "argv", ["manage.py", "migrate"])
        assert found(databases=["default"]) == [], "the command is about to make the tables"
        monkeypatch.setattr(sys, "argv", ["manage.py", "check"])
        get_tokenry()
        assert found(databases=["default"]) == []


def test_drf_spectacular_describes_the_credentials() -> None:
    from django.urls import path
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.openapi import AutoSchema
    from rest_framework.response import Response
    from rest_framework.views import APIView

    from tokenry.ext.django.drf import CredentialRequired, TokenryAuthentication
    from tokenry.ext.django.spectacular import with_refusals

    class Projects(APIView):
        authentication_classes = [TokenryAuthentication]  # noqa: RUF012
        permission_classes = [CredentialRequired]  # noqa: RUF012
        schema = AutoSchema()
        serializer_class = None

        def get(self, request: Any) -> Response:
            return Response()

    generator = SchemaGenerator(patterns=[path("projects/", Projects.as_view())])
    document = with_refusals(generator.get_schema(request=None, public=True), generator, None, True)
    schemes = document["components"]["securitySchemes"]
    assert schemes["Bearer"]["scheme"] == "bearer"
    assert schemes["Session"] == {"type": "apiKey", "in": "cookie", "name": "__Host-tokenry_access"}
    operation = document["paths"]["/projects/"]["get"]
    assert operation["security"] == [{"Bearer": []}, {"Session": []}]
    assert {"200", "401", "403", "429"} <= operation["responses"].keys()

"""Django views, REST framework, middleware and `manage.py` with keys."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.test import AsyncClient, Client, RequestFactory, override_settings

from tests.ext import django_project
from tokenry import ConfigError, Limit, Tokenry
from tokenry.ext.django import close, credential_of, get_tokenry, key_of, session_of
from tokenry.imports import Hash, Hint, ImportRow


@pytest.fixture
def tk(tmp_path: Path) -> Iterator[Tokenry]:
    with django_project.database(**django_project.sqlite(tmp_path / "site.db")):
        tk = get_tokenry()
        tk.owners.put("ada")
        yield tk


@pytest.fixture
def client(tk: Tokenry) -> Client:
    return Client(enforce_csrf_checks=True)


def issue(tk: Tokenry, *scopes: str, **asked: Any) -> dict[str, str]:
    secret = tk.keys.issue("ada", name=f"key {len(tk.keys.list().items)}", scopes=scopes, **asked).secret
    return {"Authorization": f"Bearer {secret}"}


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, json.loads(answer.content)["code"]


@pytest.mark.parametrize("path", ["/projects", "/projects-async", "/anybody", "/undecorated", "/undecorated-async"])
def test_a_key_is_let_in_by_decorators_and_by_the_middleware(tk: Tokenry, client: Client, path: str) -> None:
    headers = issue(tk, "read:projects")
    assert client.get(path, headers=headers).json() == {"owner": "ada"}
    answer = asyncio.run(AsyncClient().get(path, headers=headers))
    assert answer.json() == {"owner": "ada"}


@pytest.mark.parametrize("path", ["/anybody", "/undecorated", "/undecorated-async"])
def test_where_none_is_needed_nobody_is_let_in_and_a_bad_one_is_not(client: Client, path: str) -> None:
    assert client.get(path).json() == {"owner": None}
    assert code(client.get(path, headers={"X-API-Key": "nonsense"})) == (401, "malformed")


def test_refusals_are_problems_with_their_headers(tk: Tokenry, client: Client) -> None:
    missing = client.get("/projects")
    assert code(missing) == (401, "credential_missing")
    assert (missing["WWW-Authenticate"], missing["Content-Type"]) == ("Bearer", "application/problem+json")
    assert code(client.get("/projects", headers=issue(tk))) == (403, "insufficient_scope")
    assert code(client.get("/signed-in", headers=issue(tk))) == (403, "wrong_kind")
    two = {**issue(tk), "X-API-Key": "another"}
    assert client.get("/projects", headers=two).status_code == 400


def test_a_key_needs_no_csrf_token(tk: Tokenry, client: Client) -> None:
    assert client.post("/projects", headers=issue(tk, "read:projects")).status_code == 200


def test_limits_are_counted_once_and_told_by_decorator_middleware_and_rest(tk: Tokenry, client: Client) -> None:
    headers = issue(tk, "read:projects", limits=[Limit("hour", 3, 3600)])
    left = [
        client.get(path, headers=headers)["RateLimit"][:10] for path in ("/projects", "/undecorated", "/drf/projects")
    ]
    assert left == ['"hour";r=2', '"hour";r=1', '"hour";r=0']
    assert client.get("/projects", headers=headers).status_code == 429
    refused = client.get("/drf/projects", headers=headers)
    assert code(refused) == (429, "rate_limited")
    assert int(refused["Retry-After"]) > 0


def test_rest_framework_asks_for_scopes_by_method(tk: Tokenry, client: Client) -> None:
    reader, writer = issue(tk, "read:projects"), issue(tk, "write:projects")
    assert client.get("/drf/projects", headers=reader).json() == {"owner": "ada", "kind": "Holder"}
    assert client.post("/drf/projects", headers=writer).status_code == 201
    lacking = client.post("/drf/projects", headers=reader)
    assert code(lacking) == (403, "insufficient_scope")
    assert 'scope="write:projects"' in lacking["WWW-Authenticate"]
    assert code(client.get("/drf/projects")) == (401, "credential_missing")
    assert client.get("/drf/projects", headers={"Authorization": "Bearer x"})["WWW-Authenticate"].startswith("Bearer")
    assert client.delete("/drf/projects", headers=writer).status_code == 403, "a method that nobody named"


def test_who_is_signed_in_to_django_is_not_taken_for_the_owner_of_a_key(tk: Tokenry) -> None:
    from django.contrib.auth.models import User
    from django.test import RequestFactory

    from tests.ext.django_urls import Projects

    request = RequestFactory().get("/drf/projects", headers=issue(tk, "read:projects"))
    request.user = User(username="bob")
    assert Projects.as_view()(request).data == {"owner": "ada", "kind": "Holder"}


def load_user(external_id: str) -> Any:
    from django.contrib.auth.models import User

    return User(username=external_id) if external_id == "ada" else None


def test_the_project_loads_its_own_users(tk: Tokenry, client: Client) -> None:
    path = tk._database.path
    with override_settings(
        TOKENRY={"DATABASE_URL": f"sqlite:///{path}", "USER_LOADER": "tests.ext.test_django_keys.load_user"}
    ):
        tk = get_tokenry()
        tk.owners.put("bob")
        headers = {"Authorization": f"Bearer {tk.keys.issue('bob', name='k', scopes=['read:projects']).secret}"}
        assert code(client.get("/projects", headers=headers)) == (401, "unknown_user")
        assert client.get("/drf/projects", headers=issue(tk, "read:projects")).json()["kind"] == "User"
        close()


def test_manage_py_has_the_whole_command_line(tk: Tokenry, capfd: pytest.CaptureFixture[str]) -> None:
    tk.keys.issue("ada", name="from a view")
    tk.flush()
    with pytest.raises(SystemExit) as ended:
        call_command("tokenry", "--", "keys", "list", "--json")
    assert ended.value.code == 0
    assert "from a view" in capfd.readouterr().out


def test_migrate_makes_the_tables(tmp_path: Path) -> None:
    from django.db import connection

    with django_project.database(**django_project.sqlite(tmp_path / "fresh.db")):
        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            assert "tokenry_key" in connection.introspection.table_names(cursor)


@pytest.mark.parametrize("words", [("keys", "list"), ("doctor",)])
def test_manage_py_before_a_migration_names_the_command_of_django(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    with django_project.database(**django_project.sqlite(tmp_path / "fresh.db")):
        with pytest.raises(SystemExit) as ended:
            call_command("tokenry", "--", *words)
        assert ended.value.code != 0
        output = "".join(capfd.readouterr())
        assert "`manage.py migrate`" in " ".join(output.split())
        assert "tokenry init" not in output
        call_command("migrate", verbosity=0)
        with pytest.raises(SystemExit):
            call_command("tokenry", "--", "keys", "list")
        assert "manage.py migrate" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("loader", ["project.users.load", "tests.ext.django_urls.nothing", "nothing", "os.sep", 5])
def test_a_user_loader_that_cannot_load_is_refused_at_the_start(loader: Any) -> None:
    config = apps.get_app_config("tokenry")
    with override_settings(TOKENRY={"USER_LOADER": loader}), pytest.raises(ConfigError, match="USER_LOADER"):
        config.ready()
    with override_settings(TOKENRY={"USER_LOADER": "os.path.basename"}):
        config.ready()


def test_a_database_in_memory_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match='"TEST"'):
        get_tokenry()


def test_an_unknown_option_is_named(tk: Tokenry, client: Client) -> None:
    with override_settings(TOKENRY={"COOKIE_SECURITY": False}), pytest.raises(ConfigError, match="COOKIE_SECURITY"):
        client.get("/projects")


def test_accessors_return_the_credential_or_say_which_decorator_is_missing(tk: Tokenry) -> None:
    request = RequestFactory().get("/")
    assert credential_of(request) is None
    for read in (key_of, session_of):
        with pytest.raises(TypeError, match="_required"):
            read(request)
    verdict = tk.verify(issue(tk)["Authorization"][7:])
    request.credential = verdict
    assert credential_of(request) is key_of(request) is verdict
    with pytest.raises(TypeError, match="session_required"):
        session_of(request)
    request.credential = tk.verify(tk.sessions.start("ada").access)
    assert session_of(request).session.owner == "ada"
    with pytest.raises(TypeError, match="key_required"):
        key_of(request)


@pytest.mark.parametrize("path", ["/projects", "/projects-async", "/undecorated"])
def test_an_imported_key_is_let_in_as_one_of_ours_is(tk: Tokenry, client: Client, path: str) -> None:
    text = "tt_0123456789abcdef"
    hash = Hash("sha256", hashlib.sha256(text.encode()).hexdigest())
    row = ImportRow(id="1", owner="ada", hash=hash, hint=Hint(prefix="tt_"), scopes=("read:projects",))
    tk.imports.run([row])
    for headers in ({"Authorization": f"Bearer {text}"}, {"X-API-Key": text}, {"Authorization": f"Bearer {text}"}):
        assert client.get(path, headers=headers).json() == {"owner": "ada"}
    assert code(client.get(path, headers={"X-API-Key": text + "x"})) == (401, "not_found")
    tk.keys.revoke(tk.keys.list().items[0].id)
    assert code(client.get(path, headers={"X-API-Key": text})) == (401, "revoked")

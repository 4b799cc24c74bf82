"""What an application configures takes effect or is refused; nothing is ignored."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.ext import django_project
from tokenry import AsyncTokenry, ConfigError, Tokenry
from tokenry.config import fresh_keyring
from tokenry.ext.fastapi import FastAPITokenry
from tokenry.ext.flask import FlaskTokenry
from tokenry.ext.guard import Asked
from tokenry.ext.host import Starting
from tokenry.ext.options import Options, OptionsGiven, read_options
from tokenry.testing import throwaway


@pytest.fixture
def tk() -> Iterator[Tokenry]:
    with throwaway() as tk:
        yield tk


def flask(tk: Tokenry | None, **config: Any) -> Flask:
    app = Flask("documented")
    app.testing = True
    app.config.update(config)
    auth = FlaskTokenry(app, tk)

    @app.post("/sign-in")
    def sign_in() -> Any:
        return auth.sign_in({}, "ada")

    @app.get("/")
    @auth.session_required
    def index() -> str:
        return "in"

    return app


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("COOKIE_SECURTY", "did you mean TOKENRY_COOKIE_SECURE?"),
        ("ALLOWED_ORIGIN", "did you mean TOKENRY_ALLOWED_ORIGINS?"),
        ("COOKIE_SAME_SITE", "did you mean TOKENRY_COOKIE_SAMESITE?"),
        ("DATABASE_URI", "did you mean TOKENRY_DATABASE_URL?"),
        ("ACESS_LIFE", "did you mean TOKENRY_ACCESS_LIFE?"),
        ("LOG_LEVEL", "a setting of the server"),
        ("ZZZZ", "Known are: TOKENRY_ACCESS_COOKIE, "),
    ],
)
def test_flask_refuses_a_name_that_nothing_reads(tk: Tokenry, name: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        flask(tk, **{f"TOKENRY_{name}": "x"})
    assert f"TOKENRY_{name} is no option" in refused.value.message
    assert message in refused.value.message


def test_fastapi_and_django_name_the_nearest_one_too() -> None:
    from django.test import override_settings

    from tokenry.ext.django.engine import guard

    named = r"TOKENRY\['COOKIE_SECURTY'\].*did you mean TOKENRY\['COOKIE_SECURE'\]"
    with override_settings(TOKENRY={"COOKIE_SECURTY": False}), pytest.raises(ConfigError, match=named):
        guard()
    tk = AsyncTokenry("sqlite://", keyring=fresh_keyring())
    with pytest.raises(ConfigError, match="did you mean cookie_secure"):
        FastAPITokenry(None, tk, cookie_securty=False)
    with pytest.raises(ConfigError, match=r"pass Tokenry\(settings=Settings\(access_life=…\)\)"):
        FastAPITokenry(None, tk, access_life=60)
    tk._sync.close()


def test_flask_opens_the_engine_with_the_settings_of_its_configuration(tmp_path: Path) -> None:
    app = flask(
        None,
        TOKENRY_DATABASE_URL=f"sqlite:///{tmp_path}/keys.db",
        TOKENRY_ACCESS_LIFE=timedelta(minutes=1),
        TOKENRY_SESSION_IDLE_LIFE="3600",
        TOKENRY_BIND_ACCESS="true",
        TOKENRY_ISSUER="https://x",
    )
    with app.extensions["tokenry"].tk as tk:
        assert (tk.settings.access_life, tk.settings.bind_access) == (timedelta(minutes=1), True)
        assert (tk.settings.session_idle_life, tk.settings.issuer) == (timedelta(hours=1), "https://x")
        app.config["TOKENRY_ACCESS_LIFE"] = 120
        with pytest.raises(ConfigError, match="TOKENRY_ACCESS_LIFE was changed after the engine was opened"):
            app.test_client().get("/")


def test_flask_takes_from_the_file_what_its_configuration_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tokenry.toml").write_text('database_url = "sqlite:///file.db"\nissuer = "https://file"\n')
    for config in ({}, {"TOKENRY_ACCESS_LIFE": 60}):
        with flask(None, **config).extensions["tokenry"].tk as tk:
            assert tk.settings.issuer == "https://file"
            assert tk.settings.access_life == timedelta(minutes=1 if config else 5)
    assert [path.name for path in tmp_path.glob("*.db")] == ["file.db"]


def test_flask_refuses_settings_of_an_engine_that_is_open(tk: Tokenry) -> None:
    with pytest.raises(ConfigError, match="TOKENRY_ACCESS_LIFE is a setting of the engine"):
        flask(tk, TOKENRY_ACCESS_LIFE=60)
    flask(tk, TOKENRY_DATABASE_URL="sqlite:///what-the-engine-was-made-with.db")


def test_django_opens_the_engine_with_the_settings_of_the_project(tmp_path: Path) -> None:
    from django.test import override_settings

    from tokenry.ext.django import close, get_tokenry

    settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/keys.db", "ACCESS_LIFE": 60}
    with django_project.database(**django_project.sqlite(tmp_path / "site.db")), override_settings(TOKENRY=settings):
        assert get_tokenry().settings.access_life == timedelta(minutes=1)
        close()


def test_an_option_that_is_set_after_the_extension_takes_effect_in_flask(tk: Tokenry) -> None:
    app = flask(tk)

    def names() -> list[str]:
        answer = app.test_client().post("/sign-in", headers={"Sec-Fetch-Site": "same-origin"})
        return sorted(line.partition("=")[0] for line in answer.headers.getlist("Set-Cookie"))

    assert names() == ["__Host-tokenry_access", "__Secure-tokenry_refresh"]
    app.config["TOKENRY_COOKIE_SECURE"] = False
    assert names() == ["tokenry_access", "tokenry_refresh"]
    app.config["TOKENRY_ACCESS_COOKIE"] = "mine"
    assert names() == ["mine", "tokenry_refresh"]
    app.config["TOKENRY_COOKIE_SECURTY"] = True
    with pytest.raises(ConfigError, match="did you mean"):
        app.test_client().get("/")


@pytest.mark.parametrize("text", ["false", "False", "0", 0])
def test_a_boolean_may_be_a_text_and_false_is_false(text: Any) -> None:
    assert read_options({"cookie_secure": text}) == Options(cookie_secure=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cookie_secure", "maybe"),
        ("cookie_secure", ""),
        ("cookie_secure", None),
        ("failures_max", "many"),
        ("failures_window", "a while"),
        ("access_cookie_life", float("nan")),
        ("access_cookie", 7),
        ("access_cookie", "a b"),
        ("access_cookie", "tokenry_refresh"),
        ("tenant", 7),
        ("refresh_path", "auth"),
        ("cookie_samesite", "None"),
        ("allowed_origins", "https://x"),
        ("allowed_origins", ["https://x/"]),
        ("allowed_origins", ["https://X"]),
        ("allowed_origins", ["null"]),
        ("allowed_origins", ["*"]),
        ("allowed_origins", [7]),
        ("trusted_proxies", "10.0.0.0/8"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigError):
        read_options({name: value})


def test_lengths_and_numbers_are_read_from_texts() -> None:
    read = read_options({"failures_max": "7", "failures_window": "60", "refresh_cookie_life": 5, "allowed_origins": []})
    assert (read.failures_max, read.failures_window) == (7, timedelta(minutes=1))
    assert (read.refresh_cookie_life, read.allowed_origins) == (timedelta(seconds=5), ())


def test_keywords_that_type_checkers_know_are_those_that_are_taken(tk: Tokenry) -> None:
    assert OptionsGiven.__annotations__.keys() == {field.name for field in fields(Options)}
    verify = inspect.signature(Tokenry.verify).parameters
    assert Asked.__annotations__.keys() == verify.keys() - {"self", "presented", "scopes", "ip", "offline"}
    start = inspect.signature(tk.sessions.start).parameters
    assert Starting.__annotations__.keys() == start.keys() - {"owner", "claims"}

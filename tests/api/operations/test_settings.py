"""Settings of the server: where they come from, what is refused, and what is looked at before it starts."""

from pathlib import Path
from typing import Any

import pytest

from tokenry.api.process.checks import check
from tokenry.api.process.settings import ServerSettings, server_settings
from tokenry.config import Configuration, load
from tokenry.types import ConfigError, Settings


def configured(tmp_path: Path, toml: str = "", **environment: str) -> tuple[Configuration, ServerSettings]:
    (tmp_path / "tokenry.toml").write_text(toml)
    found = load({f"TOKENRY_{name}": value for name, value in environment.items()}, tmp_path)
    return found, server_settings(found.server)


def test_the_environment_wins_over_the_file_and_both_are_typed(tmp_path: Path) -> None:
    toml = (
        'port = 9000\nworkers = 3\nproduction = true\ntrusted_proxies = ["10.0.0.0/8", "::1"]\ndata_dir = "/var/lib/t"'
    )
    _, settings = configured(
        tmp_path, toml, PORT="9001", ACCESS_LOG_SHARE="0.5", TRUSTED_PROXIES="10.1.0.0/16, fd00::/8"
    )
    assert settings == ServerSettings(
        port=9001,
        workers=3,
        production=True,
        trusted_proxies=("10.1.0.0/16", "fd00::/8"),
        data_dir=Path("/var/lib/t"),
        access_log_share=0.5,
    )


def test_nothing_said_is_the_defaults(tmp_path: Path) -> None:
    found, settings = configured(tmp_path)
    assert settings == ServerSettings()
    assert found.settings == Settings()


def test_an_empty_variable_says_nothing(tmp_path: Path) -> None:
    empty = dict.fromkeys(("PORT", "DATA_DIR", "AUTH_TENANT", "TRUSTED_PROXIES", "LANE", "TLS_KEY"), "")
    assert configured(tmp_path, **empty)[1] == ServerSettings()


@pytest.mark.parametrize("value", ["1e30", "inf", "nan", "-inf"])
def test_a_length_that_no_time_has_is_refused(value: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="store_timeout must be a number of seconds"):
        configured(tmp_path, STORE_TIMEOUT=value)


def test_a_library_ignores_the_settings_of_a_server_in_the_same_file(tmp_path: Path) -> None:
    found, _ = configured(tmp_path, 'port = 9000\nmemory_entries = 7\ndatabase_url = "sqlite:///k.db"')
    assert (found.settings.memory_entries, found.database_url) == (7, "sqlite:///k.db")


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown setting in tokenry\.toml: prot"):
        configured(tmp_path, "prot = 9000")


def test_everything_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(tmp_path, PORT="eighty", LANE="perhaps", ACCESS_LOG_SHARE="much")
    assert [
        word for word in ("port must be", "lane must be", "access_log_share must be") if word in str(caught.value)
    ] == [
        "port must be",
        "lane must be",
        "access_log_share must be",
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"port": 65536}, "port must be between"),
        ({"workers": 0}, "workers must be between"),
        ({"access_log_share": 1.5}, "access_log_share must be between"),
        ({"shutdown_seconds": 0}, "shutdown_seconds must be between"),
        ({"log_format": "xml"}, "log_format must be one of json, text"),
        ({"auth_answers": "apache"}, "auth_answers must be one of"),
        ({"tls_certificate": Path("a.pem")}, "belong together"),
        ({"trusted_proxies": ("10.0.0.300",)}, "trusted_proxies: '10.0.0.300'"),
        ({"trusted_proxies": ("10.0.0.1/8",)}, "trusted_proxies: '10.0.0.1/8'"),
        ({"allowed_origins": ("app.example.com",)}, "no origin"),
        ({"allowed_origins": ("https://app.example.com/",)}, "no origin"),
        ({"allowed_origins": ("*",)}, "no origin"),
    ],
)
def test_what_can_never_be_meant_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ServerSettings(**values)


def test_the_variable_that_kubernetes_makes_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="enableServiceLinks: false"):
        configured(tmp_path, PORT="tcp://10.96.0.7:8000")


@pytest.mark.parametrize("name", ["DATABASE_URL", "KEYRING"])
def test_a_secret_may_be_mounted_as_a_file(name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("  value\n")
    found, _ = configured(tmp_path, **{f"{name}_FILE": str(secret)})
    assert (found.database_url if name == "DATABASE_URL" else found.keyring) == "value"
    with pytest.raises(ConfigError, match="are both set"):
        configured(tmp_path, **{name: "x", f"{name}_FILE": str(secret)})
    secret.write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        configured(tmp_path, **{f"{name}_FILE": str(secret)})
    with pytest.raises(ConfigError, match="cannot be read: FileNotFoundError"):
        configured(tmp_path, **{f"{name}_FILE": str(tmp_path / "missing")})


SOUND = {
    "DATABASE_URL": "postgresql://tokenry:0gfq7Uv2nTz8wLxP@db/tokenry?sslmode=verify-full",
    "KEYRING": "/etc/keyring",
}

UNFIT = {
    "unknown": ({"PROT": "8000"}, "TOKENRY_PROT: unknown; did you mean TOKENRY_PORT?"),
    "short and far from everything": ({"FOO": "1"}, "TOKENRY_FOO: unknown; no setting is called so"),
    "far from everything": ({"FLUX_COMPENSATOR": "1"}, "TOKENRY_FLUX_COMPENSATOR: unknown; no setting is called so"),
    "placeholder password": ({"DATABASE_URL": "postgresql://u:changeme@db/x"}, "password is a placeholder"),
    "unfilled template": ({"DATABASE_URL": "postgresql://u:${DB_PASSWORD}@db/x"}, "placeholder that was not filled in"),
    "short password": ({"DATABASE_URL": "postgresql://u:a8Fq2@db/x"}, "fewer than 12 characters"),
    "placeholder keyring": ({"KEYRING": "<your keyring>"}, "keyring: is a placeholder"),
    "no TLS": ({"HOST": "0.0.0.0"}, "host: 0.0.0.0 is reached without TLS"),
    "everybody is a proxy": ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "trusts everybody's X-Forwarded-For"),
    "plain origin": ({"ALLOWED_ORIGINS": "http://app.example.com"}, "is not https"),
    "debugging": ({"LOG_LEVEL": "debug"}, "log_level: debug"),
    "open": ({"HOST": "10.0.0.7", "TRUSTED_PROXIES": "10.0.0.8", "VERIFY_OPEN": "true"}, "verify_open: whoever"),
}


@pytest.mark.parametrize(("values", "message"), UNFIT.values(), ids=UNFIT)
def test_what_is_unfit_is_named_and_in_production_refused(values: dict[str, str], message: str, tmp_path: Path) -> None:
    environment = {f"TOKENRY_{name}": value for name, value in (SOUND | values).items()}
    found, settings = configured(tmp_path, **(SOUND | values))
    assert [str(finding) for finding in check(found, settings, environment) if message in str(finding)]
    found, settings = configured(tmp_path, PRODUCTION="true", **(SOUND | values))
    with pytest.raises(ConfigError) as caught:
        check(found, settings, environment)
    assert message in str(caught.value)
    for secret in ("changeme", "a8Fq2", "0gfq7Uv2nTz8wLxP"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "database_url: missing"),
        ({"DATABASE_URL": SOUND["DATABASE_URL"]}, "keyring: missing"),
    ],
)
def test_what_is_missing_is_refused_in_production_alone(values: dict[str, str], message: str, tmp_path: Path) -> None:
    assert check(*configured(tmp_path, **values), {}) == []
    with pytest.raises(ConfigError, match=message):
        check(*configured(tmp_path, PRODUCTION="1", **values), {})


def test_a_private_key_that_others_can_read_is_named(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.touch(0o600)
    settings = ServerSettings(tls_certificate=key, tls_key=key)
    assert check(Configuration(None, None, Settings()), settings, {}) == []
    key.chmod(0o644)
    assert [finding.setting for finding in check(Configuration(None, None, Settings()), settings, {})] == ["tls_key"]


@pytest.mark.parametrize(
    "values",
    [
        SOUND,
        {"DATA_DIR": "/var/lib/tokenry"},
        SOUND | {"HOST": "10.0.0.7", "TRUSTED_PROXIES": "10.0.0.8"},
        {"DATABASE_URL": "postgresql:///tokenry?host=/run/postgresql", "KEYRING": "/etc/keyring"},
    ],
)
def test_a_sound_installation_starts_in_production(values: dict[str, str], tmp_path: Path) -> None:
    environment = {f"TOKENRY_{name}": value for name, value in values.items()}
    environment["TOKENRY_SERVICE_HOST"] = environment["TOKENRY_PORT_8000_TCP_PROTO"] = "from Kubernetes"
    assert check(*configured(tmp_path, PRODUCTION="true", **values), environment) == []


def test_the_address_is_one_that_a_client_here_can_use() -> None:
    assert ServerSettings(host="0.0.0.0").address == "http://127.0.0.1:8000"
    assert ServerSettings(host="::", port=1).address == "http://[::1]:1"
    pair = {"tls_certificate": Path("c"), "tls_key": Path("k")}
    assert ServerSettings(host="example.com", **pair).address == "https://example.com:8000"

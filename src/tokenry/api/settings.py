"""The settings of the server. `docs/reference/settings.md` explains each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Every knob that only the server has; those of the engine are `tokenry.Settings`."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    data_dir: Path = Path("tokenry-data")
    production: bool = False
    lane: bool = True
    trusted_proxies: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    verify_open: bool = False
    auth_tenant: str | None = None
    auth_answers: Literal["standard", "nginx"] = "standard"
    failures_max: int = 100
    failures_window_seconds: int = 900
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"
    access_log_share: float = 0.01
    slow_statement_ms: int = 200
    shutdown_seconds: int = 10

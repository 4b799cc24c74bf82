"""The address of a server, and sending through httpx2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..core.errors import ConfigError
from .wire import Answer, Sending


def address(server: str | None) -> str:
    if not server:
        raise ConfigError("say where the server is: Client('https://tokenry.example.com'), or TOKENRY_SERVER")
    try:
        parts = urlsplit(server.strip())
        well_formed = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        well_formed = None
    if not well_formed or "@" in server or "?" in server or "#" in server:
        raise ConfigError(
            "the address of a server is like https://tokenry.example.com, without a name, a password or a query"
        )
    return server.strip().rstrip("/")


def httpx2() -> Any:
    try:
        import httpx2
    except ImportError:
        raise ConfigError("the client needs one package more: pip install 'tokenry[client]'") from None
    return httpx2


def request(sending: Sending, headers: Mapping[str, str], timeout: float) -> dict[str, Any]:
    return {
        "method": sending.method,
        "url": sending.path,
        "params": sending.query,
        "json": sending.body,
        "data": sending.form,
        "headers": {**sending.headers, **headers},
        "timeout": timeout + sending.wait,
    }


def answered(response: Any) -> Answer:
    return Answer(response.status_code, response.headers, response.content)

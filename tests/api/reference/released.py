"""The OpenAPI document of the last release, without its prose. `make released` writes it anew, as part of a release."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from tokenry import AsyncTokenry, Settings
from tokenry.api.app import Served, create_app
from tokenry.api.process.health import Operations, Readiness
from tokenry.api.process.metrics import Metrics
from tokenry.api.process.settings import ServerSettings

FILE = Path(__file__).with_name("released.json")
PROSE = frozenset(("info", "tags", "description", "summary", "example", "examples", "title"))
NAMES = frozenset(("properties", "schemas", "headers"))
"""Where the names in an object are those of fields: a field may be called `description`."""


def current() -> dict[str, Any]:
    """Return what a server of this version shows at `/openapi.json`."""
    return asyncio.run(_shown())


async def _shown() -> dict[str, Any]:
    async with AsyncTokenry("sqlite://", settings=Settings(background=False)) as tk:
        served, readiness = Served(tk, ServerSettings()), Readiness(tk)
        app = create_app(served, Operations(readiness, Metrics(served.counters, ready=readiness)))
        found: dict[str, Any] = TestClient(app).get("/openapi.json").json()
        return found


def released() -> dict[str, Any]:
    """Return the document of the last release."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def bare(part: Any, *, named: bool = False) -> Any:
    """Return a document without what only readers need: better words are no change of the API."""
    if isinstance(part, dict):
        return {name: bare(one, named=name in NAMES) for name, one in part.items() if named or name not in PROSE}
    return [bare(one) for one in part] if isinstance(part, list) else part


if __name__ == "__main__":
    FILE.write_text(json.dumps(bare(current()), indent=1, sort_keys=True) + "\n", encoding="utf-8")

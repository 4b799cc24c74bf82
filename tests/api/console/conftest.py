"""A whole server in this process, with a clock of the test's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.testclient import TestClient

from tokenry import AsyncTokenry, Settings, Tokenry
from tokenry.api.app import App, Served, create_app
from tokenry.api.process.settings import ServerSettings
from tokenry.installation import make_operator_key
from tokenry.testing import FakeClock

ORIGIN = "http://127.0.0.1:8000"
PAGE = {"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN}
"""What a browser says of a request of the console's own pages."""


@dataclass
class Site:
    """The server, an operator's key, and requests as a browser sends them."""

    tk: Tokenry
    app: App
    operator: str
    clock: FakeClock

    def browser(self) -> TestClient:
        """Return a client without any cookie."""
        return TestClient(self.app, base_url=ORIGIN, client=("203.0.113.9", 1234))

    def sign_in(self, key: str | None = None, **headers: str) -> tuple[TestClient, Any]:
        """Return a browser after it tried to sign in, and the answer."""
        browser = self.browser()
        answer = browser.post("/console/session", json={"key": key or self.operator}, headers={**PAGE, **headers})
        return browser, answer


@pytest.fixture
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        clock = FakeClock()
        tk = AsyncTokenry("sqlite://", settings=Settings(background=False), clock=clock)
        stack.callback(lambda: loop.run_until_complete(tk.close()))
        served = Served(tk, ServerSettings(failures_max=5))
        yield Site(served.sync, create_app(served), str(make_operator_key(served.sync).secret), clock)

"""A management API in this process, and somebody of every kind who calls it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tokenry import Settings, Tokenry
from tokenry.api.management import Callers, Management
from tokenry.installation import make_operator_key
from tokenry.types import OPERATOR_SCOPES


@dataclass
class Api:
    """An application on a database, and requests to it."""

    tk: Tokenry
    app: Management
    operator: str

    def client(self, credential: str | None, **options: Any) -> TestClient:
        """Return a client that presents a credential."""
        headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
        return TestClient(self.app, headers=headers, client=("203.0.113.9", 1234), **options)

    def operator_of(self, tenant: str, scopes: tuple[str, ...] = OPERATOR_SCOPES) -> str:
        """Return a new operator's key of one tenant."""
        self.tk.owners.put("operator", tenant=tenant)
        name = f"operator {len(self.tk.keys.list(tenant=tenant))}"
        return str(
            self.tk.keys.issue("operator", name=name, scopes=scopes, environment="op", tenant=tenant).secret,
        )

    def key(self, owner: str = "ada", tenant: str = "default", **fields: Any) -> str:
        """Return a new key of an application."""
        self.tk.owners.put(owner, tenant=tenant)
        name = fields.pop("name", f"key {len(self.tk.keys.list(tenant=tenant))}")
        return str(self.tk.keys.issue(owner, name=name, tenant=tenant, **fields).secret)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """Give an installation with the tenants `default` and `acme`."""
    with Tokenry(f"sqlite:///{tmp_path / 'keys.db'}", settings=Settings(background=False, exclusive=True)) as tk:
        operator = str(make_operator_key(tk).secret)
        tk.tenants.create("acme")
        tk.owners.put("ada", name="Ada")
        yield Api(tk, Management(tk, Callers(tk)), operator)


@pytest.fixture
def client(api: Api) -> TestClient:
    """Give an operator of the installation."""
    return api.client(api.operator)

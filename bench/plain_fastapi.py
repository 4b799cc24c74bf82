"""The first version that people build, as FastAPI's documentation shows it: a dependency that looks up a key's hash."""

import hashlib
import os
import sqlite3
import threading
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Security
from fastapi.security import APIKeyHeader

app = FastAPI()
header = APIKeyHeader(name="X-API-Key", auto_error=False)
_local = threading.local()


def _connection() -> sqlite3.Connection:
    if not hasattr(_local, "connection"):
        _local.connection = sqlite3.connect(os.environ["BENCH_DATABASE"])
    return _local.connection  # type: ignore[no-any-return]


def current_key(key: Annotated[str | None, Security(header)]) -> Any:
    """Return the row of a key; 401 without one."""
    digest = hashlib.sha256((key or "").encode()).hexdigest()
    row = (
        _connection().execute("SELECT owner, scopes FROM api_key WHERE hash = ? AND revoked = 0", (digest,)).fetchone()
    )
    if row is None:
        raise HTTPException(401)
    return row


@app.get("/v1/auth")
def auth(row: Annotated[Any, Depends(current_key)]) -> dict[str, str]:
    """Say who it is."""
    return {"owner": row[0], "scopes": row[1]}

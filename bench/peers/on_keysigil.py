"""A route behind a key of keysigil, on FastAPI and SQLite. `python on_keysigil.py` makes a key."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from keysigil import KeyForge
from keysigil.middleware.fastapi import KeyForgeAuth

forge = KeyForge(f"sqlite:///{Path(os.environ['BENCH_FOLDER'], 'keysigil.db')}")


@asynccontextmanager
async def living(_: FastAPI) -> AsyncIterator[None]:
    """Open the database."""
    await forge.setup()
    yield


app = FastAPI(lifespan=living)


@app.get("/v1/auth")
async def auth(
    request: Request, _: Annotated[None, Depends(KeyForgeAuth(forge, require_permissions=["read:projects"]))]
) -> dict[str, str]:
    """Say who it is."""
    return {"key": request.state.key_id}


async def prepare() -> str:
    """Make a key."""
    await forge.setup()
    created = await forge.create_key(name="bench", permissions=["read:projects"])
    return str(created.plaintext)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(prepare())), flush=True)
    os._exit(0)  # its connection has a thread that nobody ends

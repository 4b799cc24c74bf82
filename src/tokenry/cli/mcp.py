"""`tokenry mcp`: an agent manages the installation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .call import SIGN_IN, Call, command
from .importing import importing

if TYPE_CHECKING:
    from tokenry.client import AsyncClient


def mcp(
    call: Call,
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Also offer changes, each with a confirmation.")
    ] = False,
    secrets_dir: Annotated[
        Path | None,
        typer.Option("--secrets-dir", metavar="DIR", help="Write new secrets into files there that only you can read."),
    ] = None,
    show_secrets: Annotated[
        bool, typer.Option("--show-secrets", help="Answer with new secrets: they enter the context of the agent.")
    ] = False,
) -> None:
    """Serve MCP on stdin and stdout, so that an agent manages the installation with your key; it only reads by default.

    The key (TOKENRY_KEY or --key-file) is an operator's, also with a database: its scopes decide which tools there are,
    and the audit log names it.
    """
    from tokenry.types import ConfigError

    if secrets_dir is not None and not secrets_dir.is_dir():
        raise ConfigError(f"--secrets-dir: there is no directory {secrets_dir}: make it first, with mode 0700")
    try:
        with importing():
            import anyio

            from .agents import Agents
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "tokenry":
            raise
        raise ConfigError(f"{package} is not installed: pip install 'tokenry[cli,mcp]'") from None

    async def serve() -> None:
        async with _client(call) as client:
            agents = Agents(client, changes=allow_changes, secrets_dir=secrets_dir, show_secrets=show_secrets)
            await agents.serve()

    anyio.run(serve)


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    command(app, "mcp")(mcp)


@asynccontextmanager
async def _client(call: Call) -> AsyncIterator[AsyncClient]:
    """Open a client of the server; for a database, of an application that answers `/v1` in this process."""
    from tokenry.client import AsyncClient

    key = _key(call)
    if call.server is not None:
        async with AsyncClient(call.server, key) as client:
            yield client
        return
    import httpx2

    from tokenry.api.management.app import Management
    from tokenry.api.management.callers import Callers

    with call.installation().open() as tk:
        transport = httpx2.ASGITransport(Management(tk, Callers(tk)))
        async with AsyncClient("http://localhost", key, transport=transport) as client:
            yield client


def _key(call: Call) -> str:
    try:
        return call.key()
    except typer.Exit:
        call.out.say(
            "the audit log names the operator of this key for every change, also where it is your own database"
        )
        raise typer.Exit(SIGN_IN) from None

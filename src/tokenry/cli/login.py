"""`tokenry login`, `logout` and `servers`: which servers the commands work on."""

from __future__ import annotations

import re
import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer

from . import servers
from .call import Call, command
from .credentials import SecretFile, presented, usage
from .documents import expiry

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)


def login(
    call: Call,
    url: Annotated[str, typer.Argument(metavar="URL", help="The server, such as https://tokenry.example.com.")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What to call it; else the name of its host.")
    ] = None,
    secret_file: SecretFile = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Send the key over http:// to another machine, where others can read it.")
    ] = False,
) -> None:
    """Sign in to a server: commands work on it from now on when nothing else says where.

    Asks for your key without showing it, or reads it from stdin or --secret-file. A wrong key is not saved.
    With several servers, `--server NAME` chooses one for a command, and `tokenry servers --default NAME` for all.
    """
    from tokenry.client import Client
    from tokenry.client.connections import address

    url = address(url)
    if not servers.is_private(url) and not insecure:
        usage(call.out, f"the key would travel in clear to {url}: use https://, or say --insecure")
    name = name or str(urlsplit(url).hostname)
    if not _NAME.fullmatch(name):
        usage(call.out, "a name has at most 63 characters of a-z, 0-9, '.', '_' and '-'; choose one with --name")
    key = presented(call, secret_file)
    with Client(url, key) as client:
        own = client.me.get()
    with servers.changed() as saved:
        saved.saved[name] = servers.SavedServer(url, key)
        saved.default = name
    message = f"signed in to {url} as {own.owner}, key {own.name!r} of tenant {own.tenant}, expires {expiry(own)}"
    call.out.say(
        f"{message}\n{name} is the default server now. The key is in {servers.place()}, which only you can read"
    )
    if not call.out.record(server=name, url=url, owner=own.owner, tenant=own.tenant, expires_at=own.expires_at):
        call.out.text(name)


def logout(
    call: Call,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The server to forget; else the default one.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Forget all servers.")] = False,
) -> None:
    """Forget a server and your key for it. The key goes on working: `tokenry keys revoke` ends it."""
    with servers.changed() as saved:
        gone = sorted(saved.saved) if every else [name or saved.default or ""]
        for one in gone:
            _known(call, saved, one)
            del saved.saved[one]
        if saved.default not in saved.saved:
            saved.default = None
    if not call.out.record(forgotten=gone):
        call.out.say(f"forgotten: {', '.join(gone) or 'none'}. The keys go on working until they are revoked")


def list_servers(
    call: Call,
    default: Annotated[str | None, typer.Option("--default", metavar="NAME", help="Make this one the default.")] = None,
) -> None:
    """List the servers that you have signed in to, never with their keys."""
    if default is not None:
        with servers.changed() as saved:
            _known(call, saved, default)
            saved.default = default
    found = servers.load()
    rows = [(name, one.url, "default" if name == found.default else "") for name, one in sorted(found.saved.items())]
    listed = [{"name": name, "url": url, "is_default": bool(is_default)} for name, url, is_default in rows]
    if not call.out.record(servers=listed):
        call.out.table(("name", "server", ""), rows)
        if not rows and sys.stdout.isatty():
            call.out.say("none yet: `tokenry login https://tokenry.example.com`")


def _known(call: Call, saved: servers.Servers, name: str) -> None:
    """Refuse a name that is not saved."""
    if not name or saved.find(name) is None:
        usage(call.out, "name a server as `tokenry servers` lists it")


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    command(app, "login")(login)
    command(app, "logout")(logout)
    command(app, "servers")(list_servers)

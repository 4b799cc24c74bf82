"""The tree of commands."""

from __future__ import annotations

import logging
import os
from typing import Annotated, Any

import typer

import tokenry

from . import (
    advice,
    audit,
    bench,
    bulk,
    completions,
    credits,
    db,
    doctor,
    exporting,
    first_steps,
    init,
    inspecting,
    issuing,
    keys,
    leaks,
    limits,
    listening,
    login,
    mcp,
    moving,
    owners,
    portal,
    refusals,
    roles,
    scan,
    secrets,
    serve,
    sessions,
    signing_keys,
    tenants,
    usage,
    verify,
    webhooks,
    worker,
)
from .call import Database, Format, Globals, Json, KeyFile, KeyringFile, NoColor, Quiet, Server
from .credentials import refuse_arguments
from .help import Group


class Root(Group):
    """The root of the tree: looks at all arguments before anything else can repeat them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse a credential among the arguments, without showing it."""
        refusal = refuse_arguments(args)
        if refusal:
            ctx.fail(refusal)
        if "--no-color" in args:
            os.environ["NO_COLOR"] = "1"  # for what typer itself writes
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="tokenry",
    cls=Root,
    help="Mint, check and revoke the credentials of an API.",
    epilog="Exit codes: 0 ok, 1 failed, 2 called wrongly, 3 credential refused, 4 the server wants your key, "
    "5 cannot be reached.",
    no_args_is_help=True,
    add_completion=False,  # `tokenry completions` takes its place
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(tokenry.__version__)
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    database: Database = None,
    keyring: KeyringFile = None,
    server: Server = None,
    key_file: KeyFile = None,
    json: Json = False,
    output: Format = None,
    no_color: NoColor = False,
    quiet: Quiet = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    context.obj = Globals(database, keyring, server, key_file, json, output, no_color, quiet)


init.register(app)
first_steps.register(app)
serve.register(app)
login.register(app)
app.add_typer(keys.group, cls=Group, name="keys")
issuing.register(keys.group)
bulk.register(keys.group)
advice.register(keys.group)
app.add_typer(owners.group, cls=Group, name="owners")
app.add_typer(tenants.group, cls=Group, name="tenants")
app.add_typer(roles.catalogue, cls=Group, name="scopes")
app.add_typer(roles.group, cls=Group, name="roles")
app.add_typer(sessions.group, cls=Group, name="sessions")
app.add_typer(portal.group, cls=Group, name="portal")
app.add_typer(limits.group, cls=Group, name="limits")
app.add_typer(credits.group, cls=Group, name="credits")
app.add_typer(signing_keys.group, cls=Group, name="signing-keys")
listening.register(webhooks.group)
app.add_typer(webhooks.group, cls=Group, name="webhooks")
verify.register(app)
inspecting.register(app)
scan.register(app)
usage.register(app)
refusals.register(app)
app.add_typer(leaks.group, cls=Group, name="leaks")
moving.register(app)
exporting.register(app)
app.add_typer(secrets.group, cls=Group, name="secrets")
app.add_typer(db.group, cls=Group, name="db")
app.add_typer(audit.group, cls=Group, name="audit")
doctor.register(app)
bench.register(app)
worker.register(app)
mcp.register(app)
completions.register(app)


def run() -> None:
    """Run the command line on the arguments of this process."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    completions.prepare()
    app(prog_name="tokenry")

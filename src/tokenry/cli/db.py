"""`tokenry db`: the tables."""

from __future__ import annotations

import typer

from .call import FAILED, Call, command

group = typer.Typer(help="The tables in the database.", no_args_is_help=True)


@command(group, "upgrade")
def upgrade(call: Call) -> None:
    """Bring the tables up to date, or make them. Make a backup before."""
    installation = call.installation()
    before = installation.revision()
    call.out.say(f"bringing {installation.shown_url()} from {before.current or 'nothing'} to {before.head} …")
    installation.upgrade().close()
    after = installation.revision()
    if call.out.json:
        call.out.document({"before": before.current, "current": after.current, "head": after.head})
    else:
        call.out.text(f"the tables are at {after.current}")


@command(group, "status")
def status(call: Call) -> None:
    """Say which revision the tables are at. Exits with 1 unless it is the one that this version needs."""
    revision = call.installation().revision()
    if call.out.json:
        document = {"current": revision.current, "head": revision.head, "up_to_date": bool(revision)}
        call.out.document(document)
    else:
        call.out.pairs([("current", revision.current or "no tables"), ("needed", revision.head)])
    if not revision:
        newer = revision.current is not None and revision.current > revision.head
        call.out.say("upgrade Tokenry" if newer else "run `tokenry db upgrade`, after a backup")
        raise typer.Exit(FAILED)

"""`tokenry db`: the tables."""

from __future__ import annotations

from typing import Annotated

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
    if not call.out.record(before=before.current, current=after.current, head=after.head):
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


@command(group, "replay-journal")
def replay_journal(
    call: Call,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Do nothing again: the restored state is what you want.")
    ] = False,
) -> None:
    """Do again what was revoked after the backup that this database was restored from."""
    if dry_run and forget:
        raise typer.BadParameter("--dry-run and --forget exclude each other: drop one")
    steps = call.installation().replay_journal(dry_run=dry_run, forget=forget)
    if call.out.json:
        shown = [{"tenant": step.tenant, "subject": step.subject, "action": step.action} for step in steps]
        call.out.document({"dry_run": dry_run, "steps": shown})
        return
    for step in steps:
        call.out.text(f"{step.tenant}  {step.subject}  {step.action}")
    if forget:
        call.out.say("what was revoked after the backup stays as the backup has it")
    elif not steps:
        call.out.say("nothing: every revocation of the journal holds in the database")
    else:
        call.out.say(f"{'would do' if dry_run else 'did'} again: {len(steps)}")

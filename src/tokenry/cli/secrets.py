"""`tokenry secrets`: the keyring, from which everything secret of an installation is derived."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .call import Call, command
from .documents import day
from .lengths import length

if TYPE_CHECKING:
    from tokenry.installation import GenerationInfo

group = typer.Typer(help="The keyring of an installation.", no_args_is_help=True)


@command(group, "new")
def new(
    call: Call,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The new file; never over another.")],
) -> None:
    """Make a keyring for a new installation, in a file that only you can read."""
    from tokenry.config import fresh_keyring, write_keyring_file

    write_keyring_file(out, fresh_keyring())
    call.out.say(f"the keyring is in {out}. Keep a copy of it, and never together with a copy of the database")
    if not call.out.record(keyring=str(out)):
        call.out.text(str(out))


@command(group, "list")
def list_generations(call: Call) -> None:
    """List the generations of the keyring, without what is secret of them."""
    _answer(call, call.installation().generations())


@command(group, "rotate")
def rotate(
    call: Call,
    activate_after: Annotated[
        timedelta | None,
        typer.Option(
            "--activate-after", parser=length, metavar="LENGTH", help="When it begins to sign; 60s by default."
        ),
    ] = None,
    drop: Annotated[
        str | None, typer.Option("--drop", metavar="ID", help="Remove this generation instead of adding one.")
    ] = None,
) -> None:
    """Add a generation to the keyring file; what older ones made stays valid.

    The new one verifies at once and signs after 60 seconds (--activate-after), when every process has read the file.
    On several machines copy the file to all of them within that time, or choose a longer one.
    """
    installation = call.installation()
    if drop is None:
        after = timedelta(seconds=60) if activate_after is None else activate_after
        found = installation.rotate_keyring(after)
        newest = found[-1]
        call.out.say(f"generation {newest.id} is added and signs from {day(newest.signs_from)}")
    else:
        found = installation.drop_generation(drop)
        call.out.say(f"generation {drop} is gone")
    _answer(call, found)


def _answer(call: Call, generations: tuple[GenerationInfo, ...]) -> None:
    if not call.out.record(generations=generations):
        rows = [(info.id, info.status, day(info.signs_from)) for info in generations]
        call.out.table(("generation", "status", "signs from"), rows)

"""`tokenry completions`: what a shell needs to complete commands and options."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from .call import Call, command


class Shell(StrEnum):
    """A shell that can be taught."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completions(
    call: Call, shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]
) -> None:
    """Print a script that completes commands and options: eval "$(tokenry completions bash)"."""
    from typer._completion_shared import get_completion_script

    script = get_completion_script(prog_name="tokenry", complete_var="_TOKENRY_COMPLETE", shell=shell.value)
    if not call.out.record(shell=shell.value, script=script):
        call.out.text(script)


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    command(app, "completions")(completions)

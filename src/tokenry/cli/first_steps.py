"""`tokenry try`: a small installation to play with, and what to type first."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .call import Call, command
from .init import hand_out_operator_key, opened

if TYPE_CHECKING:
    from tokenry.installation import Installation
    from tokenry.tokenry import Tokenry

_STEPS = """\
Tokenry is ready on {url}

In Python (`{python}`):

    from tokenry import Tokenry
    tk = Tokenry("{url}"{keyring})
    tk.owners.put("user-42")
    issued = tk.keys.issue("user-42", name="first", scopes=["read:projects"])
    tk.verify(issued.secret, scopes=["read:projects"])        # KeyValid(…)
    tk.keys.revoke(issued.key.id)
    tk.verify(issued.secret).code                             # 'revoked'

In a shell:

    export TOKENRY_DATABASE_URL='{url}'{export}
    {tokenry} owners put user-42
    KEY=$({tokenry} keys issue --owner user-42 --name CI --scope read:projects)
    echo "$KEY" | {tokenry} verify --scope read:projects
    {tokenry} keys list
    {tokenry} doctor
"""


def try_(call: Call) -> None:
    """Open a small installation in ./tokenry-data, made if it is new, and show what to type first.

    On a terminal it ends in a Python prompt where `tk` is that installation.
    """
    from tokenry.installation import operator_keys

    installation = call.installation(fallback=True)
    with opened(installation) as tk:
        if not operator_keys(tk):
            issued, place = hand_out_operator_key(call, installation, tk)
            if place is not None:
                call.out.say(f"The first operator's key is in {place}: keep it somewhere safe, then remove the file.")
            call.out.say(f"It expires on {issued.key.expires_at:%Y-%m-%d}.\n")
        if call.out.record(database_url=installation.shown_url()):
            return
        call.out.text(_steps(installation))
        if sys.stdin.isatty() and sys.stdout.isatty():
            _prompt(tk)


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    command(app, "try")(try_)


def _steps(installation: Installation) -> str:
    keyring = installation.keyring_file if installation.keyring else None
    return _STEPS.format(
        url=installation.shown_url(),
        keyring=f', keyring="{keyring}"' if keyring else "",
        export=f"\n    export TOKENRY_KEYRING='{keyring}'" if keyring else "",
        python=_shown(Path(sys.executable)),
        tokenry=_command(),
    )


def _command() -> str:
    """Return how this command is called from here."""
    called = Path(sys.argv[0])
    found = shutil.which("tokenry")
    if called.name != "tokenry" or (found and Path(found).resolve() == called.resolve()):
        return "tokenry"
    return _shown(called)


def _shown(path: Path) -> str:
    path = path.absolute()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _prompt(tk: Tokenry) -> None:
    import code
    from datetime import timedelta

    names = {"tk": tk, "timedelta": timedelta}
    code.interact(banner="A Python prompt: `tk` is ready. Ctrl-D ends it.", local=names, exitmsg="")

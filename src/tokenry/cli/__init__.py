"""The command line. `main` is light: typer is imported when a command runs, and missed politely."""

from __future__ import annotations

import sys

from .importing import importing


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        with importing():
            from .app import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("typer", "rich"):
            raise
        sys.stderr.write("error: the command line needs a few packages more: pip install 'tokenry[cli]'\n")
        raise SystemExit(1) from None
    run()

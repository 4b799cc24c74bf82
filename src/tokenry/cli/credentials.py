"""Credentials on their way in and out: never as an argument, and never over another file."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from .call import USAGE, Call
from .output import Output
from .signals import held

T = TypeVar("T")

PRESENTED_MAX = 16_384
_TOKEN = re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.")
_KEYRING = re.compile(r"tokenry-keyring\s+\d")

SecretFile = Annotated[
    Path | None,
    typer.Option("--secret-file", metavar="FILE", help="Read the credential from a file (- is stdin)."),
]
SecretOut = Annotated[
    Path | None,
    typer.Option("--secret-out", metavar="FILE", help="Write the secret into a new file that only you can read."),
]


def refuse_arguments(arguments: Sequence[str]) -> str | None:
    """Return why arguments cannot be accepted when one holds a credential; None when none does."""
    from tokenry.types import SCAN_PATTERN

    whole = " ".join(arguments)
    if re.search(SCAN_PATTERN, whole) or _TOKEN.search(whole):
        return (
            "an argument looks like a key or a token. Arguments stay in the shell's history and everybody on this "
            "machine can read them: pass it on stdin, at the prompt or with --secret-file, and rotate this one"
        )
    if _KEYRING.search(whole):
        return "an argument holds the text of a keyring: put it into a file of mode 0600, or into TOKENRY_KEYRING"
    return None


def presented(call: Call, file: Path | None) -> str:
    """Read the credential that is to be looked at, from where nobody else can see it."""
    if call.extra:
        usage(call.out, "credentials are never arguments: pass it on stdin, at the prompt or with --secret-file FILE")
    if file is not None and str(file) != "-":
        text = _from_file(call.out, file)
    elif file is None and sys.stdin.isatty():
        import getpass

        text = getpass.getpass("Credential (it is not shown): ")
    else:
        text = sys.stdin.read(PRESENTED_MAX + 1)
    if not text.strip():
        usage(call.out, "there was no credential on stdin or in the file")
    if len(text) > PRESENTED_MAX:
        usage(call.out, f"that is longer than any credential ({PRESENTED_MAX} characters)")
    return text.strip()


def usage(out: Output, text: str) -> None:
    """End the command: it was called wrongly."""
    out.fail(text)
    raise typer.Exit(USAGE)


def hand_out(call: Call, make: Callable[[], T], secret_out: Path | None, noun: str) -> T:
    """Make a record with a secret, and show that once: in a new file, in the JSON document, or alone on stdout.

    `noun` names the record in what `make` returns. The file is made first, so that a secret never exists that could not
    be kept.
    """
    made: Any
    if secret_out is None:
        with held():
            made = make()
            if not call.out.record(**{noun: getattr(made, noun)}, secret=str(made.secret)):
                call.out.text(str(made.secret))
        return made  # type: ignore[no-any-return]
    with held(), new_secret_file(secret_out) as keep:
        made = make()
        keep(str(made.secret))
    record = getattr(made, noun)
    if not call.out.record(**{noun: record}, secret_file=str(secret_out)):
        call.out.text(record.id)
    return made  # type: ignore[no-any-return]


@contextmanager
def new_secret_file(path: Path) -> Iterator[Callable[[str], None]]:
    """Make a file of mode 0600, never over another, and offer to write a secret into it. Gone when nothing was."""
    from tokenry.types import ConfigError

    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path} exists already; nothing was changed. Choose another file") from None
    kept = False
    try:
        with os.fdopen(file, "w", encoding="utf-8") as stream:

            def keep(text: str) -> None:
                nonlocal kept
                stream.write(text + "\n")
                stream.flush()
                os.fsync(stream.fileno())
                kept = True

            yield keep
    finally:
        if not kept:
            path.unlink(missing_ok=True)


def _from_file(out: Output, path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as stream:
        found = os.fstat(stream.fileno())
        if stat.S_ISREG(found.st_mode) and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            out.warn(f"warning: others can read {path}; run `chmod 600 {path}`")
        return stream.read(PRESENTED_MAX + 1)

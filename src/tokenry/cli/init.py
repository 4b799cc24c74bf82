"""`tokenry init`: a database, its keyring, and the first operator's key."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenry.types import NOT_GIVEN

from .call import Call, command, data_directory
from .credentials import SecretOut, new_secret_file
from .documents import expiry
from .lengths import Lasting, lasting
from .output import document
from .signals import held

if TYPE_CHECKING:
    from tokenry.installation import Installation
    from tokenry.tokenry import Tokenry
    from tokenry.types import Issued


def init(
    call: Call,
    new_operator_key: Annotated[
        bool,
        typer.Option("--new-operator-key", help="Revoke the first operator's key, which was lost, and make a new one."),
    ] = False,
    expires_in: Annotated[
        Lasting | None,
        typer.Option("--expires-in", parser=lasting, metavar="LENGTH", help="How long it lives: 30d, never."),
    ] = None,
    secret_out: SecretOut = None,
) -> None:
    """Make a database with its keyring and the first operator's key, by default in ./tokenry-data.

    The key is shown once on a terminal or in the answer of --json; otherwise it goes into a new file of mode 0600.
    """
    installation = call.installation(fallback=True)
    with opened(installation) as tk:
        issued, place = hand_out_operator_key(
            call, installation, tk, replace=new_operator_key, expires_in=expires_in, secret_out=secret_out
        )
    if call.out.json:
        call.out.document(_document(installation, issued, place))
    _tell(call, installation, issued, place)


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    command(app, "init")(init)


def opened(installation: Installation, data: Path | None = None) -> Tokenry:
    """Open an installation, made if it is new. The directory of a new SQLite file is nobody else's."""
    file = installation.database_file
    if file is not None and file.parent == (data or data_directory()).absolute():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return installation.upgrade()


def hand_out_operator_key(
    call: Call,
    installation: Installation,
    tk: Tokenry,
    *,
    replace: bool = False,
    expires_in: Lasting | None = None,
    secret_out: Path | None = None,
) -> tuple[Issued, Path | None]:
    """Make the first operator's key and hand it out; return it and the file it is in, if it is in one."""
    from tokenry.installation import make_operator_key

    place = secret_out
    if place is None and not call.out.json and not sys.stdout.isatty():
        place = _beside(installation)
    lives: Any = NOT_GIVEN if expires_in is None else expires_in.value
    with held(), nullcontext() if place is None else new_secret_file(place) as keep:
        issued = make_operator_key(tk, replace=replace, expires_in=lives)
        if keep is not None:
            keep(str(issued.secret))
        elif not call.out.json:
            call.out.say("The first operator's key. It is shown this once:")
            call.out.text(str(issued.secret))
    return issued, place


def working_key_file(installation: Installation, tk: Tokenry) -> Path | None:
    """Return the newest file beside the database whose operator's key still works: others hold a replaced one."""
    from tokenry.edge import OPERATOR_ENVIRONMENT

    for place in reversed(_places(installation)):
        try:
            text = place.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        if tk.explain(text, environment=OPERATOR_ENVIRONMENT):
            return place
    return None


def _beside(installation: Installation) -> Path:
    places = _places(installation)
    return next((path for path in places if not path.exists()), places[0])


def _places(installation: Installation) -> list[Path]:
    """Return where operator's keys are kept, the oldest first."""
    file = installation.database_file
    folder, name = (file.parent, file.stem) if file else (Path(), "tokenry")
    return [folder / f"{name}.operator-key", *(folder / f"{name}.operator-key.{n}" for n in range(2, 100))]


def _document(installation: Installation, issued: Issued, place: Path | None) -> dict[str, Any]:
    keyring = installation.keyring_file
    secret = {"operator_key": str(issued.secret)} if place is None else {"operator_key_file": str(place)}
    return {
        **secret,
        "key": document(issued.key),
        "database_url": installation.shown_url(),
        "keyring": str(keyring) if keyring else None,
    }


def _tell(call: Call, installation: Installation, issued: Issued, place: Path | None) -> None:
    say, keyring = call.out.say, installation.keyring_file
    if place is not None:
        say(f"The first operator's key is in {place}: keep it somewhere safe, then remove the file.")
        if not call.out.json:
            call.out.text(str(place))
    say(f"It expires {expiry(issued.key)}. A lost one is replaced by `tokenry init --new-operator-key`.")
    say(f"Database  {installation.shown_url()}")
    if keyring:
        say(f"Keyring   {keyring.absolute()}: keep a copy of it, and never together with one of the database")
    say(f"Next      export TOKENRY_DATABASE_URL='{installation.shown_url()}'")

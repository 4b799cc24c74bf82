"""`tokenry inspect`: what a credential's text says by itself, with no database and no server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from .call import REFUSED, Call, command
from .credentials import SecretFile, presented
from .documents import day
from .output import document

if TYPE_CHECKING:
    from tokenry.offline import Told


def inspect(call: Call, secret_file: SecretFile = None) -> None:
    """Show the parts of a credential's text: its kind, its prefix, its public kid, and whether the text is complete.

    Nobody is asked, so it says nothing about whether the credential holds. Exits with 3 when it is not one of ours, or
    when it was changed.
    """
    from tokenry.offline import tell

    result = tell(presented(call, secret_file))
    if call.out.json:
        call.out.document({"well_formed": bool(result), **document(result)})
    else:
        call.out.pairs(_pairs(result))
    if result.checksum is False:
        call.out.fail("the checksum is wrong: a character was changed, lost or added")
    if result.claims:
        call.out.say("nothing of this is proved: only a verification checks the signature")
    if not result:
        raise typer.Exit(REFUSED)


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    command(app, "inspect", context_settings={"allow_extra_args": True})(inspect)


def _pairs(result: Told) -> list[tuple[str, str]]:
    checksum = {True: "right", False: "wrong", None: ""}[result.checksum]
    pairs = [
        ("kind", result.kind),
        ("prefix", result.prefix),
        ("environment", result.environment),
        ("version", result.version),
        ("kid", result.kid),
        ("checksum", checksum),
        *(_part("header", result.header)),
        *(_part("claim", result.claims)),
    ]
    return [pair for pair in pairs if pair[1]]


def _part(what: str, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(f"{what} {name}"[:40], _shown(name, value)) for name, value in values.items()]


def _shown(name: str, value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if name in ("exp", "iat", "nbf") and isinstance(value, int) and 0 <= value < 1 << 35:
        text += f" ({day(datetime.fromtimestamp(value, UTC))})"
    return "".join(letter if letter.isprintable() else "�" for letter in text)  # a stranger's text, on our terminal

"""`tokenry export` and `tokenry restore`: a whole installation moves into another database."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO, Annotated

import typer

from tokenry.types import counted

from .call import Call, TenantOption, command
from .credentials import new_secret_file, usage
from .init import opened

PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", metavar="FILE", help="A file with the passphrase of the export.")
]


def export(
    call: Call,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The new file that is written.")] = None,
    passphrase_file: PassphraseFile = None,
    recipient: Annotated[
        str | None, typer.Option("--recipient", metavar="KEY", help="Encrypt for the holder of an identity: tkrcpt_….")
    ] = None,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain",
            help="Write the records of one tenant as NDJSON, without secrets and digests.",
        ),
    ] = False,
    tenant: TenantOption = None,
    new_identity: Annotated[
        Path | None, typer.Option("--new-identity", metavar="FILE", help="Only make an identity; print its recipient.")
    ] = None,
) -> None:
    """Write everything that this installation holds into an encrypted file, which `tokenry restore` reads elsewhere.

    Its keyring is not in it: the other installation needs the same one. With --plain only read the records of a tenant.
    """
    from tokenry import exports

    if plain:
        if passphrase_file or recipient or new_identity:
            usage(call.out, "--plain goes with FILE and --tenant alone: what it writes is not encrypted")
        _write_plain(call, file, tenant)
        return
    if tenant is not None:
        usage(call.out, "a whole installation is exported without --tenant: pass --plain for the records of one tenant")
    if new_identity is not None:
        identity, recipient = exports.new_identity()
        with new_secret_file(new_identity) as keep:
            keep(identity)
        call.out.document({"recipient": recipient}) if call.out.json else call.out.text(recipient)
        return
    if file is None or (passphrase_file is None) == (recipient is None):
        usage(call.out, "name the file, and encrypt it: pass either --passphrase-file or --recipient")
    assert file is not None
    passphrase = _text_of(passphrase_file)
    with (
        call.installation().open() as tk,
        _new(file) as stream,
        call.out.progress("exporting", None, "row") as done,
    ):
        count = exports.write(tk, stream, passphrase=passphrase, recipient=recipient, done=done)
    call.out.say(f"{counted(count, 'row')} exported; restoring them needs a copy of this installation's keyring")
    call.out.record(file=str(file), row_count=count)


def _write_plain(call: Call, file: Path | None, tenant: str | None) -> None:
    count = 0
    to_stdout: AbstractContextManager[IO[bytes]] = nullcontext(sys.stdout.buffer)
    with (
        call.managing(tenant) as tk,
        to_stdout if file is None else _new(file) as stream,
        call.out.progress("exporting", None, "record", data=file is None) as done,
    ):
        for one in tk.exports.iterate(limit=100):
            line = json.dumps({"kind": one.kind, "record": one.record}, ensure_ascii=False, separators=(",", ":"))
            stream.write(line.encode() + b"\n")
            count += 1
            done(1)
        stream.flush()
    call.out.say(f"{counted(count, 'record')} exported, without secrets and digests")


def restore(
    call: Call,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of `tokenry export`.")],
    passphrase_file: PassphraseFile = None,
    identity_file: Annotated[
        Path | None, typer.Option("--identity-file", metavar="FILE", help="The identity that the export is for.")
    ] = None,
) -> None:
    """Put an export into a new database, or in the place of an installation in which nothing was made yet.

    It has to be opened with the keyring of the installation that was exported.
    """
    from tokenry import exports

    with (
        opened(call.installation()) as tk,
        file.open("rb") as stream,
        call.out.progress("restoring", None, "row") as done,
    ):
        count = exports.restore(
            tk, stream, passphrase=_text_of(passphrase_file), identity=_text_of(identity_file), done=done
        )
    call.out.say(f"{counted(count, 'row')} restored")
    call.out.record(row_count=count)


def register(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    command(app, "export")(export)
    command(app, "restore")(restore)


def _text_of(file: Path | None) -> str | None:
    return None if file is None else file.read_text(encoding="utf-8").strip()


@contextmanager
def _new(file: Path) -> Iterator[IO[bytes]]:
    """Open a new file, which is removed when it is not written to its end."""
    with open(file, "xb", opener=_private) as stream:
        try:
            yield stream
        except BaseException:
            file.unlink()
            raise


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

"""`tokenry doctor`: examining an installation."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from .call import FAILED, UNREACHABLE, USAGE, Call, command
from .documents import expiry

if TYPE_CHECKING:
    from tokenry.client import Client
    from tokenry.types import Diagnosis

_EXPIRES_SOON = timedelta(days=14)
_TIMEOUT = timedelta(minutes=1)


def doctor(
    call: Call,
    all_keys: Annotated[
        bool, typer.Option("--all-keys", help="Check the signatures of all keys, and all entries of audit logs.")
    ] = False,
) -> None:
    """Look the installation over and say what should be done. Exits with 1 when something must be repaired."""
    if call.server:
        if all_keys:
            call.out.fail("--all-keys takes too long for a server: run it where the database is, with --database")
            raise typer.Exit(USAGE)
        findings = tuple(_of_server(call))
    else:
        from tokenry.doctor import examine

        findings = examine(call.installation(), all_keys=all_keys)
    failed = [finding for finding in findings if finding.status == "failed"]
    if call.out.json:
        call.out.record(ok=not failed, findings=findings)
    elif sys.stdout.isatty():
        call.out.table(("check", "", "finding"), [(f.check, f.status, str(f)) for f in findings])
    else:
        call.out.pairs([(f"{finding.status:<7}  {finding.check}", str(finding)) for finding in findings])
    if any(finding.unreachable for finding in findings):
        raise typer.Exit(UNREACHABLE)
    if failed:
        raise typer.Exit(FAILED)


def _of_server(call: Call) -> Iterator[Diagnosis]:
    """Check that a server is ready and accepts the key; then let it examine its installation."""
    from tokenry.client import Client
    from tokenry.types import Diagnosis, StoreUnavailable, TokenryError

    address = str(call.server)
    with Client(address, call.key(), timeout=_TIMEOUT) as client:
        try:
            client.ready()
            yield Diagnosis("server", "ok", f"{address} is ready")
            key = client.me.get()
        except StoreUnavailable as error:
            yield Diagnosis.failed("server", error.message, unreachable=True)
        except TokenryError as error:
            yield Diagnosis.failed("key", error.message)
        else:
            soon = key.expires_at is not None and key.expires_at - datetime.now(UTC) < _EXPIRES_SOON
            summary = f"yours is {key.name!r} of tenant {key.tenant!r}, expires {expiry(key)}"
            yield Diagnosis("key", "warning" if soon else "ok", summary)
            yield from _examined(client)


def _examined(client: Client) -> Iterator[Diagnosis]:
    from tokenry.types import CallerRefused, Diagnosis, NotAllowed, NotFound, StoreUnavailable, TokenryError

    try:
        yield from client.doctor.examine()
    except (NotAllowed, CallerRefused):
        what = "it was not examined: that is for operators of the installation with tokenry:audit:read"
        yield Diagnosis("installation", "warning", what, "Run `tokenry doctor` with the key of such an operator")
    except NotFound:
        what = "it was not examined: this server is of an older version"
        yield Diagnosis("installation", "warning", what, "Upgrade the server")
    except StoreUnavailable as error:
        yield Diagnosis.failed("installation", error.message, unreachable=True)
    except TokenryError as error:
        yield Diagnosis("installation", "warning", f"it was not examined: {error.message}")


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    command(app, "doctor")(doctor)

"""`tokenry leaks`: credentials that were found where they should not be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from .call import REFUSED, Call, command
from .credentials import SecretFile, presented

if TYPE_CHECKING:
    from tokenry.types import LeakReport

group = typer.Typer(help="Credentials that were found where they should not be.", no_args_is_help=True)

_MESSAGES: Final = {
    "revoked": "{subject} is revoked: none of its secrets or tokens is valid any more",
    "flagged": "{subject} is flagged, as its tenant {tenant!r} wants it. Its secret still works: rotate or revoke it",
    "ended": "the secret or token of {subject} has ended and opens nothing",
    "expires": "the token of {subject} expires within minutes. Revoke {subject} to end it now",
    "none": "this credential is unknown here",
}


@command(group, "report", context_settings={"allow_extra_args": True})
def report(
    call: Call,
    secret_file: SecretFile = None,
    source: Annotated[str, typer.Option("--source", metavar="NAME", help="What has found it.")] = "report",
    url: Annotated[str, typer.Option("--url", metavar="PLACE", help="Where it was found.")] = "",
) -> None:
    """Report a leaked credential, which is read from stdin, a prompt or --secret-file and never from an argument.

    A key is revoked, or flagged if its tenant says so; a session ends. Exits with 3 when the credential is unknown.
    """
    text = presented(call, secret_file)
    with call.open() as tk:
        found = tk.leaks.report(text, source=source, url=url)
    _answer(call, found)
    if not found:
        raise typer.Exit(REFUSED)


def _answer(call: Call, found: LeakReport) -> None:
    if not call.out.record(report=found):
        call.out.text(_MESSAGES[found.action].format(subject=found.subject, tenant=found.tenant))

"""`tokenry signing-keys`: the keys that sign access tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .call import Call, TenantOption, command
from .documents import day
from .keys import Yes

if TYPE_CHECKING:
    from tokenry.types import SigningKey

group = typer.Typer(help="The keys that sign access tokens.", no_args_is_help=True)

Kid = Annotated[str, typer.Argument(metavar="KID", help="The public id of the key, as `list` shows it.")]

_COLUMNS = ("kid", "algorithm", "status", "signs since", "retired")


@command(group, "list")
def list_signing_keys(call: Call, tenant: TenantOption = None) -> None:
    """List the signing keys of a tenant, the oldest first."""
    with call.managing(tenant) as tk:
        found = tk.signing_keys.list()
    if call.out.record(signing_keys=found):
        return
    if found:
        call.out.table(_COLUMNS, [_row(key) for key in found])
    else:
        call.out.say("there are none yet: the first is made at the first sign-in")


@command(group, "rotate")
def rotate(call: Call, tenant: TenantOption = None) -> None:
    """Let the next key sign from now on. Tokens of the previous key stay valid until they expire."""
    with call.managing(tenant) as tk:
        key = tk.signing_keys.rotate()
    call.out.say(f"{key.kid} signs now; verifiers have had it since it was made, {day(key.created_at)}")
    call.out.record(signing_key=key)


@command(group, "remove")
def remove(call: Call, kid: Kid, yes: Yes = False, tenant: TenantOption = None) -> None:
    """Remove a key that has become known: nothing that it signed is accepted any more."""
    call.confirm(f"Remove {kid}, so that every access token that it signed is refused?", yes)
    with call.managing(tenant) as tk:
        key = tk.signing_keys.remove(kid)
    call.out.say(f"{key.kid} is gone, and every access token that it signed with it")
    call.out.record(signing_key=key)


def _row(key: SigningKey) -> tuple[str, ...]:
    return (key.kid, key.algorithm, key.status, day(key.active_at, "-"), day(key.retired_at, "-"))

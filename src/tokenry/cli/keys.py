"""`tokenry keys`: looking keys up, switching them, ending them. Making and changing them is in `issuing`."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any

import typer

from tokenry.types import TokenryError, counted

from .call import Call, TenantOption, command
from .credentials import SecretFile, presented, usage
from .documents import KEY_COLUMNS, LIMIT_COLUMNS, key_pairs, key_row, limit_row
from .impacts import impact_line, impact_pairs
from .key_options import takes_filters
from .lengths import length, past
from .pages import List, paged

group = typer.Typer(help="The keys of a tenant.", no_args_is_help=True)

KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="The id of the key, key_….")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
KID_LENGTH = 16
_PURGED = 1000  # keys in one request; each request looks for dead keys from the newest key on
_SHOWN = (KEY_COLUMNS, key_row)


@command(group, "list")
@paged
@takes_filters
def list_keys(
    call: Call,
    *,
    filters: dict[str, Any],
    show: List,
    sort: Annotated[
        str,
        typer.Option(
            "--sort", metavar="ORDER", help="created, expires, last_used or name; with a minus the other way round."
        ),
    ] = "-created",
    tenant: TenantOption = None,
) -> None:
    """List keys, the newest first, in all states unless --status says which."""
    with call.managing(tenant) as tk:
        ask = partial(tk.keys.list, **filters, sort=sort)
        show("keys", ask, *_SHOWN)


@command(group, "expiring")
@paged
def expiring(
    call: Call,
    *,
    within: Annotated[
        timedelta | None,
        typer.Option("--within", parser=length, metavar="LENGTH", help="How soon; 30d by default."),
    ] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="ID", help="Only of this owner.")] = None,
    show: List,
    tenant: TenantOption = None,
) -> None:
    """List active keys that expire within 30 days (or --within), the most urgent first."""
    soon = timedelta(days=30) if within is None else within
    filters: dict[str, Any] = {"within": soon, "owner": owner}
    with call.managing(tenant) as tk:
        ask = partial(tk.keys.expiring, **filters)
        show("keys", ask, *_SHOWN)


@command(group, "show")
def show(call: Call, key_id: KeyId, tenant: TenantOption = None) -> None:
    """Show everything about a key, except what is secret."""
    with call.managing(tenant) as tk:
        _answer(call, tk.keys.get(key_id))


@command(group, "find", context_settings={"allow_extra_args": True})
def find(
    call: Call,
    kid: Annotated[
        str | None, typer.Option("--kid", metavar="KID", help="The public id of a secret, 16 characters.")
    ] = None,
    secret_file: SecretFile = None,
    tenant: TenantOption = None,
) -> None:
    """Find the key that a secret belongs to, whatever its state.

    The secret is read from stdin, from a prompt or from --secret-file; a public --kid may be given instead.
    """
    if kid is not None and len(kid) != KID_LENGTH:
        usage(call.out, f"a kid has {KID_LENGTH} characters. A whole key is passed on stdin or with --secret-file")
    by_secret = kid is None or call.extra
    secret = presented(call, secret_file) if by_secret else None
    with call.managing(tenant) as tk:
        _answer(call, tk.keys.find(secret, kid=None if by_secret else kid))


@command(group, "limits")
def limits(call: Call, key_id: KeyId, tenant: TenantOption = None) -> None:
    """Show how every limit of a key stands."""
    with call.managing(tenant) as tk:
        states = tk.keys.limits(key_id)
    if call.out.record(limits=states):
        return
    if states:
        call.out.table(LIMIT_COLUMNS, [limit_row(state) for state in states])
    else:
        call.out.say("this key has no limits")


@command(group, "disable")
def disable(call: Call, key_id: KeyId, tenant: TenantOption = None) -> None:
    """Switch a key off until `keys enable`."""
    with call.managing(tenant) as tk:
        key = tk.keys.disable(key_id)
    call.out.say(f"{key.name!r} is disabled: nobody is told that it is valid any more")
    call.out.record(key=key)


@command(group, "hand-over")
def hand_over(
    call: Call,
    key_id: KeyId,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="The owner that gets the key.")],
    tenant: TenantOption = None,
) -> None:
    """Give a key to another owner. Its secret works as before."""
    with call.managing(tenant) as tk:
        key = tk.keys.hand_over(key_id, owner)
    call.out.say(f"{key.name!r} belongs to {key.owner!r} now; its secret works as before")
    call.out.record(key=key)


@command(group, "enable")
def enable(call: Call, key_id: KeyId, tenant: TenantOption = None) -> None:
    """Switch a disabled key on again."""
    with call.managing(tenant) as tk:
        key = tk.keys.enable(key_id)
    call.out.say(f"{key.name!r} is {key.status}")
    call.out.record(key=key)


@command(group, "impact")
def impact(call: Call, key_id: KeyId, tenant: TenantOption = None) -> None:
    """Show the effects of revoking a key: calls of the last 24 hours, latest addresses, secrets and tokens."""
    with call.managing(tenant) as tk:
        found = tk.keys.impact(key_id)
    if not call.out.record(impact=found):
        call.out.pairs(impact_pairs(found))


@command(group, "revoke")
def revoke(
    call: Call,
    key_id: KeyId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the key.")] = "",
    yes: Yes = False,
    tenant: TenantOption = None,
) -> None:
    """End a key for good, with every secret of it. Doing it twice is fine.

    On a terminal it says what ends and asks; elsewhere it asks nothing.
    """
    with call.managing(tenant) as tk:
        if sys.stdin.isatty() and not yes:
            _ask(call, tk, key_id)
        key = tk.keys.revoke(key_id, reason=reason)
    call.out.say(f"{key.name!r} is revoked, for good")
    call.out.record(key=key)


@command(group, "delete")
def delete(call: Call, key_id: KeyId, yes: Yes = False, tenant: TenantOption = None) -> None:
    """Revoke a key and remove it; its audit entries stay."""
    with call.managing(tenant) as tk:
        key = tk.keys.get(key_id)
        call.confirm(f"Remove the key {key.name!r} of {key.owner!r} for good?", yes)
        tk.keys.delete(key_id)
    call.out.say(f"{key.name!r} is gone")
    call.out.record(deleted=key.id)


@command(group, "purge")
def purge(
    call: Call,
    expired_before: Annotated[
        datetime | None,
        typer.Option("--expired-before", parser=past, metavar="MOMENT", help="A moment, or a length ago: 90d."),
    ] = None,
    revoked_before: Annotated[
        datetime | None,
        typer.Option("--revoked-before", parser=past, metavar="MOMENT", help="A moment, or a length ago: 90d."),
    ] = None,
    yes: Yes = False,
    tenant: TenantOption = None,
) -> None:
    """Remove keys that expired or were revoked long ago."""
    if expired_before is None and revoked_before is None:
        usage(call.out, "say which keys: --expired-before 90d, --revoked-before 90d or both")
    with call.managing(tenant) as tk:
        call.confirm("Remove these dead keys for good?", yes)
        count, gone = 0, _PURGED
        with call.out.progress("removing", None, "key") as done:
            while gone == _PURGED:
                gone = tk.keys.purge(expired_before=expired_before, revoked_before=revoked_before, limit=_PURGED)
                count += gone
                done(gone)
    call.out.say(f"{counted(count, 'key')} removed")
    call.out.record(deleted_count=count)


def _ask(call: Call, tk: Any, key_id: str) -> None:
    """Show the effects of revoking a key, and ask. A caller who may not read the key is asked all the same."""
    with suppress(TokenryError):
        call.out.say(impact_line(tk.keys.impact(key_id)))
    call.confirm(f"Revoke {key_id} for good?", yes=False)


def _answer(call: Call, key: Any) -> None:
    if not call.out.record(key=key):
        call.out.pairs(key_pairs(key))

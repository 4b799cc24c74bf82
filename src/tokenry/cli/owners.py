"""`tokenry owners`: the users and services that keys belong to."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import typer

from tokenry.types import NotAllowed, Owner, OwnerHandOver, counted

from .bulk import revoked, total
from .call import FAILED, USAGE, Call, TenantOption, command
from .documents import OWNER_COLUMNS, day, listed, owner_row
from .key_options import DefaultLimit, NoDefaultLimits, NoSharedLimits, SharedLimit, limits_of
from .keys import Yes
from .pages import List, paged

group = typer.Typer(help="The owners of keys.", no_args_is_help=True)

_MANY = 200  # the library changes no more keys in one transaction
_SHOWN = 1000  # skipped keys that are shown
OwnerId = Annotated[str, typer.Argument(metavar="EXTERNAL_ID", help="The id by which your application knows it.")]


@command(group, "put")
def put(
    call: Call,
    external_id: OwnerId,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="Its name.")] = None,
    email: Annotated[str | None, typer.Option("--email", metavar="ADDRESS", help="Where it is reached.")] = None,
    role: Annotated[list[str] | None, typer.Option("--role", metavar="NAME", help="A role; may be repeated.")] = None,
    no_roles: Annotated[bool, typer.Option("--no-roles", help="Take away every role.")] = False,
    admin: Annotated[bool | None, typer.Option("--admin/--no-admin", help="Whether it administers the tenant.")] = None,
    default_limit: DefaultLimit = None,
    no_default_limits: NoDefaultLimits = False,
    shared_limit: SharedLimit = None,
    no_shared_limits: NoSharedLimits = False,
    tenant: TenantOption = None,
) -> None:
    """Create an owner, or change only what is given. Its status stays as it is."""
    if role and no_roles:
        call.out.fail("--role and --no-roles contradict each other")
        raise typer.Exit(USAGE)
    roles = [] if no_roles else role or None
    asked = {"name": name, "email": email, "roles": roles, "admin": admin}
    asked["default_limits"] = limits_of(call, "default", default_limit, no_default_limits)
    asked["shared_limits"] = limits_of(call, "shared", shared_limit, no_shared_limits)
    given: dict[str, Any] = {field: value for field, value in asked.items() if value is not None}
    with call.managing(tenant) as tk:
        owner = tk.owners.put(external_id, **given)
    call.out.say(f"owner {owner.external_id!r} of tenant {owner.tenant!r} is {owner.status}")
    call.out.record(owner=owner)


@command(group, "list")
@paged
def list_owners(
    call: Call,
    *,
    text: Annotated[str | None, typer.Option("--text", metavar="TEXT", help="In id, name or email.")] = None,
    show: List,
    tenant: TenantOption = None,
) -> None:
    """List owners, by external id."""
    with call.managing(tenant) as tk:
        ask = partial(tk.owners.list, text=text)
        show("owners", ask, OWNER_COLUMNS, owner_row)


@command(group, "show")
def show(call: Call, external_id: OwnerId, tenant: TenantOption = None) -> None:
    """Show an owner."""
    with call.managing(tenant) as tk:
        owner = tk.owners.get(external_id)
    if call.out.record(owner=owner):
        return
    pairs = zip(OWNER_COLUMNS, owner_row(owner), strict=True)
    times = [
        ("default limits", ", ".join(map(listed, owner.default_limits)) or "those of the tenant"),
        ("shared limits", ", ".join(map(listed, owner.shared_limits)) or "none"),
        ("created", day(owner.created_at)),
        ("updated", day(owner.updated_at, "unknown")),
    ]
    call.out.pairs([("id", owner.id), *pairs, *times])


@command(group, "disable")
def disable(call: Call, external_id: OwnerId, tenant: TenantOption = None) -> None:
    """Disable an owner: from now on none of its credentials is valid."""
    with call.managing(tenant) as tk:
        owner = tk.owners.disable(external_id)
    call.out.say(f"{owner.external_id!r} is disabled: none of its credentials is valid any more")
    call.out.record(owner=owner)


@command(group, "enable")
def enable(call: Call, external_id: OwnerId, tenant: TenantOption = None) -> None:
    """Make a disabled owner active again."""
    with call.managing(tenant) as tk:
        owner = tk.owners.enable(external_id)
    call.out.say(f"{owner.external_id!r} is active")
    call.out.record(owner=owner)


@command(group, "hand-over")
def hand_over(
    call: Call,
    external_id: OwnerId,
    to: Annotated[str, typer.Argument(metavar="TO", help="The owner that gets the keys.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the keys, and show which stay.")] = False,
    yes: Yes = False,
    tenant: TenantOption = None,
) -> None:
    """Give all living keys of an owner to another owner. Their secrets work as before.

    A key that cannot go stays, and the reason is shown. Repeat a call that was interrupted.
    """
    with call.managing(tenant) as tk:
        done = _hand_over(call, tk, external_id, to, None)
        if done.handed_count and not dry_run:
            call.confirm(f"Hand {counted(done.handed_count, 'key')} of {external_id!r} over to {to!r}?", yes)
        if not dry_run:
            done = _hand_over(call, tk, external_id, to, done.handed_count + done.skipped_count)
    if not call.out.record(hand_over=done) and done.skipped:
        call.out.table(("id", "name", "problem"), [(one.key, one.name, one.message) for one in done.skipped])
    went = "would go" if dry_run else "went"
    call.out.say(f"{counted(done.handed_count, 'key')} {went} to {to!r}, {done.skipped_count} cannot")
    if done.skipped_count and not dry_run:
        raise typer.Exit(FAILED)


def _hand_over(call: Call, tk: Any, external_id: str, to: str, count: int | None) -> OwnerHandOver:
    """Hand `count` keys over batch by batch, or count them without one; return the result of all."""
    result: OwnerHandOver | None = None
    with call.out.progress("counting" if count is None else "handing over", count, "key") as done:
        while result is None or result.next_cursor is not None:
            cursor = result and result.next_cursor
            batch = tk.owners.hand_over(external_id, to, dry_run=count is None, limit=_MANY, cursor=cursor)
            done(batch.handed_count + batch.skipped_count)
            result = batch if result is None else _added(result, batch)
    return result


def _added(result: OwnerHandOver, batch: OwnerHandOver) -> OwnerHandOver:
    """Return both as one, with the first of the skipped keys."""
    return replace(
        batch,
        handed_count=result.handed_count + batch.handed_count,
        skipped_count=result.skipped_count + batch.skipped_count,
        skipped=(*result.skipped, *batch.skipped)[:_SHOWN],
    )


@command(group, "delete")
def delete(call: Call, external_id: OwnerId, yes: Yes = False, tenant: TenantOption = None) -> None:
    """Delete an owner and revoke its keys, for good."""
    with call.managing(tenant) as tk:
        owner = tk.owners.get(external_id)
        call.confirm(f"Delete the owner {owner.external_id!r} and revoke all its keys?", yes)
        with suppress(NotAllowed):
            _revoke_all(call, tk, owner)
        tk.owners.delete(external_id)
    call.out.say(f"{owner.external_id!r} is gone, and its keys are revoked")
    call.out.record(deleted=owner.external_id)


def _revoke_all(call: Call, tk: Any, owner: Owner) -> None:
    """Disable an owner of many keys and revoke them batch by batch, as `owners.delete` does in one call.

    This shows how far it is, and no request to a server takes long. Leave it to that call when the owner is the caller.
    """
    which = {"owner": owner.external_id}
    if tk.keys.revoke_where(**which, limit=_MANY).next_cursor is None:
        return
    if call.server is not None and tk.me.get().owner == owner.external_id:
        return
    tk.owners.disable(owner.external_id)
    with call.out.progress("revoking", None, "key") as done:
        for batch in revoked(tk, which, "owner deleted", dry_run=False):
            done(total(batch))

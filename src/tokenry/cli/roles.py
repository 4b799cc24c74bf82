"""`tokenry roles` and `tokenry scopes`: what may be granted, and under which name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tokenry.types import counted, shown

from .call import FAILED, USAGE, Call, TenantOption, command
from .keys import Yes
from .pages import List, paged

if TYPE_CHECKING:
    from tokenry.types import Role

group = typer.Typer(help="Named sets of scopes.", no_args_is_help=True)
catalogue = typer.Typer(help="The scopes that may be granted in a tenant.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the role.")]
Scopes = Annotated[list[str], typer.Argument(metavar="SCOPE…", help="Scopes, such as read:projects.")]


@command(group, "put")
def put(
    call: Call,
    name: Name,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", metavar="SCOPE", help="A scope of it; may be repeated.")
    ] = None,
    tenant: TenantOption = None,
) -> None:
    """Create a role, or replace its scopes. Keys that have the role hold the new ones at once."""
    with call.managing(tenant) as tk:
        role = tk.roles.put(name, scopes=scope or ())
    call.out.say(f"role {role.name!r} holds {', '.join(role.scopes) or 'nothing'}")
    call.out.record(role=role)


@command(group, "list")
@paged
def list_roles(call: Call, show: List, tenant: TenantOption = None) -> None:
    """List roles, by name."""
    with call.managing(tenant) as tk:
        show("roles", tk.roles.list, ("role", "scopes"), _row)


@command(group, "show")
def show(call: Call, name: Name, tenant: TenantOption = None) -> None:
    """Show a role."""
    with call.managing(tenant) as tk:
        role = tk.roles.get(name)
    if not call.out.record(role=role):
        call.out.pairs(list(zip(("role", "scopes"), _row(role), strict=True)))


@command(group, "delete")
def delete(call: Call, name: Name, yes: Yes = False, tenant: TenantOption = None) -> None:
    """Delete a role; it is gone from owners and keys at once."""
    with call.managing(tenant) as tk:
        role = tk.roles.get(name)
        call.confirm(f"Delete the role {role.name!r}, which holds {', '.join(role.scopes) or 'nothing'}?", yes)
        with call.out.progress(f"removing the role {role.name!r} from owners and keys"):
            tk.roles.delete(name)
    call.out.say(f"role {role.name!r} is gone")
    call.out.record(deleted=role.name)


@command(catalogue, "define")
def define(
    call: Call,
    scopes: Annotated[
        list[str] | None, typer.Argument(metavar="SCOPE…", help="Scopes and patterns, such as read:*.")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="No catalogue: every well-formed scope may be granted.")] = False,
    tenant: TenantOption = None,
) -> None:
    """Replace the catalogue: the scopes that may be granted from now on. Earlier grants stay."""
    if bool(scopes) == none:
        call.out.fail("name the scopes that may be granted, or pass --none alone to do without a catalogue")
        raise typer.Exit(USAGE)
    with call.managing(tenant) as tk:
        defined = tk.scopes.define(scopes or ())
    call.out.say(
        f"{counted(len(defined), 'scope')} may be granted" if defined else "every well-formed scope may be granted"
    )
    call.out.record(scopes=defined)


@command(catalogue, "list")
def list_scopes(call: Call, tenant: TenantOption = None) -> None:
    """List the catalogue, in the order in which it was defined."""
    with call.managing(tenant) as tk:
        defined = tk.scopes.list()
    if call.out.record(scopes=defined):
        return
    if defined:
        call.out.text("\n".join(defined))
    else:
        call.out.say("there is no catalogue: every well-formed scope may be granted")


@command(catalogue, "check")
def check(call: Call, scopes: Scopes, tenant: TenantOption = None) -> None:
    """Tell whether scopes may be granted. Exits with 1 when one may not."""
    with call.managing(tenant) as tk:
        found = tk.scopes.check(scopes)
    call.out.record(ok=bool(found), unknown=found.unknown)
    for scope in found.unknown:
        call.out.fail(f"{shown(scope)} may not be granted here")
    if not found:
        raise typer.Exit(FAILED)
    call.out.say("all of them may be granted")


def _row(role: Role) -> tuple[str, ...]:
    return (role.name, ", ".join(role.scopes) or "-")

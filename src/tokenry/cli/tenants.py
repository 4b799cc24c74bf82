"""`tokenry tenants`: the customers of an installation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from .call import Call, command
from .credentials import usage
from .documents import day, listed
from .key_options import DefaultLimit, NoDefaultLimits, NoSharedLimits, SharedLimit, limits_of, taking
from .keys import Yes
from .lengths import lasting, length, length_text
from .pages import List, paged

if TYPE_CHECKING:
    from tokenry.types import Tenant

group = typer.Typer(help="The tenants of an installation.", no_args_is_help=True)

Slug = Annotated[str, typer.Argument(metavar="SLUG", help="Its short name, which never changes.")]
_RULES: Final[dict[str, Any]] = {
    "name": Annotated[str | None, typer.Option("--name", metavar="TEXT", help="Its name.")],
    "prefix": Annotated[
        str | None, typer.Option("--prefix", metavar="TEXT", help="How its keys begin; tk by default.")
    ],
    "expires_in_default": Annotated[
        timedelta | None,
        typer.Option(
            "--expires-in-default", parser=length, metavar="LENGTH", help="How long a key lives; 90d by default."
        ),
    ],
    "expires_in_max": Annotated[
        timedelta | None,
        typer.Option(
            "--expires-in-max", parser=length, metavar="LENGTH", help="How long it may live; 3650d by default."
        ),
    ],
    "never_allowed": Annotated[
        bool | None, typer.Option("--never-allowed/--no-never-allowed", help="Whether keys may live for ever.")
    ],
    "self_rotation_allowed": Annotated[
        bool | None,
        typer.Option("--self-rotation-allowed/--no-self-rotation-allowed", help="Whether keys may rotate themselves."),
    ],
    "time_zone": Annotated[
        str | None,
        typer.Option("--time-zone", metavar="NAME", help="Where it is midnight at a refill: Europe/Berlin."),
    ],
    "on_leak": Annotated[
        str | None,
        typer.Option("--on-leak", metavar="POLICY", help="The effect of a leak report: revoke (default) or flag."),
    ],
    "max_idle": Annotated[
        Any,
        typer.Option("--max-idle", parser=lasting, metavar="LENGTH", help="Disable keys unused for so long; or never."),
    ],
    "contact": Annotated[
        str | None,
        typer.Option("--contact", metavar="ADDRESS", help="The mail address for notices; an empty one for none."),
    ],
}


def _takes_rules(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a tenant to a command, which receives the ones in use as `rules`."""

    def collect(call: Call, given: dict[str, Any]) -> dict[str, Any]:
        rules = {name: value for name, value in given.items() if value is not None}
        if "max_idle" in rules:
            rules["max_idle"] = rules["max_idle"].value
        return rules | ({"contact": None} if rules.get("contact") == "" else {})

    return taking(function, "rules", _RULES, collect)


@command(group, "create")
@_takes_rules
def create(
    call: Call,
    slug: Slug,
    rules: dict[str, Any],
    default_limit: DefaultLimit = None,
    shared_limit: SharedLimit = None,
) -> None:
    """Create a tenant."""
    limits = {"default_limits": default_limit, "shared_limits": shared_limit}
    rules |= {name: value for name, value in limits.items() if value}
    with call.open() as tk:
        tenant = tk.tenants.create(slug, **rules)
    call.out.say(f"tenant {tenant.slug!r} is {tenant.status}; its keys begin with {tenant.prefix}_")
    call.out.record(tenant=tenant)


@command(group, "list")
@paged
def list_tenants(call: Call, show: List) -> None:
    """List tenants, by slug."""
    with call.open() as tk:
        show("tenants", tk.tenants.list, _COLUMNS, _row)


@command(group, "show")
def show(call: Call, slug: Slug) -> None:
    """Show a tenant."""
    with call.open() as tk:
        tenant = tk.tenants.get(slug)
    if call.out.record(tenant=tenant):
        return
    rules = (("keys for ever", tenant.never_allowed), ("keys rotate themselves", tenant.self_rotation_allowed))
    pairs = [("id", tenant.id), *zip(_COLUMNS, _row(tenant), strict=True)]
    pairs += [(rule, "allowed" if allowed else "not allowed") for rule, allowed in rules]
    pairs.append(("default limits", ", ".join(map(listed, tenant.default_limits)) or "none"))
    pairs.append(("shared limits", ", ".join(map(listed, tenant.shared_limits)) or "none"))
    pairs.append(("time zone", tenant.time_zone))
    pairs.append(("a leaked key is", {"revoke": "revoked", "flag": "flagged"}[tenant.on_leak]))
    idle = "never" if tenant.max_idle is None else f"after {length_text(tenant.max_idle)}"
    pairs += [("unused keys are disabled", idle), ("contact", tenant.contact or "-")]
    call.out.pairs([*pairs, ("created", day(tenant.created_at))])


@command(group, "update")
@_takes_rules
def update(
    call: Call,
    slug: Slug,
    rules: dict[str, Any],
    default_limit: DefaultLimit = None,
    no_default_limits: NoDefaultLimits = False,
    shared_limit: SharedLimit = None,
    no_shared_limits: NoSharedLimits = False,
) -> None:
    """Change what is given. Keys that exist keep their prefix and their expiry."""
    limits = {"default_limits": limits_of(call, "default", default_limit, no_default_limits)}
    limits["shared_limits"] = limits_of(call, "shared", shared_limit, no_shared_limits)
    rules |= {name: value for name, value in limits.items() if value is not None}
    if not rules:
        usage(call.out, "say what to change; `tokenry tenants update --help` lists what can be")
    with call.open() as tk:
        tenant = tk.tenants.update(slug, **rules)
    call.out.say(f"tenant {tenant.slug!r} is changed")
    call.out.record(tenant=tenant)


@command(group, "suspend")
def suspend(call: Call, slug: Slug) -> None:
    """Suspend a tenant: from now on none of its credentials is valid."""
    with call.open() as tk:
        tenant = tk.tenants.suspend(slug)
    call.out.say(f"tenant {tenant.slug!r} is suspended: none of its credentials is valid any more")
    call.out.record(tenant=tenant)


@command(group, "resume")
def resume(call: Call, slug: Slug) -> None:
    """Make a suspended tenant active again."""
    with call.open() as tk:
        tenant = tk.tenants.resume(slug)
    call.out.say(f"tenant {tenant.slug!r} is active")
    call.out.record(tenant=tenant)


@command(group, "delete")
def delete(call: Call, slug: Slug, yes: Yes = False) -> None:
    """Remove a tenant that is suspended and has no owners left; its audit log stays."""
    with call.open() as tk:
        tenant = tk.tenants.get(slug)
        call.confirm(f"Remove the tenant {tenant.slug!r} ({tenant.name}) for good?", yes)
        tk.tenants.delete(slug)
    call.out.say(f"tenant {tenant.slug!r} is gone; its audit log is found by its id, {tenant.id}")
    call.out.record(deleted=tenant.slug, id=tenant.id)


_COLUMNS = ("slug", "name", "prefix", "status", "keys live", "at most")


def _row(tenant: Tenant) -> tuple[str, ...]:
    lengths = (length_text(tenant.expires_in_default), length_text(tenant.expires_in_max))
    return (tenant.slug, tenant.name, tenant.prefix, tenant.status, *lengths)

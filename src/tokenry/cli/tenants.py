"""`tokenry tenants`: the customers of an installation."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .call import Call, command
from .credentials import usage
from .documents import day, document, listed
from .key_options import DefaultLimit, NoDefaultLimits, NoSharedLimits, SharedLimit, limits_of
from .keys import Yes
from .lengths import lasting, length, told
from .pages import Cursor, Everything, Limit, listing

if TYPE_CHECKING:
    from tokenry.types import Tenant

group = typer.Typer(help="The tenants of an installation.", no_args_is_help=True)

Slug = Annotated[str, typer.Argument(metavar="SLUG", help="Its short name, which never changes.")]
Name = Annotated[str | None, typer.Option("--name", metavar="TEXT", help="Its name.")]
Prefix = Annotated[str | None, typer.Option("--prefix", metavar="TEXT", help="How its keys begin; tk by default.")]
Default = Annotated[
    timedelta | None,
    typer.Option("--expires-in-default", parser=length, metavar="LENGTH", help="How long a key lives; 90d by default."),
]
Most = Annotated[
    timedelta | None,
    typer.Option("--expires-in-max", parser=length, metavar="LENGTH", help="How long it may live; 3650d by default."),
]
Never = Annotated[
    bool | None, typer.Option("--never-allowed/--no-never-allowed", help="Whether keys may live for ever.")
]
Zone = Annotated[
    str | None,
    typer.Option("--time-zone", metavar="NAME", help="Where it is midnight at a refill: Europe/Berlin."),
]
OnLeak = Annotated[
    str | None,
    typer.Option("--on-leak", metavar="POLICY", help="What a leak report does to a key: revoke (default) or flag."),
]
MaxIdle = Annotated[
    Any,
    typer.Option("--max-idle", parser=lasting, metavar="LENGTH", help="Disable keys unused for so long; or never."),
]
Contact = Annotated[
    str | None,
    typer.Option("--contact", metavar="ADDRESS", help="The mail address for notices; an empty one for none."),
]
SelfRotation = Annotated[
    bool | None,
    typer.Option("--self-rotation-allowed/--no-self-rotation-allowed", help="Whether keys may rotate themselves."),
]


@command(group, "create")
def create(
    call: Call,
    slug: Slug,
    name: Name = None,
    prefix: Prefix = None,
    expires_in_default: Default = None,
    expires_in_max: Most = None,
    never_allowed: Never = None,
    self_rotation_allowed: SelfRotation = None,
    default_limit: DefaultLimit = None,
    shared_limit: SharedLimit = None,
    time_zone: Zone = None,
    on_leak: OnLeak = None,
    max_idle: MaxIdle = None,
    contact: Contact = None,
) -> None:
    """Create a tenant."""
    rules = (name, prefix, expires_in_default, expires_in_max, never_allowed, self_rotation_allowed)
    given = _given(*rules, default_limit or None, shared_limit or None, time_zone, on_leak, max_idle, contact)
    with call.open() as tk:
        tenant = tk.tenants.create(slug, **given)
    call.out.say(f"tenant {tenant.slug!r} is {tenant.status}; its keys begin with {tenant.prefix}_")
    _brief(call, tenant)


@command(group, "list")
def list_tenants(call: Call, limit: Limit = 50, cursor: Cursor = None, every: Everything = False) -> None:
    """List tenants, by slug."""
    with call.open() as tk:
        listing(call, "tenants", tk.tenants.list, (_COLUMNS, _row), limit=limit, cursor=cursor, every=every)


@command(group, "show")
def show(call: Call, slug: Slug) -> None:
    """Show a tenant."""
    with call.open() as tk:
        tenant = tk.tenants.get(slug)
    if call.out.json:
        call.out.document({"tenant": document(tenant)})
        return
    rules = (("keys for ever", tenant.never_allowed), ("keys rotate themselves", tenant.self_rotation_allowed))
    pairs = [("id", tenant.id), *zip(_COLUMNS, _row(tenant), strict=True)]
    pairs += [(rule, "allowed" if allowed else "not allowed") for rule, allowed in rules]
    pairs.append(("default limits", ", ".join(map(listed, tenant.default_limits)) or "none"))
    pairs.append(("shared limits", ", ".join(map(listed, tenant.shared_limits)) or "none"))
    pairs.append(("time zone", tenant.time_zone))
    pairs.append(("a leaked key is", {"revoke": "revoked", "flag": "flagged"}[tenant.on_leak]))
    idle = "never" if tenant.max_idle is None else f"after {told(tenant.max_idle)}"
    pairs += [("unused keys are disabled", idle), ("contact", tenant.contact or "-")]
    call.out.pairs([*pairs, ("created", day(tenant.created_at))])


@command(group, "update")
def update(
    call: Call,
    slug: Slug,
    name: Name = None,
    prefix: Prefix = None,
    expires_in_default: Default = None,
    expires_in_max: Most = None,
    never_allowed: Never = None,
    self_rotation_allowed: SelfRotation = None,
    default_limit: DefaultLimit = None,
    no_default_limits: NoDefaultLimits = False,
    shared_limit: SharedLimit = None,
    no_shared_limits: NoSharedLimits = False,
    time_zone: Zone = None,
    on_leak: OnLeak = None,
    max_idle: MaxIdle = None,
    contact: Contact = None,
) -> None:
    """Change what is given. Keys that exist keep their prefix and their expiry."""
    rules = (name, prefix, expires_in_default, expires_in_max, never_allowed, self_rotation_allowed)
    default = limits_of(call, "default", default_limit, no_default_limits)
    shared = limits_of(call, "shared", shared_limit, no_shared_limits)
    given = _given(*rules, default, shared, time_zone, on_leak, max_idle, contact)
    if not given:
        usage(call.out, "say what to change; `tokenry tenants update --help` lists what can be")
    with call.open() as tk:
        tenant = tk.tenants.update(slug, **given)
    call.out.say(f"tenant {tenant.slug!r} is changed")
    _brief(call, tenant)


@command(group, "suspend")
def suspend(call: Call, slug: Slug) -> None:
    """Suspend a tenant: from now on none of its credentials is valid."""
    with call.open() as tk:
        tenant = tk.tenants.suspend(slug)
    call.out.say(f"tenant {tenant.slug!r} is suspended: none of its credentials is valid any more")
    _brief(call, tenant)


@command(group, "resume")
def resume(call: Call, slug: Slug) -> None:
    """Make a suspended tenant active again."""
    with call.open() as tk:
        tenant = tk.tenants.resume(slug)
    call.out.say(f"tenant {tenant.slug!r} is active")
    _brief(call, tenant)


@command(group, "delete")
def delete(call: Call, slug: Slug, yes: Yes = False) -> None:
    """Remove a tenant that is suspended and has no owners left; its audit log stays."""
    with call.open() as tk:
        tenant = tk.tenants.get(slug)
        call.confirm(f"Remove the tenant {tenant.slug!r} ({tenant.name}) for good?", yes)
        tk.tenants.delete(slug)
    call.out.say(f"tenant {tenant.slug!r} is gone; its audit log is found by its id, {tenant.id}")
    if call.out.json:
        call.out.document({"deleted": tenant.slug, "id": tenant.id})


_COLUMNS = ("slug", "name", "prefix", "status", "keys live", "at most")


def _row(tenant: Tenant) -> tuple[str, ...]:
    lengths = (told(tenant.expires_in_default), told(tenant.expires_in_max))
    return (tenant.slug, tenant.name, tenant.prefix, tenant.status, *lengths)


def _given(*values: Any) -> dict[str, Any]:
    names = (
        "name",
        "prefix",
        "expires_in_default",
        "expires_in_max",
        "never_allowed",
        "self_rotation_allowed",
        "default_limits",
        "shared_limits",
        "time_zone",
        "on_leak",
        "max_idle",
        "contact",
    )
    given = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    if "max_idle" in given:
        given["max_idle"] = given["max_idle"].value
    return given | ({"contact": None} if given.get("contact") == "" else {})


def _brief(call: Call, tenant: Tenant) -> None:
    if call.out.json:
        call.out.document({"tenant": document(tenant)})

"""`tokenry keys issue`, `update` and `rotate`: what makes a key or changes what it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from tokenry.types import Issued, shown

from .call import Call, TenantOption, command
from .credentials import SecretOut, hand_out, usage
from .documents import expiry
from .key_options import CreditsOption, takes_changes_of_lists, takes_lists
from .keys import KeyId
from .lengths import Lasting, When, lasting, length, moment, when

Description = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="What it is for.")]
ExpiresIn = Annotated[
    Lasting | None,
    typer.Option("--expires-in", parser=lasting, metavar="LENGTH", help="How long it lives: 30d, 12h, never."),
]
ExpiresAt = Annotated[
    datetime | None,
    typer.Option("--expires-at", parser=moment, metavar="MOMENT", help="Until when it lives: 2026-12-31."),
]
MaxIdle = Annotated[
    timedelta | None,
    typer.Option("--max-idle", parser=length, metavar="LENGTH", help="Disable it when it is unused for so long."),
]
Repeats = Annotated[
    str | None,
    typer.Option("--idempotency-key", metavar="TEXT", help="A repeat within 10 minutes gets the same answer."),
]


@dataclass(frozen=True, slots=True)
class Named:
    """One piece of metadata."""

    name: str
    value: str


def read_metadata(text: str) -> Named:
    """Read `name=value`."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{shown(text)} is not name=value")
    return Named(name, value)


Metadata = Annotated[
    list[Named] | None,
    typer.Option("--metadata", parser=read_metadata, metavar="NAME=VALUE", help="Something to remember; repeatable."),
]


@takes_lists
def issue(
    call: Call,
    owner: Annotated[str, typer.Option("--owner", metavar="ID", help="Whose key it is; see `owners put`.")],
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="What the owner calls it.")],
    lists: dict[str, Any],
    description: Description = None,
    expires_in: ExpiresIn = None,
    expires_at: ExpiresAt = None,
    not_before: Annotated[
        datetime | None, typer.Option("--not-before", parser=moment, metavar="MOMENT", help="From when it works.")
    ] = None,
    environment: Annotated[str, typer.Option("--environment", metavar="NAME", help="A part of its prefix.")] = "live",
    metadata: Metadata = None,
    credits: CreditsOption = None,
    decoy: Annotated[
        bool, typer.Option("--decoy", help="Refuse it as unknown, and tell who uses it; it never expires by itself.")
    ] = False,
    max_idle: MaxIdle = None,
    idempotency_key: Repeats = None,
    secret_out: SecretOut = None,
    tenant: TenantOption = None,
) -> None:
    """Issue a key. Its secret is shown this once: alone on stdout, or in the file of --secret-out.

    Without --expires-in and --expires-at it lives as long as the tenant says, 90 days by default.
    """
    asked: dict[str, Any] = {
        "name": name,
        **lists,
        "description": description or "",
        "not_before": not_before,
        "environment": environment,
        "metadata": {piece.name: piece.value for piece in metadata or ()},
        "credits": credits,
        **({"decoy": True} if decoy else {}),
        **({"max_idle": max_idle} if max_idle else {}),
        "idempotency_key": idempotency_key,
        **_lifetime(expires_in, expires_at),
    }
    with call.managing(tenant) as tk:
        issued = hand_out(call, lambda: tk.keys.issue(owner, **asked), secret_out, "key")
    call.out.say(f"key {issued.key.id} ({issued.key.name!r} of {issued.key.owner!r}), expires {expiry(issued.key)}")
    call.out.say("its secret is shown this once" if secret_out is None else f"its secret is in {secret_out}")


@takes_changes_of_lists
def update(
    call: Call,
    key_id: KeyId,
    *,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="What the owner calls it.")] = None,
    lists: dict[str, Any],
    description: Description = None,
    expires_in: ExpiresIn = None,
    expires_at: ExpiresAt = None,
    not_before: Annotated[
        When | None, typer.Option("--not-before", parser=when, metavar="MOMENT", help="From when it works, or none.")
    ] = None,
    metadata: Metadata = None,
    credits: CreditsOption = None,
    no_credits: Annotated[bool, typer.Option("--no-credits", help="Let it work without counting.")] = False,
    max_idle: MaxIdle = None,
    no_max_idle: Annotated[bool, typer.Option("--no-max-idle", help="Leave it to the tenant's rule.")] = False,
    if_version: Annotated[
        int | None, typer.Option("--if-version", metavar="NUMBER", help="Only if nobody else changed it meanwhile.")
    ] = None,
    tenant: TenantOption = None,
) -> None:
    """Change what is given and leave the rest. A list that is given replaces the one there was."""
    given: dict[str, Any] = {
        "metadata": {piece.name: piece.value for piece in metadata} if metadata else None,
        "name": name,
        "description": description,
        "credits": credits,
        "max_idle": max_idle,
    }
    for option, one, none in (("credits", credits, no_credits), ("max-idle", max_idle, no_max_idle)):
        if one is not None and none:
            usage(call.out, f"--{option} and --no-{option} contradict each other")
    given = {**lists, **{field: value for field, value in given.items() if value is not None}}
    emptied = {"credits": no_credits, "max_idle": no_max_idle}
    given.update(_lifetime(expires_in, expires_at), **{field: None for field, none in emptied.items() if none})
    if not_before is not None:
        given["not_before"] = not_before.value
    if not given:
        usage(call.out, "say what to change; `tokenry keys update --help` lists what can be")
    with call.managing(tenant) as tk:
        key = tk.keys.update(key_id, **given, if_version=if_version)
    call.out.say(f"{key.name!r} is at version {key.version}, expires {expiry(key)}")
    call.out.record(key=key)


def rotate(
    call: Call,
    key_id: KeyId,
    grace: Annotated[
        timedelta | None,
        typer.Option("--grace", parser=length, metavar="LENGTH", help="How long the old secret still works."),
    ] = None,
    idempotency_key: Repeats = None,
    secret_out: SecretOut = None,
    tenant: TenantOption = None,
) -> None:
    """Give a key a new secret and change nothing else. Without --grace the old one ends at once."""
    asked: dict[str, Any] = {"grace": grace or timedelta(0), "idempotency_key": idempotency_key}
    with call.managing(tenant) as tk:
        issued = hand_out(call, lambda: tk.keys.rotate(key_id, **asked), secret_out, "key")
    until = f"works until {_old_ends_at(issued)}" if grace else "has ended"
    call.out.say(f"key {issued.key.id} has a new secret; the old one {until}. It expires {expiry(issued.key)}")
    call.out.say("the new secret is shown this once" if secret_out is None else f"the new secret is in {secret_out}")


def register(group: typer.Typer) -> None:
    """Put these commands into the group of keys."""
    for function in (issue, update, rotate):
        command(group, function.__name__)(function)


def _old_ends_at(issued: Issued) -> str:
    ends = max((info.ends_at for info in issued.key.secrets if info.ends_at), default=None)
    return f"{ends:%Y-%m-%d %H:%M:%S} UTC" if ends else "its end"


def _lifetime(expires_in: Lasting | None, expires_at: datetime | None) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if expires_in is not None:
        given["expires_in"] = expires_in.value
    if expires_at is not None:
        given["expires_at"] = expires_at
    return given

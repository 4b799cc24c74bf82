"""`tokenry keys advice`: what keys could do without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .call import Call, TenantOption, command
from .documents import day
from .pages import List, paged

if TYPE_CHECKING:
    from tokenry.types import Advice, Finding


@paged
def advice(
    call: Call,
    *,
    key_id: Annotated[
        str | None, typer.Argument(metavar="KEY_ID", help="The id of one key; without it all active keys.")
    ] = None,
    show: List,
    tenant: TenantOption = None,
) -> None:
    """Show what a key could do without, by how it was used: scopes, its life, wide networks. Or of all keys.

    A page of all keys looks at --limit keys, and shows those of which there is something to say.
    """
    with call.managing(tenant) as tk:
        if key_id is None:
            show("advice", tk.advice.list, _COLUMNS, _row)
            return
        found = tk.keys.advice(key_id)
    if call.out.record(advice=found):
        return
    if not found:
        call.out.say(f"there is nothing to say about {found.key}")
    call.out.pairs([(one.code.replace("_", " "), _text(one)) for one in found.findings])
    call.out.pairs([(one.scope, f"last asked for {day(one.last_asked_at, 'not in 90 days')}") for one in found.scopes])


def register(group: typer.Typer) -> None:
    """Put this command into the group of keys."""
    command(group, "advice")(advice)


_COLUMNS = ("id", "name", "owner", "findings")


def _row(found: Advice) -> tuple[str, ...]:
    return (found.key, found.name, found.owner, ", ".join(one.code for one in found.findings))


def _text(finding: Finding) -> str:
    return f"{finding.message} ({', '.join(finding.values)})" if finding.values else finding.message

"""`tokenry limits`: limits for things that are no keys."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .call import REFUSED, Call, TenantOption, command
from .documents import LIMIT_COLUMNS, limit_row
from .key_options import read_limit

group = typer.Typer(help="Limits for things that are no keys.", no_args_is_help=True)


@command(group, "take")
def take(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What is limited, such as emails.")],
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="For whom: an address, an account, a job.")],
    limit: Annotated[
        list[Any], typer.Option("--limit", parser=read_limit, metavar="LIMIT", help="1000/1h; may be repeated.")
    ],
    cost: Annotated[int, typer.Option("--cost", metavar="COUNT", help="How many units of each limit.")] = 1,
    tenant: TenantOption = None,
) -> None:
    """Take from all limits of a subject, or from none; the exit code tells which."""
    with call.managing(tenant) as tk:
        taken = tk.limits.take(name, subject, limits=limit, cost=cost)
    if not call.out.record(taken=taken):
        call.out.table(LIMIT_COLUMNS, [limit_row(state) for state in taken.limits])
    if not taken:
        raise typer.Exit(REFUSED)

"""`tokenry portal`: links by which owners reach the key page of the server."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from .call import Call, TenantOption, command
from .documents import day
from .lengths import length

group = typer.Typer(help="Links to the key page.", no_args_is_help=True)


@command(group, "link")
def link(
    call: Call,
    owner: Annotated[str, typer.Argument(metavar="EXTERNAL_ID", help="The id by which your application knows it.")],
    scopes: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="SCOPE", help="What the owner may give to keys; may be repeated."),
    ] = None,
    return_to: Annotated[
        str | None, typer.Option("--return-to", metavar="URL", help="Where the page leads back to.")
    ] = None,
    refresh_url: Annotated[
        str | None, typer.Option("--refresh-url", metavar="URL", help="Where the owner gets the next link.")
    ] = None,
    expires_in: Annotated[
        timedelta | None,
        typer.Option("--expires-in", metavar="LENGTH", parser=length, help="How long the visit lasts; 1h by default."),
    ] = None,
    tenant: TenantOption = None,
) -> None:
    """Make a link to the key page of an owner. It works once, within five minutes."""
    with call.managing(tenant) as tk:
        made = tk.portal.open(
            owner,
            scopes=scopes or None,
            return_to=return_to,
            refresh_url=refresh_url,
            expires_in=expires_in or timedelta(hours=1),
        )
    if not call.out.record(link={**_link_fields(made), "url": str(made.url)}):
        call.out.pairs(
            [
                ("link", str(made.url)),
                ("owner", made.owner),
                ("open it before", day(made.expires_at)),
                ("visit ends", day(made.ends_at)),
            ]
        )


def _link_fields(made: object) -> dict[str, object]:
    names = ("id", "tenant", "owner", "scopes", "return_to", "refresh_url", "created_at", "expires_at", "ends_at")
    return {name: getattr(made, name) for name in names}

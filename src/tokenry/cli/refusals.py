"""`tokenry refusals`: the last refusals of keys, and one request explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from tokenry.types import Explanation, VerifyCode

from .call import Call, TenantOption, command
from .documents import day
from .output import document

if TYPE_CHECKING:
    from tokenry.types import Refusal


def refusals(
    call: Call,
    key_id: Annotated[str | None, typer.Argument(metavar="[KEY_ID]", help="Only those of this key, key_….")] = None,
    request: Annotated[
        str | None, typer.Option("--request", metavar="ID", help="Explain the request of this X-Request-Id.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, metavar="COUNT", help="How many at most.")] = 20,
    tenant: TenantOption = None,
) -> None:
    """Show the last refusals of keys, the newest first; of each key 20 are kept, for a week."""
    with call.managing(tenant) as tk:
        if request is not None:
            found = tk.refusals.get(request)
            if not call.out.record(refusal=found):
                call.out.text(str(Explanation(cast("VerifyCode", found.code), found.checks)))
            return
        items = tk.refusals.list(key_id=key_id, limit=limit).items
    if call.out.json:
        call.out.document({"items": [document(one) for one in items]})
    elif items:
        call.out.table(("at", "key", "answer", "from", "scopes", "request"), [_row(one) for one in items])
    else:
        call.out.say("no refusal is kept")


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    command(app, "refusals")(refusals)


def _row(one: Refusal) -> tuple[str, ...]:
    return (day(one.at), one.key, one.code, one.ip or "", " ".join(one.scopes), one.request_id or "")

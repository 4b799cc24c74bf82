"""`tokenry credits`: what keys may still use, and holds of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenry.types import counted

from .call import Call, TenantOption, command
from .documents import credits_text, day
from .keys import KeyId
from .lengths import length
from .pages import List, paged

if TYPE_CHECKING:
    from tokenry.types import CreditState, Hold

group = typer.Typer(help="Credits: uses that are left on keys.", no_args_is_help=True)

Amount = Annotated[int, typer.Argument(metavar="COUNT", help="How many credits.")]
_COLUMNS = ("key", "amount", "remaining", "held", "refill")
_HOLD_COLUMNS = ("hold", "credits", "until", "then")


@command(group, "list")
@paged
def list_credits(call: Call, show: List, tenant: TenantOption = None) -> None:
    """List the keys that have credits, the newest first, with what is left."""
    with call.managing(tenant) as tk:
        show("credits", tk.credits.list, _COLUMNS, _row)


@command(group, "show")
def show(call: Call, key_id: KeyId, tenant: TenantOption = None) -> None:
    """Show how many credits a key has left."""
    with call.managing(tenant) as tk:
        _answer(call, tk.credits.get(key_id))


@command(group, "add")
def add(call: Call, key_id: KeyId, count: Amount, tenant: TenantOption = None) -> None:
    """Give a key more credits, which a refill leaves."""
    with call.managing(tenant) as tk:
        _answer(call, tk.credits.add(key_id, count))


@command(group, "set")
def set_(call: Call, key_id: KeyId, count: Amount, tenant: TenantOption = None) -> None:
    """Say how many credits a key has left until its next refill, beside those that are held."""
    with call.managing(tenant) as tk:
        _answer(call, tk.credits.set(key_id, count))


@command(group, "holds")
def holds(call: Call, key_id: KeyId, tenant: TenantOption = None) -> None:
    """List the open holds of a key, those first that end first."""
    with call.managing(tenant) as tk:
        found = tk.credits.holds(key_id)
    if call.out.record(holds=found):
        return
    if found:
        rows = [(hold.id, str(hold.amount), day(hold.expires_at), _then(hold)) for hold in found]
        call.out.table(_HOLD_COLUMNS, rows)
    else:
        call.out.say("none of its credits are held")


@command(group, "reserve")
def reserve(
    call: Call,
    key_id: KeyId,
    count: Amount,
    expires_in: Annotated[
        timedelta | None,
        typer.Option("--expires-in", parser=length, metavar="LENGTH", help="How long; 10m by default."),
    ] = None,
    charge: Annotated[
        bool, typer.Option("--charge", help="Charge what is not settled in time; it is freed by default.")
    ] = False,
    tenant: TenantOption = None,
) -> None:
    """Set credits of a key aside until they are settled. Stdout has the id of the hold."""
    asked: dict[str, Any] = {"expires_in": expires_in} if expires_in is not None else {}
    with call.managing(tenant) as tk:
        hold = tk.credits.reserve(key_id, count, on_expiry="charge" if charge else "free", **asked)
    are = "is" if hold.amount == 1 else "are"
    call.out.say(f"{counted(hold.amount, 'credit')} {are} held until {day(hold.expires_at)}, and then {_then(hold)}")
    _answer_hold(call, hold)


@command(group, "settle")
def settle(
    call: Call,
    key_id: KeyId,
    hold_id: Annotated[str, typer.Argument(metavar="HOLD_ID", help="The id of the hold, hold_….")],
    count: Amount,
    tenant: TenantOption = None,
) -> None:
    """Charge so many credits of a hold, from 0 to all, and free the rest."""
    with call.managing(tenant) as tk:
        hold = tk.credits.settle(key_id, hold_id, count)
    call.out.say(f"{hold.charged} of {counted(hold.amount, 'credit')} charged, the rest is free")
    _answer_hold(call, hold)


def _then(hold: Hold) -> str:
    return "charged" if hold.on_expiry == "charge" else "freed"


def _row(state: CreditState) -> tuple[str, ...]:
    counts = (str(count) for count in (state.amount, state.remaining, state.held))
    return (state.key, *counts, day(state.reset_at, "never"))


def _answer(call: Call, state: CreditState) -> None:
    if not call.out.record(credits=state):
        call.out.text(credits_text(state))


def _answer_hold(call: Call, hold: Hold) -> None:
    if not call.out.record(hold=hold):
        call.out.text(hold.id)

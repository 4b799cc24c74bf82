"""`tokenry sessions`: who is signed in, and ending it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from tokenry.types import counted

from .call import Call, TenantOption, command
from .documents import day
from .keys import Yes
from .pages import List, paged

if TYPE_CHECKING:
    from tokenry.types import Session

group = typer.Typer(help="Sign-ins of owners.", no_args_is_help=True)

SessionId = Annotated[str, typer.Argument(metavar="SESSION_ID", help="The id of the session, ses_….")]
OwnerId = Annotated[str, typer.Argument(metavar="EXTERNAL_ID", help="The id by which your application knows it.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stays with the session.")]

_BATCH = 200  # the library commits as many at once
_COLUMNS = ("id", "owner", "status", "device", "refreshed", "ends at most")


@command(group, "list")
@paged
def list_sessions(
    call: Call,
    *,
    owner: Annotated[str | None, typer.Option("--owner", metavar="ID", help="Only of this owner.")] = None,
    show: List,
    tenant: TenantOption = None,
) -> None:
    """List sessions, the newest first."""
    with call.managing(tenant) as tk:
        ask = partial(tk.sessions.list, owner)
        show("sessions", ask, _COLUMNS, _row)


@command(group, "show")
def show(call: Call, id: SessionId, tenant: TenantOption = None) -> None:
    """Show a session. Its tokens are shown to nobody."""
    with call.managing(tenant) as tk:
        session = tk.sessions.get(id)
    if not call.out.record(session=session):
        call.out.pairs(_pairs(session))


@command(group, "revoke")
def revoke(call: Call, id: SessionId, reason: Reason = "", tenant: TenantOption = None) -> None:
    """End a session: from now on none of its tokens is valid."""
    with call.managing(tenant) as tk:
        session = tk.sessions.revoke(id, reason=reason)
    call.out.say(f"{session.id} of {session.owner!r} has ended: none of its tokens is valid any more")
    call.out.record(session=session)


@command(group, "revoke-all")
def revoke_all(
    call: Call,
    owner: OwnerId,
    keep: Annotated[
        list[str] | None, typer.Option("--except", metavar="SESSION_ID", help="One that goes on; may be repeated.")
    ] = None,
    reason: Reason = "",
    yes: Yes = False,
    tenant: TenantOption = None,
) -> None:
    """End all sessions of an owner."""
    call.confirm(f"End all sessions of {owner!r}{' but those named' if keep else ''}?", yes)
    ended: list[str] = []
    with call.managing(tenant) as tk, call.out.progress("ending", None, "session") as done:
        batch: tuple[str, ...] | None = None
        while batch is None or len(batch) == _BATCH:
            batch = tk.sessions.revoke_all(owner, keep=keep or None, reason=reason, limit=_BATCH)
            ended += batch
            done(len(batch))
    call.out.say(f"{counted(len(ended), 'session')} of {owner!r} ended")
    call.out.record(sessions=ended)


def _row(session: Session) -> tuple[str, ...]:
    device = str(session.device.get("name") or "-")
    return (session.id, session.owner, session.status, device, day(session.refreshed_at), day(session.expires_at))


def _pairs(session: Session) -> list[tuple[str, str]]:
    scopes = "those of its owner's roles" if session.scopes is None else ", ".join(session.scopes) or "none"
    pairs = [
        ("id", session.id),
        ("owner", session.owner),
        ("tenant", session.tenant),
        ("status", session.status),
        ("scopes", scopes),
        ("audience", ", ".join(session.audience)),
        ("client", session.client_id or ""),
        ("device", ", ".join(f"{name}={value}" for name, value in session.device.items())),
        ("claims", ", ".join(f"{name}={value}" for name, value in session.claims.items())),
        ("started", day(session.created_at)),
        ("refreshed", f"{day(session.refreshed_at)}, generation {session.generation}"),
        ("ends if idle", day(session.idle_expires_at)),
        ("ends at most", day(session.expires_at)),
        ("revoked", f"{day(session.revoked_at)} {session.revoke_reason}".strip() if session.revoked_at else ""),
    ]
    return [pair for pair in pairs if pair[1]]

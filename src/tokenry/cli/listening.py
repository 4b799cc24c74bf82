"""`tokenry webhooks listen` and `trigger`: events for a receiver on the machine of its developer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .call import FAILED, Call, TenantOption, command
from .webhooks import Full, Types

if TYPE_CHECKING:
    from tokenry.types import Attempt, Event

To = Annotated[str, typer.Option("--forward-to", metavar="URL", help="Your receiver: http://localhost:3000/hook.")]


def register(group: typer.Typer) -> None:
    """Put these commands into the tree."""
    command(group, "listen")(listen)
    command(group, "trigger")(trigger)


def listen(
    call: Call,
    to: To,
    types: Types = None,
    full: Full = None,
    tenant: TenantOption = None,
) -> None:
    """Forward events from now on to a local receiver, signed with a secret that is shown first; Ctrl-C ends it.

    It follows events as `tokenry events --follow` does: it needs no endpoint and nothing that is reached from outside.
    """
    from tokenry.webhooks import Forwarder

    forwarder = Forwarder(to, include="object" if full else None)
    with call.managing(tenant) as tk:
        last = tk.events.latest()  # before the secret is shown: what happens after that is forwarded
        call.out.say(f"events go to {to}; give the receiver this secret:")
        call.out.document({"secret": forwarder.secret}) if call.out.json else call.out.text(forwarder.secret)
        try:
            for event in tk.events.follow(after=last, types=types or None):
                _report(call, event, forwarder.send(event))
        except KeyboardInterrupt:
            call.out.say("no more events are forwarded")
        finally:
            forwarder.close()


def trigger(
    call: Call,
    type: Annotated[str, typer.Argument(metavar="TYPE", help="A type of events, such as key.revoked.")],
    to: To,
    full: Full = None,
) -> None:
    """Send a made-up event of a type to a local receiver. Stdout has the secret that it is signed with.

    Exits with 1 when the receiver does not answer with 200 to 299.
    """
    from tokenry.webhooks import Forwarder, sample

    forwarder = Forwarder(to, include="object" if full else None)
    event = sample(type)
    try:
        attempt = forwarder.send(event)
    finally:
        forwarder.close()
    if not call.out.record(event=event, attempt=attempt, secret=forwarder.secret):
        call.out.text(forwarder.secret)
        _report(call, event, attempt)
    if not attempt:
        raise typer.Exit(FAILED)


def _report(call: Call, event: Event, attempt: Attempt) -> None:
    outcome = attempt.error if attempt.http_status is None else str(attempt.http_status)
    call.out.say(f"{event.type} {event.subject} {event.id}: {outcome} in {attempt.duration_ms} ms")

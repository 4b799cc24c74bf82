"""Sending mail about events: claim what is due, write it, hand it over, and write down what came of it.

A mail is marked as sent before its text goes out. A worker that dies after that loses it, and no mail is sent twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from email.headerregistry import Address, HeaderRegistry, UniqueUnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from typing import Any, Final, cast

from tokenry.core.mail import (
    AGE_MAX_SECONDS,
    MAILED,
    WAITS,
    Mail,
    MailStatus,
    Stop,
    address_of,
    digest_of,
    read_stop_token,
    stop_token,
)
from tokenry.core.mail_ports import Carrier, HandedOver
from tokenry.core.mail_templates import Templates, Written
from tokenry.core.model import Event, Tenant, moment
from tokenry.core.policy import SECOND
from tokenry.core.ports import Rows

from .acting import fields_from_host
from .context import Context

LEASE_SECONDS: Final = 300
_BATCH: Final = 20
STOP_PATH: Final = "/v1/unsubscribe"


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of mail: the address, the texts, and the URL of the server, empty when it is unknown."""

    address: str
    templates: Templates
    public_url: str = ""


class _Link(UniqueUnstructuredHeader):
    """A field with a URL. The library would encode a URL longer than a line, and mail programs would ignore it."""

    name: str

    def fold(self, *, policy: Policy) -> str:
        """Return the field as it travels, on one line."""
        return f"{self.name}: {self}{policy.linesep}"


_FIELDS: Final = HeaderRegistry()
_FIELDS.map_to_type("list-unsubscribe", cast(Any, _Link))
_POLICY: Final = SMTP.clone(header_factory=_FIELDS)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A mail that can be sent."""

    to: str
    message: bytes


def has_work(context: Context) -> bool:
    """Tell whether there is a mail to send."""
    with context.store.read() as rows:
        return rows.mail.any_due(context.clock())


def send_due(
    context: Context, sender: Sender, carry: Carrier, holder: str, is_over: Callable[[], bool] = lambda: False
) -> list[MailStatus]:
    """Send what is due; return what became of each mail."""
    done: list[MailStatus] = []
    while not is_over() and has_work(context):
        context.renew_keyring()
        with context.store.change(durable=False) as rows:
            claimed = rows.mail.claim(holder, context.clock(), LEASE_SECONDS, _BATCH)
        for mail in claimed:
            if is_over():
                return done
            done.append(_send(context, sender, carry, mail, holder))
        if not claimed:
            break
    return done


def stop(context: Context, token: str) -> Stop | None:
    """End mail of one kind to one address, as a signed link asks; return what it says, None for a forged one."""
    found = read_stop_token(context.keyring(), token)
    if found is not None:
        with context.store.change() as rows:
            if rows.tenants.by_id(found.tenant_id) is not None:
                rows.mail.stop(found, context.clock())
    return found


def _send(context: Context, sender: Sender, carry: Carrier, mail: Mail, holder: str) -> MailStatus:
    ready = _ready(context, sender, mail)
    if isinstance(ready, str):
        _end(context, mail, holder, "skipped", ready)
        return "skipped"

    def begin() -> bool:
        with context.store.change() as rows:
            return rows.mail.hand_over(mail, holder, context.clock())

    came = carry(sender.address, ready.to, ready.message, begin)
    if came.outcome == "lost":
        return "waiting"
    if came.outcome == "later":
        return _again(context, mail, holder, came)
    status: MailStatus = "failed" if came.outcome == "refused" else came.outcome
    _end(context, mail, holder, status, came.note)
    return status


def _again(context: Context, mail: Mail, holder: str, came: HandedOver) -> MailStatus:
    if mail.attempt_count > len(WAITS):
        _end(context, mail, holder, "failed", came.note)
        return "failed"
    due_at = context.clock() + WAITS[mail.attempt_count - 1] * SECOND
    with context.store.change(durable=False) as rows:
        rows.mail.wait(mail, holder, due_at, came.note)
    return "waiting"


def _end(context: Context, mail: Mail, holder: str, status: MailStatus, note: str) -> None:
    with context.store.change(durable=False) as rows:
        rows.mail.end(mail, holder, status, note)


def _ready(context: Context, sender: Sender, mail: Mail) -> _Ready | str:
    """Return a mail as it goes out, or why there is none."""
    if context.clock() - mail.created_at > AGE_MAX_SECONDS * SECOND:
        return "it is older than a day"
    with context.store.read() as rows:
        tenant = rows.tenants.by_id(mail.tenant_id)
        event = None if tenant is None else rows.events.get(tenant, mail.event_id)
        if tenant is None or event is None:
            return "its tenant or its event is gone"
        to = _address(context, rows, tenant, event, mail)
        if to is None:
            return "there is no address that mail can go to"
        end = Stop(tenant.id, mail.type, digest_of(to))
        if rows.mail.is_stopped(end):
            return "the address wants no more mail of this kind"
        values = _values(context, rows, tenant, event)
    link = ""
    if sender.public_url:
        token = stop_token(context.keyring().signing(context.clock()), end)
        link = f"{sender.public_url}{STOP_PATH}?t={token}"
    written = sender.templates.write(mail.type, {**values, "unsubscribe": link})
    return _Ready(to, _message(sender.address, to, written, mail, link))


_OUTCOMES: Final = {
    "revoke": "It no longer works.",
    "flag": "It still works: rotate or revoke the key now.",
    "token": "It was a short-lived token of the key, which works until it expires.",
}
"""The result of a report of a leaked key, by the policy of the tenant or by the findings."""


def _address(context: Context, rows: Rows, tenant: Tenant, event: Event, mail: Mail) -> str | None:
    """Return whom a mail goes to. The contact gets none where the owner, with the same address, gets it."""
    contact, owner = address_of(tenant.contact), None
    if "owner" in MAILED[mail.type]:
        owner = address_of(_email(context, rows, tenant, str(event.data.get("owner", ""))))
    if mail.recipient == "owner":
        return owner
    return None if contact is not None and owner is not None and contact.lower() == owner.lower() else contact


def _email(context: Context, rows: Rows, tenant: Tenant, external_id: str) -> str | None:
    result = fields_from_host(context.owner_loader(), external_id, tenant.slug) or {}
    owner = rows.owners.get(tenant, external_id)
    return result.get("email") or (owner.email if owner is not None else None)


def _values(context: Context, rows: Rows, tenant: Tenant, event: Event) -> dict[str, Any]:
    """Return the values of an event that the texts may use."""
    data, names = event.data, {}
    if event.type.startswith("key."):
        key = rows.keys.get(tenant, event.subject, context.now())
        names["key_name"] = key.name if key is not None else event.subject
    owner = rows.owners.get(tenant, str(data.get("owner", "")))
    within = data.get("within_seconds", 0)
    return {
        **{name: data.get(name) or "-" for name in ("owner", "reason", "url", "source", "hours", "disables_at")},
        **names,
        "tenant": tenant.slug,
        "tenant_name": tenant.name,
        "owner_name": owner.name if owner is not None and owner.name else data.get("owner", "-"),
        "subject": event.subject,
        "outcome": _OUTCOMES.get(str(data.get("policy") or data.get("kind")), "-"),
        "at": event.at.isoformat(sep=" ", timespec="seconds"),
        "days": round(float(within) / timedelta(days=1).total_seconds()) if within else "-",
    }


def _message(sender: str, to: str, written: Written, mail: Mail, link: str) -> bytes:
    """Return a mail as it travels. The library refuses a field with a line feed in it."""
    message = EmailMessage(policy=_POLICY)
    for name, address in (("From", sender), ("To", to)):
        message[name] = Address(addr_spec=address)
    message["Subject"] = written.subject
    message["Date"] = moment(mail.created_at)
    message["Message-ID"] = f"<{mail.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    if link:
        message["List-Unsubscribe"] = f"<{link}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(written.text)
    message.add_alternative(written.html, subtype="html")
    return message.as_bytes()

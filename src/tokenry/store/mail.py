"""Mail in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, literal, select, text, update

from tokenry.core.mail import Mail, MailStatus, Stop
from tokenry.core.policy import SECOND

from .fixed import FixedWrite
from .mail_tables import mail, mail_stop

_INSERT = FixedWrite(insert(mail))
_FIELDS = tuple([mail.c[name] for name in Mail._fields])
_STOP = text("""
    INSERT INTO tokenry_mail_stop (tenant_id, type, address, at) VALUES (:tenant_id, :type, :address, :at)
    ON CONFLICT DO NOTHING
""")


class MailRows:
    """Mail within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, mails: Sequence[Mail]) -> None:
        rows = [{**one._asdict(), "status": "waiting", "due_at": one.created_at} for one in mails]
        if rows:
            _INSERT(self._connection, rows)

    def any_due(self, now: int) -> bool:
        """Tell whether there is a mail to send that nobody sends."""
        query = select(literal(1)).where(mail.c.due_at <= now, mail.c.due_at.is_not(None), mail.c.lease_until < now)
        return self._connection.execute(query.limit(1)).first() is not None

    def claim(self, holder: str, now: int, seconds: int, limit: int) -> Sequence[Mail]:
        """Take mails that are due for some seconds, the oldest first."""
        due = select(mail.c.id).where(mail.c.due_at <= now, mail.c.due_at.is_not(None), mail.c.lease_until < now)
        found = due.order_by(mail.c.due_at).limit(limit).with_for_update(skip_locked=True)
        values: dict[str, Any] = {"lease_until": now + seconds * SECOND, "lease_holder": holder}
        values["attempt_count"] = mail.c.attempt_count + 1
        taken = update(mail).where(mail.c.id.in_(found)).values(values).returning(*_FIELDS)
        return sorted([Mail(*row) for row in self._connection.execute(taken)], key=lambda one: one.id)

    def hand_over(self, one: Mail, holder: str, now: int) -> bool:
        """Mark a mail as sent, before it is; return False when it is no longer this worker's to send."""
        held = self._held(one, holder).where(mail.c.lease_until >= now)
        return self._connection.execute(held.values(status="sent", due_at=None)).rowcount == 1

    def end(self, one: Mail, holder: str, status: MailStatus, note: str) -> None:
        """Write the final status of a mail."""
        here = (mail.c.tenant_id == one.tenant_id) & (mail.c.id == one.id) & (mail.c.lease_holder == holder)
        self._connection.execute(update(mail).where(here).values(status=status, due_at=None, note=note))

    def wait(self, one: Mail, holder: str, due_at: int, note: str) -> None:
        """Let a mail that no server has accepted be tried again."""
        here = (mail.c.tenant_id == one.tenant_id) & (mail.c.id == one.id) & (mail.c.lease_holder == holder)
        values = {"status": "waiting", "due_at": due_at, "note": note, "lease_until": 0, "lease_holder": ""}
        self._connection.execute(update(mail).where(here).values(values))

    def stop(self, stop: Stop, now: int) -> None:
        self._connection.execute(_STOP, {**stop._asdict(), "at": now})

    def is_stopped(self, stop: Stop) -> bool:
        here = [mail_stop.c[name] == value for name, value in stop._asdict().items()]
        return self._connection.execute(select(literal(1)).where(*here)).first() is not None

    def _held(self, one: Mail, holder: str) -> Any:
        here = (mail.c.tenant_id == one.tenant_id) & (mail.c.id == one.id)
        return update(mail).where(here, mail.c.lease_holder == holder, mail.c.status == "waiting")

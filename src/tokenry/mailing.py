"""Sending mail beside an instance: a thread of its own, so that a slow mail server delays nothing else."""

from __future__ import annotations

import secrets
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from .core.errors import ConfigError
from .core.mail import MailStatus, read_smtp_url
from .core.mail_templates import Templates
from .runtime.worker import Worker
from .service import mailing

if TYPE_CHECKING:
    from .config import Settings
    from .core.mail_ports import Carrier
    from .runtime.smtp import Smtp
    from .service.context import Context

_SECONDS = 1.0
_SUFFIXES = (".txt", ".html")


class Mailer:
    """Sends the mail of an installation, if the settings name a server."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self._context = context
        self._url = settings.smtp_url
        self._sender = sender_of(settings) if settings.smtp_url else None
        self.counts: Counter[MailStatus] = Counter()
        self._worker = Worker(self._tick, _SECONDS, name="tokenry-mail")
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork: the thread stayed with the parent."""
        self._holder = secrets.token_hex(8)
        self._smtp: Smtp | None = None
        self._is_over = False
        self._worker.forget()

    def start(self) -> None:
        """Start the thread, if there is a mail server."""
        if self._sender is not None:
            self._worker.start()

    def stop(self) -> None:
        """End the thread and wait for it. A mail whose text is under way is not sent again."""
        self._is_over = True
        if self._smtp is not None:
            self._smtp.interrupt()
        self._worker.stop()

    def send(self, carry: Carrier | None = None) -> int:
        """Send what is due, here and now; return the number of mails that were tried."""
        if self._sender is None:
            return 0
        if carry is not None:
            return self._send(carry)
        if not mailing.has_work(self._context):
            return 0
        # Imported late, since it loads TLS.
        from .runtime.smtp import Smtp

        self._smtp = Smtp(read_smtp_url(self._url))
        try:
            return self._send(self._smtp)
        finally:
            self._smtp.close()
            self._smtp = None

    def _send(self, carry: Carrier) -> int:
        assert self._sender is not None
        done = mailing.send_due(self._context, self._sender, carry, self._holder, lambda: self._is_over)
        self.counts.update(done)
        return len(done)

    def _tick(self) -> None:
        self.send()


def sender_of(settings: Settings) -> mailing.Sender:
    """Return who sends mail, with the texts of the host; raise ConfigError for one that cannot be used."""
    given: dict[str, str] = {}
    if settings.mail_templates:
        folder = Path(settings.mail_templates)
        if not folder.is_dir():
            raise ConfigError(f"mail_templates must be a directory, which {folder} is not")
        given = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.suffix in _SUFFIXES}
    return mailing.Sender(settings.mail_from, Templates(given), settings.public_url.rstrip("/"))

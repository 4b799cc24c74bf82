"""Handing mail to an SMTP server, over TLS whose certificate is verified, and within time limits."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Callable
from typing import Final

from tokenry.core.mail import SmtpServer
from tokenry.core.mail_ports import HandedOver

SECONDS: Final = 15.0
"""For each step: connecting, TLS, a command, the text."""
_NOTE_MAX: Final = 200


class Smtp:
    """One connection that is made when it is needed. `tls` returns the context of TLS."""

    def __init__(self, server: SmtpServer, *, tls: Callable[[], ssl.SSLContext] = ssl.create_default_context) -> None:
        self._server = server
        self._tls = tls
        self._connection: smtplib.SMTP | None = None
        self._is_over = False

    def __call__(self, sender: str, to: str, message: bytes, begin: Callable[[], bool]) -> HandedOver:
        """Hand over one mail. Until `begin` has said yes nothing is sent that a server might deliver."""
        try:
            connection = self._connection or self._connected()
            self._connection = connection
            for code, reply in (connection.mail(sender), connection.rcpt(to)):
                if code not in (250, 251):
                    connection.rset()
                    return HandedOver("refused" if code >= 500 else "later", _note(code, reply))
        except smtplib.SMTPAuthenticationError as error:
            self.close()
            return HandedOver("later", _note(error.smtp_code, b"the server does not accept the name and password"))
        except smtplib.SMTPResponseException as error:
            self.close()
            return HandedOver("later", _note(error.smtp_code, error.smtp_error))
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            return HandedOver("later", _named(error))
        if self._is_over or not begin():
            self.close()
            return HandedOver("lost")
        return self._sent(connection, message)

    def close(self) -> None:
        """Part from the server."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                connection.quit()
            connection.close()

    def interrupt(self) -> None:
        """End what is under way, from another thread."""
        self._is_over = True
        opened = self._connection.sock if self._connection is not None else None
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

    def _sent(self, connection: smtplib.SMTP, message: bytes) -> HandedOver:
        try:
            code, reply = connection.data(message)
        except smtplib.SMTPDataError as error:  # it did not even want the text
            self.close()
            return HandedOver(
                "refused" if error.smtp_code >= 500 else "later", _note(error.smtp_code, error.smtp_error)
            )
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            return HandedOver("unclear", _named(error))
        if code == 250:
            return HandedOver("sent", _note(code, reply))
        return HandedOver("refused" if code >= 500 else "later", _note(code, reply))

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        if server.is_tls:
            connection: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=SECONDS, context=self._tls())
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=SECONDS)
        try:
            connection.ehlo_or_helo_if_needed()
            if not server.is_tls and (server.needs_tls or connection.has_extn("starttls")):
                connection.starttls(context=self._tls())
                connection.ehlo_or_helo_if_needed()
            if server.user:
                connection.login(server.user, server.password)
        except BaseException:
            connection.close()
            raise
        return connection


def _note(code: int, reply: object) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
    return f"{code} {''.join([part if part.isprintable() else ' ' for part in text])}"[:_NOTE_MAX]


def _named(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{type(error).__name__}: {reason}"[:_NOTE_MAX]

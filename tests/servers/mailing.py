"""A mail server on loopback (aiosmtpd): takes or refuses mail as it is told to, and remembers what came."""

from __future__ import annotations

import asyncio
import datetime
import email
import email.policy
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OK = "250 OK"


@dataclass
class MailServer:
    """`on_rcpt` and `on_data` return the answer to the recipient, and to the text, of the mail of a number."""

    port: int = 0
    on_rcpt: Callable[[int], str] = lambda number: OK
    on_data: Callable[[int], str] = lambda number: OK
    mails: list[EmailMessage] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    tried: int = 0
    over_tls: list[bool] = field(default_factory=list)
    is_implicit: bool = False

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]) -> str:
        self.tried += 1
        answer = self.on_rcpt(self.tried)
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        answer = await asyncio.get_running_loop().run_in_executor(None, self.on_data, self.tried)
        if answer == OK:
            text = envelope.original_content or b""
            self.texts.append(text)  # type: ignore[arg-type]
            self.mails.append(email.message_from_bytes(text, policy=email.policy.default))  # type: ignore[arg-type]
            self.recipients += envelope.rcpt_tos
            self.over_tls.append(session.ssl is not None or self.is_implicit)
        return answer


@contextmanager
def receiving_mail(
    tls: ssl.SSLContext | None = None, *, implicit: bool = False, password: str = ""
) -> Iterator[MailServer]:
    """Run a mail server; with `tls` it offers STARTTLS, or speaks TLS from the first byte."""
    found = MailServer(is_implicit=implicit)
    loop = asyncio.new_event_loop()
    made: list[SMTP] = []

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        return AuthResult(success=given.password == password.encode())

    def protocol() -> SMTP:
        options: dict[str, Any] = {"hostname": "mail.test", "loop": loop}
        if tls is not None and not implicit:
            options |= {"tls_context": tls, "require_starttls": True}
        if password:
            options |= {"authenticator": authenticate, "auth_required": not implicit, "auth_require_tls": not implicit}
        made.append(SMTP(found, **options))
        return made[-1]

    async def begin() -> asyncio.Server:
        return await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls if implicit else None)

    server = loop.run_until_complete(begin())
    found.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        for one in made:
            if one.transport is not None:
                one.transport.abort()
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def certified(directory: Path, address: str = "127.0.0.1") -> tuple[Path, ssl.SSLContext]:
    """Return the file of a certificate that was made for an address, and the context of a server that has it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = datetime.datetime.now(datetime.UTC)
    name = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    made = x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).add_extension(name, critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    made = made.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    chain, private = directory / "mail.pem", directory / "mail.key"
    chain.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    return chain, context

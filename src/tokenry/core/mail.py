"""Mail about events: the recipients, the allowed contents, and the link that ends the mail. Nothing here sends."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import unquote, urlsplit

from .errors import ConfigError
from .keyring import Generation, Keyring

Recipient: TypeAlias = Literal["owner", "contact"]
MailStatus: TypeAlias = Literal["waiting", "sent", "failed", "unclear", "skipped"]

_BOTH: Final[tuple[Recipient, ...]] = ("owner", "contact")
MAILED: Final[dict[str, tuple[Recipient, ...]]] = {
    "key.expiring": _BOTH,
    "key.idle": _BOTH,
    "key.leaked": _BOTH,
    "session.leaked": _BOTH,
    "session.reuse_detected": _BOTH,
    "webhook.failing": ("contact",),
    "webhook.paused": ("contact",),
}
"""The types of events that are told by mail, and to whom: the owner of the key or session, the tenant's contact."""

WAITS: Final = (60, 5 * 60, 30 * 60, 2 * 3600, 8 * 3600)
"""Seconds before each further attempt, while no server has accepted a mail."""
AGE_MAX_SECONDS: Final = 24 * 3600
"""A mail that could not be sent for so long is dropped: it is no news any more."""

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9-]{1,63}", re.ASCII)
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_TOKEN_MAX: Final = 512


class Mail(NamedTuple):
    """One mail that waits: about which event, to whom, and how often it was tried."""

    tenant_id: str
    id: str
    event_id: str
    type: str
    recipient: Recipient
    created_at: int
    attempt_count: int


def address_of(text: str | None) -> str | None:
    """Return a mail address that one mail can go to; None for a list, a name, or anything that no server takes."""
    if text is None or len(text) > 254:
        return None
    local, _, domain = text.strip().rpartition("@")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        return None
    dotted = [_LABEL.fullmatch(one) and one.strip("-") == one for one in domain.split(".")]
    if not _LOCAL.fullmatch(local) or local.strip(".") != local or ".." in local or not all(dotted):
        return None
    return f"{local}@{domain}"


def digest_of(address: str) -> str:
    """Return the digest that is stored when an address unsubscribes from one kind of mail."""
    return sha256(address.lower().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed over. `is_tls` means TLS from the first byte, else STARTTLS."""

    host: str
    port: int
    is_tls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def needs_tls(self) -> bool:
        """Whether nothing is sent without TLS: always but to this machine itself."""
        return self.host not in _LOOPBACK or bool(self.password)


def read_smtp_url(url: str) -> SmtpServer:
    """Return the server of a URL; raise ConfigError, which shows nothing of it."""
    try:
        parts = urlsplit(url.strip())
        port, host = parts.port, parts.hostname
    except ValueError:
        port, host, parts = None, None, urlsplit("")
    if parts.scheme not in ("smtp", "smtps") or not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigError(
            "smtp_url is like smtp://user:password@mail.example.com:587 (STARTTLS) or smtps://… (TLS), and special "
            "characters in the password are written as %40"
        )
    is_tls = parts.scheme == "smtps"
    user, password = (unquote(part or "") for part in (parts.username, parts.password))
    return SmtpServer(host, port or (465 if is_tls else 587), is_tls, user, password)


class Stop(NamedTuple):
    """The contents of a link that ends mail: the kind, the tenant and the address."""

    tenant_id: str
    type: str
    address: str


def stop_token(generation: Generation, stop: Stop) -> str:
    """Return the signed text of a link that ends mail of one kind to one address."""
    body = base64.urlsafe_b64encode("\n".join(stop).encode()).decode().rstrip("=")
    return f"{generation.id}.{body}.{_mac(generation, body)}"


def read_stop_token(keyring: Keyring, token: str) -> Stop | None:
    """Return the contents of a link; None for a link that was not signed here."""
    id, _, rest = token.partition(".")
    body, _, mac = rest.partition(".")
    generation = keyring.get(id)
    if len(token) > _TOKEN_MAX or generation is None or not token.isascii():
        return None
    if not hmac.compare_digest(mac, _mac(generation, body)):
        return None
    try:
        parts = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode().split("\n")
    except (ValueError, binascii.Error):
        return None
    return Stop(*parts) if len(parts) == len(Stop._fields) else None


def _mac(generation: Generation, body: str) -> str:
    return hmac.digest(generation.derive("mail"), body.encode(), "sha256").hex()[:32]

"""Links by which an owner reaches the key page: the rights of a link, and the protection of its row at rest. Pure."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from .errors import FieldError, shown
from .ids import is_id
from .keyring import Generation, Keyring
from .secret import Secret, holds_credential

CODE_LIFE: Final = timedelta(minutes=5)
LIFE_MIN: Final = timedelta(minutes=1)
LIFE_MAX: Final = timedelta(hours=24)
PAGE_PATH: Final = "/keys/"
_URL_MAX: Final = 2048


@dataclass(frozen=True, slots=True)
class PortalLink:
    """A link to the key page of one owner. Its URL is shown this once, and works once until `expires_at`.

    The visit that begins with it lasts until `ends_at` at the latest. `scopes` is None for those of the owner's roles.
    """

    id: str
    tenant: str
    owner: str
    scopes: tuple[str, ...] | None
    return_to: str | None
    refresh_url: str | None
    created_at: datetime
    expires_at: datetime
    ends_at: datetime
    url: Secret


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of a row, under a MAC of the keyring: the visitor, the end of the visit, and the page's offers.

    The digest of the cookie is there once the code was exchanged for it. Times are microseconds.
    """

    id: str
    tenant_id: str
    owner_id: str
    scopes: tuple[str, ...] | None
    grants: tuple[str, ...]
    return_to: str | None
    refresh_url: str | None
    maker: tuple[str, ...]
    code_ends_at: int
    ends_at: int
    code_digest: str
    cookie_digest: str | None = None


class Row(msgspec.Struct, frozen=True):
    """A visit as it is stored. Until the code is used, `ends_at` is the end of the code.

    `maker_key_id` is the key that made the link. It serves counting only: rights are in the document.
    """

    id: str
    tenant_id: str
    owner_id: str
    document: str
    generation_id: str
    mac: str
    ends_at: int
    entered_at: int | None = None
    ended_at: int | None = None
    maker_key_id: str | None = None


def make_text(id: str, entropy: bytes) -> str:
    """Return the text of a code or a cookie, from 32 random bytes."""
    return f"{id}.{urlsafe_b64encode(entropy).decode().rstrip('=')}"


def id_of(text: object) -> str | None:
    """Return the id that a code or a cookie begins with; None for anything else."""
    if not isinstance(text, str) or len(text) > 128:
        return None
    id = text.partition(".")[0]
    return id if is_id("por", id) else None


def digest_of(text: str) -> str:
    """Return the digest of a text with 256 random bits, which nobody can guess."""
    return sha256(b"tokenry/portal\0" + text.encode()).hexdigest()


def is_of(digest: str | None, text: str) -> bool:
    """Tell whether a digest is that of a code or a cookie."""
    return digest is not None and hmac.compare_digest(digest, digest_of(text))


def seal(visit: Visit, generation: Generation, entered_at: int | None = None) -> Row:
    """Return the row of a visit."""
    document = msgspec.json.encode(visit).decode()
    mac = _mac(generation, document)
    return Row(
        id=visit.id,
        tenant_id=visit.tenant_id,
        owner_id=visit.owner_id,
        document=document,
        generation_id=generation.id,
        mac=mac,
        ends_at=visit.code_ends_at if visit.cookie_digest is None else visit.ends_at,
        entered_at=entered_at,
        maker_key_id=visit.maker[2] if visit.maker[0] in ("key", "token") else None,
    )


def read(row: Row, keyring: Keyring) -> Visit | None:
    """Return the visit of a row; None for a row that was changed without the keyring."""
    generation = keyring.get(row.generation_id)
    if generation is None or not hmac.compare_digest(row.mac, _mac(generation, row.document)):
        return None
    visit = msgspec.json.decode(row.document, type=Visit)
    is_own = (visit.id, visit.tenant_id, visit.owner_id) == (row.id, row.tenant_id, row.owner_id)
    return visit if is_own else None


def _mac(generation: Generation, document: str) -> str:
    return hmac.digest(generation.portal_key, document.encode(), "sha256").hex()


def check_url(name: str, url: Any, errors: list[FieldError]) -> str | None:
    """Return a URL that the page may link to: http or https with a host, and nothing a browser reads differently."""
    if url is None:
        return None
    if not isinstance(url, str) or not 0 < len(url) <= _URL_MAX or not _is_plain(url):
        message = f"{shown(str(url))} is no URL such as 'https://app.example.com/settings'"
        errors.append(FieldError(name, "bad_url", message))
        return None
    if holds_credential(url):
        errors.append(FieldError(name, "holds_credential", "the URL holds a credential, which the page would show"))
        return None
    return url


def _is_plain(url: str) -> bool:
    if not url.isascii() or not url.isprintable() or any(one in url for one in ' \\"<>`{}|^'):
        return False
    if not url.lower().startswith(("http://", "https://")):
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False


def check_life(life: Any, errors: list[FieldError]) -> timedelta:
    """Return how long a visit may last."""
    if not isinstance(life, timedelta) or not LIFE_MIN <= life <= LIFE_MAX:
        errors.append(FieldError("expires_in", "out_of_range", "a visit lasts from one minute to 24 hours"))
        return LIFE_MAX
    return life

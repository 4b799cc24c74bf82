"""The grant document of a secret: everything that its key says, as one signed text in the row of the secret.

A lookup reads it in place of the key. The signature binds it to its secret, so that a key cannot be widened, moved or
revived by somebody who can write the database and has no keyring. A document is only ever made from the previous
document: values in the columns of a key are never signed again.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from .errors import ConfigError
from .grant import KEY_SHOWN
from .keyring import Keyring

BOUND: Final = ("kid", "tenant_id", "id", "owner_id", "ends_at")
"""The fields of a document that identify its secret, key and owner."""
DECIDING: Final = (
    *("scopes", "allowed_ips", "limits", "credits", "environment"),
    *("disabled_at", "expires_at", "not_before", "revoked_at"),
)
FACTS: Final = frozenset((*BOUND, *DECIDING, *KEY_SHOWN.columns))
"""The columns that a document holds. The other ones of a key are found by, or shown by management alone."""
OF_KEY: Final = tuple(sorted({*DECIDING, *KEY_SHOWN.columns, "owner_id"}))
"""The columns of a key that are facts."""
FORM: Final = 1
"""Stands first in a document, so that a later form can be told apart."""
_BEGINS: Final = f"[{FORM},"
CHANGED: Final = "its rows were changed by somebody without the keyring"
LACKING: Final = (
    "were signed with secret {} of a keyring, which the keyring here does not have: give this process the keyring that "
    "the others have"
)
LIVING: Final = '%,null,["%'
"""The pattern by which SQL finds documents without a revocation: `shown`, the only list, follows the null."""
NO_ROLES: Final = ',"[]"]'
"""How the document of a key without roles ends: the hot lookup asks for that."""


class Document(msgspec.Struct, array_like=True, gc=False):
    """A document as it is read by a lookup. The roles are its last part."""

    form: int
    kid: str
    tenant_id: str
    key_id: str
    owner_id: str
    ends_at: int | None
    scopes: str
    allowed_ips: str
    limits: str
    credits: str | None
    environment: str
    disabled_at: int | None
    expires_at: int | None
    not_before: int | None
    revoked_at: int | None
    shown: msgspec.Raw
    roles: str


def encode(facts: Mapping[str, Any]) -> str:
    """Return the document of some facts, by column as they are stored."""
    head = [facts[name] for name in (*BOUND, *DECIDING)]
    shown = [facts[column] for column in KEY_SHOWN.columns]
    return _encoder.encode([FORM, *head, shown, facts["roles"]]).decode()


def decode(document: str) -> dict[str, Any]:
    """Return the facts of a document; raise OtherForm."""
    values = _decode_any(numbered(document))[1:]
    names = (*BOUND, *DECIDING)
    return {**dict(zip(KEY_SHOWN.columns, values[-2], strict=True)), **dict(zip(names, values, strict=False))}


class OtherForm(ValueError):
    """A document that was signed with the keyring, by a newer version of Tokenry."""

    def __init__(self) -> None:
        super().__init__("were signed by a newer version of Tokenry: run this process with that version, too")


def numbered(document: str) -> str:
    """Return a signed document with the number of its form, which the first ones did not have; raise OtherForm."""
    if document.startswith(_BEGINS):
        return document
    if document.startswith('["'):
        return _BEGINS + document[1:]
    raise OtherForm


class Seals:
    """Signs documents with the generation of the keyring that signs now; every generation verifies."""

    def __init__(self) -> None:
        self._keyring: Callable[[], Keyring] = _no_keyring
        self._now: Callable[[], int] = _no_keyring
        self.forged: Callable[[str], None] = _ignore
        """Called with the kid of a secret whose document somebody without the keyring has written."""

    def use(self, keyring: Callable[[], Keyring], now: Callable[[], int], forged: Callable[[str], None]) -> None:
        """Take the keyring of an instance, its clock, and its callback for forged documents."""
        self._keyring, self._now, self.forged = keyring, now, forged

    def sign(self, document: str) -> str:
        """Return the seal of a document, which names the generation that made it."""
        generation = self._keyring().signing(self._now())
        return f"{generation.id}.{generation.document_mac(document)}"

    def missing(self, seal: object) -> str | None:
        """Return the generation that a seal names if the keyring here lacks it: other processes may have it."""
        if not isinstance(seal, str):
            return None
        id = seal.partition(".")[0]
        return id if self._keyring().get(id) is None else None

    def holds(self, document: str, seal: str) -> bool:
        """Tell whether somebody with the keyring has signed this very document."""
        id, _, mac = seal.partition(".")
        generation = self._keyring().get(id)
        if generation is None or not mac.isascii():
            return False
        return hmac.compare_digest(generation.document_mac(document), mac)


def _no_keyring() -> Any:
    raise ConfigError("this database was opened without its keyring, so nothing of its keys can be read or changed")


def _ignore(kid: str) -> None:
    """Do nothing."""


_encoder: Final = msgspec.json.Encoder()
_decode_any: Final[Callable[[str], Any]] = msgspec.json.Decoder().decode

"""Verdicts decoded from the server's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from ..core.codes import RefusalCode
from ..core.credits import CreditState
from ..core.limits import LimitState
from ..core.model import Key, Owner, Session, Tenant
from ..core.verdict import KeyValid, Refused, SessionValid, TokenValid, Verdict
from ..operations.answers import TENANT


class CredentialFields(msgspec.Struct):
    """The fields of a valid verdict in the server's JSON."""

    owner: Owner
    tenant: Tenant
    scopes: tuple[str, ...]
    limits: tuple[LimitState, ...]
    claims: Mapping[str, Any]
    credits: CreditState | None = None


class _Remote:
    """The part of a verdict that every kind has."""

    __slots__ = ()
    _fields: CredentialFields

    @property
    def owner(self) -> Owner:
        """The owner of the credential."""
        return self._fields.owner

    @property
    def tenant(self) -> Tenant:
        """The tenant of the credential."""
        return self._fields.tenant

    @property
    def scopes(self) -> tuple[str, ...]:
        """All scopes the credential holds."""
        return self._fields.scopes

    @property
    def limits(self) -> tuple[LimitState, ...]:
        """How the limits stand after this verification."""
        return self._fields.limits

    @property
    def credits(self) -> CreditState | None:
        """The credits of the key after this verification; None for a key without credits."""
        return self._fields.credits


class RemoteKey(_Remote, KeyValid):
    """A `KeyValid` from a server."""

    __slots__ = ("_fields", "_key")

    def __init__(self, result: CredentialFields, key: Any) -> None:
        self._fields, self._key = result, msgspec.convert(key, Key)

    @property
    def key(self) -> Key:
        """The key as the server knew it."""
        return self._key


class RemoteToken(_Remote, TokenValid):
    """A `TokenValid` from a server."""

    __slots__ = ("_fields", "_key")

    def __init__(self, result: CredentialFields, key: Any) -> None:
        self._fields, self._key = result, msgspec.convert(key, Key)

    @property
    def key(self) -> Key:
        """The key as the server knew it."""
        return self._key

    @property
    def claims(self) -> Mapping[str, Any]:
        """Everything that the token says."""
        return self._fields.claims


class RemoteSession(_Remote, SessionValid):
    """A `SessionValid` from a server."""

    __slots__ = ("_fields", "_session")

    def __init__(self, result: CredentialFields, session: Any) -> None:
        self._fields, self._session = result, msgspec.convert(session, Session)

    @property
    def session(self) -> Session:
        """The session as the server knew it."""
        return self._session

    @property
    def claims(self) -> Mapping[str, Any]:
        """Everything that the token says."""
        return self._fields.claims


def verdict(found: Any) -> Verdict:
    """Read a complete verdict. An unknown code of a newer server is passed on."""
    if found["valid"] is False:
        return Refused(
            cast(RefusalCode, msgspec.convert(found["code"], str)),
            msgspec.convert(found.get("retry_after"), int | None),
            msgspec.convert(found.get("limits", ()), tuple[LimitState, ...]),
            msgspec.convert(found.get("limited_by"), LimitState | None),
            credits=msgspec.convert(found.get("credits"), CreditState | None),
        )
    if found["valid"] is not True:
        raise ValueError("neither valid nor refused")
    result = CredentialFields(
        msgspec.convert(found["owner"], Owner),
        TENANT.read(found["tenant"]),
        msgspec.convert(found["scopes"], tuple[str, ...]),
        msgspec.convert(found["limits"], tuple[LimitState, ...]),
        # An older server tells neither claims nor credits.
        msgspec.convert(found.get("claims", {}), dict[str, Any]),
        msgspec.convert(found.get("credits"), CreditState | None),
    )
    if found["kind"] == "session":
        return RemoteSession(result, found["session"])
    if found["kind"] not in ("key", "token"):
        raise ValueError("a kind of credential that this client does not know")
    return RemoteKey(result, found["key"]) if found["kind"] == "key" else RemoteToken(result, found["key"])

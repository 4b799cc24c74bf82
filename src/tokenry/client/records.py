"""The library's records out of the server's JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import msgspec

from ..core.errors import TokenryError
from ..core.limits import LimitState
from ..core.model import BulkItem, Issued, Key, Owner, Page, Session, SessionTokens, Tenant
from ..core.secret import Secret
from ..core.verdict import Check, Explanation, Refused, Valid, Verdict
from .wire import problem

T = TypeVar("T")


class RemoteValid(Valid):
    """A `Valid` that a server told of, whole or not at all."""

    __slots__ = ("_claims", "_key", "_limits", "_owner", "_scopes", "_session", "_tenant", "kind")

    def __init__(self, told: dict[str, Any]) -> None:
        self.kind = told["kind"]
        self._session = record(Session)(told["session"]) if told["session"] is not None else None
        self._key = record(Key)(told["key"]) if told["key"] is not None else None
        self._owner = record(Owner)(told["owner"])
        self._tenant = tenant(told["tenant"])
        self._scopes = record(tuple[str, ...])(told["scopes"])
        self._claims = record(dict[str, Any])(told.get("claims", {}))  # which an older server does not tell
        self._limits = record(tuple[LimitState, ...])(told["limits"])

    def __repr__(self) -> str:
        key = self._key.id if self._key else None
        return f"Valid(key={key!r}, owner={self._owner.external_id!r}, tenant={self._tenant.slug!r})"

    @property
    def key(self) -> Key | None:
        """The key as the server knew it; None for a session."""
        return self._key

    @property
    def session(self) -> Session | None:
        """The session as the server knew it; None for a key."""
        return self._session

    @property
    def claims(self) -> Mapping[str, Any]:
        """Everything that a token says; a key says nothing."""
        return self._claims

    @property
    def owner(self) -> Owner:
        """The owner of the key."""
        return self._owner

    @property
    def tenant(self) -> Tenant:
        """The tenant of the key."""
        return self._tenant

    @property
    def scopes(self) -> tuple[str, ...]:
        """All scopes the credential holds."""
        return self._scopes

    @property
    def limits(self) -> tuple[LimitState, ...]:
        """How the limits stand after this verification."""
        return self._limits


def record(kind: type[T]) -> Callable[[Any], T]:
    """Return a reader of one record; fields that this version does not know are passed over."""

    def read(found: Any) -> T:
        return msgspec.convert(found, kind)

    return read


def tenant(found: Any) -> Tenant:
    """Read a tenant, whose lengths are numbers with their unit."""
    told = {name: value for name, value in found.items() if name in Tenant.__slots__}
    for name in ("expires_in_default", "expires_in_max"):
        days = found.get(f"{name}_days")
        told[name] = timedelta(seconds=found[f"{name}_seconds"]) if days is None else timedelta(days=days)
    return msgspec.convert(told, Tenant)


def issued(found: Any) -> Issued:
    """Read a key with its secret."""
    return Issued(record(Key)(found["key"]), Secret(found["secret"]))


def issued_or_error(found: Any) -> Issued | TokenryError:
    """Read what became of one key of many that were to be issued."""
    told = found.get("error")
    return problem(int(told["status"]), told, {}) if told else issued(found)


def session_tokens(found: Any) -> SessionTokens:
    """Read a session with its tokens."""
    told = {name: found[name] for name in ("scopes", "access_expires_at", "refresh_expires_at")}
    told |= {"session": record(Session)(found["session"]), "access": found["access"], "refresh": found["refresh"]}
    return msgspec.convert(told, SessionTokens, dec_hook=lambda kind, text: kind(text))


def refreshed(found: Any) -> SessionTokens | Refused:
    """Read what a refresh has led to."""
    return session_tokens(found["tokens"]) if found["valid"] is True else Refused(str(found["code"]))


def page(item: Callable[[Any], T]) -> Callable[[Any], Page[T]]:
    """Return a reader of one page of a list."""

    def read(found: Any) -> Page[T]:
        return Page(tuple(map(item, found["items"])), found.get("next_cursor"))

    return read


def items(item: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    """Return a reader of a whole list."""

    def read(found: Any) -> tuple[T, ...]:
        return tuple(map(item, found["items"]))

    return read


def bulk_item(found: Any) -> BulkItem:
    """Read what became of one key of many."""
    return BulkItem(record(Key)(found["key"]), found.get("error"))


def verdict(found: Any) -> Verdict:
    """Read a verdict."""
    if found["valid"] is True:
        return RemoteValid(found)
    if found["valid"] is not False:
        raise ValueError("neither valid nor refused")
    return record(Refused)({name: found[name] for name in ("code", "retry_after", "limits") if name in found})


def explanation(found: Any) -> Explanation:
    """Read an explanation."""
    return Explanation(str(found["code"]), record(tuple[Check, ...])(found["checks"]))


def nothing(found: Any) -> None:
    """Read an answer that says nothing more."""

"""Answers as JSON: the server, the client and the OpenAPI document share these types."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar, cast, get_args, get_type_hints

import msgspec

from ..core.codes import RefusalCode, VerifyCode
from ..core.credits import CreditState
from ..core.errors import TokenryError
from ..core.lengths import record_of
from ..core.limits import LimitState
from ..core.model import (
    AuditReport,
    BulkItem,
    BulkRevocation,
    Issued,
    Key,
    Owner,
    Page,
    ScopeCheck,
    Session,
    SessionTokens,
    Tenant,
)
from ..core.portal import PortalLink
from ..core.secret import Secret
from ..core.verdict import Check, Explanation, Refused
from ..core.webhooks import CreatedWebhook, Webhook
from . import problems
from .fields import on_wire

T = TypeVar("T")


def _lengths_of(kind: type) -> tuple[str, ...]:
    return tuple(name for name, one in get_type_hints(kind).items() if one is timedelta or timedelta in get_args(one))


def _document(name: str, kind: Any, about: str) -> Any:
    """Return the type of a record's document: the record's fields, with lengths of time as numbers of seconds."""
    types, lengths, fields = get_type_hints(kind), _lengths_of(kind), list[Any]()
    for one in dataclasses.fields(kind):
        result, found = one.name, types[one.name]
        if result in lengths:
            result, found = on_wire(result), float if found is timedelta else float | None
        found = str if found is Secret else found
        fields.append((result, found) if one.default is dataclasses.MISSING else (result, found, one.default))
    return msgspec.defstruct(name, fields, namespace={"__doc__": about}, kw_only=True)


def _reader(kind: type[T]) -> Callable[[Any], T]:
    """Return the function that reads such a document. An older server leaves out a length that it does not know."""
    lengths = [(on_wire(name), name) for name in _lengths_of(kind)]

    def read(found: Any) -> T:
        given = {name: found[result] for result, name in lengths if result in found}
        values = {name: None if count is None else timedelta(seconds=count) for name, count in given.items()}
        return msgspec.convert({**found, **values}, kind)

    return read


_KeyDocument: Final = _document("Key", Key, str(Key.__doc__))
_read_key: Final = _reader(Key)
_write_key: Final[Callable[[Key], Any]] = record_of


class FieldProblem(msgspec.Struct):
    """A mistake in one field."""

    field: str
    code: str
    message: str


class ProblemDocument(msgspec.Struct):
    """An answer that is no success (RFC 9457). `type` is a page about the code."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldProblem] = []


class IssuedDocument(msgspec.Struct):
    """A key with its secret, which is shown this once."""

    key: _KeyDocument  # type: ignore[valid-type]
    secret: str


class CreatedWebhookDocument(msgspec.Struct):
    """An endpoint with its new secret, which is shown this once."""

    webhook: Webhook
    secret: str


class SequenceDocument(msgspec.Struct):
    """The sequence of an event."""

    sequence: int


class BulkResult(msgspec.Struct):
    """The result for one key: the key with its secret, or the problem (`error`) that kept it from being issued."""

    key: _KeyDocument | None = None  # type: ignore[valid-type]
    secret: str | None = None
    error: ProblemDocument | None = None


class RevokedItem(msgspec.Struct):
    """The result for one key: `error` is null when it is revoked, or in a dry run would be."""

    key: _KeyDocument  # type: ignore[valid-type]
    error: str | None


class RevokedDocument(msgspec.Struct):
    """The result of a bulk revocation or of its dry run: how many keys, and the first 1,000 of them."""

    dry_run: bool
    items: list[RevokedItem]
    revoked_count: int
    refused_count: int
    next_cursor: str | None = None


class ScopesDocument(msgspec.Struct):
    """The catalogue of scopes; empty when any well-formed scope may be granted."""

    scopes: list[str]


class ScopeCheckDocument(msgspec.Struct):
    """Whether scopes may be granted, and which are unknown."""

    known: bool
    unknown: list[str]


class CountDocument(msgspec.Struct):
    """How many were removed."""

    deleted_count: int


class CheckDocument(msgspec.Struct):
    """One check of an explanation. `passed` is null when it could not be made, since the credential is unknown.

    `detail` says more of a failure that has several causes, such as a token for another audience.
    """

    code: str
    passed: bool | None
    detail: str = ""


class ExplanationDocument(msgspec.Struct):
    """Every check in its order; `code` is the verdict's."""

    valid: bool
    code: str
    checks: list[CheckDocument]


class SelfDocument(msgspec.Struct):
    """The presented key, its owner, all scopes that it holds, and how its limits and credits stand."""

    key: _KeyDocument  # type: ignore[valid-type]
    owner: Owner
    tenant: str
    scopes: list[str]
    limits: list[LimitState]
    credits: CreditState | None = None


class AuditReportDocument(msgspec.Struct):
    """The result of checking the audit log; it is whole when there are no problems."""

    whole: bool
    entry_count: int
    problems: list[str]


class SessionTokensDocument(msgspec.Struct):
    """A session with its access token and the refresh token that gets the next one. Both are shown this once."""

    session: Session
    access: str
    refresh: str
    scopes: list[str]
    access_expires_at: datetime
    refresh_expires_at: datetime


class RefreshDocument(msgspec.Struct):
    """The next pair of tokens, or with `valid` false and `tokens` null the code that says why there is none."""

    valid: bool
    code: str
    tokens: SessionTokensDocument | None


class RevokedSessionsDocument(msgspec.Struct):
    """The ids of the sessions that this call has ended."""

    sessions: list[str]


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """One kind of answer: `kind` describes it, `write` makes the document of a result, `read` the result of one."""

    kind: Any
    write: Callable[[T], Any]
    read: Callable[[Any], T]


def record(kind: type[T]) -> Answer[T]:
    """Return the answer that is one record. Fields that this version does not know are passed over."""
    return Answer(kind, _same, lambda found: msgspec.convert(found, kind))


def page(item: Answer[T]) -> Answer[Page[T]]:
    """Return the answer that is one page of a list."""
    kind = msgspec.defstruct(
        f"PageOf{_name(item)}",
        [("items", list[item.kind]), ("next_cursor", str | None)],  # type: ignore[name-defined]
        namespace={"__doc__": "A page of a list. Pass `next_cursor` as `cursor` for the next; null on the last."},
    )

    def write(found: Page[T]) -> Any:
        items = found.items if item.write is _same else [item.write(one) for one in found.items]
        return {"items": items, "next_cursor": found.next_cursor}

    return Answer(kind, write, lambda found: Page(tuple(map(item.read, found["items"])), found.get("next_cursor")))


def items(item: Answer[T]) -> Answer[tuple[T, ...]]:
    """Return the answer that is a whole list."""
    kind = msgspec.defstruct(
        f"ListOf{_name(item)}",
        [("items", list[item.kind])],  # type: ignore[name-defined]
        namespace={"__doc__": "A whole list."},
    )

    def write(found: tuple[T, ...]) -> Any:
        return {"items": found if item.write is _same else [item.write(one) for one in found]}

    return Answer(kind, write, lambda found: tuple(map(item.read, found["items"])))


def _name(item: Answer[Any]) -> str:
    return str(item.kind.__name__).removesuffix("Document")


def _same(found: Any) -> Any:
    return found


def _nothing(found: Any) -> None:
    return None


def write_issued(found: Issued) -> dict[str, Any]:
    """Return the document of a key with its secret."""
    return {"key": _write_key(found.key), "secret": str(found.secret)}


def _read_issued(found: Any) -> Issued:
    return Issued(_read_key(found["key"]), Secret(found["secret"]))


def write_tokens(found: SessionTokens) -> dict[str, Any]:
    """Return the document of a session with its tokens."""
    values = {name: getattr(found, name) for name in SessionTokens.__slots__}
    return {**values, "access": str(found.access), "refresh": str(found.refresh)}


def _read_tokens(found: Any) -> SessionTokens:
    return msgspec.convert(found, SessionTokens, dec_hook=lambda kind, text: kind(text))


def _write_refreshed(found: SessionTokens | Refused) -> dict[str, Any]:
    tokens = None if isinstance(found, Refused) else write_tokens(found)
    return {"valid": tokens is not None, "code": getattr(found, "code", "valid"), "tokens": tokens}


def _read_refreshed(found: Any) -> SessionTokens | Refused:
    return _read_tokens(found["tokens"]) if found["valid"] is True else Refused(cast(RefusalCode, str(found["code"])))


def _write_explanation(found: Explanation) -> dict[str, Any]:
    return {"valid": bool(found), "code": found.code, "checks": found.checks}


def _read_explanation(found: Any) -> Explanation:
    # A newer server may tell of a code that is not known here, an older one tells no details.
    checks = [
        Check(
            cast(VerifyCode, str(one["code"])),
            msgspec.convert(one["passed"], bool | None),
            str(one.get("detail", "")),
        )
        for one in found["checks"]
    ]
    return Explanation(cast(Any, str(found["code"])), tuple(checks))


def _write_revoked(found: Any) -> Any:
    return {**found, "items": [{"key": _write_key(one.key), "error": one.error} for one in found["items"]]}


def _read_revoked(found: Any) -> BulkRevocation:
    items = tuple(BulkItem(_read_key(one["key"]), one.get("error")) for one in found["items"])
    good = sum(map(bool, items))  # an older server does not send the counts
    return BulkRevocation(
        items, found.get("revoked_count", good), found.get("refused_count", len(items) - good), found.get("next_cursor")
    )


def _write_report(found: AuditReport) -> dict[str, Any]:
    return {"whole": bool(found), "entry_count": found.entry_count, "problems": found.problems}


def _read_many(found: Any) -> Issued | TokenryError:
    error = found.get("error")
    return problems.error_of(int(error["status"]), error) if error else _read_issued(found)


def _read_webhook(found: Any) -> CreatedWebhook:
    return CreatedWebhook(msgspec.convert(found["webhook"], Webhook), Secret(found["secret"]))


def _write_link(found: PortalLink) -> dict[str, Any]:
    return {name: getattr(found, name) for name in PortalLink.__slots__} | {"url": str(found.url)}


def _read_link(found: Any) -> PortalLink:
    return msgspec.convert(found, PortalLink, dec_hook=lambda kind, text: kind(text))


NOTHING: Final[Answer[None]] = Answer(None, _nothing, _nothing)
KEY: Final = Answer(_KeyDocument, _write_key, _read_key)
OWNER: Final = record(Owner)
SESSION: Final = record(Session)
TENANT: Final[Answer[Tenant]] = Answer(
    _document("TenantDocument", Tenant, "A customer of the installation."), record_of, _reader(Tenant)
)
ISSUED: Final = Answer(IssuedDocument, write_issued, _read_issued)
CREATED_WEBHOOK: Final = Answer(
    CreatedWebhookDocument, lambda found: {"webhook": found.webhook, "secret": str(found.secret)}, _read_webhook
)
PORTAL_LINK: Final = Answer(
    _document(
        "PortalLinkDocument", PortalLink, "A link to the key page. Its `url` is shown this once, and works once."
    ),
    _write_link,
    _read_link,
)
TOKENS: Final = Answer(SessionTokensDocument, write_tokens, _read_tokens)
REFRESHED: Final = Answer(RefreshDocument, _write_refreshed, _read_refreshed)
EXPLANATION: Final = Answer(ExplanationDocument, _write_explanation, _read_explanation)
CATALOGUE: Final[Answer[tuple[str, ...]]] = Answer(
    ScopesDocument, lambda found: {"scopes": found}, lambda found: tuple(found["scopes"])
)
SCOPE_CHECK: Final = Answer(
    ScopeCheckDocument,
    lambda found: {"known": bool(found), "unknown": found.unknown},
    lambda found: ScopeCheck(tuple(found["unknown"])),
)
SEQUENCE: Final[Answer[int]] = Answer(
    SequenceDocument, lambda found: {"sequence": found}, lambda found: int(found["sequence"])
)
COUNT: Final[Answer[int]] = Answer(
    CountDocument, lambda found: {"deleted_count": found}, lambda found: int(found["deleted_count"])
)
ENDED_SESSIONS: Final[Answer[tuple[str, ...]]] = Answer(
    RevokedSessionsDocument, lambda found: {"sessions": found}, lambda found: tuple(found["sessions"])
)
REVOKED: Final[Answer[Any]] = Answer(RevokedDocument, _write_revoked, _read_revoked)
MANY_ISSUED: Final[Answer[Any]] = items(Answer(BulkResult, _same, _read_many))
AUDIT_REPORT: Final = Answer(AuditReportDocument, _write_report, lambda found: msgspec.convert(found, AuditReport))
SELF: Final[Answer[Any]] = Answer(
    SelfDocument,
    lambda found: {**found, "key": _write_key(found["key"])},
    lambda found: _read_key(found["key"]),
)

"""What answers look like, for the reference. The answers themselves are encoded from the library's records."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel

from tokenry.types import Key, LimitState, Owner, Session

T = TypeVar("T")


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    code: str
    message: str


class ProblemDocument(BaseModel):
    """An answer that is no success (RFC 9457). `type` leads to a page about the code."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldProblem] = []


class PageOf(BaseModel, Generic[T]):
    """One page of a list; hand `next_cursor` back as `cursor` for the next one. Only null says: the last one."""

    items: list[T]
    next_cursor: str | None


class ListOf(BaseModel, Generic[T]):
    """A whole list."""

    items: list[T]


class IssuedDocument(BaseModel):
    """A key with its secret, which is shown this once."""

    key: Key
    secret: str


class BulkResult(BaseModel):
    """What became of one key: the key with its secret, or the problem (`error`) that kept it from being issued."""

    key: Key | None = None
    secret: str | None = None
    error: ProblemDocument | None = None


class RevokedItem(BaseModel):
    """What became of one key: `error` is null when it is revoked, or in a dry run would be."""

    key: Key
    error: str | None


class RevokedDocument(BaseModel):
    """What a bulk revocation did, or in a dry run would do."""

    dry_run: bool
    items: list[RevokedItem]


class CountDocument(BaseModel):
    """How many were removed."""

    deleted_count: int


class TenantDocument(BaseModel):
    """A customer of the installation."""

    id: str
    slug: str
    name: str
    prefix: str
    status: Literal["active", "suspended"]
    expires_in_default_days: float
    expires_in_max_days: float
    never_allowed: bool
    self_rotation_allowed: bool
    created_at: datetime


class ScopesDocument(BaseModel):
    """The catalogue of scopes; empty when any well-formed scope may be granted."""

    scopes: list[str]


class ScopeCheckDocument(BaseModel):
    """Whether scopes may be granted, and which are unknown."""

    known: bool
    unknown: list[str]


class CheckDocument(BaseModel):
    """One check; `passed` is null when it could not be made."""

    code: str
    passed: bool | None


class ExplanationDocument(BaseModel):
    """Every check in its order; `code` is the verdict's."""

    valid: bool
    code: str
    checks: list[CheckDocument]


class SelfDocument(BaseModel):
    """Who presents the key: the key, its owner, all scopes that it holds, and how its limits stand."""

    key: Key
    owner: Owner
    tenant: str
    scopes: list[str]
    limits: list[LimitState]


class AuditReportDocument(BaseModel):
    """What checking the audit log found; it is whole when there are no problems."""

    whole: bool
    entry_count: int
    problems: list[str]


class SessionTokensDocument(BaseModel):
    """A session with its access token and the refresh token that gets the next one. Both are shown this once."""

    session: Session
    access: str
    refresh: str
    scopes: list[str]
    access_expires_at: datetime
    refresh_expires_at: datetime


class RefreshDocument(BaseModel):
    """The next pair, or with `valid` false and `tokens` null the code that says why there is none."""

    valid: bool
    code: str
    tokens: SessionTokensDocument | None


class RevokedSessionsDocument(BaseModel):
    """The ids of the sessions that this call has ended."""

    sessions: list[str]

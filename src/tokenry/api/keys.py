"""`/v1/keys`: issuing, finding, changing and ending keys."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from fastapi import Query
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tokenry import types
from tokenry.edge import KEY_CHECKS
from tokenry.groups import Groups
from tokenry.types import NOT_GIVEN, Conflict, Issued, Key, LimitState, UsageHour

from . import problems, replies
from .documents import (
    BulkResult,
    CountDocument,
    IssuedDocument,
    ListOf,
    PageOf,
    RevokedDocument,
)
from .rooms import Caller, Here, Room, Slug
from .schemas import (
    DAYS_MAX,
    Addresses,
    Body,
    Checks,
    Credential,
    Cursor,
    Days,
    Environment,
    IdempotencyKey,
    IfMatch,
    KeyId,
    Limit,
    Limits,
    Metadata,
    Moment,
    Name,
    Owner,
    Prose,
    Reason,
    Roles,
    Scope,
    Scopes,
    Text,
    Whole,
    check_days,
    check_limits,
    days,
)

room = Room("keys", "Long-lived credentials. Secrets come and go, the key stays.")

Status = Literal["active", "disabled", "revoked", "expired"]
Within = Annotated[float, Query(ge=0, le=DAYS_MAX)]
WithinDays = Annotated[float | None, Query(ge=0, le=DAYS_MAX)]


class KeyFields(Body):
    """What can be said of a key when it is issued, and later."""

    checks: ClassVar[Checks] = {**KEY_CHECKS, "limits": check_limits, "expires_in_days": check_days}
    scopes: Scopes = Field(default_factory=list)
    roles: Roles = Field(default_factory=list)
    description: Prose = ""
    expires_in_days: Annotated[Days | None, Field(description="null is never, where the tenant allows it.")] = None
    expires_at: Annotated[Moment | None, Field(description="null is never, where the tenant allows it.")] = None
    not_before: Moment | None = None
    allowed_ips: Addresses = Field(default_factory=list)
    limits: Limits = Field(default_factory=list)
    metadata: Metadata | None = None

    def given(self) -> dict[str, Any]:
        """Return the fields that the request has, as arguments of the library."""
        given = super().given()
        if "expires_in_days" in given:
            given["expires_in"] = days(given.pop("expires_in_days"))
        if "limits" in given:
            given["limits"] = [types.Limit(one.name, one.limit, one.window_seconds) for one in self.limits]
        return given


class NewKey(KeyFields):
    """A key to issue."""

    owner: Owner
    name: Name
    environment: Environment = "live"


class KeyChanges(KeyFields):
    """What changes of a key; what is left out stays. An empty `allowed_ips` removes the list."""

    name: Name = ""


class NewKeys(Body):
    """Keys to issue, with a result each."""

    keys: Annotated[list[NewKey], Field(max_length=1000)]


class Rotation(Body):
    """How a secret is replaced: the old one works until its grace is over."""

    grace_seconds: Annotated[Whole, Field(ge=0, le=365 * 86_400)] = 0


class Revocation(Body):
    """Why a key ends."""

    reason: Reason = ""


class Lookup(Body):
    """A secret, or the public `kid` of one."""

    credential: Credential


class BulkRevocation(Body):
    """Which keys end: those that every given filter means. At least one is needed."""

    owner: Owner | None = None
    status: Status | None = None
    scope: Scope | None = None
    environment: Environment | None = None
    text: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    expiring_within_days: Annotated[float | None, Field(ge=0, le=DAYS_MAX)] = None
    last_used_before: Moment | None = None
    reason: Reason = ""
    dry_run: Annotated[bool, Field(description="Only tell which keys it would be.")] = True


class Purge(Body):
    """Which ended keys are removed: what expired or was revoked before a moment."""

    expired_before: Moment | None = None
    revoked_before: Moment | None = None


def which(**asked: Any) -> dict[str, Any]:
    """Return the filters that are given, as arguments of the library."""
    within = asked.pop("expiring_within_days", None)
    asked["expiring_within"] = None if within is None else timedelta(days=within)
    return {name: NOT_GIVEN if value is None else value for name, value in asked.items()}


@room.get("/v1/keys", "keys.list", tells=PageOf[Key])
def list_keys(
    here: Here,
    owner: Annotated[str | None, Query(min_length=1, max_length=255)] = None,
    status: Status | None = None,
    scope: Text = None,
    environment: Text = None,
    text: Text = None,
    expiring_within_days: WithinDays = None,
    last_used_before: Moment | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List keys, the newest first."""
    filters = which(
        owner=owner,
        status=status,
        scope=scope,
        environment=environment,
        text=text,
        expiring_within_days=expiring_within_days,
        last_used_before=last_used_before,
    )
    return replies.page(here.keys.list(**filters, limit=limit, cursor=cursor))


@room.post("/v1/keys", "keys.issue", tells=IssuedDocument, status=201)
async def issue(call: Caller, slug: Slug, body: NewKey, idempotency_key: IdempotencyKey = None) -> Response:
    """Issue a key; its secret is in the answer this once."""
    if idempotency_key is None:
        return replies.issued(await call.gatherer.issue(call, slug, body.given()), 201)
    issue = partial(call.groups(slug).keys.issue, **body.given(), idempotency_key=idempotency_key)
    return replies.issued(await run_in_threadpool(issue), 201)


@room.get("/v1/keys/expiring", "keys.expiring", tells=PageOf[Key])
def expiring(
    here: Here, within_days: Within = 30, owner: Text = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """List active keys that expire soon, the most urgent first."""
    found = here.keys.expiring(
        within=timedelta(days=within_days),
        owner=NOT_GIVEN if owner is None else owner,
        limit=limit,
        cursor=cursor,
    )
    return replies.page(found)


@room.post("/v1/keys/find", "keys.find", tells=Key)
def find(here: Here, body: Lookup) -> Response:
    """Find the key that a secret, or a `kid`, belongs to, whatever its state."""
    return replies.key(here.keys.find(body.credential))


@room.post("/v1/keys/bulk", "keys.issue_many", tells=ListOf[BulkResult])
def issue_many(call: Caller, here: Here, body: NewKeys) -> Response:
    """Issue up to 1,000 keys in one transaction, with a result each."""
    found = here.keys.issue_many([one.given() for one in body.keys])
    return replies.items([_result(one, call.request_id) for one in found])


def _result(one: Issued | types.TokenryError, request_id: str) -> dict[str, Any]:
    if isinstance(one, Issued):
        return {**replies.issued_document(one), "error": None}
    return {"key": None, "secret": None, "error": problems.of(one).document(request_id)}


@room.post("/v1/keys/bulk-revoke", "keys.revoke_where", tells=RevokedDocument)
def revoke_where(here: Here, body: BulkRevocation) -> Response:
    """Revoke all living keys that the filters mean; a dry run, by default, only tells which."""
    filters = which(**{name: getattr(body, name) for name in type(body).model_fields if name not in _NO_FILTERS})
    items = here.keys.revoke_where(**filters, reason=body.reason, dry_run=body.dry_run)
    return replies.reply({"dry_run": body.dry_run, "items": items})


_NO_FILTERS = ("reason", "dry_run")


@room.post("/v1/keys/purge", "keys.purge", tells=CountDocument)
def purge(here: Here, body: Purge) -> Response:
    """Remove keys that ended before a moment."""
    return replies.reply({"deleted_count": here.keys.purge(**body.given())})


@room.get("/v1/keys/{id}", "keys.get", tells=Key)
def get(here: Here, id: KeyId) -> Response:
    """Return a key, never its secret."""
    return replies.key(here.keys.get(id))


@room.patch("/v1/keys/{id}", "keys.update", tells=Key)
def update(here: Here, id: KeyId, body: KeyChanges, if_match: IfMatch = None) -> Response:
    """Change what is given; with `If-Match` only if nobody else was faster."""
    version = int(if_match.strip('"')) if if_match else None
    try:
        return replies.key(here.keys.update(id, **body.given(), if_version=version))
    except Conflict as error:
        if version is not None and error.details.get("field") == "version":
            raise problems.Failed(problems.problem("version_mismatch", error.message)) from None
        raise


@room.delete("/v1/keys/{id}", "keys.delete")
def delete(here: Here, id: KeyId) -> Response:
    """Revoke a key if it lives, and remove it."""
    here.keys.delete(id)
    return replies.nothing()


@room.post("/v1/keys/{id}/rotate", "keys.rotate", tells=IssuedDocument)
def rotate(here: Here, id: KeyId, body: Rotation | None = None, idempotency_key: IdempotencyKey = None) -> Response:
    """Give a live key a new secret and change nothing else."""
    return replies.issued(rotated(here, id, body, idempotency_key))


def rotated(groups: Groups, id: str, body: Rotation | None, idempotency_key: str | None) -> Issued:
    """Rotate a key as a request asks for it."""
    grace = timedelta(seconds=body.grace_seconds if body else 0)
    return groups.keys.rotate(id, grace=grace, idempotency_key=idempotency_key)


@room.post("/v1/keys/{id}/revoke", "keys.revoke", tells=Key)
def revoke(here: Here, id: KeyId, body: Revocation | None = None) -> Response:
    """End a key for good. Once this has answered, nobody is told `valid` any more."""
    return replies.key(here.keys.revoke(id, reason=body.reason if body else ""))


@room.post("/v1/keys/{id}/disable", "keys.disable", tells=Key)
def disable(here: Here, id: KeyId) -> Response:
    """Switch a key off until it is enabled."""
    return replies.key(here.keys.disable(id))


@room.post("/v1/keys/{id}/enable", "keys.enable", tells=Key)
def enable(here: Here, id: KeyId) -> Response:
    """Switch a disabled key on again."""
    return replies.key(here.keys.enable(id))


@room.get("/v1/keys/{id}/limits", "keys.limits", tells=ListOf[LimitState])
def limits(here: Here, id: KeyId) -> Response:
    """Tell how every limit of a key stands."""
    states = here.keys.limits(id)
    return replies.limits(states, {"items": states})


@room.get("/v1/keys/{id}/usage", "keys.usage", tells=ListOf[UsageHour])
def usage(here: Here, id: KeyId, since: Moment | None = None) -> Response:
    """Tell how often a key was presented, by hour and code."""
    return replies.items(here.usage.get(id, since=since))

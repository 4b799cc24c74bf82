"""Errors on the wire: one table of codes, and every refusal as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from ..core.codes import CODES
from ..core.errors import FieldError
from ..core.model import Session
from ..core.redaction import unrepeated
from ..core.statuses import challenge, credit_fields, limit_fields, status_of
from ..core.verdict import Refused
from . import encode

MEDIA_TYPE: Final = "application/problem+json"
PAGE: Final = "/docs/problems"
"""Where the server explains every code; `type` is this and the code."""


class Kind(NamedTuple):
    """The meaning of a code, on every occasion."""

    status: int
    title: str
    help: str


KINDS: Final[dict[str, Kind]] = {
    "credential_missing": Kind(401, "A credential is needed", "Send `Authorization: Bearer …` or `X-API-Key: …`."),
    "credential_ambiguous": Kind(400, "Two credentials differ", "Send one credential, in one header or one cookie."),
    "malformed": Kind(401, "The credential is malformed", "Copy the whole key again: it ends in a checksum."),
    "not_found": Kind(
        404,
        "Not found",
        "Check the id and the tenant: what is foreign is never told from what does not exist. With 401 it is the "
        "credential that is unknown: management takes operators' keys, `tk_op_…`.",
    ),
    "tenant_suspended": Kind(401, "The tenant is suspended", "An operator of the installation can resume it."),
    "revoked": Kind(
        401, "The credential was revoked", "It never works again: use its successor, or issue another key."
    ),
    "disabled": Kind(401, "The key is disabled", "It works again after `POST /v1/keys/{id}/enable`."),
    "not_yet_valid": Kind(401, "The key is not valid yet", "It begins at its `not_before`."),
    "expired": Kind(401, "The key has expired", "Issue another one, or let an operator move its `expires_at`."),
    "owner_disabled": Kind(401, "The owner is disabled", "See `POST /v1/owners/{external_id}/enable`."),
    "ip_not_allowed": Kind(403, "The address is not allowed", "Add the client's address to the key's `allowed_ips`."),
    "insufficient_scope": Kind(403, "The scope does not suffice", "Use a key that holds the scope that was asked for."),
    "rate_limited": Kind(429, "Too many requests", "Wait for the seconds in `Retry-After`."),
    "quota_exceeded": Kind(
        429,
        "Too few credits left",
        "Wait for the next refill, in the seconds of `Retry-After`; without one the key needs more credits.",
    ),
    "throttled": Kind(
        429,
        "Too many failures",
        "Too many failures came from this address: wait for the seconds in `Retry-After`.",
    ),
    "cross_site": Kind(
        403,
        "Another site may have caused this",
        "The cookie does not count: another site may have caused this request. List the origins of your other pages in "
        "`allowed_origins`, and let the proxy pass on `Host`, or the method in `X-Forwarded-Method` when it asks "
        "`/v1/auth`.",
    ),
    "sign_in_again": Kind(
        401, "Sign in again", "The console changes things for 15 minutes after a sign-in: present the key once more."
    ),
    "not_allowed": Kind(403, "Not allowed", "Nobody grants, or changes, more than they hold."),
    "invalid": Kind(422, "Values cannot be accepted", "`errors` names the fields, with a code and what to do."),
    "conflict": Kind(409, "The state stands in the way", "`detail` says what does: read the record again."),
    "version_mismatch": Kind(412, "Changed by somebody else", "Read it again, and send its new `ETag`."),
    "idempotency_mismatch": Kind(422, "Used with other arguments", "Make a new `Idempotency-Key` for a new request."),
    "bad_request": Kind(400, "The request cannot be read", "`detail` says which part of it."),
    "method_not_allowed": Kind(405, "The method is not allowed here", "`Allow` names those that are."),
    "body_too_large": Kind(
        413,
        "The body is too large",
        "Requests have at most 64 KiB, those with lists 256 KiB, those in bulk 1 MiB, and imports 8 MiB.",
    ),
    "headers_too_large": Kind(431, "The headers are too large", "Headers have at most 16 KiB and 128 fields."),
    "too_slow": Kind(408, "The request took too long", "Send a request in one go: its head within seconds."),
    "not_json": Kind(415, "The body is not JSON", "Send it with `Content-Type: application/json`."),
    "busy": Kind(
        503, "The server is busy", "It has as many connections or unfinished requests as it may have: try again later."
    ),
    "keys_unavailable": Kind(
        503,
        "Public keys are missing",
        "GitHub's public keys could not be read, so that nothing was done: the log of the server says why.",
    ),
    "store_unavailable": Kind(503, "The database cannot be used", "Nothing was changed: try again after a moment."),
    "store_full": Kind(507, "The disk is full", "Nothing was changed. Make room on the disk of the database."),
    "internal": Kind(500, "The server failed", "The log of the server has the details under this `request_id`."),
}
"""Every code that an answer may have, with its status, its title and what to do."""


class Problem(NamedTuple):
    """One answer that is no success. Applications are given it in their hooks."""

    code: str
    status: int
    detail: str
    headers: tuple[tuple[str, str], ...] = ()
    errors: tuple[FieldError, ...] = ()
    retry_after: int | None = None
    session: Session | None = None
    """The session of a refused refresh, for hooks alone; None when its refresh token is unknown."""

    @property
    def owner(self) -> str | None:
        """The external id of the session's owner."""
        return self.session.owner if self.session is not None else None

    def document(self, request_id: str = "") -> dict[str, Any]:
        """Return the body of the answer. The server gives the id of the request, and has a page for every code."""
        values: dict[str, Any] = {
            "type": f"{PAGE}/{self.code}" if request_id else "about:blank",
            "title": KINDS[self.code].title if request_id else HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": unrepeated(self.detail),
            "code": self.code,
        }
        if request_id:
            values["request_id"] = request_id
        if self.errors:
            values["errors"] = [
                {"field": unrepeated(field), "code": code, "message": unrepeated(message)}
                for field, code, message in self.errors
            ]
        return values

    def body(self, request_id: str = "") -> bytes:
        """Return the JSON of the answer."""
        return encode(self.document(request_id))

    def fields(self) -> list[tuple[str, str]]:
        """Return every header of the answer."""
        return [("Content-Type", MEDIA_TYPE), ("Cache-Control", "no-store"), *self.headers]


class Failed(Exception):
    """Raised to answer with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def problem(
    code: str,
    detail: str = "",
    *,
    errors: Iterable[FieldError] = (),
    headers: Iterable[tuple[str, str]] = (),
    kinds: Mapping[str, Kind] = KINDS,
) -> Problem:
    """Return the problem of a code; without a detail its help says what to do."""
    kind = kinds[code]
    if kind.status == 401:
        headers = [*headers, ("WWW-Authenticate", challenge(None if code == "credential_missing" else code))]
    elif kind.status == 503:
        headers = [*headers, ("Retry-After", "1")]
    return Problem(code, kind.status, detail or kind.help, tuple(headers), tuple(errors))


def refused(verdict: Refused, scopes: Iterable[str] = (), meanings: Mapping[str, str] = CODES) -> Problem:
    """Return the answer to a credential that was refused; `scopes` are what was asked of it."""
    code, status = verdict.code, status_of(verdict.code)
    now = datetime.now(UTC)
    headers = limit_fields(verdict.limits, now) + credit_fields(verdict.credits, now)
    if status in (401, 403):
        headers.append(("WWW-Authenticate", challenge(code, scopes)))
    if verdict.retry_after is not None:
        headers.append(("Retry-After", str(verdict.retry_after)))
    asked = " ".join(scopes) if code == "insufficient_scope" else ""
    detail = f"This needs the scope {asked}." if asked else meanings.get(code) or KINDS[code].help
    return Problem(code, status, detail, tuple(headers), (), verdict.retry_after)

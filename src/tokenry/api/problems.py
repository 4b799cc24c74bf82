"""What goes wrong on the wire: one table of codes, and every error as `application/problem+json` (RFC 9457).

Nothing here knows a framework, so that the hot routes answer with the same bytes as the management API.
"""

from __future__ import annotations

import logging
from asyncio import CancelledError
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from tokenry.edge import challenge, limit_fields, status_of, unrepeated
from tokenry.types import (
    CODES,
    ConfigError,
    Conflict,
    Denied,
    FieldError,
    Invalid,
    NotAllowed,
    NotFound,
    Refused,
    StoreUnavailable,
)

MEDIA_TYPE: Final = "application/problem+json"
PAGE: Final = "/docs/problems"
"""Where the server explains every code; `type` is this and the code."""

RETRY_AFTER_SECONDS: Final = 1
_log = logging.getLogger("tokenry.api")


class Kind(NamedTuple):
    """What a code stands for, whatever the occasion."""

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
    "throttled": Kind(429, "Too many failures", "Wait for the seconds in `Retry-After`."),
    "cross_site": Kind(
        403,
        "Another site may have caused this",
        "A cookie counts for a method that changes something with `Sec-Fetch-Site: same-origin` or an `Origin` in "
        "`allowed_origins`, and the proxy has to say the method in `X-Forwarded-Method`.",
    ),
    "not_allowed": Kind(403, "Not allowed", "Nobody grants, or changes, more than they hold."),
    "invalid": Kind(422, "Values cannot be accepted", "`errors` names the fields, with a code and what to do."),
    "conflict": Kind(409, "The state stands in the way", "`detail` says what does: read the record again."),
    "version_mismatch": Kind(412, "Changed by somebody else", "Read it again, and send its new `ETag`."),
    "idempotency_mismatch": Kind(422, "Used with other arguments", "Make a new `Idempotency-Key` for a new request."),
    "bad_request": Kind(400, "The request cannot be read", "`detail` says which part of it."),
    "method_not_allowed": Kind(405, "The method is not allowed here", "`Allow` names those that are."),
    "body_too_large": Kind(413, "The body is too large", "A body has at most 1 MiB."),
    "headers_too_large": Kind(431, "The headers are too large", "Headers have at most 16 KiB and 128 fields."),
    "too_slow": Kind(408, "The request took too long", "Send a request in one go: its head within seconds."),
    "not_json": Kind(415, "The body is not JSON", "Send it with `Content-Type: application/json`."),
    "busy": Kind(
        503, "The server is busy", "It has as many connections or unfinished requests as it may have: try again later."
    ),
    "store_unavailable": Kind(503, "The database cannot be used", "Nothing was changed. Try again after a moment."),
    "store_full": Kind(507, "The disk is full", "Nothing was changed. Make room on the disk of the database."),
    "internal": Kind(500, "The server failed", "The log of the server has the details under this `request_id`."),
}
"""Every code that an answer may have, with its status, its title and what to do."""


class Problem(NamedTuple):
    """One answer that is no success."""

    code: str
    status: int
    detail: str
    errors: tuple[FieldError, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    def document(self, request_id: str) -> dict[str, object]:
        """Return what the answer says."""
        told: dict[str, object] = {
            "type": f"{PAGE}/{self.code}",
            "title": KINDS[self.code].title,
            "status": self.status,
            "detail": unrepeated(self.detail),
            "code": self.code,
            "request_id": request_id,
        }
        if self.errors:
            told["errors"] = [
                {"field": unrepeated(field), "code": code, "message": unrepeated(message)}
                for field, code, message in self.errors
            ]
        return told

    def body(self, request_id: str) -> bytes:
        """Return the JSON of the answer."""
        return msgspec.json.encode(self.document(request_id))


class Failed(Exception):
    """Raised by the edge itself to answer with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def problem(
    code: str, detail: str = "", *, errors: Iterable[FieldError] = (), headers: Iterable[tuple[str, str]] = ()
) -> Problem:
    """Return the problem of a code; without a detail its help says what to do."""
    kind = KINDS[code]
    return Problem(code, kind.status, detail or kind.help, tuple(errors), tuple(headers))


def refused(verdict: Refused, *, needs: str = "") -> Problem:
    """Return the answer to a credential that was refused; `needs` is the scope that was asked of it."""
    code, status = verdict.code, status_of(verdict.code)
    asks = needs and code == "insufficient_scope"
    headers = limit_fields(verdict.limits, datetime.now(UTC))
    if status != 429:
        headers.append(("WWW-Authenticate", challenge(code, [needs] if asks else ())))
    if verdict.retry_after is not None:
        headers.append(("Retry-After", str(verdict.retry_after)))
    detail = f"This needs the scope {needs}." if asks else CODES.get(code, KINDS[code].help)
    return Problem(code, status, detail, (), tuple(headers))


def missing_credential() -> Problem:
    """Return the answer to a request without any credential."""
    return problem("credential_missing", headers=[("WWW-Authenticate", challenge(None))])


def of(error: BaseException, name: Callable[[str], str] = str) -> Problem:
    """Return the answer to an exception; `name` says what the wire calls a field of the library.

    An unexpected exception goes to the log, and the answer says nothing of it.
    """
    match error:
        case Failed():
            return error.problem
        case Denied():
            return refused(error.verdict)
        case NotFound():
            return problem("not_found", error.message)
        case Conflict():
            field = str(error.details.get("field", ""))
            code = "idempotency_mismatch" if field == "idempotency_key" else "conflict"
            named = [FieldError(name(field), code, error.message)] if field else []
            return problem(code, error.message, errors=named)
        case Invalid():
            errors = [one._replace(field=name(one.field)) for one in error.errors]
            return problem("invalid", _counted(errors, error.count), errors=errors)
        case NotAllowed():
            return problem("not_allowed", error.message)
        case StoreUnavailable() if error.details.get("cause") in ("SQLITE_FULL", "DiskFull"):
            return problem("store_full", headers=[("Retry-After", "60")])
        # CancelledError: the server ends while the request waits for the database.
        case StoreUnavailable() | ConfigError() | CancelledError():
            return problem("store_unavailable", headers=[("Retry-After", str(RETRY_AFTER_SECONDS))])
    _log.error("a request failed", exc_info=error)
    return problem("internal")


def _counted(errors: list[FieldError], count: int) -> str:
    names = ", ".join(dict.fromkeys(one.field for one in errors))
    if count > len(errors):  # a request with very many mistakes is not read to its end
        return f"More than {len(errors)} values cannot be accepted: {names}, …"
    return f"{count} value{'s'[: count > 1]} cannot be accepted: {names}"


__all__ = ["KINDS", "MEDIA_TYPE", "PAGE", "Failed", "Kind", "Problem", "missing_credential", "of", "problem", "refused"]

"""How a protected application refuses: a status, its headers, and a body as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from tokenry.edge import challenge, limit_fields, status_of, taken_of
from tokenry.types import CODES, Refused, Session, Valid

MEDIA_TYPE: Final = "application/problem+json"
_STATUSES: Final = {"too_early": 409}
OWN: Final[dict[str, tuple[int, str]]] = {
    "credential_missing": (401, "This needs a credential: send `Authorization: Bearer …`, or sign in."),
    "credential_ambiguous": (400, "Two different credentials were sent: send one, in one header or one cookie."),
    "cross_site": (
        403,
        "The cookie does not count: this request may have been caused by another site. "
        "List the origins of other pages of yours in allowed_origins, and let proxies pass on Host.",
    ),
    "wrong_kind": (403, "The credential is good, and of a kind that is not accepted here."),
    "unknown_user": (401, "The user that the credential belongs to does not exist any more."),
    "throttled": (429, "Too many bad credentials came from this address."),
    "store_unavailable": (503, "Credentials cannot be checked right now: try again."),
}
"""The codes that a protected application answers with beside those of a verdict: status, and what to do."""


class Problem(NamedTuple):
    """One refusal. It is what hooks are given, and `answer` makes a response of it."""

    code: str
    status: int
    detail: str
    headers: tuple[tuple[str, str], ...] = ()
    retry_after: int | None = None
    session: Session | None = None
    """The session of a refused refresh, for hooks alone; None when its refresh token is unknown."""

    @property
    def owner(self) -> str | None:
        """The external id of the session's owner."""
        return self.session.owner if self.session is not None else None

    def document(self) -> dict[str, Any]:
        """Return what the body says."""
        title = HTTPStatus(self.status).phrase
        return {
            "type": "about:blank",
            "title": title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }

    def body(self) -> bytes:
        """Return the JSON of the answer."""
        return json.dumps(self.document()).encode()

    def fields(self) -> list[tuple[str, str]]:
        """Return every header of the answer."""
        return [("Content-Type", MEDIA_TYPE), ("Cache-Control", "no-store"), *self.headers]


def problem(code: str) -> Problem:
    """Return the problem of a code that no verdict has."""
    status, detail = OWN[code]
    headers: tuple[tuple[str, str], ...] = ()
    if status == 401:
        headers = (("WWW-Authenticate", challenge(None if code == "credential_missing" else code)),)
    elif status == 503:
        headers = (("Retry-After", "1"),)
    return Problem(code, status, detail, headers)


def refused(verdict: Refused, meanings: Mapping[str, str] = CODES, scopes: Iterable[str] = ()) -> Problem:
    """Return the problem of a refusal; `scopes` are what was asked for, to be told to who lacks them."""
    code = verdict.code
    status = _STATUSES.get(code) or status_of(code)
    headers = limit_fields(verdict.limits, datetime.now(UTC))
    if status in (401, 403):
        headers.append(("WWW-Authenticate", challenge(code, scopes)))
    if verdict.retry_after is not None:
        headers.append(("Retry-After", str(verdict.retry_after)))
    detail = OWN[code][1] if code in OWN else meanings.get(code, "The credential was refused.")
    return Problem(code, status, detail, tuple(headers), verdict.retry_after)


def limits_of(verdict: Valid) -> list[tuple[str, str]]:
    """Return the fields that tell a caller what is left of its limits; none for most."""
    return limit_fields(verdict.limits, datetime.now(UTC)) if taken_of(verdict) else []

"""The calls of the page. Each acts as the owner, and so reaches nothing that is not this owner's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ..core.errors import NotAllowed, NotFound
from ..core.model import NOT_GIVEN, Issued, Key, Owner, OwnerId, Session
from ..edge import encode
from ..edge.owners import AsOwner, key_page_of, scopes_offered, tenant_of
from ..edge.problems import Failed, problem
from ..groups import Groups
from .options import KeyPageOptions

S = TypeVar("S", bound=msgspec.Struct)
_DAY: Final = timedelta(days=1)
_KEY: Final = (
    "id", "name", "description", "status", "scopes", "roles", "environment", "created_at", "expires_at", "revoked_at",
    "revoke_reason", "last_used_at", "last_used_ip", "use_count",
)  # fmt: skip
_SESSION: Final = ("id", "status", "device", "created_at", "refreshed_at", "expires_at")
_SECONDS_MAX: Final = 100 * 365 * 86_400

Seconds = Annotated[int, Meta(ge=0, le=_SECONDS_MAX)]


class _Make(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    scopes: list[str] = []
    description: str = ""
    expires_in_seconds: Seconds | UnsetType | None = UNSET
    idempotency_key: str | None = None


class _Rotate(msgspec.Struct, forbid_unknown_fields=True):
    grace_seconds: Seconds = 0
    idempotency_key: str | None = None


class _Reason(msgspec.Struct, forbid_unknown_fields=True):
    reason: str = ""


class _Leak(msgspec.Struct, forbid_unknown_fields=True):
    secret: str
    url: str = ""


class Link(NamedTuple):
    """The visit of a link: its id, the scopes besides those of the owner's roles, and the URL to return to."""

    visit: str | None
    grants: tuple[str, ...]
    return_to: str | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """An owner at the page. `offered` are the scopes that the host offers; None for those of the owner's roles."""

    groups: Groups
    owner: OwnerId
    options: KeyPageOptions
    offered: Sequence[str] | None = None
    ip: str | None = None
    request_id: str | None = None
    session: str | None = None
    """The id of the session by which this request came, where it came by one."""
    link: Link | None = None
    """The link with which this visit began; None where a host has signed the owner in."""

    def program(self) -> Groups:
        """Return the groups as the host itself."""
        within: dict[str, Any] = {"tenant": self.options.tenant} if self.options.tenant else {}
        return self.groups.scoped(**within, ip=self.ip, request_id=self.request_id)

    def own(self) -> Groups:
        """Return the groups as the owner."""
        link = self.link or Link(None, tuple(self.offered or ()))
        return self.program().scoped(by=AsOwner(self.owner, link.grants, self.options.keys_max, link.visit))

    def scopes(self) -> tuple[str, ...]:
        """Return the scopes that the owner may give to a key here."""
        held = scopes_offered(self.own())
        return held if self.offered is None else tuple(scope for scope in self.offered if scope in held)


def answer(visit: Visit, verb: str, path: str, cursor: str, body: bytes) -> bytes:
    """Do one call and return its answer as JSON; raise Failed, or an error of the library."""
    noun, _, rest = path.partition("/")
    id, _, action = rest.partition("/")
    call = _CALLS.get((verb, noun, bool(id), action))
    if call is None:
        raise Failed(problem("not_found", "The page has no such call."))
    visit = replace(visit, options=visit.options.over(key_page_of(visit.program())))
    needed = _NEEDED.get(call)
    if needed is not None and needed not in visit.options.permissions:
        raise NotAllowed("the settings of this page do not let owners do that")
    return encode(call(visit, id or cursor, body))


def _page(visit: Visit, _: str, __: bytes) -> Any:
    tenant = visit.program().tenants.get(tenant_of(visit.program()))
    status = _met(visit).status
    expiry = {
        "default_seconds": tenant.expires_in_default.total_seconds(),
        "max_seconds": tenant.expires_in_max.total_seconds(),
        "never": tenant.never_allowed,
    }
    return_to = visit.link.return_to if visit.link is not None else None
    values = {"status": status, "scopes": visit.scopes(), "expiry": expiry, "return_to": return_to}
    return {**visit.options.look(), **values}


def _met(visit: Visit) -> Owner:
    """Return the owner, who is made at the first visit: the host says that there is such a user."""
    program = visit.program()
    try:
        return program.owners.get(visit.owner)
    except NotFound:
        return program.owners.put(visit.owner)


def _keys(visit: Visit, cursor: str, _: bytes) -> Any:
    page = visit.own().keys.list(limit=50, cursor=cursor or None)
    return {"items": [_key_document(key) for key in page.items], "next_cursor": page.next_cursor}


def _make(visit: Visit, _: str, body: bytes) -> Any:
    asked = _read(_Make, body)
    _met(visit)
    beyond = [scope for scope in asked.scopes if scope not in visit.scopes()]
    if beyond:
        raise NotAllowed(f"these scopes are not offered to you: {', '.join(beyond)}", scopes=beyond)
    seconds = asked.expires_in_seconds
    life: Any = NOT_GIVEN if seconds is UNSET else None if seconds is None else timedelta(seconds=seconds)
    given = {"name": asked.name, "scopes": asked.scopes, "description": asked.description, "expires_in": life}
    return _issued(visit.own().keys.issue(visit.owner, **given, idempotency_key=asked.idempotency_key))


def _one(visit: Visit, id: str, _: bytes) -> Any:
    """Return a key with its use in 30 days, and its remaining limits and credits."""
    own = visit.own()
    key = own.keys.get(id)
    now = datetime.now(UTC)
    days: dict[str, list[int]] = {}
    calls = 0
    for hour in own.usage.get(id, since=now - 30 * _DAY):
        is_valid = hour.code == "valid"
        counts = days.setdefault(hour.at.date().isoformat(), [0, 0])
        counts[0 if is_valid else 1] += hour.count
        calls += hour.count if is_valid and hour.at >= now - _DAY else 0
    credits = None
    if key.credits is not None:
        credits = own.credits.get(id)
    limits = own.keys.limits(id) if key.status == "active" else ()
    use = [{"day": day, "valid": valid, "refused": refused} for day, (valid, refused) in sorted(days.items())]
    return {"key": _key_document(key), "use": use, "calls_24h": calls, "limits": limits, "credits": credits}


def _rotate(visit: Visit, id: str, body: bytes) -> Any:
    asked = _read(_Rotate, body)
    grace = timedelta(seconds=asked.grace_seconds)
    return _issued(visit.own().keys.rotate(id, grace=grace, idempotency_key=asked.idempotency_key))


def _revoke(visit: Visit, id: str, body: bytes) -> Any:
    return _key_document(visit.own().keys.revoke(id, reason=_read(_Reason, body).reason))


def _sessions(visit: Visit, cursor: str, _: bytes) -> Any:
    _must_show_sessions(visit)
    page = visit.own().sessions.list(limit=50, cursor=cursor or None)
    return {"items": [_session(visit, one) for one in page.items], "next_cursor": page.next_cursor}


def _end(visit: Visit, id: str, _: bytes) -> Any:
    _must_show_sessions(visit)
    return _session(visit, visit.own().sessions.revoke(id, reason="ended by its owner"))


def _must_show_sessions(visit: Visit) -> None:
    if not visit.options.sessions:
        raise Failed(problem("not_found", "The page shows no sessions."))


def _leak(visit: Visit, _: str, body: bytes) -> Any:
    asked = _read(_Leak, body)
    found = visit.own().leaks.report(asked.secret, source="owner", url=asked.url)
    return {"action": found.action}


def _read(kind: type[S], body: bytes) -> S:
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Failed(problem("bad_request", f"The body cannot be read: {error}")) from None


def _key_document(key: Key) -> dict[str, Any]:
    """Return the fields of a key that its owner may see. `metadata` and `tags` belong to the host, and are left out."""
    secrets = [{"kid": one.kid, "ends_at": one.ends_at, "last_used_at": one.last_used_at} for one in key.secrets]
    return {**{name: getattr(key, name) for name in _KEY}, "secrets": secrets}


def _issued(issued: Issued) -> dict[str, Any]:
    return {"key": _key_document(issued.key), "secret": str(issued.secret)}


def _session(visit: Visit, session: Session) -> dict[str, Any]:
    return {**{name: getattr(session, name) for name in _SESSION}, "current": session.id == visit.session}


_CALLS: Final[dict[tuple[str, str, bool, str], Callable[[Visit, str, bytes], Any]]] = {
    ("GET", "page", False, ""): _page,
    ("GET", "keys", False, ""): _keys,
    ("POST", "keys", False, ""): _make,
    ("GET", "keys", True, ""): _one,
    ("POST", "keys", True, "rotate"): _rotate,
    ("POST", "keys", True, "revoke"): _revoke,
    ("GET", "sessions", False, ""): _sessions,
    ("POST", "sessions", True, "end"): _end,
    ("POST", "leaks", False, ""): _leak,
}
"""Every call by its verb, its noun, whether an id follows, and the action on that id."""
_NEEDED: Final[dict[Callable[[Visit, str, bytes], Any], str]] = {_make: "make", _rotate: "rotate", _revoke: "revoke"}
"""The option that has to permit a call."""

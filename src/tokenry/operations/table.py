"""The table of operations. A new one is a line here and a call of the library."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final

from msgspec import Meta

from ..core.advice import Advice
from ..core.credits import CreditState, Hold
from ..core.diagnosis import Diagnosis
from ..core.exported import ExportLine
from ..core.facets import KeyFacets
from ..core.handover import OwnerHandOver
from ..core.impact import KeyImpact
from ..core.key_page import KeyPageSettings
from ..core.leaks import LeakReport
from ..core.limits import LimitsTaken, LimitState
from ..core.model import Entry, Event, Head, Role, SigningKey, UsageHour
from ..core.refusals import Refusal
from ..core.usage_groups import UsageSummary
from ..core.webhooks import Delivery, Replay, Webhook
from ..service import (
    advice,
    audit,
    doctor,
    events,
    exporting,
    imports,
    key_credits,
    key_page,
    keys,
    leaks,
    limits,
    owners,
    portal,
    refusals,
    roles,
    sessions,
    signing_keys,
    tenants,
    usage,
)
from ..service import webhooks as hooks
from . import answers
from .answers import items, page, record
from .fields import (
    ARGUMENTS,
    Amount,
    AskedScopes,
    BulkMost,
    Credential,
    DeliveryStatus,
    DryHandOver,
    DryReplay,
    EventTypes,
    FoundAt,
    GroupsMost,
    HeldFor,
    Line,
    Owner,
    VisitLife,
)
from .imported import IMPORTED, DryImport, Rows
from .operation import Operation, Reach, Rule, by_id, of_noun

NOUNS: Final = {
    "tenants": "The customers of the installation; everything belongs to exactly one.",
    "owners": "Users and services that keys belong to, known by their `external_id`.",
    "roles": "Named sets of scopes. A key or owner that names a role holds its scopes as they are now.",
    "scopes": "The catalogue of what may be granted. A tenant without one accepts any well-formed scope.",
    "keys": "Long-lived credentials. Secrets come and go, the key stays.",
    "imports": "Keys of other systems, which go on working.",
    "exports": "The records of a tenant, for archives and other systems.",
    "limits": "Limits for things that are no keys: addresses, mailboxes, jobs.",
    "credits": "Uses that are left on keys, and holds of them that are settled later.",
    "sessions": "Sign-ins of owners: a short-lived access token, and a refresh token that gets the next one.",
    "key_page": "How the key page looks, what it says, and what owners may do there.",
    "portal": "Links by which owners reach the key page of the server.",
    "signing_keys": "The keys that sign access tokens. Verifiers find the public ones in the JWKS.",
    "self": "With the key itself, any key.",
    "explain": "Why a credential is, or is not, accepted.",
    "usage": "How often keys were presented, by hour and code.",
    "refusals": "The last refusals of each key: what was asked, the code, from where and when.",
    "audit": "What was done, by whom, and the proof that the record of it is whole.",
    "advice": "What keys could do without, by how they were used.",
    "doctor": "Whether the installation is as it should be, and what to do where it is not.",
    "leaks": "Credentials that were found where they should not be. Who holds one may report it.",
    "webhooks": "Endpoints that are told of events by signed requests, and what became of each delivery.",
    "events": "What happened. A reader who goes on after the last `sequence` misses nothing.",
}
"""The description of each group of operations."""

_KEYS, _OWNERS, _ROLES, _SCOPES = keys.Keys, owners.Owners, roles.Roles, roles.Scopes
_SESSIONS, _TENANTS, _SIGNING = sessions.Sessions, tenants.Tenants, signing_keys.SigningKeys
_key, _owner = of_noun("keys", "/v1/keys", "keys"), of_noun("owners", "/v1/owners", "owners")
_tenant, _role = of_noun("tenants", "/v1/tenants", "tenants"), of_noun("roles", "/v1/roles", "roles")
_scope, _session = of_noun("scopes", "/v1/scopes", "scopes"), of_noun("sessions", "/v1/sessions", "sessions")
_signing, _self = of_noun("signing_keys", "/v1/signing-keys", "signing_keys"), of_noun("self", "/v1/self", "")
_CREDITS, _credit = key_credits.KeyCredits, of_noun("credits", "/v1/keys", "credits")
_state, _hold = record(CreditState), record(Hold)
_refusal = of_noun("refusals", "/v1/refusals", "usage")
_usage, _audit = of_noun("usage", "/v1/usage", "usage"), of_noun("audit", "/v1/audit", "audit")
_page_settings = of_noun("key_page", "/v1/key-page", "tenants")
_import = of_noun("imports", "/v1/imports", "keys")
_event = of_noun("events", "/v1/events", "events")
_HOOKS, _hook, _webhook = hooks.Webhooks, of_noun("webhooks", "/v1/webhooks", "webhooks"), record(Webhook)
_WHOLE: Final[dict[str, Any]] = {"reach": Reach.INSTALLATION, "in_tenant": False}
_ITSELF: Final[dict[str, Any]] = {"reach": Reach.SELF, "in_tenant": False}


class Own:
    """Operations of a key on itself."""

    def get(self) -> Any:
        """Return the presented key, its owner, all scopes that it holds, and how its limits and credits stand."""

    def rotate(self, *, grace: timedelta = timedelta(seconds=60), idempotency_key: str | None = None) -> Any:
        """Replace the key's own secret, if the tenant allows it: the old one works until `grace` is over.

        A lost answer must not lock the caller out. So the call needs a grace of at least a minute, or an idempotency
        key, with which the old secret may repeat it while it works.
        """

    def revoke(self, *, reason: str = "") -> Any:
        """End the presented key, for good."""


def explain(
    credential: str,
    *,
    scopes: Any = None,
    ip: str | None = None,
    cost: int = 1,
    tenant: str | None = None,
    environment: str | None = None,
    audience: str | None = None,
) -> Any:
    """Evaluate every check for a credential and mark the first failure. Takes nothing and counts nothing."""


_issue = _key("issue", "POST", _KEYS.issue, answers.ISSUED, status=201)
_asked = {"scopes": AskedScopes}
_page_of_keys = page(answers.KEY)
_hours = items(record(UsageHour))
_found = {"secret": Credential, "kid": Annotated[str, Meta(min_length=1, max_length=64, examples=["4Zq0v1nUeXk2TtSb"])]}
_scopes: dict[str, Any] = {"renames": {"entries": "scopes", "asked": "scopes"}}
_scopes["types"] = dict.fromkeys(("entries", "asked"), ARGUMENTS["scopes"])
_going_on = [["ses_01k9v5m0q2x8r7c4t6y3w1"]]
_kept = Annotated[list[str] | str, Meta(description="Ids of sessions that go on.", examples=_going_on)]
_checked = {**_scopes, "summary": "Say whether scopes may be granted, and name the unknown ones."}
_REFRESH = "Take a refresh token for the next pair of tokens. A refusal is an answer, too."
_MONTH = {"within": timedelta(days=30)}
_SOON = "List active keys that expire within a time, the most urgent first."
_USED = "Say how often a key was presented, by hour and code."

OPERATIONS: Final = by_id(
    (
        _tenant("list", "GET", _TENANTS.list, page(answers.TENANT), **_WHOLE),
        _tenant("create", "POST", _TENANTS.create, answers.TENANT, status=201, **_WHOLE),
        _tenant("get", "GET /{slug}", _TENANTS.get, answers.TENANT, in_tenant=False),
        _tenant("update", "PATCH /{slug}", _TENANTS.update, answers.TENANT, **_WHOLE),
        _tenant("suspend", "POST /{slug}/suspend", _TENANTS.suspend, answers.TENANT, **_WHOLE),
        _tenant("resume", "POST /{slug}/resume", _TENANTS.resume, answers.TENANT, **_WHOLE),
        _tenant("delete", "DELETE /{slug}", _TENANTS.delete, answers.NOTHING, status=204, **_WHOLE),
        _owner("list", "GET", _OWNERS.list, page(answers.OWNER)),
        _owner("get", "GET /{external_id}", _OWNERS.get, answers.OWNER),
        _owner("put", "PUT /{external_id}", _OWNERS.put, answers.OWNER, types={"name": Line}),
        _owner("disable", "POST /{external_id}/disable", _OWNERS.disable, answers.OWNER),
        _owner("enable", "POST /{external_id}/enable", _OWNERS.enable, answers.OWNER),
        _owner("delete", "DELETE /{external_id}", _OWNERS.delete, answers.NOTHING, status=204),
        Operation(
            "owners.hand_over",
            "POST",
            "/v1/owners/{external_id}/hand-over",
            Rule(Reach.TENANT, "tokenry:keys:write"),
            _OWNERS.hand_over,
            record(OwnerHandOver),
            types={"to": Owner, "dry_run": DryHandOver, "limit": BulkMost},
        ),
        _role("list", "GET", _ROLES.list, page(record(Role))),
        _role("get", "GET /{name}", _ROLES.get, record(Role)),
        _role("put", "PUT /{name}", _ROLES.put, record(Role)),
        _role("delete", "DELETE /{name}", _ROLES.delete, answers.NOTHING, status=204),
        _scope("list", "GET", _SCOPES.list, answers.CATALOGUE),
        _scope("define", "PUT", _SCOPES.define, answers.CATALOGUE, **_scopes),
        _scope("check", "POST /check", _SCOPES.check, answers.SCOPE_CHECK, reads=True, **_checked),
        _key("list", "GET", _KEYS.list, _page_of_keys),
        _issue,
        _key("facets", "GET /facets", _KEYS.facets, record(KeyFacets)),
        _key("expiring", "GET /expiring", _KEYS.expiring, _page_of_keys, defaults=_MONTH, summary=_SOON),
        _key("find", "POST /find", _KEYS.find, answers.KEY, reads=True, types=_found),
        _key(
            "issue_many",
            "POST /bulk",
            _KEYS.issue_many,
            answers.MANY_ISSUED,
            types={"keys": Annotated[list[_issue.request], Meta(max_length=1000)]},  # type: ignore[name-defined]
        ),
        _key("revoke_where", "POST /bulk-revoke", _KEYS.revoke_where, answers.REVOKED, types={"limit": BulkMost}),
        _key("purge", "POST /purge", _KEYS.purge, answers.COUNT, types={"limit": BulkMost}),
        _import("run", "POST", imports.Imports.run, IMPORTED, types={"rows": Rows, "dry_run": DryImport}),
        of_noun("exports", "/v1/export", "tenants")("list", "GET", exporting.Exports.list, page(record(ExportLine))),
        _key("get", "GET /{id}", _KEYS.get, answers.KEY),
        _key("update", "PATCH /{id}", _KEYS.update, answers.KEY),
        _key("delete", "DELETE /{id}", _KEYS.delete, answers.NOTHING, status=204),
        _key("rotate", "POST /{id}/rotate", _KEYS.rotate, answers.ISSUED),
        _key("revoke", "POST /{id}/revoke", _KEYS.revoke, answers.KEY),
        _key("disable", "POST /{id}/disable", _KEYS.disable, answers.KEY),
        _key("enable", "POST /{id}/enable", _KEYS.enable, answers.KEY),
        _key("hand_over", "POST /{id}/hand-over", _KEYS.hand_over, answers.KEY),
        _key("limits", "GET /{id}/limits", _KEYS.limits, items(record(LimitState))),
        _key("advice", "GET /{id}/advice", _KEYS.advice, record(Advice)),
        _key("impact", "GET /{id}/impact", _KEYS.impact, record(KeyImpact)),
        _key("explain", "POST /{id}/explain", _KEYS.explain, answers.EXPLANATION, reads=True, types=_asked),
        of_noun("limits", "/v1/limits", "limits")("take", "POST /take", limits.Limits.take, record(LimitsTaken)),
        of_noun("credits", "/v1/credits", "credits")("list", "GET", _CREDITS.list, page(_state)),
        _credit("get", "GET /{id}/credits", _CREDITS.get, _state),
        _credit("add", "POST /{id}/credits/add", _CREDITS.add, _state, types={"amount": Amount}),
        _credit("set", "POST /{id}/credits/set", _CREDITS.set, _state),
        _credit("holds", "GET /{id}/credits/holds", _CREDITS.holds, items(_hold)),
        _credit(
            "reserve",
            "POST /{id}/credits/holds",
            _CREDITS.reserve,
            _hold,
            status=201,
            types={"amount": Amount, "expires_in": HeldFor},
        ),
        _credit("settle", "POST /{id}/credits/settle", _CREDITS.settle, _hold),
        _session("list", "GET", _SESSIONS.list, page(answers.SESSION)),
        _session("start", "POST", _SESSIONS.start, answers.TOKENS, status=201),
        _session("refresh", "POST /refresh", _SESSIONS.refresh, answers.REFRESHED, summary=_REFRESH),
        _session("get", "GET /{id}", _SESSIONS.get, answers.SESSION),
        _session("revoke_by_token", "POST /revoke", _SESSIONS.revoke_by_token, answers.SESSION),
        _session("revoke", "POST /{id}/revoke", _SESSIONS.revoke, answers.SESSION),
        Operation(
            "sessions.revoke_all",
            "POST",
            "/v1/owners/{owner}/sessions/revoke",
            Rule(Reach.TENANT, "tokenry:sessions:write"),
            _SESSIONS.revoke_all,
            answers.ENDED_SESSIONS,
            types={"keep": _kept, "limit": BulkMost},
        ),
        _page_settings("get", "GET", key_page.KeyPages.get, record(KeyPageSettings)),
        _page_settings("put", "PUT", key_page.KeyPages.put, record(KeyPageSettings)),
        of_noun("portal", "/v1/portal/sessions", "sessions")(
            "open", "POST", portal.Portal.open, answers.PORTAL_LINK, status=201, types={"expires_in": VisitLife}
        ),
        _signing("list", "GET", _SIGNING.list, items(record(SigningKey))),
        _signing("rotate", "POST /rotate", _SIGNING.rotate, record(SigningKey)),
        _signing("remove", "POST /{kid}/remove", _SIGNING.remove, record(SigningKey)),
        _self("get", "GET", Own.get, answers.SELF, **_ITSELF),
        _self("rotate", "POST /rotate", Own.rotate, answers.ISSUED, **_ITSELF),
        _self("revoke", "POST /revoke", Own.revoke, answers.KEY, **_ITSELF),
        Operation(
            "explain",
            "POST",
            "/v1/explain",
            Rule(Reach.TENANT, "tokenry:keys:read"),
            explain,
            answers.EXPLANATION,
            types={**_asked, "credential": Credential},
            in_tenant=False,
        ),
        _usage("get", "GET", usage.Usage.get, _hours, summary=_USED),
        _usage(
            "summary",
            "POST /summary",
            usage.Usage.summary,
            record(UsageSummary),
            reads=True,
            types={"limit": GroupsMost},
        ),
        _refusal("list", "GET", refusals.Refusals.list, page(record(Refusal))),
        _refusal("get", "GET /{request_id}", refusals.Refusals.get, record(Refusal)),
        _audit("list", "GET", audit.Audit.list, page(record(Entry))),
        _audit("head", "GET /head", audit.Audit.head, record(Head)),
        _audit("check", "POST /check", audit.Audit.check, answers.AUDIT_REPORT, reads=True),
        _event("list", "GET", events.Events.list, page(record(Event)), renames={"wait": "wait"}, streams=True),
        _event("latest", "GET /latest", events.Events.latest, answers.SEQUENCE),
        of_noun("advice", "/v1/advice", "keys")("list", "GET", advice.Advices.list, page(record(Advice))),
        of_noun("doctor", "/v1/doctor", "audit")(
            "examine", "GET", doctor.Doctor.examine, items(record(Diagnosis)), **_WHOLE
        ),
        of_noun("leaks", "/v1/leaks", "")(
            "report",
            "POST",
            leaks.Leaks.report,
            record(LeakReport),
            reach=Reach.HOLDER,
            in_tenant=False,
            types={"secret": Credential, "url": FoundAt},
        ),
        _hook("list", "GET", _HOOKS.list, page(_webhook)),
        _hook("create", "POST", _HOOKS.create, answers.CREATED_WEBHOOK, status=201, types={"types": EventTypes}),
        _hook("get", "GET /{id}", _HOOKS.get, _webhook),
        _hook("update", "PATCH /{id}", _HOOKS.update, _webhook, types={"types": EventTypes}),
        _hook("delete", "DELETE /{id}", _HOOKS.delete, answers.NOTHING, status=204),
        _hook("pause", "POST /{id}/pause", _HOOKS.pause, _webhook),
        _hook("resume", "POST /{id}/resume", _HOOKS.resume, _webhook),
        _hook("rotate_secret", "POST /{id}/rotate-secret", _HOOKS.rotate_secret, answers.CREATED_WEBHOOK),
        _hook("test", "POST /{id}/test", _HOOKS.test, record(Delivery)),
        _hook(
            "deliveries",
            "GET /{id}/deliveries",
            _HOOKS.deliveries,
            page(record(Delivery)),
            types={"status": DeliveryStatus},
        ),
        _hook(
            "replay",
            "POST /{id}/replay",
            _HOOKS.replay,
            record(Replay),
            types={"types": EventTypes, "dry_run": DryReplay},
        ),
        Operation(
            "keys.usage",
            "GET",
            "/v1/keys/{key_id}/usage",
            Rule(Reach.TENANT, "tokenry:usage:read"),
            usage.Usage.get,
            _hours,
            summary=_USED,
        ),
    )
)
"""Every operation by its id."""

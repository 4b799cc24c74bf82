"""Every route of the server, as somebody asks it who wants more: with bodies that would give them more."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.closure.moves import Move, refused
from tests.closure.world import ROLES, Credential, tried
from tests.servers.publishing import SAMPLE, SAMPLE_ID, SAMPLE_SIGNATURE
from tokenry.types import Hold

LONG_AGO = "2000-01-01T00:00:00Z"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
KEY_TYPE = "urn:tokenry:token-type:key"
SIGNED = {"Github-Public-Key-Identifier": SAMPLE_ID, "Github-Public-Key-Signature": SAMPLE_SIGNATURE}


@dataclass
class Ask:
    """One request, all but its credential."""

    method: str
    path: str
    json: Any = None
    form: dict[str, str] | None = None
    repeat: str | None = None
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


Asks = Callable[[Move], Ask | None]


def keys(m: Move, end: str = "") -> str:
    return f"/v1/keys/{m.key}{end}"


def owner(m: Move, end: str = "") -> str:
    return f"/v1/owners/{m.owner}{end}"


def new_key(m: Move) -> dict[str, Any]:
    return {"owner": m.owner, "name": m.world.name(), **m.power()}


def issue(m: Move) -> Ask:
    body, repeat = new_key(m), m.one(None, m.world.name())
    if repeat:
        m.world.repeats.append({"body": body, "repeat": repeat})
    return Ask("POST", "/v1/keys", body, repeat=repeat)


def issue_again(m: Move) -> Ask | None:
    again = m.one(*m.world.repeats) if m.world.repeats else None
    return again and Ask("POST", "/v1/keys", again["body"], repeat=again["repeat"])


def import_keys(m: Move) -> Ask:
    text = f"old_{m.world.name()}_0123456789"
    row = {"id": text, "owner": m.owner, "hash": {"scheme": "raw", "value": text}, **m.power()}
    return Ask("POST", "/v1/imports", {"rows": [row]})


def settle(hold: Hold) -> Ask:
    return Ask("POST", f"/v1/keys/{hold.key}/credits/settle", {"hold": hold.id, "amount": 3})


def update(m: Move) -> Ask:
    power = m.power()
    power.pop("environment", None)
    return Ask("PATCH", keys(m), m.one({"allowed_ips": []}, power))


def rotate(m: Move) -> Ask:
    body = {"grace_seconds": m.one(0, 60)}
    return Ask("POST", keys(m, "/rotate"), body, repeat=m.one(None, "again", m.world.name()))


def put_owner(m: Move) -> Ask:
    body = m.one({"admin": True}, {"roles": [m.one(*ROLES)]}, {"roles": list(ROLES)}, {"admin": False})
    named = m.owner
    m.world.changes(m.place, named)
    return Ask("PUT", f"/v1/owners/{named}", body)


def enable_owner(m: Move) -> Ask:
    named = m.one("gone", "new")
    m.world.changes(m.place, named)
    return Ask("POST", f"/v1/owners/{named}/enable")


def put_role(m: Move) -> Ask:
    m.world.changes(m.place, "ada", "lee")
    return Ask("PUT", f"/v1/roles/{m.one(*ROLES)}", {"scopes": m.world.some()})


def start(m: Move) -> Ask:
    scopes = m.one({}, {}, {"scopes": ["*"]}, {"scopes": ["write:x"]}, {"scopes": m.world.some(2)})
    return Ask("POST", "/v1/sessions", {"owner": m.owner, **scopes})


def refresh(m: Move) -> Ask | None:
    tokens = [one.refresh for one in m.held if one.refresh]
    return Ask("POST", "/v1/sessions/refresh", {"refresh": m.one(*tokens)}) if tokens else None


def refresh_by_oauth(m: Move) -> Ask | None:
    tokens = [one.refresh for one in m.held if one.refresh]
    form = {"grant_type": "refresh_token", "refresh_token": m.one(*tokens)} if tokens else None
    return form and Ask("POST", _there(m, "/oauth/token"), form=form)


def exchange(m: Move) -> Ask:
    texts = [one.text for one in m.held]
    form = {"grant_type": EXCHANGE, "subject_token": m.one(*texts), "subject_token_type": KEY_TYPE}
    return Ask("POST", _there(m, "/oauth/token"), form=form | m.one({}, {"scope": "*"}))


def about_text(m: Move, path: str) -> Ask:
    return Ask("POST", path, form={"token": m.one(*(one.text for one in m.held))})


def end_by_token(m: Move) -> Ask:
    token = str(m.tk.sessions.start("idle").refresh)
    return Ask("POST", "/v1/sessions/revoke", {"refresh": token})


def leak(m: Move) -> Ask:
    return Ask("POST", "/v1/leaks", {"secret": str(m.tk.keys.issue("idle", name=m.world.name()).secret)})


def delete_tenant(m: Move) -> Ask:
    tried(m.world.tk.tenants.suspend, "empty")
    return Ask("DELETE", "/v1/tenants/empty")


def _there(m: Move, path: str) -> str:
    return path if m.place == "default" else f"/t/{m.place}{path}"


TAKEN = {"name": "jobs", "subject": "one", "limits": [{"name": "hour", "limit": 5, "window_seconds": 3600}]}
REQUESTS: dict[str, Sequence[Asks]] = {
    "tenants.list": [lambda m: Ask("GET", "/v1/tenants")],
    "tenants.create": [lambda m: Ask("POST", "/v1/tenants", {"slug": f"t{m.world.name()[5:]}"})],
    "tenants.get": [lambda m: Ask("GET", f"/v1/tenants/{m.place}")],
    "tenants.update": [
        lambda m: Ask("PATCH", f"/v1/tenants/{m.place}", {"self_rotation_allowed": m.one(True, False)}),
    ],
    "tenants.suspend": [lambda m: Ask("POST", "/v1/tenants/empty/suspend")],
    "tenants.resume": [lambda m: Ask("POST", "/v1/tenants/empty/resume")],
    "tenants.delete": [delete_tenant],
    "owners.list": [lambda m: Ask("GET", "/v1/owners")],
    "owners.get": [lambda m: Ask("GET", owner(m))],
    "owners.put": [put_owner, put_owner, put_owner],
    "owners.hand_over": [
        lambda m: Ask("POST", owner(m) + "/hand-over", {"to": m.one(m.owner, "idle"), "dry_run": m.one(True, False)})
    ]
    * 2,
    "owners.delete": [lambda m: Ask("DELETE", "/v1/owners/new")],
    "owners.disable": [lambda m: Ask("POST", f"/v1/owners/{m.one('gone', 'new')}/disable")],
    "owners.enable": [enable_owner],
    "roles.list": [lambda m: Ask("GET", "/v1/roles")],
    "roles.get": [lambda m: Ask("GET", f"/v1/roles/{m.one(*ROLES)}")],
    "roles.put": [put_role, put_role],
    "roles.delete": [lambda m: Ask("DELETE", "/v1/roles/loose")],
    "scopes.list": [lambda m: Ask("GET", "/v1/scopes")],
    "scopes.define": [lambda m: Ask("PUT", "/v1/scopes", {"scopes": []})],
    "scopes.check": [lambda m: Ask("POST", "/v1/scopes/check", {"scopes": ["*"]})],
    "keys.list": [lambda m: Ask("GET", "/v1/keys", query={"owner": m.owner})],
    "keys.issue": [issue, issue, issue, issue_again, issue_again],
    "keys.facets": [lambda m: Ask("GET", "/v1/keys/facets", query={"owner": m.owner})],
    "keys.expiring": [lambda m: Ask("GET", "/v1/keys/expiring", query={"owner": m.owner})],
    "keys.find": [lambda m: Ask("POST", "/v1/keys/find", {"secret": m.one(*(one.text for one in m.held))})],
    "imports.run": [import_keys],
    "keys.issue_many": [lambda m: Ask("POST", "/v1/keys/bulk", {"keys": [new_key(m) for _ in range(4)]})],
    "keys.revoke_where": [
        lambda m: Ask("POST", "/v1/keys/bulk-revoke", {"owner": "new", "dry_run": m.one(True, False)})
    ],
    "keys.purge": [lambda m: Ask("POST", "/v1/keys/purge", {"expired_before": LONG_AGO})],
    "keys.get": [lambda m: Ask("GET", keys(m))],
    "keys.update": [update, update],
    "keys.delete": [lambda m: Ask("DELETE", f"/v1/keys/{m.spare_key}")],
    "keys.rotate": [rotate] * 6,
    "keys.revoke": [lambda m: Ask("POST", f"/v1/keys/{m.spare_key}/revoke")],
    "keys.disable": [lambda m: Ask("POST", f"/v1/keys/{m.spare_key}/disable")],
    "keys.hand_over": [
        lambda m: Ask("POST", f"/v1/keys/{m.one(m.key, m.spare_key)}/hand-over", {"owner": m.one(m.owner, "idle")})
    ]
    * 2,
    "keys.enable": [lambda m: Ask("POST", keys(m, "/enable"))],
    "keys.limits": [lambda m: Ask("GET", keys(m, "/limits"))],
    "keys.advice": [lambda m: Ask("GET", keys(m, "/advice"))],
    "keys.impact": [lambda m: Ask("GET", keys(m, "/impact"))],
    "keys.explain": [lambda m: Ask("POST", keys(m, "/explain"))],
    "keys.usage": [lambda m: Ask("GET", keys(m, "/usage"))],
    "sessions.list": [lambda m: Ask("GET", "/v1/sessions", query={"owner": m.owner})],
    "sessions.start": [start, start, start],
    "sessions.refresh": [refresh],
    "sessions.get": [lambda m: Ask("GET", f"/v1/sessions/{m.session}")],
    "sessions.revoke": [lambda m: Ask("POST", f"/v1/sessions/{m.world.sessions[m.place][0]}/revoke")],
    "sessions.revoke_by_token": [end_by_token],
    "sessions.revoke_all": [lambda m: Ask("POST", "/v1/owners/idle/sessions/revoke")],
    "doctor.examine": [lambda m: Ask("GET", "/v1/doctor")],
    "key_page.get": [lambda m: Ask("GET", "/v1/key-page")],
    "key_page.put": [lambda m: Ask("PUT", "/v1/key-page", {"title": f"Page {m.world.count}"})],
    "portal.open": [lambda m: Ask("POST", "/v1/portal/sessions", {"owner": "idle"})],
    "signing_keys.list": [lambda m: Ask("GET", "/v1/signing-keys")],
    "signing_keys.rotate": [lambda m: Ask("POST", "/v1/signing-keys/rotate")],
    "signing_keys.remove": [
        lambda m: Ask("POST", f"/v1/signing-keys/{m.tk.signing_keys.list()[-1].kid}/remove"),
    ],
    "self.get": [lambda m: Ask("GET", "/v1/self")],
    "self.rotate": [lambda m: Ask("POST", "/v1/self/rotate", {"grace_seconds": 60}, repeat=m.one(None, "again"))],
    "self.revoke": [lambda m: Ask("POST", "/v1/self/revoke") if len(m.held) > 5 else None],
    "explain": [lambda m: Ask("POST", "/v1/explain", {"credential": m.held[-1].text})],
    "refusals.list": [lambda m: Ask("GET", "/v1/refusals")],
    "refusals.get": [lambda m: Ask("GET", f"/v1/refusals/{refused(m)}")],
    "usage.summary": [lambda m: Ask("POST", "/v1/usage/summary", {"group_by": ["key", "owner"]})],
    "usage.get": [lambda m: Ask("GET", "/v1/usage", query={"key_id": m.key})],
    "limits.take": [lambda m: Ask("POST", "/v1/limits/take", TAKEN)],
    "credits.list": [lambda m: Ask("GET", "/v1/credits")],
    "credits.get": [lambda m: Ask("GET", f"/v1/keys/{m.credited_key}/credits")],
    "credits.add": [lambda m: Ask("POST", f"/v1/keys/{m.credited_key}/credits/add", {"amount": 5})],
    "credits.set": [lambda m: Ask("POST", f"/v1/keys/{m.credited_key}/credits/set", {"remaining": 5})],
    "credits.holds": [lambda m: Ask("GET", f"/v1/keys/{m.credited_key}/credits/holds")],
    "credits.reserve": [lambda m: Ask("POST", f"/v1/keys/{m.credited_key}/credits/holds", {"amount": 5})],
    "credits.settle": [lambda m: settle(m.hold)],
    "audit.list": [lambda m: Ask("GET", "/v1/audit")],
    "audit.head": [lambda m: Ask("GET", "/v1/audit/head")],
    "audit.check": [lambda m: Ask("POST", "/v1/audit/check")],
    "events.list": [lambda m: Ask("GET", "/v1/events")],
    "events.latest": [lambda m: Ask("GET", "/v1/events/latest")],
    "exports.list": [lambda m: Ask("GET", "/v1/export")],
    "advice.list": [lambda m: Ask("GET", "/v1/advice")],
    "leaks.report": [leak],
    "leaks.github": [lambda m: Ask("POST", "/v1/leaks/github", json.loads(SAMPLE), headers=SIGNED)],
    "webhooks.list": [lambda m: Ask("GET", "/v1/webhooks")],
    "webhooks.create": [
        lambda m: Ask("POST", "/v1/webhooks", {"url": f"https://example.com/{m.world.count}", "types": ["*"]}),
    ],
    "webhooks.get": [lambda m: Ask("GET", f"/v1/webhooks/{m.webhook}")],
    "webhooks.update": [lambda m: Ask("PATCH", f"/v1/webhooks/{m.webhook}", {"include": "object"})],
    "webhooks.delete": [lambda m: Ask("DELETE", f"/v1/webhooks/{m.webhook}")],
    "webhooks.pause": [lambda m: Ask("POST", f"/v1/webhooks/{m.webhook}/pause")],
    "webhooks.resume": [lambda m: Ask("POST", f"/v1/webhooks/{m.webhook}/resume")],
    "webhooks.rotate_secret": [lambda m: Ask("POST", f"/v1/webhooks/{m.webhook}/rotate-secret")],
    "webhooks.test": [lambda m: Ask("POST", f"/v1/webhooks/{m.webhook}/test")],
    "webhooks.deliveries": [lambda m: Ask("GET", f"/v1/webhooks/{m.webhook}/deliveries")],
    "webhooks.replay": [
        lambda m: Ask("POST", f"/v1/webhooks/{m.webhook}/replay", {"since": "2000-01-01T00:00:00Z"}),
    ],
    "verify": [lambda m: Ask("POST", "/v1/verify", {"credential": m.held[-1].text})],
    "verify.batch": [lambda m: Ask("POST", "/v1/verify/batch", {"questions": [{"credential": m.held[-1].text}]})],
    "auth": [lambda m: Ask("GET", "/v1/auth")],
    "oauth.token": [refresh_by_oauth, exchange, exchange],
    "oauth.introspect": [lambda m: about_text(m, _there(m, "/oauth/introspect"))],
    "oauth.revoke": [lambda m: Ask("POST", _there(m, "/oauth/revoke"), form={"token": "none"})],
    "oauth.jwks": [lambda m: Ask("GET", _there(m, "/.well-known/jwks.json"))],
    "oauth.metadata": [lambda m: Ask("GET", _there(m, "/.well-known/oauth-authorization-server"))],
}
"""What is asked of each route, by the id of its operation."""


def found_in(world: Any, name: str, answer: Any) -> Iterator[Credential]:
    """Return every text in an answer that is a credential, wherever it stands."""
    texts = [text for text in _texts(answer) if len(text) > 40]
    refresh = next((text for text in texts if "_rt_" in text), "")
    for text in texts:
        for environment in (None, "op"):
            if world.tk.verify(text, environment=environment):
                yield Credential(name, text, environment, refresh=refresh)


def _texts(answer: Any) -> Iterator[str]:
    if isinstance(answer, str):
        yield answer
    elif isinstance(answer, dict):
        for value in answer.values():
            yield from _texts(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from _texts(value)

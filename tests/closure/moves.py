"""Every operation of the library, as somebody tries it who wants more: with arguments that would give them more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.closure.probes import LONG_AGO
from tests.closure.world import OWNERS, ROLES, SCOPES, Credential, World
from tokenry import Credits, Limit
from tokenry.core.refusals import NotedRefusal
from tokenry.imports import ImportResult
from tokenry.tokenry import Groups
from tokenry.types import NOT_GIVEN, OPERATOR_SCOPES, Hold, Issued, Owner, SessionTokens, Token

YEAR = timedelta(days=365)
Made = Iterable[Credential] | None


@dataclass
class Move:
    """One operation by somebody, in one tenant. `held` is everything that the attacker has."""

    world: World
    place: str
    by: Any
    held: Sequence[Credential]
    name: str

    @property
    def tk(self) -> Groups:
        return self.world.tk.scoped(tenant=self.place)

    @property
    def owner(self) -> str:
        return self.world.turn(f"owner of {self.name} in {self.place}", OWNERS)

    @property
    def key(self) -> str:
        return self.world.turn(f"key of {self.name} in {self.place}", self.world.keys[self.place])

    @property
    def spare_key(self) -> str:
        """Make a key that may be ended; the others are still of use."""
        return self.tk.keys.issue("idle", name=self.world.name()).key.id

    @property
    def credited_key(self) -> str:
        """Make a key that has credits."""
        return self.tk.keys.issue("idle", name=self.world.name(), credits=Credits(100)).key.id

    @property
    def hold(self) -> Hold:
        """Make a hold of such a key."""
        return self.tk.credits.reserve(self.credited_key, 5)

    @property
    def webhook(self) -> str:
        """Make an endpoint for webhooks in the place of the others."""
        for known in self.tk.webhooks.list():
            self.tk.webhooks.delete(known.id)
        return self.tk.webhooks.create("https://example.com/hook", types=["key.*"]).webhook.id

    @property
    def session(self) -> str:
        return self.world.rng.choice(self.world.sessions[self.place])

    def one(self, *choices: Any) -> Any:
        """Return one of several arguments."""
        return self.world.rng.choice(choices)

    def power(self) -> dict[str, Any]:
        """Return what a key is asked to be: with scopes, with roles, or an operator's."""
        operators = self.world.rng.sample(OPERATOR_SCOPES, self.world.rng.randint(1, 3))
        return self.one(
            {"scopes": self.world.some()},
            {"scopes": [self.one(*SCOPES)]},
            {"roles": [self.one(*ROLES)]},
            {"scopes": operators, "environment": "op"},
            {"scopes": [self.one(*operators)], "environment": "op"},
        )

    def key_made(self, issued: Issued) -> Made:
        """Keep a key that somebody got."""
        if issued.key.id not in self.world.keys[self.place]:
            self.world.keys[self.place].append(issued.key.id)
        yield Credential(self.name, str(issued.secret), "op" if issued.key.environment == "op" else None)

    def session_made(self, tokens: Any) -> Made:
        """Keep a session that somebody got."""
        if isinstance(tokens, SessionTokens):
            self.world.sessions[tokens.session.tenant].append(tokens.session.id)
            yield Credential(self.name, str(tokens.access), refresh=str(tokens.refresh))


def settle(m: Move, hold: Hold) -> None:
    m.tk.credits.settle(hold.key, hold.id, 3, by=m.by)


def issue(m: Move) -> Made:
    asked = {"owner": m.owner, "name": m.world.name(), **m.power(), "idempotency_key": m.one(None, m.world.name())}
    if asked["idempotency_key"]:
        m.world.repeats.append(asked)
    return m.key_made(m.tk.keys.issue(**asked, by=m.by))


def issue_again(m: Move) -> Made:
    """Repeat what was asked before, by this or another actor."""
    return m.key_made(m.tk.keys.issue(**m.one(*m.world.repeats), by=m.by)) if m.world.repeats else None


def import_keys(m: Move) -> Made:
    texts = [f"old_{m.world.name()}_0123456789" for _ in range(3)]
    rows = [{"id": text, "owner": m.owner, "hash": {"scheme": "raw", "value": text}, **m.power()} for text in texts]
    results: list[ImportResult] = []
    m.tk.imports.run(rows, each=results.append, by=m.by)
    for one in results:
        if one.status == "imported":
            yield Credential(m.name, one.id)


def issue_many(m: Move) -> Made:
    asked = [{"owner": m.owner, "name": m.world.name(), **m.power()} for _ in range(4)]
    for issued in m.tk.keys.issue_many(asked, by=m.by):
        if isinstance(issued, Issued):
            yield from m.key_made(issued) or ()


def rotate(m: Move) -> Made:
    grace = m.one(timedelta(0), timedelta(minutes=1))
    again = m.one(None, "again", m.world.name())
    return m.key_made(m.tk.keys.rotate(m.key, grace=grace, by=m.by, idempotency_key=again))


def update(m: Move) -> None:
    changes: dict[str, Any] = m.one(*({"expires_in": YEAR}, {"allowed_ips": []}, {}))
    power = m.one({}, m.power())
    power.pop("environment", None)
    m.tk.keys.update(m.key, **changes, **power, by=m.by)


def start(m: Move) -> Made:
    itself = m.by.external_id if isinstance(m.by, Owner) else m.by.owner.external_id
    scopes = m.one(None, None, ["*"], ["write:x"], m.world.some(2))
    return m.session_made(m.tk.sessions.start(m.one(m.owner, m.owner, itself), scopes=scopes, by=m.by))


def refresh(m: Move) -> Made:
    """Refresh what is held; the operation itself asks for nobody."""
    tokens = [one.refresh for one in m.held if one.refresh]
    if not tokens:
        return None
    narrow = m.one(None, None, m.world.some(1))
    return m.session_made(m.world.tk.sessions.refresh(m.one(*tokens), scopes=narrow, tenant=None))


def end_by_token(m: Move) -> None:
    """End what is not held any more: a sign-in of its own."""
    m.tk.sessions.revoke_by_token(m.tk.sessions.start("idle").refresh, by=m.by)


def exchange(m: Move) -> Made:
    keys = [one for one in m.held if one.text and "." not in one.text]
    if keys:
        key = m.one(*keys)
        scopes = m.one(None, m.world.some(2), [m.one(*OPERATOR_SCOPES)])
        token: Token = m.world.tk.exchange(key.text, scopes=scopes, environment=key.environment)
        yield Credential(m.name, str(token.access), key.environment)


def put_owner(m: Move) -> None:
    given = m.one({"admin": True}, {"roles": [m.one(*ROLES)]}, {"roles": list(ROLES)}, {"admin": False}, {"roles": []})
    owner = m.owner
    m.world.changes(m.place, owner)
    m.tk.owners.put(owner, **given, by=m.by)


def enable_owner(m: Move) -> None:
    owner = m.one("gone", "new")
    m.world.changes(m.place, owner)
    m.tk.owners.enable(owner, by=m.by)


def put_role(m: Move) -> None:
    m.world.changes(m.place, "ada", "lee")
    m.tk.roles.put(m.one(*ROLES), scopes=m.world.some(), by=m.by)


def delete_tenant(m: Move) -> None:
    m.world.tk.tenants.suspend("empty")
    m.world.tk.tenants.delete("empty", by=m.by)


def refused(m: Move) -> str:
    """Leave a refusal of a key of pat; return the id of its request."""
    tk = m.world.tk
    kid = tk.keys.list(owner="pat").items[0].secrets[0].kid
    with tk._database.change() as rows:
        rows.refusals.add([(tk._context.new_id("ref"), NotedRefusal(kid, tk._now(), "expired", None, (), "asked"))])
    return "asked"


MOVES: dict[str, Sequence[Callable[[Move], Any]]] = {
    "tenants.create": [lambda m: m.world.tk.tenants.create(f"t{m.world.name()[5:]}", by=m.by)],
    "tenants.get": [lambda m: m.world.tk.tenants.get(m.place, by=m.by)],
    "tenants.list": [lambda m: m.world.tk.tenants.list(by=m.by)],
    "tenants.iterate": [lambda m: [*m.world.tk.tenants.iterate(by=m.by)]],
    "tenants.update": [
        lambda m: m.world.tk.tenants.update(m.place, self_rotation_allowed=m.one(True, False), by=m.by),
        lambda m: m.world.tk.tenants.update(m.place, never_allowed=True, by=m.by),
    ],
    "tenants.suspend": [lambda m: m.world.tk.tenants.suspend("empty", by=m.by)],
    "tenants.resume": [lambda m: m.world.tk.tenants.resume("empty", by=m.by)],
    "tenants.delete": [delete_tenant],
    "owners.put": [put_owner, put_owner, put_owner],
    "owners.get": [lambda m: m.tk.owners.get(m.owner, by=m.by)],
    "owners.list": [lambda m: m.tk.owners.list(by=m.by)],
    "owners.iterate": [lambda m: [*m.tk.owners.iterate(by=m.by)]],
    "owners.disable": [lambda m: m.tk.owners.disable(m.one("gone", "new"), by=m.by)],
    "owners.enable": [enable_owner],
    "owners.hand_over": [
        lambda m: m.tk.owners.hand_over(m.owner, m.one(m.owner, "new"), dry_run=m.one(True, False), by=m.by)
    ]
    * 2,
    "owners.delete": [lambda m: m.tk.owners.delete("new", by=m.by)],
    "roles.put": [put_role, put_role],
    "roles.get": [lambda m: m.tk.roles.get(m.one(*ROLES), by=m.by)],
    "roles.list": [lambda m: m.tk.roles.list(by=m.by)],
    "roles.iterate": [lambda m: [*m.tk.roles.iterate(by=m.by)]],
    "roles.delete": [lambda m: m.tk.roles.delete("loose", by=m.by)],
    "scopes.define": [lambda m: m.tk.scopes.define([], by=m.by)],
    "scopes.list": [lambda m: m.tk.scopes.list(by=m.by)],
    "scopes.check": [lambda m: m.tk.scopes.check(["*"], by=m.by)],
    "keys.issue": [issue, issue, issue, issue_again, issue_again],
    "imports.run": [import_keys],
    "exports.list": [lambda m: m.tk.exports.list(by=m.by)],
    "exports.iterate": [lambda m: [*m.tk.exports.iterate(by=m.by)]],
    "keys.issue_many": [issue_many],
    "keys.get": [lambda m: m.tk.keys.get(m.key, by=m.by)],
    "keys.list": [lambda m: m.tk.keys.list(owner=m.one(m.owner, NOT_GIVEN), by=m.by)],
    "keys.iterate": [lambda m: [*m.tk.keys.iterate(owner=m.one(m.owner, NOT_GIVEN), by=m.by)]],
    "keys.facets": [lambda m: m.tk.keys.facets(owner=m.owner, by=m.by)],
    "keys.expiring": [lambda m: m.tk.keys.expiring(within=YEAR, owner=m.owner, by=m.by)],
    "keys.find": [lambda m: m.tk.keys.find(m.one(*(one.text for one in m.held)), by=m.by)],
    "keys.limits": [lambda m: m.tk.keys.limits(m.key, by=m.by)],
    "keys.advice": [lambda m: m.tk.keys.advice(m.key, by=m.by)],
    "keys.impact": [lambda m: m.tk.keys.impact(m.key, by=m.by)],
    "keys.explain": [lambda m: m.tk.keys.explain(m.key, by=m.by)],
    "keys.update": [update, update],
    "keys.disable": [lambda m: m.tk.keys.disable(m.spare_key, by=m.by)],
    "keys.hand_over": [lambda m: m.tk.keys.hand_over(m.one(m.key, m.spare_key), m.one(m.owner, "new"), by=m.by)] * 2,
    "keys.enable": [lambda m: m.tk.keys.enable(m.key, by=m.by)],
    "keys.rotate": [rotate] * 6,
    "keys.revoke": [lambda m: m.tk.keys.revoke(m.spare_key, by=m.by)],
    "keys.revoke_where": [lambda m: m.tk.keys.revoke_where(owner="new", dry_run=m.one(True, False), by=m.by)],
    "keys.delete": [lambda m: m.tk.keys.delete(m.spare_key, by=m.by)],
    "keys.purge": [lambda m: m.tk.keys.purge(expired_before=LONG_AGO, by=m.by)],
    "sessions.start": [start, start, start],
    "sessions.refresh": [refresh],
    "sessions.get": [lambda m: m.tk.sessions.get(m.session, by=m.by)],
    "sessions.list": [lambda m: m.tk.sessions.list(m.owner, by=m.by)],
    "sessions.iterate": [lambda m: [*m.tk.sessions.iterate(m.owner, by=m.by)]],
    "sessions.revoke": [lambda m: m.tk.sessions.revoke(m.world.sessions[m.place][0], by=m.by)],
    "sessions.revoke_by_token": [end_by_token],
    "sessions.revoke_all": [lambda m: m.tk.sessions.revoke_all("new", by=m.by)],
    "doctor.examine": [lambda m: m.world.tk.doctor.examine(by=m.by)],
    "key_page.get": [lambda m: m.tk.key_page.get(by=m.by)],
    "key_page.put": [lambda m: m.tk.key_page.put(title=f"Page {m.world.count}", by=m.by)],
    "portal.open": [lambda m: m.tk.portal.open("new", by=m.by)],
    "signing_keys.list": [lambda m: m.tk.signing_keys.list(by=m.by)],
    "signing_keys.rotate": [lambda m: m.tk.signing_keys.rotate(by=m.by)],
    "signing_keys.remove": [lambda m: m.tk.signing_keys.remove(m.tk.signing_keys.list()[-1].kid, by=m.by)],
    "events.list": [lambda m: m.tk.events.list(by=m.by)],
    "events.latest": [lambda m: m.tk.events.latest(by=m.by)],
    "events.follow": [lambda m: [*m.tk.events.follow(after=0, idle=timedelta(0), by=m.by)]],
    "events.iterate": [lambda m: [*m.tk.events.iterate(by=m.by)]],
    "audit.list": [lambda m: m.tk.audit.list(by=m.by)],
    "audit.iterate": [lambda m: [*m.tk.audit.iterate(by=m.by)]],
    "audit.head": [lambda m: m.tk.audit.head(by=m.by)],
    "audit.check": [lambda m: m.tk.audit.check(by=m.by)],
    "audit.cut": [lambda m: m.tk.audit.cut(before=LONG_AGO, by=m.by)],
    "refusals.list": [lambda m: m.tk.refusals.list(by=m.by)],
    "refusals.iterate": [lambda m: [*m.tk.refusals.iterate(by=m.by)]],
    "refusals.get": [lambda m: m.tk.refusals.get(refused(m), by=m.by)],
    "usage.summary": [lambda m: m.tk.usage.summary(group_by=["key", "owner"], by=m.by)],
    "usage.get": [lambda m: m.tk.usage.get(m.key, by=m.by)],
    "limits.take": [lambda m: m.tk.limits.take("jobs", "one", limits=[Limit("hour", 5, 3600)], by=m.by)],
    "credits.get": [lambda m: m.tk.credits.get(m.credited_key, by=m.by)],
    "credits.list": [lambda m: m.tk.credits.list(by=m.by)],
    "credits.iterate": [lambda m: [*m.tk.credits.iterate(by=m.by)]],
    "credits.add": [lambda m: m.tk.credits.add(m.credited_key, 5, by=m.by)],
    "credits.set": [lambda m: m.tk.credits.set(m.credited_key, 5, by=m.by)],
    "credits.holds": [lambda m: m.tk.credits.holds(m.credited_key, by=m.by)],
    "credits.reserve": [lambda m: m.tk.credits.reserve(m.credited_key, 5, by=m.by)],
    "credits.settle": [lambda m: settle(m, m.hold)],
    "advice.list": [lambda m: m.tk.advice.list(by=m.by)],
    "advice.iterate": [lambda m: [*m.tk.advice.iterate(by=m.by)]],
    "leaks.report": [lambda m: m.world.tk.leaks.report(m.tk.keys.issue("idle", name=m.world.name()).secret, by=m.by)],
    "webhooks.create": [lambda m: m.tk.webhooks.create(f"https://example.com/{m.world.count}", types=["*"], by=m.by)],
    "webhooks.get": [lambda m: m.tk.webhooks.get(m.webhook, by=m.by)],
    "webhooks.list": [lambda m: m.tk.webhooks.list(by=m.by)],
    "webhooks.iterate": [lambda m: [*m.tk.webhooks.iterate(by=m.by)]],
    "webhooks.update": [lambda m: m.tk.webhooks.update(m.webhook, include="object", by=m.by)],
    "webhooks.delete": [lambda m: m.tk.webhooks.delete(m.webhook, by=m.by)],
    "webhooks.pause": [lambda m: m.tk.webhooks.pause(m.webhook, by=m.by)],
    "webhooks.resume": [lambda m: m.tk.webhooks.resume(m.webhook, by=m.by)],
    "webhooks.rotate_secret": [lambda m: m.tk.webhooks.rotate_secret(m.webhook, by=m.by)],
    "webhooks.test": [lambda m: m.tk.webhooks.test(m.webhook, by=m.by)],
    "webhooks.deliveries": [lambda m: m.tk.webhooks.deliveries(m.webhook, by=m.by)],
    "webhooks.replay": [lambda m: m.tk.webhooks.replay(m.webhook, since=LONG_AGO, by=m.by)],
    "exchange": [exchange, exchange],
    "explain": [lambda m: m.world.tk.explain(m.one(*(one.text for one in m.held)))],
    "jwks": [lambda m: m.world.tk.jwks(tenant=m.place)],
}
"""What is tried of each operation, by its name."""

FOR_THE_PROGRAM = {
    "leaks.report_github": "needs the signature of GitHub, and does no more than leaks.report",
    "imports.learn": "is given code in the same process",
    "imports.learning": "takes no actor: counts of this process",
    "audit.seal": "takes no actor and writes what is there already",
    "audit.seal_all": "takes no actor and writes what is there already",
    "events.subscribe": "takes no actor: code in the same process",
    "verify": "asked by the world at every step",
    "require": "asked by the world at every step",
    "owner_loader": "is given code in the same process",
    "using": "is given a connection to the database",
    "scoped": "makes no credential: each test goes by it",
    "migrate": "takes no actor",
    "flush": "takes no actor",
    "deliver": "takes no actor",
    "close": "takes no actor",
}
"""Operations that no credential stands behind, with the reason."""


def operations() -> set[str]:
    """Return the name of every operation that the library has."""
    from tokenry.testing import throwaway

    with throwaway() as tk:
        groups = {name: part for name, part in vars(tk).items() if type(part).__module__.startswith("tokenry.service")}
        found = {f"{name}.{call}" for name, part in groups.items() if not name.startswith("_") for call in _calls(part)}
        return found | set(_calls(tk))


def _calls(part: object) -> Iterable[str]:
    return (name for name in dir(type(part)) if not name.startswith("_") and callable(getattr(part, name)))

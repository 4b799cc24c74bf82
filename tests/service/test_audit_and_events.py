"""What every change writes down: its audit entry word for word, and what its event says beside it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from tokenry import Tokenry
from tokenry.testing import FakeClock, throwaway
from tokenry.types import Limit

DAY = timedelta(days=1)
KEY: dict[str, Any] = {
    "owner": "ada", "description": "", "scopes": [], "roles": [], "allowed_ips": [], "limits": [],
    "environment": "live", "expires_at": "2026-04-01T00:00:00+00:00", "not_before": None, "metadata": {}, "tags": [],
    "credits": None, "decoy": False, "max_idle_seconds": None,
}  # fmt: skip
ES256 = {"algorithm": "ES256"}
ACTIVE = {"status": "active"}


def revoked(reason: str, **more: str) -> dict[str, str]:
    return {"status": "revoked", "reason": reason, **more}


def twice(call: Callable[..., object], *arguments: object, **named: object) -> None:
    """Do something two times: the second time there is nothing to tell."""
    call(*arguments, **named)
    call(*arguments, **named)


class Story:
    """An instance, and what was written down since the last time somebody looked."""

    def __init__(self, tk: Tokenry, clock: FakeClock) -> None:
        self.tk, self.clock = tk, clock
        self._seen: set[str] = set()
        self._names: dict[str, str] = {}

    def news(self, tenant: str = "default") -> list[Any]:
        """Return (action, subject, before, after, data of the event unless it is `after`) of all that is new."""
        entries = [entry for entry in self.tk.audit.list(limit=100, tenant=tenant) if entry.id not in self._seen]
        events = [event for event in self.tk.events.list(tenant=tenant) if event.id not in self._seen]
        self._seen |= {entry.id for entry in entries} | {event.id for event in events}
        found: list[Any] = []
        for event in events:
            entry = next((entry for entry in reversed(entries) if entry.action == event.type), None)
            if entry is None:
                found.append((event.type, event.subject, event.data))
                continue
            entries.remove(entry)
            assert (event.subject, event.actor, event.at) == (entry.subject, entry.actor, entry.at)
            assert event.data in (entry.after or {}, {"owner": event.data.get("owner"), **(entry.after or {})})
            owner = (event.data["owner"],) if event.data != (entry.after or {}) else ()
            found.append((entry.action, entry.subject, entry.before, entry.after, *owner))
        assert entries == []
        named: list[Any] = ast.literal_eval(self.named(found))
        return named

    def named(self, found: object) -> str:
        """Return how something is written with names in place of ids, the same name for the same id."""
        return re.sub(r"(?<=')(?:[a-z]{3}_[0-9A-Za-z]{22}|[0-9A-Za-z]{16})(?=')", self._name, repr(found))

    def _name(self, found: re.Match[str]) -> str:
        kind = found[0].partition("_")[0] if "_" in found[0] else "kid"
        count = sum(name.startswith(kind) for name in self._names.values())
        return self._names.setdefault(found[0], f"{kind} {count + 1}")


@pytest.fixture
def story() -> Iterator[Story]:
    clock = FakeClock()
    with throwaway(clock=clock) as tk:
        yield Story(tk, clock)


def test_of_a_tenant(story: Story) -> None:
    tk = story.tk
    tk.tenants.create("acme", prefix="ac", expires_in_max=100 * DAY)
    lives = {"expires_in_default_seconds": 90 * 86_400, "expires_in_max_seconds": 100 * 86_400}
    is_made = {"id": "ten 1", "name": "acme", "prefix": "ac", "never_allowed": False, "self_rotation_allowed": False}
    is_made["default_limits"] = []
    is_made["shared_limits"] = []
    is_made["time_zone"], is_made["on_leak"], is_made["contact"] = "UTC", "revoke", None
    is_made["max_idle_seconds"] = None
    assert story.news("system") == [("tenant.created", "acme", None, is_made | lives)]
    twice(tk.tenants.update, "acme", prefix="ab", never_allowed=True, expires_in_max=100 * DAY)
    was, now = {"prefix": "ac", "never_allowed": False}, {"prefix": "ab", "never_allowed": True}
    assert story.news("acme") == [("tenant.updated", "acme", was, now)]
    twice(tk.tenants.suspend, "acme")
    twice(tk.tenants.resume, "acme")
    assert story.news("acme") == [("tenant.suspended", "acme", None, None), ("tenant.resumed", "acme", None, None)]
    id = tk.tenants.suspend("acme").id
    tk.tenants.delete("acme")
    deleted = ("tenant.deleted", "acme", {"id": "ten 1", "slug": "acme", "name": "acme"}, None)
    assert story.news("system") == [deleted]
    [entry] = tk.audit.list(tenant=id, limit=1)
    assert ast.literal_eval(story.named((entry.action, entry.subject, entry.before, entry.after))) == deleted


def test_of_roles_and_scopes(story: Story) -> None:
    tk = story.tk
    tk.roles.put("r", scopes=["b", "a"])
    twice(tk.roles.put, "r", scopes=["b"])
    tk.roles.delete("r")
    twice(tk.scopes.define, ["b"])
    tk.scopes.define(["b", "c", "*"])
    assert story.news() == [
        ("role.updated", "r", None, {"scopes": ["b", "a"]}),
        ("role.updated", "r", {"scopes": ["b", "a"]}, {"scopes": ["b"]}),
        ("role.deleted", "r", {"scopes": ["b"]}, None),
        ("scopes.defined", "default", {"scopes": []}, {"scopes": ["b"]}),
        ("scopes.defined", "default", {"scopes": ["b"]}, {"scopes": ["b", "c", "*"]}),
    ]


def test_of_an_owner(story: Story) -> None:
    tk = story.tk
    tk.roles.put("r", scopes=["a"])
    story.news()
    tk.owners.put("ada", name="Ada", roles=["r"])
    twice(tk.owners.put, "ada", name="Ada L.", email="a@b")
    tk.owners.put("bob")
    assert story.news() == [
        ("owner.created", "ada", None, {"id": "own 1", "name": "Ada", "roles": ["r"]}),
        ("owner.updated", "ada", {"name": "Ada", "email": None}, {"name": "Ada L.", "email": "a@b"}),
        ("owner.created", "bob", None, {"id": "own 2"}),
    ]
    for name in ("ada", "bob"):
        tk.sessions.start(name)
    story.news()
    twice(tk.owners.disable, "ada")
    twice(tk.owners.enable, "ada")
    assert story.news() == [
        ("owner.disabled", "ada", None, None),
        ("session.revoked", "ses 1", ACTIVE, revoked("owner disabled", owner="ada")),
        ("owner.enabled", "ada", None, None),
    ]
    tk.sessions.start("ada")
    story.news()
    twice(tk.owners.put, "bob", admin=True)
    tk.owners.put("ada", admin=False)
    tk.roles.put("r", scopes=["*"])
    assert story.news() == [
        ("session.revoked", "ses 2", ACTIVE, revoked("became an administrator", owner="bob")),
        ("owner.updated", "bob", {"admin": False}, {"admin": True}),
        ("session.revoked", "ses 3", ACTIVE, revoked("a role became one for administrators", owner="ada")),
        ("role.updated", "r", {"scopes": ["a"]}, {"scopes": ["*"]}),
    ]
    tk.keys.issue("ada", name="k")
    tk.sessions.start("ada")
    story.news()
    tk.owners.delete("ada")
    assert story.news() == [
        ("key.revoked", "key 1", ACTIVE, revoked("owner deleted"), "ada"),
        ("session.revoked", "ses 4", ACTIVE, revoked("owner deleted", owner="ada")),
        ("owner.deleted", "ada", {"id": "own 1"}, None),
    ]


def test_of_a_key(story: Story) -> None:
    tk = story.tk
    tk.owners.put("ada")
    story.news()
    key = tk.keys.issue("ada", name="k", scopes=["a"], limits=[Limit("m", 5, 60)], metadata={"x": 1}).key
    limits = [{"name": "m", "limit": 5, "window_seconds": 60}]
    made = {**KEY, "name": "k", "scopes": ["a"], "limits": limits, "metadata": {"x": 1}}
    assert story.news() == [("key.issued", "key 1", None, made)]
    twice(tk.keys.update, key.id, name="n", limits=[], scopes=["a"])
    twice(tk.keys.disable, key.id)
    twice(tk.keys.enable, key.id)
    rotated = tk.keys.rotate(key.id, grace=DAY)
    renewed = {"kid": "kid 1", "replaces": ["kid 2"], "grace_seconds": 86_400}
    assert story.news() == [
        ("key.updated", "key 1", {"name": "k", "limits": limits}, {"name": "n", "limits": []}, "ada"),
        ("key.disabled", "key 1", None, None, "ada"),
        ("key.enabled", "key 1", None, None, "ada"),
        ("key.rotated", "key 1", None, renewed, "ada"),
    ]
    twice(tk.verify, rotated.secret)
    twice(tk.flush)
    assert story.news() == [("key.first_used", "key 1", {"owner": "ada"})]
    twice(tk.keys.revoke, key.id, reason="gone")
    tk.keys.delete(key.id)
    assert story.news() == [
        ("key.revoked", "key 1", ACTIVE, revoked("gone"), "ada"),
        ("key.deleted", "key 1", {**made, "name": "n", "limits": []}, None, "ada"),
    ]


def test_of_many_keys(story: Story) -> None:
    tk = story.tk
    tk.owners.put("ada")
    lives = {"a": 90, "b": 90, "c": 1, "d": 90}
    ids = {name: tk.keys.issue("ada", name=name, expires_in=days * DAY).key.id for name, days in lives.items()}
    story.news()
    tk.keys.delete(ids["a"])
    assert story.news() == [
        ("key.revoked", "key 1", ACTIVE, revoked("deleted"), "ada"),
        ("key.deleted", "key 1", {**KEY, "name": "a"}, None, "ada"),
    ]
    tk.keys.revoke_where(owner="ada", text="b", reason="many", dry_run=True)
    twice(tk.keys.revoke_where, owner="ada", text="b", reason="many", dry_run=False)
    assert story.news() == [("key.revoked", "key 2", ACTIVE, revoked("many"), "ada")]
    story.clock.advance(2 * DAY)
    assert (tk.keys.purge(expired_before=story.clock.now()), tk.keys.purge(revoked_before=story.clock.now())) == (1, 1)
    assert story.news() == [
        ("key.deleted", "key 3", {"purged": True}, None, "ada"),
        ("key.deleted", "key 2", {"purged": True}, None, "ada"),
    ]


def test_of_a_session(story: Story) -> None:
    tk = story.tk
    tk.owners.put("ada")
    tk.jwks()
    story.news()
    asked: dict[str, Any] = {"claims": {"c": 1}, "device": {"d": 2}, "client_id": "cl", "scopes": ["a"]}
    started = tk.sessions.start("ada", audience="x", **asked)
    says = {"owner": "ada", "audience": ["x"], "expires_at": "2026-01-31T00:00:00+00:00", **asked}
    assert story.news() == [("session.started", "ses 1", None, says)]
    assert tk.sessions.refresh(started.refresh)
    assert tk.sessions.refresh(started.refresh)
    moved = {"owner": "ada", "generation": 2, "idle_expires_at": "2026-01-08T00:00:00+00:00"}
    assert story.news() == [("session.refreshed", "ses 1", None, moved)]
    twice(tk.sessions.revoke, started.session.id, reason="bye")
    assert story.news() == [("session.revoked", "ses 1", ACTIVE, revoked("bye", owner="ada"))]
    last = [tk.sessions.start("ada") for _ in range(2)][1]
    story.news()
    twice(tk.sessions.revoke_all, "ada", keep=last.session.id, reason="rest")
    twice(tk.sessions.revoke_by_token, last.refresh, reason="out")
    assert story.news() == [
        ("session.revoked", "ses 2", ACTIVE, revoked("rest", owner="ada")),
        ("session.revoked", "ses 3", ACTIVE, revoked("out", owner="ada")),
    ]


def test_of_a_stolen_refresh_token(story: Story) -> None:
    tk = story.tk
    tk.owners.put("ada")
    first = tk.sessions.start("ada").refresh
    last = first
    for _ in range(3):
        pair = tk.sessions.refresh(last)
        assert pair
        last = pair.refresh
    story.news()
    assert [tk.sessions.refresh(first).code for _ in range(2)] == ["reused", "revoked"]  # type: ignore[union-attr]
    assert story.news() == [("session.reuse_detected", "ses 1", ACTIVE, revoked("reuse detected", owner="ada"))]


def test_of_signing_keys(story: Story) -> None:
    tk = story.tk
    assert len(tk.jwks()["keys"]) == 2
    assert story.news() == [
        ("signing_key.created", "kid 1", None, ES256),
        ("signing_key.created", "kid 2", None, ES256),
        ("signing_key.activated", "kid 1", None, ES256),
    ]
    tk.signing_keys.rotate()
    assert story.news() == [
        ("signing_key.retired", "kid 1", None, ES256),
        ("signing_key.activated", "kid 2", None, ES256),
        ("signing_key.created", "kid 3", None, ES256),
    ]
    first, second, third = tk.signing_keys.list()
    assert [key.status for key in (first, second, third)] == ["retiring", "active", "next"]
    for removed, expected in (
        (third, [("signing_key.created", "kid 4", None, ES256), ("signing_key.removed", "kid 3", None, None)]),
        (first, [("signing_key.removed", "kid 1", None, None)]),
        (
            second,
            [
                ("signing_key.retired", "kid 2", None, ES256),
                ("signing_key.activated", "kid 4", None, ES256),
                ("signing_key.created", "kid 5", None, ES256),
                ("signing_key.removed", "kid 2", None, None),
            ],
        ),
    ):
        twice(tk.signing_keys.remove, removed.kid)
        assert story.news() == expected

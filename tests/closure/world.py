"""One installation with everybody in it whom an attack on authority may use, and credentials with what they may do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from tokenry import Settings, TokenryError
from tokenry.config import fresh_keyring
from tokenry.testing import FakeClock
from tokenry.tokenry import Tokenry
from tokenry.types import Owner

PLACES = ("default", "system", "spare")
"""The tenants. Moves change owners of the first two; nobody of `default` may ever reach `spare`."""

SCOPES = ("read:x", "write:x", "admin:x", "*")
"""Scopes of an application. An ordinary owner has `read:*` by its role, and a key with `delete:x`."""

ORDINARY = ("ada", "machine", "pat")
OWNERS = ("ada", "lee", "root", "gone", "machine", "new")
ROLES = ("developer", "lead", "loose")

KEYRING = fresh_keyring()
GITHUB_KEYS = Path(__file__).with_name("github_keys.json")
"""The public key of the sample that GitHub has published."""


def options() -> dict[str, Any]:
    """Return how an installation is opened, on a database in memory."""
    quiet = Settings(
        background=False,
        flush_interval=timedelta(hours=1),
        issuer="https://keys.example.com",
        github_keys=str(GITHUB_KEYS),
    )
    return {"keyring": KEYRING, "settings": quiet, "clock": FakeClock()}


@dataclass
class Credential:
    """Something that is presented, or an owner as the host names it: an identity that may stand behind `by=`."""

    made_by: str
    text: str = ""
    environment: str | None = None
    owner: Owner | None = None
    refresh: str = ""
    can: frozenset[str] = frozenset()

    def by(self, world: World) -> Any:
        """Return what to pass as `by=`, None when nothing holds any more."""
        if self.owner is not None:
            return self.owner
        return world.tk.verify(self.text, environment=self.environment) or None


@dataclass
class World:
    """The installation, and what the attacker has so far."""

    rng: Random
    tk: Tokenry = field(default_factory=lambda: Tokenry("sqlite://", **options()))
    keys: dict[str, list[str]] = field(default_factory=dict)
    sessions: dict[str, list[str]] = field(default_factory=dict)
    repeats: list[dict[str, Any]] = field(default_factory=list)
    places: Sequence[str] = ("default", "system")
    changed: set[tuple[str, str]] = field(default_factory=set)
    turns: Counter[str] = field(default_factory=Counter)
    count: int = 0

    def __post_init__(self) -> None:
        self.tk.tenants.create("empty")
        self.tk.tenants.create("spare", self_rotation_allowed=True)
        self.tk.tenants.update("default", self_rotation_allowed=True)
        for place in PLACES:
            self._fill(place)

    def _fill(self, place: str) -> None:
        tk = self.tk.scoped(tenant=place)
        for name, scopes in (("developer", ["read:*"]), ("lead", ["admin:x", "*"]), ("loose", []), ("probe", [])):
            tk.roles.put(name, scopes=scopes)
        for name in ORDINARY:
            tk.owners.put(name, roles=["developer"])
        tk.owners.put("lee", roles=["lead"])
        for name in ("root", "gone"):
            tk.owners.put(name, admin=True)
        tk.owners.put("idle")
        self.keys[place], self.sessions[place] = [], []
        for owner in ("pat",) if place == "spare" else ("pat", "ada", "lee", "root", "gone", "machine"):
            made = [tk.keys.issue(owner, name="ordinary", scopes=["delete:x"])]
            made += [tk.keys.issue(owner, name="wide", scopes=["*"], roles=["lead"])]
            strong = ["tokenry:tenants:write", "tokenry:owners:write", "tokenry:keys:read"]
            made += [tk.keys.issue(owner, name="strong", environment="op", scopes=strong)]
            self.keys[place] += [one.key.id for one in made]
            self.sessions[place].append(tk.sessions.start(owner).session.id)
        tk.keys.disable(self.keys[place][-1])
        tk.owners.disable("gone")

    def close(self) -> None:
        """Close the installation."""
        self.tk.close()

    def name(self) -> str:
        """Return a name that nothing has yet."""
        self.count += 1
        return f"made {self.count}"

    def turn(self, name: str, choices: Sequence[str]) -> str:
        """Return one of several choices, each in its turn, so that few tries see all of them."""
        self.turns[name] += 1
        return choices[self.turns[name] % len(choices)]

    def place(self) -> str:
        """Return a tenant to try something in."""
        return self.rng.choice(self.places)

    def changes(self, place: str, *owners: str) -> None:
        """Note owners who may be able to do more now, in the hands of somebody else."""
        self.changed |= {(owner, place) for owner in owners}

    def some(self, most: int = 3) -> list[str]:
        """Return some scopes of an application."""
        return self.rng.sample(SCOPES, self.rng.randint(0, most))


def tried(call: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a call answers; None when it is refused."""
    try:
        return call(*arguments)
    except TokenryError:
        return None

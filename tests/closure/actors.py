"""Every kind of actor that an attack may begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from random import Random
from typing import Any

from tests.chaos.counts import times
from tests.closure.world import Credential, World
from tokenry.types import OPERATOR_SCOPES

Begin = Callable[[World], Credential]


def operator(place: str, scopes: list[str]) -> Begin:
    """Return a beginning with an operator's key."""

    def begin(world: World) -> Credential:
        held = [f"tokenry:{scope}" for scope in scopes]
        issued = world.tk.keys.issue("machine", name=world.name(), environment="op", scopes=held, tenant=place)
        world.keys[place].insert(0, issued.key.id)
        return Credential("the program", str(issued.secret), "op")

    return begin


def token_of(begin: Begin) -> Begin:
    """Return a beginning with a token that was derived from a key."""

    def derived(world: World) -> Credential:
        key = begin(world)
        access = str(world.tk.exchange(key.text, environment=key.environment).access)
        return Credential("the program", access, key.environment)

    return derived


def owner(name: str, place: str) -> Begin:
    """Return a beginning with an owner whom the host names."""
    return lambda world: Credential("the program", owner=world.tk.owners.get(name, tenant=place))


def session(name: str, place: str, scopes: list[str] | None = None, narrow: list[str] | None = None) -> Begin:
    """Return a beginning with a session."""

    def begin(world: World) -> Credential:
        tokens: Any = world.tk.sessions.start(name, scopes=scopes, tenant=place)
        if narrow is not None:
            tokens = world.tk.sessions.refresh(tokens.refresh, scopes=narrow, tenant=None)
            return Credential("the program", str(tokens.access))
        return Credential("the program", str(tokens.access), refresh=str(tokens.refresh))

    return begin


def key(name: str, place: str, **fields: Any) -> Begin:
    """Return a beginning with an ordinary key."""

    def begin(world: World) -> Credential:
        issued = world.tk.keys.issue(name, name=world.name(), tenant=place, **fields)
        world.keys[place].insert(0, issued.key.id)
        return Credential("the program", str(issued.secret))

    return begin


WRITES = [scope.removeprefix("tokenry:") for scope in OPERATOR_SCOPES if scope.endswith("write")]
READS = [scope.removeprefix("tokenry:") for scope in OPERATOR_SCOPES if scope.endswith("read")]
GIVING = ["owners:write", "roles:write", "keys:write", "sessions:write"]


def beginnings() -> Iterator[tuple[str, Begin]]:
    """Return every kind of actor, by a name."""
    places = ("default", "system")
    for place in places:
        for scopes in [["verify"], READS, *([one] for one in WRITES)]:
            yield f"{place} {scopes[0]} {len(scopes)}", operator(place, scopes)
        for name in ("ada", "lee", "root"):
            yield f"{place} {name}", owner(name, place)
        yield f"{place} session of root", session("root", place)
        yield f"{place} token", token_of(operator(place, [*READS, "sessions:write"]))
    for number, pair in enumerate(combinations(GIVING, 2)):
        yield " ".join(pair), operator(places[number % 2], list(pair))
    for number, missing in enumerate(GIVING):
        held = [*READS, *(scope for scope in GIVING if scope != missing)]
        yield f"without {missing}", operator(places[number % 2], held)
    yield "session of ada", session("ada", "default")
    yield "session of lee", session("lee", "system")
    yield "session with own scopes", session("root", "default", scopes=["read:x"])
    yield "session with own scopes in system", session("root", "system", scopes=["read:x"])
    yield "narrowed session", session("root", "default", narrow=[])
    yield "key of an administrator", key("root", "default", scopes=["*"])
    yield "key with a role", key("ada", "default", roles=["lead"])
    yield "token of a key", token_of(key("ada", "default", scopes=["*"]))
    rng = Random(0)
    for number in range(times(6, 2000)):
        scopes = rng.sample([*READS, *WRITES, "verify"], rng.randint(1, 10))
        yield f"random {number}", operator(places[number % 2], scopes)

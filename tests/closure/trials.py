"""A trial: one actor, three rounds of all that can be tried, and a look at everything that came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.closure import probes
from tests.closure.world import Credential, World
from tokenry.types import Owner

ROUNDS = 3
HELD_MAX = 6
SEEN_MAX = 8
CHANGED_MAX = 4


def trial(world: World, root: Credential, tries: Callable[[list[Credential]], Iterable[Credential]]) -> None:
    """Let `tries` do everything once with what is held, three times; fail when something may do more than `root`."""
    root.can = probes.can(world, root)
    most = probes.allowed(root.can) | _implied(world, root)
    if _home(world, root) == "default":
        world.places = ("default", "default", "default", "system")
    held = [root]
    for number in range(ROUNDS):
        made = list(tries(held))
        seen = world.rng.sample(made, min(SEEN_MAX, len(made)))
        for one in seen if number < ROUNDS - 1 else (*held, *seen):
            more = probes.can(world, one, most)
            assert not more, f"round {number}: what {one.made_by} gave may {sorted(more)}"
        for owner, place in world.rng.sample(sorted(world.changed), min(CHANGED_MAX, len(world.changed))):
            if probes.is_as_at_first(world, owner, place):  # of a change that was refused
                continue
            more = probes.can_now(world, owner, place, probes.of_owner(owner, place) | most)
            assert not more, f"round {number}: {owner} in {place} was given {sorted(more)}"
        world.changed.clear()
        held = [root, *world.rng.sample([*held[1:], *made], min(HELD_MAX, len(held) - 1 + len(made)))]


def _home(world: World, credential: Credential) -> str:
    by = credential.by(world)
    return str(by.tenant if isinstance(by, Owner) else by.tenant.slug)


def _implied(world: World, root: Credential) -> frozenset[str]:
    """Return what belongs to an actor beyond what it does at once: its sign-ins, its own keys, and those it issues."""
    found: set[str] = set()
    for place in ("default", "system"):
        if f"sessions:write @{place}" in root.can:
            found |= probes.of_sign_in(place)
        if f"keys:write @{place}" in root.can:  # a key reads what is its owner's, and the probes read pat's
            found |= probes.of_owner("pat", place)
    by = root.by(world)
    whole = root.owner or (by.owner if by.kind == "session" and by.session.scopes is None else None)
    if whole is not None and not getattr(by, "claims", {}).get("narrowed"):
        found |= probes.of_owner(whole.external_id, whole.tenant)
    return frozenset(found)

"""How limits stand: those of a key by itself, and those that it shares with other keys."""

from __future__ import annotations

from tokenry.core.counters import Want
from tokenry.core.limits import CountedLimit, LimitState, counted_for, key_limits, state, window_of
from tokenry.core.model import Key, Owner, Tenant, micros

from .context import Scene


def states(scene: Scene, key: Key) -> tuple[LimitState, ...]:
    """Return how every limit stands that a verification of a key takes from."""
    now, found = micros(scene.now), []
    owner = scene.rows.owners.get(scene.tenant, key.owner)
    for holder_id, limit in _counted(key, owner, scene.tenant):
        window = window_of(limit, now)
        # Before the store is asked: a share that comes between the two must not count twice.
        held = scene.context.held(holder_id, limit, window)
        taken = scene.rows.limits.taken(Want(scene.tenant.id, holder_id, limit, window, 0))
        found.append(state(limit, window, limit.limit - taken + held))
    return tuple(found)


def _counted(key: Key, owner: Owner | None, tenant: Tenant) -> list[tuple[str, CountedLimit]]:
    """Return the limits of a key, its owner and its tenant, each with the id of its holder."""
    own = key_limits(key.limits, owner.default_limits if owner else (), tenant.default_limits)
    counted = [(key.id, limit) for limit in counted_for("key", own)]
    if owner is not None:
        counted += [(owner.id, limit) for limit in counted_for("owner", owner.shared_limits)]
    return counted + [(tenant.id, limit) for limit in counted_for("tenant", tenant.shared_limits)]

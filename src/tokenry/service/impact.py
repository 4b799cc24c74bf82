"""The effects of revoking a key, from what the store holds."""

from __future__ import annotations

from collections import Counter

from tokenry.core.decide import OPERATOR_ENVIRONMENT
from tokenry.core.impact import COUNT_MAX, KeyImpact, SeenAddress, impact_of, since_of
from tokenry.core.model import Key
from tokenry.core.refusals import KEPT

from . import sessions, usage
from .context import Scene


def of_key(scene: Scene, key: Key) -> KeyImpact:
    """Return the effects of revoking a key, as far as the actor may know."""
    sees_usage, sees_sessions = (scene.actor.sees(key.owner, scope) for scope in (usage.READ, sessions.READ))
    return impact_of(
        key,
        scene.now,
        counts=_counts(scene, key) if sees_usage else None,
        refused_from=_refused_from(scene, key) if sees_usage else (),
        derives=bool(scene.rows.signing_keys.list(scene.tenant)),
        visit_count=_visit_count(scene, key) if sees_sessions else None,
        session_count=_session_count(scene, key) if sees_sessions else None,
    )


def _counts(scene: Scene, key: Key) -> Counter[str]:
    counts: Counter[str] = Counter()
    days = usage.days_before(scene.context)
    for hour in scene.rows.usage.list(scene.tenant, key.id, since_of(scene.now), days):
        counts[hour.code] += hour.count
    return counts


def _refused_from(scene: Scene, key: Key) -> list[SeenAddress]:
    found = scene.rows.refusals.list(scene.tenant, key_id=key.id, owner_id=None, before=None, limit=KEPT)
    return [SeenAddress(ip=one.ip, at=one.at, code=one.code) for one in found if one.ip is not None]


def _visit_count(scene: Scene, key: Key) -> int:
    """Count the visits that end with a key. Only operators' keys make links, and no visit outlasts its key."""
    if key.environment != OPERATOR_ENVIRONMENT or key.status != "active":
        return 0
    return scene.rows.portal.open_count(key.id, scene.now, COUNT_MAX)


def _session_count(scene: Scene, key: Key) -> int:
    owner = scene.rows.owners.get(scene.tenant, key.owner)
    if owner is None:
        return 0
    return len(scene.rows.sessions.living(scene.tenant, owner.id, None, scene.now, (), COUNT_MAX))

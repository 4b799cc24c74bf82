"""Which keys an actor sees and may change, and the fields of a key that are recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tokenry.core import fields
from tokenry.core.errors import Invalid, missing
from tokenry.core.ids import is_id
from tokenry.core.key_fields import TOLD
from tokenry.core.key_filter import MEMBERS, KeyFilter
from tokenry.core.mistakes import meant
from tokenry.core.model import KEY_STATUSES, NOT_GIVEN, Key

from .context import Change, Scene

READ = "tokenry:keys:read"
WRITE = "tokenry:keys:write"


def visible(scene: Scene, id: object, scope: str = READ, *, lock: bool = False) -> Key:
    """Return a key that the actor may see; raise NotFound, the same for unknown, foreign and malformed ids."""
    key = scene.rows.keys.get(scene.tenant, str(id), scene.now, lock=lock) if is_id("key", id) else None
    return seen(scene, key, id, scope)


def changeable(change: Change, id: object) -> Key:
    """Return a key that the actor may change, locked until the end of the transaction; raise NotFound."""
    key = visible(change, id, lock=True)
    change.actor.must_see(key.owner, WRITE, "key", id, change.tenant.slug)
    return key


def endable(change: Change, id: object) -> Key:
    """Return a key that the actor may end, which is also the key that it is itself; raise NotFound."""
    if not (is_id("key", id) and change.actor.is_key(str(id))):
        return changeable(change, id)
    return _itself(change, str(id), lock=True)


def renewable(scene: Scene, id: object, *, lock: bool = False) -> Key:
    """Return a key whose secret the actor may replace: one that it may change, or itself where the tenant allows it."""
    actor = scene.actor
    actor.must_not_be_replaced(str(id))
    if is_id("key", id) and actor.is_key(str(id)):
        if not actor.may(WRITE):
            actor.must_renew_itself(scene.tenant)
        return _itself(scene, str(id), lock=lock)
    key = visible(scene, id, lock=lock)
    actor.must_see(key.owner, WRITE, "key", id, scene.tenant.slug)
    actor.must_mint()
    return key


def given(asked: Mapping[str, object]) -> dict[str, object]:
    """Return the filters of a list that narrow it: None means any, and so does NOT_GIVEN."""
    return {name: value for name, value in asked.items() if value is not None and value is not NOT_GIVEN}


def read_filter(scene: Scene, asked: Mapping[str, object]) -> KeyFilter | None:
    """Read a filter, narrowed to what the actor may see; None when that is nothing at all."""
    errors: list[Any] = []
    asked = {name: value for name, value in asked.items() if value is not NOT_GIVEN}
    texts = [name for name in ("status", "environment", "text", *MEMBERS) if name in asked]
    given: Any = {name: fields.text(name, asked[name], errors, least=1, most=200) for name in texts}
    if given.get("status", "active") not in KEY_STATUSES:
        hint = meant(given["status"], KEY_STATUSES)
        raise Invalid.one("status", "unknown", f"must be one of {', '.join(KEY_STATUSES)}{hint}")
    if "expiring_within" in asked:
        most, within = timedelta(days=36_500), asked["expiring_within"]
        within = fields.length("expiring_within", within, errors, least=timedelta(0), most=most)
        given["expires_before"] = None if errors else scene.now + within
    if "last_used_before" in asked:
        used = given["last_used_before"] = fields.moment("last_used_before", asked["last_used_before"], errors)
        if used is None and not errors:
            raise Invalid.one("last_used_before", "not_a_moment", "must be a datetime with a time zone")
    fields.refuse(errors)
    owner_id = None
    if "owner" in asked:
        owner_id = scene.owner(asked["owner"], READ).id
    elif not scene.actor.may(READ):
        if scene.actor.owner is None or scene.actor.operator is not None:
            return None
        owner_id = scene.actor.owner.id
    return KeyFilter(owner_id=owner_id, **given)


def seen(scene: Scene, key: Key | None, id: object, scope: str = READ) -> Key:
    """Return the key if the actor may see it; raise NotFound, with the text that it was asked for by."""
    if key is None or not (scene.actor.may(scope) or _belongs(scene, key)):
        raise missing("key", id, scene.tenant.slug)
    return key


def _belongs(scene: Scene, key: Key) -> bool:
    """Tell whether a key is the actor's own, and not of a deleted owner who had the same external id."""
    owner = scene.actor.owner
    if owner is None or not scene.actor.sees(key.owner, READ):
        return False
    which = KeyFilter(owner_id=owner.id, ids=(key.id,))
    return bool(scene.rows.keys.list(scene.tenant, which, scene.now, before=None, limit=1))


def _itself(scene: Scene, id: str, *, lock: bool) -> Key:
    key = scene.rows.keys.get(scene.tenant, id, scene.now, lock=lock)
    if key is None:
        raise missing("key", id, scene.tenant.slug)
    return key


def recorded(key: Key) -> dict[str, Any]:
    """Return the fields of a key that audit entries and events contain."""
    return {name: getattr(key, name) for name in TOLD}

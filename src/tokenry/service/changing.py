"""Changing a living key: its fields, its switch, its secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tokenry.core import fields, key_fields
from tokenry.core.errors import Conflict, FieldError, Invalid, VersionConflict
from tokenry.core.model import NOT_GIVEN, Issued, Key, SecretInfo
from tokenry.core.ports import Clash, SecretRow
from tokenry.core.rotation import rotation_of

from . import crediting, granting, seeing
from .context import By, Change, Context
from .issuing import check_scopes, check_window, name_taken, new_secret, prefix_of, reissued
from .repeats import repeatable
from .roles import check_roles

_SELF_GRACE_MIN = timedelta(seconds=60)


def update(context: Context, id: str, given: Mapping[str, Any], if_version: int | None, tenant: Any, by: By) -> Key:
    """Change what is given."""
    expected = fields.version(if_version)
    try:
        with context.changing(tenant, by) as change:
            key = seeing.changeable(change, id)
            change.actor.must_mint()
            granting.must_strengthen(change, key, given)
            if expected is not None and key.version != expected:
                message = f"the key is at version {key.version}, not {expected}: read it again and decide anew"
                raise VersionConflict(message)
            if key.status == "revoked":
                raise Conflict("a revoked key cannot be changed", field="status")
            values = _read(change, key, given)
            before = {name: getattr(key, name) for name in values}
            changed = {name: value for name, value in values.items() if value != before[name]}
            if not changed:
                change.rows.keys.agree(change.tenant, key.id, values)
                change.drop_cached(tuple(change.rows.secrets.kids(change.tenant, [key.id])))
                return key
            if "credits" in changed:  # while the key still says what they were
                crediting.change_account(change, key, changed["credits"])
            # Write every requested value, even an equal one: somebody else may have written it into the row alone.
            change.rows.keys.update(change.tenant, key, values, change.now, version=None)
            was = {name: before[name] for name in changed}
            change.record("key.updated", key.id, was, changed, owner=key.owner)
            change.invalidate_keys(key.id)
            return _changed(key, changed, change.now)
    except Clash:
        raise name_taken(given.get("name")) from None


def _changed(key: Key, values: Mapping[str, Any], now: datetime) -> Key:
    """Return a key with other values, as it is read from now on."""
    expires_at = values.get("expires_at", key.expires_at)
    is_over = expires_at is not None and expires_at <= now
    status = key.status if key.status == "disabled" else "expired" if is_over else "active"
    return replace(key, **values, status=status, updated_at=now, version=key.version + 1)


def switch(context: Context, id: str, on: bool, tenant: Any, by: By) -> Key:
    """Switch a key on or off."""
    with context.changing(tenant, by) as change:
        key = seeing.changeable(change, id)
        if on:
            change.actor.must_mint()
            granting.must_strengthen(change, key, ("disabled_at",))
        if key.status == "revoked":
            raise Conflict("a revoked key stays revoked", field="status")
        # Even a call that changes nothing must invalidate cached verdicts.
        change.invalidate_keys(key.id)
        if on == (key.status != "disabled"):
            if not on:
                change.rows.secrets.confirm(change.tenant, [key.id], "disabled_at", change.now)
            return key
        disabled_at = None if on else change.now
        values = {"disabled_at": disabled_at, **({"enabled_at": change.now} if on else {})}
        change.rows.keys.update(change.tenant, key, values, change.now, version=None)
        change.record("key.enabled" if on else "key.disabled", key.id, owner=key.owner)
        return seeing.visible(change, id)


@dataclass(frozen=True, slots=True)
class Rotation:
    """A rotation that was asked for, and the key as it was then: if it is another one by now, somebody was faster."""

    seen: Key
    grace: timedelta
    idempotency_key: str | None


def rotate(context: Context, id: str, grace: object, tenant: Any, by: By, idempotency_key: str | None) -> Issued:
    """Give a live key a new secret."""
    return finish_rotation(context, begin_rotation(context, id, grace, tenant, by, idempotency_key), tenant, by)


def begin_rotation(
    context: Context, id: str, grace: object, tenant: Any, by: By, idempotency_key: str | None
) -> Rotation:
    """Read what is asked for, and the key as it is now."""
    errors: list[FieldError] = []
    lasts = fields.length("grace", grace, errors, least=timedelta(0), most=fields.GRACE_MAX)
    fields.refuse(errors)
    with context.reading(tenant, by) as scene:
        seen = seeing.renewable(scene, id)
        if scene.actor.is_key(seen.id) and idempotency_key is None and lasts < _SELF_GRACE_MIN:
            message = (
                f"a key that renews itself needs an idempotency key, or {_SELF_GRACE_MIN}: a lost answer is an outage"
            )
            raise Invalid.one("grace", "out_of_range", message)
    return Rotation(seen, lasts, idempotency_key)


def finish_rotation(context: Context, rotation: Rotation, tenant: Any, by: By) -> Issued:
    """Rotate a key that is still as it was when that was asked for."""
    for last in (rotation.idempotency_key is None, True):
        try:
            return _rotate(context, rotation, tenant, by)
        except Clash:  # the same call at the same moment: the second time its answer is found
            if last:
                raise VersionConflict("the key was rotated at the same moment") from None
    raise AssertionError("unreachable")


def _rotate(context: Context, rotation: Rotation, tenant: Any, by: By) -> Issued:
    seen, grace = rotation.seen, rotation.grace
    with context.changing(tenant, by) as change:
        key = seeing.renewable(change, seen.id, lock=True)
        granting.must_reveal(change, key)
        arguments = {"id": key.id, "grace": grace}
        repeat = repeatable(change, "keys.rotate", rotation.idempotency_key, arguments)
        if repeat is not None and repeat.saved is not None:
            change.drop_cached(tuple(change.rows.secrets.kids(change.tenant, [key.id])))
            return reissued(repeat)
        change.actor.must_be_current(key)
        if key.decoy:
            raise Conflict("a decoy has no secret that could be replaced: issue another decoy", field="decoy")
        if key.status != "active":
            raise Conflict(f"only a live key can be rotated, this one is {key.status}", field="status")
        if not change.rows.keys.update(change.tenant, key, {}, change.now, version=seen.version):
            raise VersionConflict("the key was changed at the same moment: read it again and decide anew")
        row, secret = new_secret(change, key.id, key.environment, repeat)
        change.rows.secrets.end(change.tenant, key.id, change.now, change.now + grace)
        change.rows.secrets.insert(change.tenant, [row])
        after = {"kid": row.kid, "replaces": [info.kid for info in key.secrets], "grace_seconds": grace}
        change.record("key.rotated", key.id, None, after, owner=key.owner)
        change.invalidate_keys(key.id)
        secrets = _after(change, key, row, grace)
        rotated = replace(key, version=key.version + 1, updated_at=change.now, secrets=secrets)
        rotated = replace(rotated, rotation=rotation_of(secrets, change.now))
        if repeat is not None:
            repeat.save(rotated, prefix_of(change, key.environment))
    return Issued(rotated, secret)


def _after(change: Change, key: Key, row: SecretRow, grace: timedelta) -> tuple[SecretInfo, ...]:
    """Return the secrets of a key after its rotation: the new one, and the one before if that has a grace."""
    new = SecretInfo(
        kid=row.kid, created_at=change.now, ends_at=None, last_used_at=None, last_used_ip=None, use_count=0
    )
    kept = [replace(info, ends_at=change.now + grace) for info in key.secrets if grace and info.ends_at is None]
    return (new, *kept)


def _read(change: Change, key: Key, given: Mapping[str, Any]) -> dict[str, Any]:
    """Read the given fields, as `issuing.read` does for a new key."""
    errors: list[FieldError] = []
    values = key_fields.read(given, errors)
    if "expires_in" in given or "expires_at" in given:
        ends = (given.get("expires_in", NOT_GIVEN), given.get("expires_at", NOT_GIVEN))
        values["expires_at"] = fields.expiry(change.tenant, change.now, *ends, errors)
    own = values.get("scopes", key.scopes)
    check_window(values.get("not_before", key.not_before), values.get("expires_at", key.expires_at), errors)
    added = tuple(scope for scope in own if scope not in key.scopes)
    roles = tuple(role for role in values.get("roles", ()) if role not in key.roles)
    check_scopes(change, added, key.environment, errors)
    if change.actor.may(seeing.WRITE):
        check_roles(change, roles, errors)
    fields.refuse(errors)
    granting.must_grant(change, added, roles, key.environment)
    return values

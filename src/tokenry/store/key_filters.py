"""The filters of a list of keys, and the orders it may have, as SQL."""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy import BindParameter, ColumnElement, Select, and_, exists, or_

from tokenry.core.fields import searchable
from tokenry.core.key_filter import MEMBERS, KeyFilter
from tokenry.core.model import micros

from .tables import key, secret
from .values import holds, like


def _is(status: str, now: int) -> ColumnElement[bool]:
    if status == "revoked":
        return key.c.revoked_at.is_not(None)
    if status == "disabled":
        return key.c.revoked_at.is_(None) & key.c.disabled_at.is_not(None)
    live = key.c.revoked_at.is_(None) & key.c.disabled_at.is_(None)
    if status == "expired":
        return live & (key.c.expires_at <= now)
    return live & or_(key.c.expires_at.is_(None), key.c.expires_at > now)


Moment: TypeAlias = int | BindParameter[int]
"""Microseconds, or the parameter of a statement that is compiled once."""


def expires_between(now: Moment, until: Moment) -> list[ColumnElement[bool]]:
    """Match the keys that are not revoked and expire by a moment, in the words of which an index knows both ends."""
    return [key.c.revoked_at.is_(None), key.c.expires_at.between(now + 1, until)]


def expires(now: Moment, until: Moment) -> ColumnElement[bool]:
    """Match the active keys that expire by a moment."""
    return and_(*expires_between(now, until), key.c.disabled_at.is_(None))


def filtered(query: Select[Any], which: KeyFilter, now: int) -> Select[Any]:
    if which.owner_id is not None:
        query = query.where(key.c.owner_id == which.owner_id)
    if which.status is not None:
        query = query.where(_is(which.status, now))
    for name, column in MEMBERS.items():
        member = getattr(which, name)
        if member is not None:
            query = query.where(holds(key.c[column], member))
    if which.environment is not None:
        query = query.where(key.c.environment == which.environment)
    if which.text is not None:
        query = query.where(key.c.search.like(like(searchable(which.text)), escape="\\"))
    if which.expires_before is not None:
        query = query.where(expires(now, micros(which.expires_before)))
    if which.last_used_before is not None:
        before = micros(which.last_used_before)
        since = (
            (secret.c.tenant_id == key.c.tenant_id) & (secret.c.key_id == key.c.id) & (secret.c.last_used_at >= before)
        )
        query = query.where(~exists().where(since))
    if which.ids is not None:
        query = query.where(key.c.id.in_(which.ids))
    return query


def between(query: Select[Any], before: str | None, until: str | None) -> Select[Any]:
    """Narrow a query to the keys between two ids: those in front of `before`, `until` included."""
    if before is not None:
        query = query.where(key.c.id < before)
    return query if until is None else query.where(key.c.id >= until)

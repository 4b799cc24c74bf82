"""Usage: how often keys were used, and writing down what was counted."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from operator import attrgetter
from typing import Generic, TypeVar, cast

from tokenry.core import fields
from tokenry.core.counters import Want
from tokenry.core.errors import FieldError, NotFound, StoreUnavailable
from tokenry.core.lists import is_list
from tokenry.core.mistakes import meant
from tokenry.core.model import NOT_GIVEN, NotGiven, OwnerId, UsageHour, micros, moment
from tokenry.core.ports import Pepper, Rows, Spent
from tokenry.core.usage_groups import GROUPS, GROUPS_MAX, KEYS_MAX, UsageAsked, UsageSummary

from . import seeing
from .context import SYSTEM, B, Context, Done

R = TypeVar("R", bound=tuple[str, str, int, int])

READ = "tokenry:usage:read"
_WEEK = timedelta(days=7)
_HOUR = timedelta(hours=1)
_NOTICES = ((1, 7), (1, 30), (1, None), (7, 30), (7, None), (30, None))
"""The days of each notice, with the notice that was the last one before; None for no notice yet."""
_BATCH = 200
_SLICE = 500
_place = attrgetter("place")


class Usage(Generic[B]):
    """How often the keys of a tenant were used, by hour and code."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def get(
        self,
        key_id: str,
        *,
        since: datetime | None = None,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> tuple[UsageHour, ...]:
        """Return the hours in which a key was presented, the oldest first; `flush` first for the last second.

        Usage older than `usage_hour_retention` comes by the day of UTC: `hour_count` is 24 there. A `since` within
        such a day means its beginning.
        """
        errors: list[FieldError] = []
        begin = fields.moment("since", since, errors) or moment(0)
        fields.refuse(errors)
        with self._context.reading(tenant, by) as scene:
            key = seeing.visible(scene, key_id, READ)
            return tuple(scene.rows.usage.list(scene.tenant, key.id, begin, days_before(self._context)))

    def summary(
        self,
        *,
        group_by: Sequence[str] = ("day", "code"),
        key_ids: Sequence[str] | None = None,
        owner: OwnerId | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 1000,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> UsageSummary:
        """Add up the usage of many keys, by any of key, owner, code, and day or hour of UTC.

        Without `key_ids` (100 at most) and `owner` it is that of the tenant. By default it is that of the last 7 days.
        Keys that do not exist, or that the actor may not see, have no usage. `limit` is how many groups are returned.
        """
        asked = read_asked(self._context, group_by, key_ids, since, until, limit)
        with self._context.reading(tenant, by) as scene:
            owner_id = None
            if owner is not None:
                owner_id = scene.owner(owner, READ).id
            elif not scene.actor.may(READ):
                if scene.actor.owner is None or scene.actor.operator is not None:
                    return UsageSummary(groups=())
                owner_id = scene.actor.owner.id
            return scene.rows.usage.summary(scene.tenant, replace(asked, owner_id=owner_id))


def read_asked(
    context: Context, group_by: object, key_ids: object, since: object, until: object, limit: object
) -> UsageAsked:
    """Read what usage is asked for; raise Invalid with every mistake."""
    errors: list[FieldError] = []
    groups = tuple(map(str, group_by)) if is_list(group_by) else ()
    if not groups or len({*groups}) < len(groups) or not {*groups} <= {*GROUPS} or {"day", "hour"} <= {*groups}:
        hint = next((meant(one, GROUPS) for one in groups if one not in GROUPS), "")
        errors.append(
            FieldError("group_by", "unknown", f"must be some of {', '.join(GROUPS)}, and not day and hour{hint}")
        )
    keys = None
    if key_ids is not None:
        given = tuple(key_ids) if is_list(key_ids) else ()
        keys = given if all(isinstance(one, str) for one in given) else ()
        if not 1 <= len(keys) <= KEYS_MAX:
            errors.append(FieldError("key_ids", "out_of_range", f"must be a list of 1 to {KEYS_MAX} ids of keys"))
    if type(limit) is not int or not 1 <= limit <= GROUPS_MAX:
        errors.append(FieldError("limit", "out_of_range", f"must be a number from 1 to {GROUPS_MAX}"))
    begin = context.now() - _WEEK if since is None else fields.moment("since", since, errors)
    end = context.now() + _HOUR if until is None else fields.moment("until", until, errors)
    by_day = days_before(context)
    if begin is not None and begin < by_day:
        if "hour" in groups:
            kept = f"usage by the hour is kept since {by_day:%Y-%m-%d}: ask since then, or group by day"
            errors.append(FieldError("since", "out_of_range", kept))
        begin = begin.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    fields.refuse(errors)
    assert begin is not None
    assert end is not None
    return UsageAsked(
        group_by=groups, since=micros(begin), until=micros(end), keys=keys, owner_id=None, limit=cast(int, limit)
    )


def days_before(context: Context) -> datetime:
    """Return the beginning of the first day of UTC whose usage is still kept by the hour."""
    return (context.now() - context.retention.usage_hours).replace(hour=0, minute=0, second=0, microsecond=0)


def ordered(spent: Sequence[Spent], rest: Callable[[], None]) -> list[Spent]:
    """Sort counts by the places of their rows, in slices between which others have their turn.

    500 rows here and there cost three times as much to write as 500 neighbours.
    """
    runs = []
    for begin in range(0, len(spent), _SLICE):
        runs.append(sorted(spent[begin : begin + _SLICE], key=_place))
        rest()
    found: list[Spent] = []
    merged = heapq.merge(*runs, key=_place)
    while part := list(islice(merged, _SLICE)):
        found += part
        rest()
    return found


def write(context: Context, spent: Sequence[Spent], peppers: Sequence[Pepper], *, wait: bool) -> Sequence[Spent]:
    """Write what was counted, and tell of keys that were used for the first time.

    Return the counts to write later, because others have locked their rows; with `wait` the call waits for the locks.
    """
    used: dict[str, list[str]] = {}
    done = []
    with context.store.change(durable=False) as rows:
        first, later = rows.usage.add(spent, wait=wait)
        for use in first:
            used.setdefault(use.tenant_id, []).append(use.key_id)
        for tenant_id, key_ids in used.items():
            tenant = rows.tenants.by_id(tenant_id)
            if tenant is not None:
                change = context.recording(rows, tenant)
                for key_id, owner in rows.keys.owners(tenant, key_ids).items():
                    change.tell("key.first_used", key_id, owner=owner)
                done.append(change.finish())
        done += _tell_old(context, rows, [one for one in spent if one.is_old and one.valid and one not in later])
        if peppers:
            rows.secrets.move_peppers(peppers)
    for one in done:
        context.announce(one)
    return later


def _tell_old(context: Context, rows: Rows, spent: Sequence[Spent]) -> Iterator[Done]:
    """Tell of secrets that were used after they were replaced, once an hour for each key."""
    for one in spent:
        place = rows.secrets.place(one.kid)
        tenant = rows.tenants.get(place[0]) if place is not None else None
        if place is not None and tenant is not None:
            _, key_id, owner = place
            change = context.recording(rows, tenant)
            if rows.watch.first_notice(tenant, key_id, "old_secret", change.now):
                used = {"kid": one.kid, "ip": one.last_used_ip}
                change.tell("key.old_secret_used", key_id, used, owner=owner)
                yield change.finish()


def give_back(
    context: Context, wants: Sequence[Want], credits: Sequence[R], keep: Callable[[Sequence[R]], None]
) -> None:
    """Return unspent credits, and unspent units of limits; `keep` credits if they are certainly not returned."""
    if credits:
        is_written = False
        try:
            with context.store.change(durable=False) as rows:
                for tenant_id, key_id, epoch, units in credits:
                    rows.credits.give_back(tenant_id, key_id, epoch, units)
                is_written = True
        except StoreUnavailable:
            # Written credits may be committed. Returned a second time, they would be more than there were.
            if not is_written:
                keep(credits)
            raise
    for begin in range(0, len(wants), _BATCH):
        with context.store.change(durable=False) as rows:
            rows.limits.give_back(wants[begin : begin + _BATCH])


def tell_failed(context: Context, failed: dict[tuple[str, str], int]) -> None:
    """Write one event per tenant about the credentials that were refused lately.

    Each tenant with an event is taken out of `failed`. One that fails is moved to the end, for the next time.
    """
    by_tenant: dict[str, dict[str, int]] = {}
    for (slug, code), count in failed.items():
        by_tenant.setdefault(slug, {})[code] = count
    for slug, counts in by_tenant.items():
        taken = {(slug, code): failed.pop((slug, code)) for code in counts}
        try:
            with suppress(NotFound), context.changing(slug or SYSTEM, NOT_GIVEN) as change:  # deleted meanwhile
                change.record("auth.failed", slug, None, {"counts": counts})
        except BaseException:
            failed |= taken
            raise


def tell_forged(context: Context, kids: list[str]) -> None:
    """Write down that the rows of some secrets were changed by somebody without the keyring.

    Each secret that is recorded is taken out of `kids`. One that fails is moved to the end, for the next time. Where
    this process only lacks a secret of the keyring, the log has told so and nothing was tampered with.
    """
    while kids:
        kid = kids.pop(0)
        try:
            with context.store.read() as rows:
                place = None if rows.secrets.is_signed_elsewhere(kid) else rows.secrets.place(kid)
            if place is not None:
                slug, key_id, owner = place
                with suppress(NotFound), context.changing(slug, NOT_GIVEN) as change:
                    change.record("key.tampered", key_id, None, {"kid": kid}, owner=owner)
        except BaseException:
            kids.append(kid)
            raise


def tell_expiring(context: Context) -> bool:
    """Raise `key.expiring` once for every key at 30, 7 and 1 days; a key that is near gets the nearest notice only.

    Tells of one batch; returns whether there is more to tell, for which others need not wait.
    """
    with context.store.read() as rows:
        notices = [(days, rows.keys.unannounced(days, last, context.now(), _BATCH)) for days, last in _NOTICES]
    near: set[str] = set()
    for days, found in notices:
        by_tenant: dict[str, list[str]] = {}
        for slug, key_id in found:
            if key_id not in near:
                by_tenant.setdefault(slug, []).append(key_id)
                near.add(key_id)
        for slug, key_ids in by_tenant.items():
            with suppress(NotFound), context.changing(slug, NOT_GIVEN) as change:
                result = change.rows.keys.announce(change.tenant, key_ids, days)
                for key_id, owner in change.rows.keys.owners(change.tenant, result).items():
                    change.record("key.expiring", key_id, None, {"within": timedelta(days=days)}, owner=owner)
        if len(found) == _BATCH:
            return True
    return False

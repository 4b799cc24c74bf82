"""Limits for things that are no keys, and how those of a key stand: its own, and those that it shares with others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic

from tokenry.core import fields
from tokenry.core.counters import Subject, Want
from tokenry.core.decide import COST_MAX
from tokenry.core.errors import FieldError, NestedCall
from tokenry.core.limits import (
    CountedLimit,
    Limit,
    LimitsTaken,
    LimitState,
    check_list,
    counted_for,
    key_limits,
    state,
    window_of,
)
from tokenry.core.model import NOT_GIVEN, Key, NotGiven, Owner, Tenant, micros
from tokenry.core.verdict import Refused, states_of

from .context import B, Context, Scene


class Limits(Generic[B]):
    """Limits for things that are no keys: addresses, mailboxes, jobs."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def take(
        self,
        name: str,
        subject: str,
        *,
        limits: Sequence[Limit | Mapping[str, object]],
        cost: int = 1,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> LimitsTaken:
        """Take `cost` units of all limits of a subject, or of none; the answer is falsy when one is used up.

        `name` says what is limited, such as `emails`, and `subject` for whom. Nothing is set up before: the call brings
        the limits. They hold over all processes.
        """
        errors: list[FieldError] = []
        name = fields.text("name", name, errors, least=1, most=64)
        subject = fields.text("subject", subject, errors, least=1, most=200)
        asked = check_list("limits", limits, errors)
        if not asked and not errors:
            errors.append(FieldError("limits", "missing", "name at least one limit"))
        if not isinstance(cost, int) or isinstance(cost, bool) or not 0 <= cost <= COST_MAX:
            errors.append(FieldError("cost", "out_of_range", f"must be a whole number from 0 to {COST_MAX}"))
        fields.refuse(errors)
        take = self._context.take
        if self._context.is_joined or take is None:
            raise NestedCall("limits.take has a transaction of its own: call it outside of using()")
        with self._context.reading(tenant, by) as scene:
            scene.actor.must("tokenry:limits:write", "taking from limits")
            tenant_id = scene.tenant.id
        taken = take(Subject(tenant_id, name, subject, counted_for("subject", asked)), cost)
        if isinstance(taken, Refused):
            return LimitsTaken(False, taken.limits, taken.retry_after, taken.limited_by)
        return LimitsTaken(True, states_of(taken))


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

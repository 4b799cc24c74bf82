"""Explaining a key without its secret: the result of a verification, check by check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenry.core.codes import CHECKS
from tokenry.core.credits import CreditState
from tokenry.core.decide import failures, read_ask
from tokenry.core.errors import missing
from tokenry.core.grant import Row, compile_row, with_owner
from tokenry.core.limits import LimitState
from tokenry.core.model import NOT_GIVEN, Key, micros
from tokenry.core.scopes import ScopesAsked
from tokenry.core.verdict import Check, Explanation, lacking

from .context import Context


def explain(
    context: Context,
    key: Key,
    standing: tuple[tuple[LimitState, ...], CreditState | None],
    scopes: ScopesAsked | None,
    ip: object,
    cost: int,
) -> Explanation:
    """Evaluate every check for the current secret of a key that the actor sees, and take nothing.

    `standing` says how its limits and credits stand.
    """
    ask = read_ask(scopes, ip, cost, key.tenant, key.environment, None)
    if key.decoy:
        known: dict[str, bool] = {"malformed": True, "not_found": False}
        return Explanation("not_found", tuple([Check(code, known.get(code)) for code in CHECKS]))
    kid = key.secrets[0].kid if key.secrets else _ended_secret(context, key)
    row = None if kid is None else context.store.find(kid)
    if row is None:
        raise missing("key", key.id, key.tenant)
    failed = set(failures(compile_row(_as_host_says(context, row)), ask, micros(context.now())))
    failed.update(lacking(*standing, ask.cost))
    checks = tuple([Check(code, code not in failed) for code in CHECKS])
    return Explanation(next((code for code in CHECKS if code in failed), "valid"), checks)


def _ended_secret(context: Context, key: Key) -> str | None:
    """Return the kid of a secret of a key whose secrets have all ended: its record lists none of them."""
    with context.reading(key.tenant, NOT_GIVEN) as scene:
        return next(iter(scene.rows.secrets.kids(scene.tenant, [key.id])), None)


def _as_host_says(context: Context, row: Row) -> Row:
    """Return a row with what the host says about its owner."""
    load = context.owner_loader()
    if load is None:
        return row
    facts: Any = load(str(compile_row(row).external_id), row.slug)
    if isinstance(facts, Mapping):
        return with_owner(row, facts)
    if facts is None or facts is False:
        row.owner_status = "disabled"
    return row

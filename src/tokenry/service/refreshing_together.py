"""Refreshes that are asked for at the same time, in one transaction: a commit costs as much for one as for many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tokenry.core.errors import StoreUnavailable, TokenryError
from tokenry.core.model import NOT_GIVEN, NotGiven, SessionTokens
from tokenry.core.trace import read_trace
from tokenry.core.verdict import Refused

from .context import Change, Context
from .refreshing import Answered, Asked, attempt, read, refresh_alone, signed
from .signing_keys import Signers


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshing:
    """One refresh with the arguments of `sessions.refresh`, and its origin for the audit log."""

    refresh: str
    access: str | None = None
    scopes: Sequence[str] | None = None
    client_id: str | NotGiven | None = NOT_GIVEN
    tenant: str | None = None
    ip: str | None = None
    request_id: str | None = None
    traceparent: str | None = None

    def __repr__(self) -> str:
        return "Refreshing(…)"


Result: TypeAlias = SessionTokens | Refused | Exception
_Place: TypeAlias = tuple[int, Context, Asked]


def refresh_together(context: Context, asks: Sequence[Refreshing]) -> list[Result]:
    """Do many refreshes; return for each, in order, what `sessions.refresh` returns or the error that it raises."""
    signers = context.signers
    assert signers is not None
    results: list[Any] = [None] * len(asks)
    places: list[_Place] = []
    for place, ask in enumerate(asks):
        own = context.scoped(ip=ask.ip, request_id=ask.request_id, trace=read_trace(ask.traceparent))
        try:
            asked = read(own, signers, ask.refresh, ask.access, ask.scopes, ask.client_id, ask.tenant)
        except TokenryError as error:
            results[place] = error
            continue
        if isinstance(asked, Refused):
            results[place] = asked
        else:
            places.append((place, own, asked))
    # In one order everywhere: two processes that refresh the same sessions must not wait for each other.
    places.sort(key=lambda one: one[2].parsed.kid)
    try:
        answers = _commit(context, signers, places) if context.owner_loader() is None else _apart(places)
    except StoreUnavailable:
        raise
    except Exception:  # one that cannot be done, and nothing is written yet: each by itself, so that it harms no other
        answers = _apart(places)
    for (place, own, asked), answered in zip(places, answers, strict=True):
        results[place] = _result(own, signers, asked, answered)
    return results


def _commit(context: Context, signers: Signers, places: Sequence[_Place]) -> list[Answered | Refused | None]:
    """Decide all in one transaction; None is one where somebody else was faster, to be done again by itself."""
    answers: list[Answered | Refused | None] = []
    changes: dict[str, Change] = {}
    if not places:
        return answers
    with context.spans.change(places[0][1].trace) as span:
        with context.store.change() as rows:
            for _, own, asked in places:
                answered, change = attempt(own, rows, signers.policy, asked)
                answers.append(answered)
                if change is not None:
                    first = changes.setdefault(change.tenant.id, change)
                    if first is not change:
                        first.take(change)
            all_done = [change.finish() for change in changes.values()]
        for done in all_done:
            context.announce(done)
        span.done(*all_done)
    return answers


def _apart(places: Sequence[_Place]) -> list[Answered | Refused | None]:
    """Return None for each refresh, so that each is done by itself.

    Refreshes are done apart where a host answers for owners. The host may be slow, and its answers are written to the
    rows of owners, which two transactions with many sessions would lock in different orders.
    """
    return [None] * len(places)


def _result(context: Context, signers: Signers, asked: Asked, answered: Answered | Refused | None) -> Result:
    try:
        if answered is None:
            return refresh_alone(context, signers, asked)
        return answered if isinstance(answered, Refused) else signed(context, signers, answered)
    except Exception as error:
        return error

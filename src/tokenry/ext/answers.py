"""The refusals of a protected application, and the header fields about a caller's limits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from tokenry.edge import credit_fields, limit_fields, problems
from tokenry.edge.problems import KINDS, Kind, Problem
from tokenry.types import Valid

_KINDS: Final = {
    **KINDS,
    "credential_missing": Kind(401, "", "This needs a credential: send `Authorization: Bearer …`, or sign in."),
    "wrong_kind": Kind(403, "", "The credential is good, and of a kind that is not accepted here."),
    "unknown_user": Kind(401, "", "The user that the credential belongs to does not exist any more."),
}


def problem(code: str, detail: str = "") -> Problem:
    """Return the problem of a code that no verdict has."""
    return problems.problem(code, detail, kinds=_KINDS)


def limits_of(verdict: Valid) -> list[tuple[str, str]]:
    """Return the header fields with the caller's remaining limits and credits; most verdicts have none."""
    limits, credits = verdict.limits, verdict.credits
    if not limits and credits is None:
        return []
    now = datetime.now(UTC)
    return limit_fields(limits, now) + credit_fields(credits, now)

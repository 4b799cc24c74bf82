"""Runs operations. Most operations are a call of the library; the others have a function here."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeAlias

import msgspec

from tokenry.edge import Refreshing, reads_at_once, shares_changes
from tokenry.edge import failures as problems
from tokenry.edge.problems import Failed, problem
from tokenry.imports import ImportResult, ImportSummary
from tokenry.operations import OPERATIONS, Operation
from tokenry.operations.answers import write_issued
from tokenry.types import Explanation, Issued, TokenryError, VersionConflict

from ..threads import in_thread
from .callers import Call

Arguments: TypeAlias = dict[str, Any]

_QUICK: Final = frozenset(("limit", "cursor", "after"))
_SLOW: Final = frozenset(
    ("audit.head", "doctor.examine", "exports.list", "usage.get", "keys.facets", "keys.impact", "keys.usage")
)
"""Reads that write (a log is sealed before its end is shown), or that read any number of rows."""
_SHORT: Final = frozenset(("keys.update", "keys.disable", "keys.enable", "keys.revoke", "self.revoke"))
"""Changes of one key, which need no transaction of their own."""


async def perform(operation: Operation, call: Call, slug: str, given: Arguments) -> Any:
    """Run the operation and return its result; raise the errors of the library."""
    waits = _AWAITED.get(operation.id)
    if waits is not None:
        return await waits(call, slug, given)
    do = partial(_do, operation, call, slug, given)
    if (
        operation.verb == "GET"
        and operation.id not in _SLOW
        and given.keys() <= {*_QUICK, *operation.in_path}
        and reads_at_once(call.tk)
    ):
        return do()
    if operation.id in _SHORT and shares_changes(call.tk):
        return await call.writer.change(lambda groups: _do(operation, call.within(groups), slug, given))
    return await in_thread(do)


def _do(operation: Operation, call: Call, slug: str, given: Arguments) -> Any:
    special = _SPECIAL.get(operation.id)
    if special is not None:
        return special(call, slug, given)
    noun = "usage" if operation.id == "keys.usage" else operation.noun
    name = operation.method.__name__
    return getattr(getattr(call.groups(slug), noun), name)(**given)


async def _issue(call: Call, slug: str, given: Arguments) -> Issued:
    if "idempotency_key" in given:
        return await in_thread(partial(call.groups(slug).keys.issue, **given))
    return await call.gatherer.issue(call, slug, given)


async def _refresh(call: Call, slug: str, given: Arguments) -> Any:
    values: dict[str, Any] = {"ip": call.ip, "request_id": call.request_id, "traceparent": call.traceparent}
    return await call.refresher.refresh(Refreshing(**given, tenant=slug, **values))


def _issue_many(call: Call, slug: str, given: Arguments) -> list[dict[str, Any]]:
    def result(one: Issued | TokenryError) -> dict[str, Any]:
        if isinstance(one, Issued):
            return {**write_issued(one), "error": None}
        return {
            "key": None,
            "secret": None,
            "error": problems.of(one, OPERATIONS["keys.issue"].wire_name).document(call.request_id),
        }

    return [result(one) for one in call.groups(slug).keys.issue_many(given["keys"])]


def _revoke_where(call: Call, slug: str, given: Arguments) -> dict[str, Any]:
    done = call.groups(slug).keys.revoke_where(**given)
    counts = {"revoked_count": done.revoked_count, "refused_count": done.refused_count}
    return {"dry_run": given.get("dry_run", True), "items": done.items, **counts, "next_cursor": done.next_cursor}


def _import(call: Call, slug: str, given: Arguments) -> ImportSummary:
    results: list[ImportResult] = []
    done = call.groups(slug).imports.run(**given, each=results.append)
    return msgspec.structs.replace(done, results=tuple(results))


def _update(call: Call, slug: str, given: Arguments) -> Any:
    try:
        return call.groups(slug).keys.update(**given)
    except VersionConflict as error:
        if given.get("if_version") is not None:
            raise Failed(problem("version_mismatch", error.message)) from None
        raise


def _self(call: Call, slug: str, given: Arguments) -> dict[str, Any]:
    valid = call.valid
    return {
        "key": valid.key,
        "owner": valid.owner,
        "tenant": call.home,
        "scopes": valid.scopes,
        "limits": valid.limits,
        "credits": valid.credits,
    }


async def _rotate(call: Call, slug: str, given: Arguments) -> Any:
    """Rotate a key as it was at the time of the request: of two concurrent requests, one gets a conflict."""
    asked = {"grace": OPERATIONS["keys.rotate"].parameters["grace"].default, **given}
    if not shares_changes(call.tk):
        return await in_thread(call.groups(slug).keys.rotate, **asked)
    begin = partial(call.groups(slug).keys._begin_rotation, **asked)
    rotation = begin() if reads_at_once(call.tk) else await in_thread(begin)
    return await call.writer.change(lambda groups: call.within(groups).groups(slug).keys._finish_rotation(rotation))


async def _self_rotate(call: Call, slug: str, given: Arguments) -> Any:
    grace = OPERATIONS["self.rotate"].parameters["grace"].default
    return await _rotate(call, call.home, {"id": call.key_id, "grace": grace, **given})


def _self_revoke(call: Call, slug: str, given: Arguments) -> Any:
    return call.groups(call.home).keys.revoke(call.key_id, **given)


def _explain(call: Call, slug: str, given: Arguments) -> Explanation:
    """Explain a credential. To an operator of a tenant, credentials of other tenants look like unknown ones."""
    named = given.pop("tenant", None)
    tenant = named if call.everywhere else call.tenant(named)
    found = call.tk.explain(given.pop("credential"), **given, tenant=tenant)
    if call.everywhere or found.code != "not_found":
        return found
    shown = ("malformed", "not_found")
    checks = [one if one.code in shown else dataclasses.replace(one, passed=None) for one in found.checks]
    return dataclasses.replace(found, checks=tuple(checks))


def _get_tenant(call: Call, slug: str, given: Arguments) -> Any:
    return call.groups(call.home).tenants.get(call.tenant(given["slug"]))


_AWAITED: Final[dict[str, Callable[[Call, str, Arguments], Awaitable[Any]]]] = {
    "keys.issue": _issue,
    "keys.rotate": _rotate,
    "self.rotate": _self_rotate,
    "sessions.refresh": _refresh,
}
_SPECIAL: Final[dict[str, Callable[[Call, str, Arguments], Any]]] = {
    "explain": _explain,
    "imports.run": _import,
    "keys.issue_many": _issue_many,
    "keys.revoke_where": _revoke_where,
    "keys.update": _update,
    "leaks.report": lambda call, slug, given: call.report(**given),
    "self.get": _self,
    "self.revoke": _self_revoke,
    "tenants.get": _get_tenant,
}

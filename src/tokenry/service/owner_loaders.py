"""The function with which a host answers for the owners of keys."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TypeAlias

from tokenry.core.errors import ConfigError

OwnerLoader: TypeAlias = Callable[[str, str], object]
"""Answers for an owner by external id and tenant: a mapping of its fields, True, or None (False) for none."""


def checked_loader(load: OwnerLoader) -> OwnerLoader:
    """Return an owner loader whose answers are checked: one that says nothing we know must not let anybody in."""
    if not callable(load) or any(
        kind(call)
        for call in (load, getattr(load, "__call__", None))  # noqa: B004 an object may be asynchronous by its call
        for kind in (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    ):
        raise ConfigError("owner_loader takes a plain function of (external_id, tenant) that does not wait")

    def answer(external_id: str, tenant: str) -> object:
        facts = load(external_id, tenant)
        if facts is None or facts is True or facts is False or isinstance(facts, Mapping):
            return facts
        if inspect.iscoroutine(facts):
            facts.close()
        raise ConfigError(
            f"the owner loader answered with {type(facts).__name__}; it returns a mapping of fields, True, or None"
        )

    return answer

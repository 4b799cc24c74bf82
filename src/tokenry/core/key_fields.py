"""The fields of a key that callers set: one line each, with the function that reads a value and the default.

`issue`, `update`, audit entries, events and the checks of the HTTP API take the fields from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from . import addresses, credits, fields, idle, limits, scopes
from .errors import FieldError
from .model import NOT_GIVEN

Read: TypeAlias = Callable[[str, Any, list[FieldError]], Any]


class Field(NamedTuple):
    """One field. `read` returns the clean value and appends every mistake to the errors.

    `later` marks a field that an older version does not know.
    """

    read: Read
    default: Any = None
    later: bool = False


TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,31}", re.ASCII)


def _tags(field: str, value: object, errors: list[FieldError]) -> tuple[str, ...]:
    """Return up to 20 short labels, each once."""
    rule = "is not a tag: use 1 to 32 of [A-Za-z0-9_.:-], the first a letter or a digit"
    return fields.labels(field, value, errors, TAG, most=20, code="bad_tag", rule=rule)


def _flag(field: str, value: object, errors: list[FieldError]) -> bool:
    if not isinstance(value, bool):
        errors.append(FieldError(field, "not_a_bool", "must be True or False"))
    return value is True


FIELDS: Final[Mapping[str, Field]] = {
    "name": Field(fields.name),
    "description": Field(fields.prose, ""),
    "scopes": Field(scopes.check_list, ()),
    "roles": Field(fields.roles, ()),
    "allowed_ips": Field(addresses.check_list, ()),
    "limits": Field(limits.check_list, ()),
    "environment": Field(fields.environment, "live"),
    "not_before": Field(fields.moment),
    "metadata": Field(fields.metadata),
    "tags": Field(_tags, (), later=True),
    "credits": Field(credits.check, later=True),
    "decoy": Field(_flag, False, later=True),
    "max_idle": Field(idle.check, later=True),
}
ARGUMENTS: Final[Mapping[str, Any]] = {
    "owner": None,
    **{name: field.default for name, field in FIELDS.items()},
    "expires_in": NOT_GIVEN,
    "expires_at": NOT_GIVEN,
}
"""The arguments of a new key with their defaults. The owner and the name are required."""

TOLD: Final = ("owner", *FIELDS, "expires_at")
"""The fields that audit entries and events show."""

LATER: Final = frozenset(name for name, field in FIELDS.items() if field.later)

CHECKS: Final[Mapping[str, Read]] = {
    name: field.read for name, field in FIELDS.items() if field.read not in (fields.moment, idle.check)
}
"""The functions that read fields whose values are the same in Python and in JSON."""


def pick(names: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the named arguments out of the `locals()` of a call."""
    return {name: values[name] for name in names if name in values}


def compared(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that a repeat of a call must share with it.

    An empty `later` field is left out: a call that was saved before the upgrade is repeated after it.
    """
    return {name: value for name, value in asked.items() if value or name not in LATER}


def read(asked: Mapping[str, Any], errors: list[FieldError]) -> dict[str, Any]:
    """Read the fields that are given, and append every mistake to `errors`."""
    return {
        name: _OF_DEFAULTS[name]
        if asked[name] is field.default and name in _OF_DEFAULTS
        else field.read(name, asked[name], errors)
        for name, field in FIELDS.items()
        if name in asked
    }


_OF_DEFAULTS: Final[Mapping[str, Any]] = {
    name: field.read(name, field.default, []) for name, field in FIELDS.items() if field.default is not None
}
"""The clean values of defaults. Most fields of most keys have theirs."""

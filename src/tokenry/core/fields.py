"""Reading what callers pass: every function returns a clean value and names everything wrong in `errors`."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from .errors import FieldError, Invalid, shown
from .model import NOT_GIVEN, NotGiven, Tenant

NAME_MAX = 100
TEXT_MAX = 1000
METADATA_MAX = 8192
GRACE_MAX = timedelta(days=365)
ROLE_MAX = 64
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_ROLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_ENVIRONMENT = re.compile(r"[a-z][a-z0-9]{0,11}", re.ASCII)
_CONTROL = frozenset(("Cc", "Cs", "Zl", "Zp"))

Errors = list[FieldError]


def text(field: str, value: object, errors: Errors, *, least: int = 0, most: int = TEXT_MAX) -> str:
    """Return a trimmed text of a fitting length without control characters (line breaks are fine in long texts)."""
    if not isinstance(value, str):
        errors.append(FieldError(field, "not_a_text", "must be a text"))
        return ""
    value = value.strip()
    if len(value) < least:
        errors.append(FieldError(field, "blank", f"must have at least {least} character{'s'[: least > 1]}"))
    if len(value) > most:
        errors.append(FieldError(field, "too_long", f"may have at most {most} characters, this has {len(value)}"))
    allowed = "" if most <= NAME_MAX else "\n\t"
    if any(unicodedata.category(c) in _CONTROL and c not in allowed for c in value):
        errors.append(FieldError(field, "control_character", "may not hold control characters"))
    return value


def name(field: str, value: object, errors: Errors) -> str:
    """Return a name of 1 to 100 characters after trimming."""
    return text(field, value, errors, least=1, most=NAME_MAX)


def slug(field: str, value: object, errors: Errors) -> str:
    """Return the slug of a tenant."""
    if not isinstance(value, str) or not _SLUG.fullmatch(value):
        errors.append(FieldError(field, "bad_slug", "must be 1 to 63 of [a-z0-9-], not beginning or ending with '-'"))
        return ""
    return value


def environment(field: str, value: object, errors: Errors) -> str:
    """Return an environment, which is a part of the prefix of its keys."""
    if not isinstance(value, str) or not _ENVIRONMENT.fullmatch(value) or value == "rt":
        errors.append(
            FieldError(field, "bad_environment", "must be 1 to 12 of [a-z0-9] beginning with a letter, and not 'rt'")
        )
        return ""
    return value


def roles(field: str, value: object, errors: Errors) -> tuple[str, ...]:
    """Return names of roles, each once."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        errors.append(FieldError(field, "not_a_list", "roles are a list of names"))
        return ()
    names = tuple(dict.fromkeys(value))
    errors.extend(
        FieldError(field, "bad_role", f"{shown(n)} is not a role name: use 1 to {ROLE_MAX} of [A-Za-z0-9_.-]")
        for n in names
        if not (isinstance(n, str) and _ROLE.fullmatch(n))
    )
    return names


def metadata(field: str, value: object, errors: Errors) -> Mapping[str, Any]:
    """Return metadata: a mapping of texts to what JSON can hold, at most 8 KiB of it."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(k, str) for k in value):
        errors.append(FieldError(field, "not_a_mapping", "metadata is a mapping with texts as keys"))
        return {}
    try:
        encoded = json.dumps(dict(value), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        errors.append(
            FieldError(field, "not_json", "metadata may only hold what JSON can: texts, numbers, lists, mappings")
        )
        return {}
    if len(encoded) > METADATA_MAX:
        errors.append(FieldError(field, "too_long", f"metadata may have at most {METADATA_MAX} bytes as JSON"))
    clean: Mapping[str, Any] = json.loads(encoded)
    return clean


def moment(field: str, value: object, errors: Errors) -> datetime | None:
    """Return an aware moment, or None for None."""
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        errors.append(FieldError(field, "not_a_moment", "must be a datetime with a time zone"))
        return None
    return value


def length(field: str, value: object, errors: Errors, *, least: timedelta, most: timedelta) -> timedelta:
    """Return a length of time within bounds."""
    if not isinstance(value, timedelta):
        errors.append(FieldError(field, "not_a_length", "must be a timedelta"))
        return least
    if not least <= value <= most:
        errors.append(FieldError(field, "out_of_range", f"must be from {least} to {most}"))
    return value


def expiry(
    tenant: Tenant,
    now: datetime,
    expires_in: timedelta | NotGiven | None,
    expires_at: datetime | NotGiven | None,
    errors: Errors,
) -> datetime | None:
    """Return when a key expires: by default as the tenant says, never only by an explicit None."""
    if expires_in is not NOT_GIVEN and expires_at is not NOT_GIVEN:
        errors.append(FieldError("expires_at", "ambiguous", "give expires_in or expires_at, not both"))
        return None
    field, value = ("expires_at", expires_at) if expires_in is NOT_GIVEN else ("expires_in", expires_in)
    if value is NOT_GIVEN:
        return now + tenant.expires_in_default
    if value is None:
        if not tenant.never_allowed:
            errors.append(FieldError(field, "never_not_allowed", f"keys of tenant {tenant.slug!r} must expire"))
        return None
    if isinstance(value, datetime):
        clean = moment(field, value, errors)
        value = None if clean is None else clean - now
        if value is None:
            return None
    if not isinstance(value, timedelta):
        errors.append(FieldError(field, "not_a_length", "expires_in is a timedelta, expires_at a datetime"))
        return None
    if not timedelta(seconds=1) <= value <= tenant.expires_in_max:
        errors.append(
            FieldError(field, "out_of_range", f"a key may live from 1 second to {tenant.expires_in_max.days} days")
        )
        return None
    return now + value


def limit_of_page(value: object) -> int:
    """Return the size of a page, 1 to 100."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 100:
        raise Invalid.one("limit", "out_of_range", "a page has 1 to 100 items")
    return value


def refuse(errors: Errors) -> None:
    """Raise Invalid with all errors, if there are any."""
    if errors:
        raise Invalid(errors)

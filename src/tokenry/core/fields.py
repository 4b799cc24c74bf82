"""Reading what callers pass: every function returns a clean value and names everything wrong in `errors`."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from . import limits
from .errors import LIST_MAX, FieldError, Invalid, shown
from .lists import is_list
from .model import NOT_GIVEN, Tenant
from .plurals import counted
from .secret import holds_credential

NAME_MAX = 100
TEXT_MAX = 1000
METADATA_MAX = 8192
DEPTH_MAX = 32
HOLDS_CREDENTIAL = "holds a key or a token, which everybody who reads the record would see: take it out and rotate it"
GRACE_MAX = timedelta(days=365)
ROLE_MAX = 64
BULK_MAX = 1000
"""So many keys one call of a bulk change may be limited to."""
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_ROLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_ENVIRONMENT = re.compile(r"[a-z][a-z0-9]{0,11}", re.ASCII)
_CONTROL = frozenset(("Cc", "Cs", "Zl", "Zp"))
# Characters that reverse the direction of writing: they make one name look like another.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Combining accents of Latin, Greek and Cyrillic letters, and the dotless i, whose capital is `I`.
_ACCENTS = {**dict.fromkeys(range(0x300, 0x370)), 0x131: "i"}

Errors = list[FieldError]


def text(field: str, value: object, errors: Errors, *, least: int = 0, most: int = TEXT_MAX) -> str:
    """Return a trimmed text of one line and of a fitting length, composed (NFC), without control characters."""
    clean = _trimmed(field, value, errors, least, most)
    # No forbidden character is printable, so most texts need no look at each character.
    if not clean.isprintable() and any(c in _BIDI or unicodedata.category(c) in _CONTROL for c in clean):
        message = "may hold neither control characters nor such as change the direction of writing"
        errors.append(FieldError(field, "control_character", message))
    return clean


def prose(field: str, value: object, errors: Errors, *, most: int = TEXT_MAX) -> str:
    """Return a trimmed text that may have several lines, each ending in a line feed alone."""
    if isinstance(value, str):
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    clean = _trimmed(field, value, errors, 0, most)
    if not clean.isprintable() and any(unicodedata.category(c) in _CONTROL and c not in "\n\t" for c in clean):
        errors.append(FieldError(field, "control_character", "may hold no control characters but line breaks and tabs"))
    return clean


def _trimmed(field: str, value: object, errors: Errors, least: int, most: int) -> str:
    if not isinstance(value, str):
        errors.append(FieldError(field, "not_a_text", "must be a text"))
        return ""
    value = unicodedata.normalize("NFC", value).strip()
    if len(value) < least:
        errors.append(FieldError(field, "blank", f"must have at least {counted(least, 'character')}"))
    if len(value) > most:
        errors.append(FieldError(field, "too_long", f"may have at most {most} characters, this has {len(value)}"))
    elif holds_credential(value):
        errors.append(FieldError(field, "holds_credential", HOLDS_CREDENTIAL))
    return value


def check_texts(**given: object) -> None:
    """Raise Invalid for arguments that are neither texts nor left out."""
    for field, value in given.items():
        if value is not None and value is not NOT_GIVEN and not isinstance(value, str):
            raise Invalid.one(field, "not_a_text", f"{field} is a text, not {type(value).__name__}")


def check_bool(field: str, value: object) -> None:
    """Raise Invalid for anything but True and False: "false" must not count as true, nor None as false."""
    if value is not True and value is not False:
        raise Invalid.one(field, "bad_type", f"{field} is True or False, not {type(value).__name__}")


def folded(name: str) -> str:
    """Return the form in which names are compared: without case, and with accents composed."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def searchable(*texts: str) -> str:
    """Return the form of texts in which lists search: without case, accents and compatibility forms.

    `Ärger`, `ÄRGER` and `arger` are alike, and so are `Straße` and `STRASSE`. The database stores this form, so that
    SQLite and PostgreSQL find the same: their own case rules differ.
    """
    text = "\n".join(texts)
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFKD", text).translate(_ACCENTS)


def name(field: str, value: object, errors: Errors) -> str:
    """Return a name of 1 to 100 characters after trimming."""
    return text(field, value, errors, least=1, most=NAME_MAX)


def is_slug(value: str) -> bool:
    """Tell whether a text can be the slug of a tenant."""
    return _SLUG.fullmatch(value) is not None


def slug(field: str, value: object, errors: Errors) -> str:
    """Return the slug of a tenant."""
    if not isinstance(value, str) or not is_slug(value):
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
    rule = f"is not a role name: use 1 to {ROLE_MAX} of [A-Za-z0-9_.-]"
    return labels(field, value, errors, _ROLE, most=LIST_MAX, code="bad_role", rule=rule)


def labels(
    field: str, value: object, errors: Errors, pattern: re.Pattern[str], *, most: int, code: str, rule: str
) -> tuple[str, ...]:
    """Return texts that match a pattern, in their order and each once. `rule` says why a text fails."""
    if not is_list(value):
        errors.append(FieldError(field, "not_a_list", f"{field} are a list of texts"))
        return ()
    listed = tuple(islice(value, most + 1))
    if len(listed) > most:
        errors.append(FieldError(field, "too_many", f"at most {most} {field} are allowed"))
        return ()
    clean: dict[str, None] = {}
    for one in listed:
        if isinstance(one, str) and pattern.fullmatch(one):
            clean[one] = None
        else:
            errors.append(FieldError(field, code, f"{shown(one)} {rule}"))
    return tuple(clean)


def owner(values: Mapping[str, object]) -> dict[str, Any]:
    """Return the given fields of an owner, checked; raise Invalid with every mistake."""
    errors: Errors = []
    clean: dict[str, Any] = {}
    for field, value in values.items():
        if field == "roles":
            clean[field] = roles(field, value, errors)
        elif field in ("default_limits", "shared_limits"):
            clean[field] = limits.check_list(field, value, errors)
        elif field == "admin":
            if not isinstance(value, bool):
                errors.append(FieldError(field, "not_a_bool", "must be True or False"))
            clean[field] = value
        elif field == "email" and value is None:
            clean[field] = None
        else:
            clean[field] = text(field, value, errors, most=320)
    refuse(errors)
    return clean


def metadata(field: str, value: object, errors: Errors) -> Mapping[str, Any]:
    """Return metadata: a mapping of texts to what JSON can hold, at most 8 KiB and 32 levels of it."""
    if value is None or (value.__class__ is dict and not value):
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(k, str) for k in value):
        errors.append(FieldError(field, "not_a_mapping", "metadata is a mapping with texts as keys"))
        return {}
    try:
        encoded = json.dumps(dict(value), allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        errors.append(
            FieldError(field, "not_json", "metadata may only hold what JSON can: texts, numbers, lists, mappings")
        )
        return {}
    if len(encoded) > METADATA_MAX:
        errors.append(FieldError(field, "too_long", f"metadata may have at most {METADATA_MAX} bytes as JSON"))
        return {}
    if holds_credential(encoded.decode()):
        errors.append(FieldError(field, "holds_credential", HOLDS_CREDENTIAL))
    clean: Mapping[str, Any] = json.loads(encoded)
    if not _fits(clean, DEPTH_MAX):  # other readers of the metadata read no deeper
        errors.append(FieldError(field, "too_deep", f"metadata may be nested at most {DEPTH_MAX} levels deep"))
        return {}
    return clean


def _fits(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    parts = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_fits(part, levels - 1) for part in parts)


def moment(field: str, value: object, errors: Errors) -> datetime | None:
    """Return an aware moment in UTC, or None for None. One beyond the years of UTC could be stored and never read."""
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        errors.append(FieldError(field, "not_a_moment", "must be a datetime with a time zone"))
        return None
    try:
        return value.astimezone(UTC)
    except OverflowError:
        errors.append(FieldError(field, "out_of_range", "lies before the year 1 or after the year 9999 in UTC"))
        return None


def length(field: str, value: object, errors: Errors, *, least: timedelta, most: timedelta) -> timedelta:
    """Return a length of time within bounds."""
    if not isinstance(value, timedelta):
        errors.append(FieldError(field, "not_a_length", "must be a timedelta"))
        return least
    if not least <= value <= most:
        errors.append(FieldError(field, "out_of_range", f"must be from {spoken(least)} to {spoken(most)}"))
    return value


def spoken(length: timedelta) -> str:
    """Return a length in whole days, or in seconds."""
    count, unit = (length.days, "day") if length >= timedelta(days=1) else (int(length.total_seconds()), "second")
    return counted(count, unit)


def expiry(tenant: Tenant, now: datetime, expires_in: object, expires_at: object, errors: Errors) -> datetime | None:
    """Return when a key expires: by default as the tenant says, never only by an explicit None."""
    if expires_in is not NOT_GIVEN and expires_at is not NOT_GIVEN:
        errors.append(FieldError("expires_at", "ambiguous", "give a length of life or a moment of expiry, not both"))
        return None
    field, value = ("expires_at", expires_at) if expires_in is NOT_GIVEN else ("expires_in", expires_in)
    if value is NOT_GIVEN:
        return now + tenant.expires_in_default
    if value is None:
        if not tenant.never_allowed:
            errors.append(FieldError(field, "never_not_allowed", f"keys of tenant {shown(tenant.slug)} must expire"))
        return None
    if field == "expires_at":
        at = moment(field, value, errors)
        value = None if at is None else at - now
    elif not isinstance(value, timedelta):
        errors.append(FieldError(field, "not_a_length", "expires_in is a timedelta, expires_at a datetime"))
    if not isinstance(value, timedelta):
        return None
    if not timedelta(seconds=1) <= value <= tenant.expires_in_max:
        errors.append(
            FieldError(field, "out_of_range", f"a key may live from 1 second to {tenant.expires_in_max.days} days")
        )
        return None
    return now + value


def version(value: object) -> int | None:
    """Return the version that a change expects, or None for any."""
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise Invalid.one("if_version", "not_a_number", "if_version is the version of the key that you have read")
    return value


def limit_of_page(value: object) -> int:
    """Return the size of a page, 1 to 100."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 100:
        raise Invalid.one("limit", "out_of_range", "a page has 1 to 100 items")
    return value


def keys_listed(value: Any) -> list[Any]:
    """Return the keys of `issue_many`."""
    return list(_listed("keys", value, "issue_many takes a list of mappings, one for each key"))


def key_listed(value: Any) -> Mapping[Any, Any]:
    """Return one key of `issue_many`."""
    if not isinstance(value, Mapping):
        raise Invalid.one("keys", "not_a_mapping", "each key is given as a mapping of the arguments of `issue`")
    return value


def rows_listed(value: Any) -> Iterable[Any]:
    """Return the rows of an import."""
    return _listed("rows", value, "an import takes the rows as a list, each a mapping or a line of JSON")


def _listed(name: str, value: Any, message: str) -> Iterable[Any]:
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes, Mapping)):
        raise Invalid.one(name, "not_a_list", message)
    return value


def limit_of_bulk(value: object, noun: str = "key") -> int | None:
    """Return how many rows a call may change at most, 1 to 1,000; None when it changes all."""
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= BULK_MAX):
        most = f"one call takes 1 to {counted(BULK_MAX, noun)}; leave `limit` out for all"
        raise Invalid.one("limit", "out_of_range", most)
    return value


def refuse(errors: Errors) -> None:
    """Raise Invalid with all errors, if there are any."""
    if errors:
        raise Invalid(errors)

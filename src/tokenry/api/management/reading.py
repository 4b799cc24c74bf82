"""Reads a request as the arguments of a call. One error names every mistake, by the names of the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, TypeAlias, get_args, get_origin
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec
from msgspec import UNSET, Struct, ValidationError
from msgspec.structs import fields as fields_of

from tokenry.edge import ERRORS_MAX, KEY_CHECKS, LIST_MAX, mistakes
from tokenry.edge.asgi import Fields
from tokenry.edge.failures import of as problem_of
from tokenry.edge.problems import Failed, problem
from tokenry.operations import Operation
from tokenry.operations.fields import LENGTH_SECONDS_MAX, LENGTHS, CreditsBody, HeadBody, LimitBody, length, on_wire
from tokenry.operations.operation import HEADERS
from tokenry.types import Credits, FieldError, Head, Invalid, Limit

from ..bodies import of_type

_PAIRS_MAX: Final = 200
_IF_MATCH = re.compile(r'"[0-9]{1,15}"')

Query: TypeAlias = list[tuple[str, str]]


class Reader:
    """Reads the requests of one operation."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._request = operation.request
        self._fields = {} if self._request is None else {one.encode_name: one for one in fields_of(self._request)}
        self._query = set(self._fields) if operation.reads_query else set()
        if operation.in_tenant:
            self._query.add("tenant")

    def arguments(self, query: Query, body: Any, headers: Fields) -> dict[str, Any]:
        """Return the arguments that a request gives; raise Failed with every mistake.

        `body` is the decoded JSON, None for no body.
        """
        errors: list[FieldError] = []
        asked = self._read_query(query, errors)
        given = self._read_headers(headers, errors)
        if self._operation.in_tenant:
            asked.pop("tenant", None)
        if self._operation.reads_query or self._request is None:
            _check_stray(body, errors)
            given |= self._converted(asked, errors)
        else:
            given |= self._of_body(body, errors)
        if errors:  # their fields have the names of the wire already
            raise Failed(problem_of(Invalid(errors)))
        return {**self._operation.defaults, **given}

    def _read_query(self, pairs: Query, errors: list[FieldError]) -> dict[str, Any]:
        """Return the query by its names. Refuse unknown and repeated filters: ignored, they match too much."""
        asked: dict[str, Any] = {}
        for name, value in pairs:
            if name not in self._query:
                mistakes.name_unknown([name], self._query, errors, what="a parameter of this request", spelled=on_wire)
            elif name == "types":
                asked.setdefault(name, []).append(value)
            elif name in asked:
                errors.append(mistakes.duplicate(name))
            else:
                asked[name] = value
        if not 1 <= len(asked.get("tenant", "x")) <= 63:
            errors.append(FieldError("tenant", "out_of_range", "is the slug of a tenant, 1 to 63 characters"))
        return asked

    def _read_headers(self, headers: Fields, errors: list[FieldError]) -> dict[str, Any]:
        """Return the arguments in header fields. An ignored condition would allow the change that it should prevent."""
        given: dict[str, Any] = {}
        for argument, name in HEADERS.items():
            wanted = name.lower().encode()
            values = [value.decode("latin-1") for field, value in headers if field == wanted]
            if len(values) > 1:
                errors.append(mistakes.duplicate(name))
            elif values and argument in self._operation.headers:
                given[argument] = _of_header(name, values[0], errors)
            elif values and name == "If-Match" and self._operation.verb != "GET":
                errors.append(mistakes.unknown(name, "is accepted by PATCH of a key alone"))
        return given

    def _converted(self, asked: dict[str, Any], errors: list[FieldError]) -> dict[str, Any]:
        """Return the arguments of a query."""
        if self._request is None:
            return {}
        try:
            return _arguments(msgspec.convert(asked, self._request, strict=False))
        except ValidationError:
            _read_fields(self._request, asked, errors, strict=False)
            return {}

    def _of_body(self, found: Any, errors: list[FieldError]) -> dict[str, Any]:
        """Return the arguments of a body; if the request has mistakes, the body is read field by field."""
        assert self._request is not None
        if found is None:
            if any(one.required for one in self._fields.values()):
                errors.append(FieldError("body", "missing", "is needed: a JSON object"))
            return {}
        known = len(errors)
        if not errors:
            with suppress(ValidationError):
                return _arguments(msgspec.convert(found, self._request))
        clean = _read_fields(self._request, found, errors)
        if len(errors) == known:
            try:
                return _arguments(msgspec.convert(clean, self._request))
            except ValidationError as error:
                errors.append(of_type("body", error))
        return {}


def check_url(raw: bytes) -> None:
    """Raise Failed for a URL that is not UTF-8: two that differ would be read as the same."""
    try:
        unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise Failed(problem("bad_request", "The part of the URL behind % is not UTF-8.")) from None


def read_query(query: bytes) -> Query:
    """Return the parameters of a query; raise Failed."""
    check_url(query)
    try:
        return parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_PAIRS_MAX) if query else []
    except ValueError:
        raise Failed(problem("bad_request", f"The query has more than {_PAIRS_MAX} parameters.")) from None


def named_tenant(query: Query) -> str | None:
    """Return the tenant that a query names."""
    return next((value for name, value in query if name == "tenant"), None)


def _of_header(name: str, value: str, errors: list[FieldError]) -> str | int | None:
    if name == "If-Match":
        if _IF_MATCH.fullmatch(value):
            return int(value[1:-1])
        errors.append(FieldError(name, "bad_version", 'is the `ETag` of the key that you read, such as "3"'))
    elif 1 <= len(value) <= 255:
        return value
    else:
        errors.append(FieldError(name, "out_of_range", "must have 1 to 255 characters"))
    return None


def _check_stray(found: Any, errors: list[FieldError]) -> None:
    """Name the fields of a body that the operation does not read, instead of ignoring them in silence."""
    if isinstance(found, dict):
        mistakes.name_unknown(found, (), errors)
    elif found is not None:
        errors.append(FieldError("body", "not_empty", "this request has no body"))


def _read_fields(
    kind: type[Struct], found: Any, errors: list[FieldError], place: str = "", *, strict: bool = True
) -> dict[str, Any]:
    """Read a value field by field and name every mistake; return the fields, in which 5.0 is 5 where 5 is asked for."""
    if not isinstance(found, Mapping):
        errors.append(mistakes.not_an_object(place))
        return {}
    fields = {one.encode_name: one for one in fields_of(kind)}
    mistakes.name_unknown(found, fields, errors, place, spelled=on_wire)
    clean: dict[str, Any] = {}
    for name, one in fields.items():
        if name in found:
            clean[name] = _read_field(one, found[name], errors, mistakes.within(place, name), strict)
        elif one.required:
            errors.append(mistakes.missing(mistakes.within(place, name)))
    return clean


def _read_field(one: Any, value: Any, errors: list[FieldError], place: str, strict: bool) -> Any:
    items = _struct_in(one.type)
    if items in (LimitBody, CreditsBody):  # the engine checks these
        items = None
    if items is not None and isinstance(value, list):
        return _read_items(items, value, errors, place)
    if items is not None and isinstance(value, dict) and not _takes_list(one.type):
        return _read_fields(items, value, errors, place)
    value = _whole(value) if one.name in _NUMBERS else value
    before = len(errors)
    try:
        msgspec.convert(value, one.type, strict=strict)
    except ValidationError as error:
        errors.append(of_type(place, error))
    if one.name in _CHECKS and strict and value is not None:
        named = errors[before:]
        del errors[before:]
        _CHECKS[one.name](place, value, errors)
        errors += named if len(errors) == before else []
    return value


def _read_items(kind: type[Struct], found: list[Any], errors: list[FieldError], place: str) -> list[Any]:
    """Read the objects of a list, until there are more mistakes than an error names."""
    if len(found) > LIST_MAX:
        errors.append(FieldError(place, "too_many", f"holds at most {LIST_MAX} objects, these are {len(found)}"))
        return found
    clean = []
    for number, one in enumerate(found):
        if len(errors) > ERRORS_MAX:
            break
        clean.append(_read_fields(kind, one, errors, mistakes.item(place, number)))
    return clean


_NUMBERS: Final = frozenset(
    ("cost", "credits", "limits", "default_limits", "shared_limits", "limit", "position", "after")
)
"""The types that expect a whole number. In JSON 5.0 and 5 are the same number."""


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return {name: _whole(one) for name, one in value.items()} if isinstance(value, dict) else value


def _check_length(field: str, value: object, errors: list[FieldError]) -> None:
    if isinstance(value, (int, float)) and not 0 < value <= LENGTH_SECONDS_MAX:
        errors.append(
            FieldError(field, "out_of_range", f"must be more than 0 and at most {LENGTH_SECONDS_MAX} seconds")
        )


_CHECKS: Final[dict[str, Any]] = {
    **KEY_CHECKS,
    "default_limits": KEY_CHECKS["limits"],
    "shared_limits": KEY_CHECKS["limits"],
    **dict.fromkeys(("expires_in", "max_idle"), _check_length),
}
"""The checks of the engine, for the fields of a request that never reaches it because another field is wrong."""


def _struct_in(kind: Any) -> Any:
    """Return the struct that a type consists of, alone or as a list of it."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        return kind
    if get_origin(kind) in (dict, Mapping):
        return None
    found = [one for part in get_args(kind) if (one := _struct_in(part)) is not None]
    return found[0] if found else None


def _takes_list(kind: Any) -> bool:
    return get_origin(kind) is list or any(_takes_list(part) for part in get_args(kind))


def _arguments(found: Struct) -> dict[str, Any]:
    """Return the fields that a request has, as arguments of the library."""
    given: dict[str, Any] = {}
    for name in found.__struct_fields__:
        value = getattr(found, name)
        if value is UNSET:
            continue
        if name in LENGTHS and value is not None:
            value = length(value)
        elif name in ("limits", "default_limits", "shared_limits"):
            value = [Limit(one.name, one.limit, one.window_seconds) for one in value]
        elif name == "keys":
            value = [_arguments(one) for one in value]
        elif value.__class__ is CreditsBody:
            value = Credits(**{field: getattr(value, field) for field in CreditsBody.__struct_fields__})
        elif value.__class__ is HeadBody:
            value = Head(**{field: getattr(value, field) for field in HeadBody.__struct_fields__})
        given[name] = value
    return given

"""What requests may say, field by field. The engine has the last word on every value; here stands what JSON must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from fastapi import Header, Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, JsonValue, WithJsonSchema
from pydantic_core import CoreSchema

from tokenry.edge import KEY_CHECKS
from tokenry.types import FieldError

DAYS_MAX: Final = 36_500
_TURNING: Final = r"\u2028-\u202E\u2066-\u2069"
_LINE: Final = rf"[^\x00-\x1F\x7F-\x9F{_TURNING}]"
LINE: Final = rf"^{_LINE}*$"
_NAME: Final = rf"^{_LINE}*[^\x00-\x20\x7F-\xA0\s{_TURNING}]{_LINE}*$"
_PROSE: Final = r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F\u2028\u2029]*$"
SCOPE: Final = r"^([a-z0-9_.-]+|\*)(:([a-z0-9_.-]+|\*))*$"
ENVIRONMENT: Final = r"^[a-z][a-z0-9]{0,11}$"
_ROLE: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"


def _moment(value: object) -> datetime:
    """Read a moment as RFC 3339 writes it, and nothing else that a number or a text might mean."""
    if isinstance(value, datetime):
        return value
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and len(value) >= 20 else None
        if found is not None and found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("must be a moment with a time zone, such as 2026-12-31T18:00:00Z")


def _whole(value: object) -> object:
    """Read 5.0 as 5: to JSON they are the same number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Checks: TypeAlias = Mapping[str, Callable[[str, object, list[FieldError]], object]]
"""What the engine says about the values of some fields, of a body that does not come as far as the engine."""


class Body(BaseModel):
    """A body, in which unknown fields and other types are refused."""

    checks: ClassVar[Checks] = {}
    model_config = ConfigDict(extra="forbid", strict=True)

    def given(self) -> dict[str, Any]:
        """Return the fields that the request has, as arguments of the library."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class Told:
    """The bounds of a value, as the reference shows them. The engine checks them, and names all mistakes at once."""

    def __init__(self, **bounds: Any) -> None:
        self._bounds = bounds

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema of the type with the bounds in it."""
        return {**handler(core), **self._bounds}


Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Days = Annotated[
    float,
    Told(minimum=0.0000116, maximum=DAYS_MAX),
    Field(description="A number of days; a second is 0.0000116."),
]
Whole = Annotated[int, BeforeValidator(_whole)]
Name = Annotated[str, Told(minLength=1, maxLength=100, pattern=_NAME)]
Scope = Annotated[str, Told(minLength=1, maxLength=64, pattern=SCOPE, examples=["read:projects"])]
Scopes = Annotated[list[Scope], Field(max_length=1000)]
RoleName = Annotated[str, Told(pattern=_ROLE, examples=["developer"])]
Roles = Annotated[list[RoleName], Field(max_length=1000)]
Environment = Annotated[str, Told(pattern=ENVIRONMENT, examples=["live"])]
Line = Annotated[str, Told(maxLength=320, pattern=LINE)]
Prose = Annotated[str, Told(maxLength=1000, pattern=_PROSE)]
Reason = Annotated[str, Field(max_length=500, pattern=_PROSE)]
Address = Annotated[str, Told(minLength=1, maxLength=64, examples=["203.0.113.0/24"])]
Addresses = Annotated[list[Address], Field(max_length=1000)]
Owner = Annotated[str, Field(min_length=1, max_length=255, pattern=LINE, examples=["user-42"])]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", examples=["default"])]
Metadata = dict[str, JsonValue]
Credential = Annotated[str, Field(min_length=1, max_length=8192)]


class LimitBody(Body):
    """At most `limit` requests in every window of `window_seconds`."""

    name: Annotated[str, Told(pattern=r"^[a-z0-9][a-z0-9_.-]{0,31}$", examples=["per-minute"])]
    limit: Annotated[Whole, Told(minimum=1, maximum=10**12)]
    window_seconds: Annotated[Whole, Told(minimum=1, maximum=366 * 86_400)]


Limits = Annotated[list[LimitBody], Field(max_length=8)]


def days(value: float | None) -> timedelta | None:
    """Return a number of days as a length, and None for never. The longest there is stands for any that is longer."""
    try:
        return None if value is None else timedelta(days=value)
    except OverflowError:
        return timedelta.max


def check_days(field: str, value: object, errors: list[FieldError]) -> None:
    """Name a number of days that is too small or too large wherever it stands."""
    if isinstance(value, (int, float)) and not 0 < value <= DAYS_MAX:
        errors.append(FieldError(field, "out_of_range", f"must be more than 0 and at most {DAYS_MAX}"))


def check_limits(field: str, value: object, errors: list[FieldError]) -> None:
    """Name wrong limits, in which 5.0 is 5 as everywhere."""
    if isinstance(value, list):
        value = [{name: _whole(one[name]) for name in one} if isinstance(one, dict) else one for one in value]
    KEY_CHECKS["limits"](field, value, errors)


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="A repeat with the same one gets the same answer, secret included, for ten minutes.",
    ),
]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", pattern=r'^"[0-9]{1,15}"$', description="The `ETag` of the key that was read."),
]
KeyId = Annotated[str, Path(description="The id of a key.", examples=["key_01k9v5m0q2x8r7c4t6y3w1"])]
Slugged = Annotated[str, Path(description="The slug of a tenant.", examples=["default"])]
ExternalId = Annotated[str, Path(description="The owner's id in your own system.", examples=["user-42"])]
NewExternalId = Annotated[
    str,
    Path(min_length=1, max_length=255, pattern=LINE, description="The owner's id in your own system."),
]
RolePath = Annotated[str, Path(description="The name of a role.", examples=["developer"])]
NewRolePath = Annotated[str, Path(pattern=_ROLE, description="The name of a role.", examples=["developer"])]
Limit = Annotated[int, Query(ge=1, le=100, description="How many items a page has at most.")]
Cursor = Annotated[
    str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,2048}$", description="`next_cursor` of the page before.")
]
Text = Annotated[str | None, Query(min_length=1, max_length=200)]
Tenant = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=63,
        description="The slug of the tenant; by default the caller's own, for operators of the installation `default`.",
    ),
]

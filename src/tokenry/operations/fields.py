"""The types of arguments on the wire: one line for each name, with the bounds and the example that the reference shows.

Bounds in `_schema` are for the reader only: the engine checks such a value and names every mistake at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from ..core.credits import ON_EXPIRY, REFILLS, ZONE_MAX
from ..core.fields import BULK_MAX
from ..core.key_filter import SORTS
from ..core.key_page import KEYS_MAX as KEYS_OF_OWNER
from ..core.key_page import PERMISSIONS
from ..core.leaks import ON_LEAK
from ..core.limits import COUNT_MAX, WINDOW_MAX
from ..core.model import KEY_STATUSES
from ..core.targets import URL_MAX
from ..core.usage_groups import GROUPS, GROUPS_MAX, KEYS_MAX
from ..core.webhooks import DELIVERY_STATUSES

_TURNING: Final = r"\u2028-\u202E\u2066-\u2069"
_CHARACTER: Final = rf"[^\x00-\x1F\x7F-\x9F{_TURNING}]"
_LINE: Final = rf"^{_CHARACTER}*$"
_NAME: Final = rf"^{_CHARACTER}*[^\x00-\x20\x7F-\xA0\s{_TURNING}]{_CHARACTER}*$"
_PROSE: Final = r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F\u2028\u2029]*$"
_SCOPE: Final = r"^([a-z0-9_.-]+|\*)(:([a-z0-9_.-]+|\*))*$"
_ENVIRONMENT: Final = r"^[a-z][a-z0-9]{0,11}$"
_ROLE: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_TAG: Final = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,31}$"
_PREFIX: Final = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
_SLUG: Final = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
LENGTH_SECONDS_MAX: Final = 36_500 * 86_400


def _schema(**schema: Any) -> Meta:
    return Meta(extra_json_schema=schema)


def _text(least: int, most: int, **schema: Any) -> Any:
    return Annotated[str, Meta(min_length=least, max_length=most, extra_json_schema=schema)]


Json: TypeAlias = "Mapping[str, Any]"
Flag: TypeAlias = Annotated[bool, _schema(examples=[False])]
Name = Annotated[str, _schema(minLength=1, maxLength=100, pattern=_NAME, examples=["CI"])]
Line = Annotated[str, _schema(maxLength=320, pattern=_LINE, examples=["Ada Lovelace"])]
Email = Annotated[str, _schema(maxLength=320, pattern=_LINE, examples=["ada@example.com"])]
Prose = Annotated[str, _schema(maxLength=1000, pattern=_PROSE, examples=["The key of the build server."])]
Scope = Annotated[str, _schema(minLength=1, maxLength=64, pattern=_SCOPE, examples=["read:projects"])]
Scopes = Annotated[list[Scope], Meta(max_length=1000)]
Role = Annotated[str, _schema(pattern=_ROLE, examples=["developer"])]
Roles = Annotated[list[Role], Meta(max_length=1000)]
Address = Annotated[str, _schema(minLength=1, maxLength=64, examples=["203.0.113.0/24"])]
Addresses = Annotated[list[Address], Meta(max_length=1000)]
Tag = Annotated[str, _schema(pattern=_TAG, examples=["billing"])]
Environment = Annotated[str, _schema(pattern=_ENVIRONMENT, examples=["live"])]
Owner = Annotated[str, Meta(min_length=1, max_length=255, pattern=_LINE, examples=["user-42"])]
Slug = Annotated[str, _schema(pattern=_SLUG, examples=["acme"])]
Moment = Annotated[datetime, Meta(tz=True, examples=["2027-01-31T18:00:00Z"])]
Seconds = Annotated[
    float, _schema(exclusiveMinimum=0, maximum=LENGTH_SECONDS_MAX, description="In seconds.", examples=[2_592_000])
]
Within = Annotated[float, Meta(ge=0, le=LENGTH_SECONDS_MAX, description="In seconds.", examples=[604_800])]
Status = Annotated[str, _schema(enum=list(KEY_STATUSES), examples=["active"])]
Credential = _text(1, 8192, examples=["tk_live_1…"])
Token = _text(0, 8192, examples=["tk_rt_1…"])
Audience = _text(1, 255, pattern=_LINE, examples=["https://api.example.com"])
_AUDIENCE: Any = Audience | Annotated[list[Audience], Meta(min_length=1, max_length=20)]  # type: ignore[valid-type]
Reason = Annotated[str, Meta(max_length=500, pattern=_PROSE, examples=["left the company"])]
Amount = Annotated[int, _schema(minimum=1, maximum=COUNT_MAX, examples=[500])]
HeldFor = Annotated[float, _schema(minimum=1, maximum=30 * 86_400, description="In seconds.", examples=[600])]
VisitLife = Annotated[float, _schema(minimum=60, maximum=86_400, description="In seconds.", examples=[3600])]
LinkedUrl = Annotated[str, _schema(minLength=1, maxLength=2048, examples=["https://app.example.com/settings"])]
EventTypes = Annotated[list[str], Meta(max_length=100, description="Types or patterns."), _schema(examples=[["key.*"]])]
FoundAt = Annotated[
    str, _schema(maxLength=4096), Meta(description="Where it was found.", examples=["https://example.com/a.py"])
]
DeliveryStatus = Annotated[str, _schema(enum=list(DELIVERY_STATUSES), examples=["failed"])]
GroupsMost = Annotated[
    int, _schema(minimum=1, maximum=GROUPS_MAX, examples=[1000]), Meta(description="How many groups at most.")
]
BulkMost = Annotated[
    int, _schema(minimum=1, maximum=BULK_MAX, examples=[200]), Meta(description="How many at most; all without.")
]
DryHandOver = Annotated[bool, Meta(description="Only count the keys that would be handed over.")]
DryReplay = Annotated[bool, Meta(description="Only count what would be sent.")]
AskedScopes = Annotated[
    str | list[Any] | dict[str, Any],
    _schema(
        description='One scope, a list (all of them), or nested `{"all": […]}` and `{"any": […]}`.',
        examples=[["read:projects"]],
    ),
]


class LimitBody(msgspec.Struct, forbid_unknown_fields=True):
    """At most `limit` requests in every window of `window_seconds`."""

    name: Annotated[str, _schema(pattern=r"^[a-z0-9][a-z0-9_.-]{0,31}$", examples=["per-minute"])]
    limit: Annotated[int, _schema(minimum=1, maximum=COUNT_MAX, examples=[100])]
    window_seconds: Annotated[int, _schema(minimum=1, maximum=WINDOW_MAX, examples=[60])]


class CreditsBody(msgspec.Struct, forbid_unknown_fields=True):
    """`amount` credits, ever or again from each refill."""

    amount: Annotated[int, _schema(minimum=0, maximum=COUNT_MAX, examples=[10_000])]
    refill: Annotated[str, _schema(enum=list(REFILLS), examples=["monthly"])] | None = None
    refill_day: Annotated[
        int,
        _schema(minimum=1, maximum=31, description="Of a monthly refill. A shorter month has it on its last day."),
    ] = 1
    shared: Annotated[bool, _schema(description="Faster; a process that is killed loses the credits it had taken.")] = (
        False
    )


class HeadBody(msgspec.Struct, forbid_unknown_fields=True):
    """A head as `GET /v1/audit/head` returned it."""

    tenant: _text(0, 64, examples=["default"])  # type: ignore[valid-type]
    position: Annotated[int, Meta(ge=0, le=(1 << 53) - 1, examples=[42])]
    chain: _text(0, 200)  # type: ignore[valid-type]
    at: Moment
    signature: _text(0, 200)  # type: ignore[valid-type]


ARGUMENTS: Final[dict[str, Any]] = {
    "access": Annotated[
        Token,
        _schema(examples=["eyJhbGciOiJFUzI1NiJ9…"]),
        Meta(description="The access token that came with the refresh token."),
    ],
    "action": _text(1, 200, examples=["key.issued"]),
    "actor": _text(1, 200, examples=["user-42"]),
    "admin": Flag,
    "after": Annotated[
        int, Meta(ge=0, le=(1 << 63) - 1, description="The `sequence` of the last event that you have.")
    ],
    "allowed_ips": Addresses,
    "amount": Annotated[int, _schema(minimum=0, maximum=COUNT_MAX, examples=[137])],
    "audience": _AUDIENCE,
    "claims": Annotated[Json, Meta(description="Go into every access token.")],
    "client_id": Annotated[_text(1, 255, pattern=_LINE), _schema(examples=["web"])],
    "colours": Annotated[
        list[str],
        _schema(minItems=2, maxItems=2, examples=[["#1f5f8b", "#7db8e0"]]),
        Meta(description="Of the light page and of the dark one, `#rrggbb`, with a contrast of 4.5 at least."),
    ],
    "contact": Annotated[
        str, _schema(maxLength=254, examples=["ops@example.com"]), Meta(description="The mail address for notices.")
    ],
    "cost": Annotated[int, Meta(ge=0, le=10**9, examples=[1])],
    "credits": Annotated[int, _schema(minimum=0, maximum=COUNT_MAX, examples=[500])] | CreditsBody,
    "cursor": Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9_-]{1,2048}$", description="`next_cursor` of the page before.", examples=["b2s"])
    ],
    "default_limits": Annotated[
        list[LimitBody], Meta(max_length=8, description="The limits of each key that has none of its own.")
    ],
    "shared_limits": Annotated[
        list[LimitBody], Meta(max_length=8, description="Limits that all keys of it use up together.")
    ],
    "decoy": Annotated[Flag, Meta(description="Refuse its secret as unknown, and tell who uses it.")],
    "description": Prose,
    "device": Annotated[Json, Meta(description="Kept for the owner to recognise the session.")],
    "dry_run": Annotated[bool, Meta(description="Only list what would be revoked.")],
    "email": Email,
    "environment": Environment,
    "event": _text(1, 64, examples=["evt_01k9v5m0q2x8r7c4t6y3w1"]),
    "expired_before": Moment,
    "expires_at": Annotated[Moment, Meta(description="null for a key that never expires, where the tenant allows it.")],
    "expires_in": Annotated[Seconds, Meta(description="In seconds; null for a key that never expires.")],
    "expires_in_default": Seconds,
    "expires_in_max": Seconds,
    "expiring_within": Within,
    "failed": Annotated[bool, Meta(description="Only events whose delivery to this endpoint has failed.")],
    "grace": Annotated[float, Meta(ge=0, le=365 * 86_400, description="In seconds.", examples=[3600])],
    "group_by": Annotated[
        list[str],
        _schema(minItems=1, maxItems=4, items={"enum": list(GROUPS)}, uniqueItems=True, examples=[["key", "day"]]),
        Meta(description="Group usage by day or hour, not both."),
    ],
    "head": Annotated[HeadBody, Meta(description="A head that you kept from earlier.")],
    "hold": _text(1, 64, examples=["hold_01k9v5m0q2x8r7c4t6y3w1"]),
    "include": Annotated[
        str,
        _schema(enum=["object"], examples=["object"]),
        Meta(description="What a request holds beside what happened."),
    ],
    "ip": _text(1, 64, examples=["203.0.113.7"]),
    "key_id": _text(0, 64, examples=["key_01k9v5m0q2x8r7c4t6y3w1"]),
    "key_ids": Annotated[
        list[str],
        _schema(minItems=1, maxItems=KEYS_MAX, examples=[["key_01k9v5m0q2x8r7c4t6y3w1"]]),
        Meta(description="Only these keys. One that does not exist has no usage."),
    ],
    "keys_max": Annotated[int, _schema(minimum=1, maximum=KEYS_OF_OWNER, examples=[100])],
    "language": _text(1, 35, examples=["de"]),
    "last_used_before": Moment,
    "limit": Annotated[int, Meta(ge=1, le=100, description="How many items a page has at most.", examples=[50])],
    "limits": Annotated[list[LimitBody], Meta(max_length=8)],
    "logo": Annotated[_text(1, 500, examples=["/static/logo.svg"]), Meta(description="A path on the same host.")],
    "max_idle": Annotated[Seconds, Meta(description="In seconds; null for keys that may stay unused.")],
    "metadata": Annotated[Json, _schema(examples=[{"team": "billing"}])],
    "name": Name,
    "never_allowed": Flag,
    "not_before": Moment,
    "on_leak": Annotated[
        str,
        _schema(enum=list(ON_LEAK), examples=["revoke"]),
        Meta(description="The effect of a leak report on a key."),
    ],
    "on_expiry": Annotated[
        str,
        _schema(enum=list(ON_EXPIRY), examples=["free"]),
        Meta(description="Free or charge the credits of a hold that is not settled in time."),
    ],
    "owner": Owner,
    "return_to": Annotated[LinkedUrl, Meta(description="Where the page leads back to.")],
    "refresh_url": Annotated[LinkedUrl, Meta(description="Where the owner gets a new link when the visit has ended.")],
    "permissions": Annotated[
        list[str],
        _schema(items={"enum": list(PERMISSIONS)}, uniqueItems=True, examples=[["make", "revoke"]]),
        Meta(description="The permissions of owners on their key page."),
    ],
    "prefix": Annotated[str, Meta(max_length=19, pattern=_PREFIX, examples=["acme"])],
    "reason": Reason,
    "refresh": Token,
    "remaining": Annotated[int, _schema(minimum=0, maximum=COUNT_MAX, examples=[500])],
    "revoked_before": Moment,
    "roles": Roles,
    "scope": _text(1, 200, examples=["read:projects"]),
    "scopes": Scopes,
    "self_rotation_allowed": Flag,
    "since": Moment,
    "slug": Slug,
    "sort": Annotated[
        str,
        _schema(enum=list(SORTS), examples=["-last_used"]),
        Meta(description="The order; a minus turns it round. The newest first by default."),
    ],
    "source": Annotated[str, _schema(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}$", examples=["scanner"])],
    "status": Status,
    "subject": _text(1, 200, examples=["key_01k9v5m0q2x8r7c4t6y3w1"]),
    "tag": _text(1, 200, examples=["billing"]),
    "tags": Annotated[list[Tag], _schema(maxItems=20)],
    "tenant": Annotated[Slug, Meta(description="By default any tenant that the caller operates.")],
    "text": _text(1, 320, examples=["build"]),
    "texts": Annotated[
        Mapping[str, Mapping[str, str]],
        Meta(
            description="Texts by language and name, in place of the page's own.",
            examples=[{"de": {"title": "Zugänge"}}],
        ),
    ],
    "time_zone": Annotated[
        str,
        _schema(minLength=1, maxLength=ZONE_MAX, examples=["Europe/Berlin"]),
        Meta(description="An IANA name. Credits are refilled at midnight there."),
    ],
    "title": _text(0, 100, examples=["API keys of Acme"]),
    "types": Annotated[
        list[str], Meta(max_length=100, description="Types or patterns: `types=key.*&types=owner.deleted`.")
    ],
    "until": Moment,
    "url": Annotated[str, _schema(minLength=1, maxLength=URL_MAX, examples=["https://example.com/hooks"])],
    "wait": Annotated[
        float, Meta(ge=0, le=60, description="How many seconds to wait while there is none.", examples=[30])
    ],
    "within": Within,
}
"""The type of every argument by its name in the library."""

PATHS: Final[dict[str, tuple[str, str]]] = {
    "external_id": ("The owner's id in your own system.", "user-42"),
    "id": ("The id of the record.", "key_01k9v5m0q2x8r7c4t6y3w1"),
    "key_id": ("The id of a key.", "key_01k9v5m0q2x8r7c4t6y3w1"),
    "kid": ("The `kid` of a signing key.", "4Zq0v1nUeXk2TtSb"),
    "name": ("The name of a role.", "developer"),
    "owner": ("The owner's id in your own system.", "user-42"),
    "request_id": ("The `X-Request-Id` of an answer.", "0d3b5f1e8c7a4f0e9b2d6a1c5e8f7b3a"),
    "slug": ("The slug of a tenant.", "acme"),
}
"""The description and an example of every part of a path."""

LENGTHS: Final = frozenset(
    ("expires_in", "expires_in_default", "expires_in_max", "expiring_within", "grace", "max_idle", "wait", "within")
)
"""The arguments that are lengths of time: on the wire each is a number, and its name ends in `_seconds`."""


LISTS: Final = frozenset(("allowed_ips", "asked", "entries", "keep", "roles", "scopes"))
"""The arguments that are lists of up to a thousand texts."""


def on_wire(name: str) -> str:
    """Return the name of an argument on the wire."""
    return f"{name}_seconds" if name in LENGTHS else name.rstrip("_")


def length(count: float) -> timedelta:
    """Return a number of seconds as a timedelta; one that is too large becomes `timedelta.max`."""
    try:
        return timedelta(seconds=count)
    except OverflowError:
        return timedelta.max

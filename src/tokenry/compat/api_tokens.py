"""The `ApiTokenService` of a Flask time tracker, on a `Tokenry`: the same calls and the same result dictionaries.

docs/coming-from/time-tracker.md says where the answers differ because the old ones were unsafe.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

from tokenry.types import (
    NOT_GIVEN,
    Conflict,
    Invalid,
    Key,
    Limit,
    NotAllowed,
    NotFound,
    NotGiven,
    StoreUnavailable,
    TokenryError,
    shown,
)

if TYPE_CHECKING:
    from tokenry import Tokenry

TokenError: TypeAlias = Literal[
    "invalid_user", "invalid_scopes", "creation_error", "not_found", "permission_denied", "not_active", "database_error"
]
"""The `error` of a result. `not_active` is ours: the old service made a new token of a revoked one."""

SCOPES = (
    *("read:*", "write:*", "admin:*"),
    *("read:projects", "read:time_entries", "read:invoices", "read:clients", "read:tasks", "read:reports"),
    *("write:projects", "write:time_entries", "write:invoices", "write:clients", "write:tasks"),
    *("admin:all", "*"),
)
"""The scopes that the old service knew. They count in a tenant without a catalogue of its own (`tk.scopes.define`)."""


class TokenResult(TypedDict, total=False):
    """The result of a change. `error` is present only if `success` is False, the tokens only if `success` is True."""

    success: bool
    message: str
    error: TokenError
    invalid_scopes: list[str]
    token: str
    new_token: str
    api_token: ApiToken
    old_token: ApiToken


class ScopeReport(TypedDict):
    """The result of `validate_scopes`."""

    valid: bool
    invalid: list[str]


class RateLimitReport(TypedDict, total=False):
    """The result of `check_token_rate_limit`. An unknown token has no `reset_at`."""

    allowed: bool
    remaining: int
    reset_at: datetime
    error: Literal["token_not_found"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A key in the form of the old model: lists are comma-separated, times are in UTC and have no time zone.

    `token_prefix` is the public part of its newest secret (`kid`).
    """

    id: str
    user_id: int | str
    name: str
    description: str
    token_prefix: str
    scopes: str
    ip_whitelist: str | None
    is_active: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    usage_count: int


class ApiTokenService:
    """Create, rotate and revoke the API tokens of users. The users are the owners of one tenant."""

    def __init__(self, tk: Tokenry | None = None, *, tenant: str = "default") -> None:
        """Store the engine. Without one, each call uses that of the current Flask application (`FlaskTokenry`)."""
        self._tk = tk
        self._tenant = tenant

    def create_token(
        self,
        user_id: int | str,
        name: str,
        description: str | None = "",
        scopes: str | None = "",
        expires_days: float | None = None,
        ip_whitelist: str | None = None,
    ) -> TokenResult:
        """Create a token: `token` in the result is its text, shown this once.

        Without `expires_days` the token never expires if the tenant allows that; otherwise the tenant's default
        lifetime applies. A token without scopes meets no requirement of a scope.
        """
        report = self.validate_scopes(scopes)
        if not report["valid"]:
            unknown = report["invalid"]
            return {**_refused("invalid_scopes", f"Invalid scopes: {', '.join(unknown)}"), "invalid_scopes": unknown}
        try:
            issued = self._engine().keys.issue(
                user_id,
                name=name,
                description=description or "",
                scopes=_listed(scopes),
                expires_in=self._life(expires_days),
                allowed_ips=_listed(ip_whitelist),
                tenant=self._tenant,
            )
        except NotFound:
            return _refused("invalid_user", f"There is no user {shown(user_id)}")
        except TokenryError as error:
            names_no_user = isinstance(error, Invalid) and error.errors[0].field == "owner"
            return _failed("invalid_user" if names_no_user else "creation_error", error)
        done = _done("API token created")
        return {**done, "token": str(issued.secret), "api_token": _token_of(issued.key)}

    def rotate_token(self, token_id: str, user_id: int | str) -> TokenResult:
        """Give a token of this user a new text (`new_token`); the old text ends at once.

        It stays the same token: its id, name, scopes, addresses and expiry. Only an active one can be rotated.
        """
        tk = self._engine()
        try:
            old = tk.keys.get(token_id, tenant=self._tenant)
            if old.owner != str(user_id):
                return _refused("permission_denied", "Only its owner may rotate this token")
            issued = tk.keys.rotate(token_id, tenant=self._tenant, by=user_id)
        except NotFound:
            return _refused("not_found", "Token not found")
        except TokenryError as error:
            return _failed("not_active" if isinstance(error, Conflict) else "creation_error", error)
        done = _done("Token rotated")
        tokens: TokenResult = {"api_token": _token_of(issued.key), "old_token": _token_of(old, is_active=False)}
        return {**done, "new_token": str(issued.secret), **tokens}

    def revoke_token(self, token_id: str, user_id: int | str) -> TokenResult:
        """End a token for good, for its owner or for an owner who is an administrator."""
        tk = self._engine()
        try:
            tk.keys.get(token_id, tenant=self._tenant)
        except NotFound:
            return _refused("not_found", "Token not found")
        except TokenryError as error:
            return _failed("database_error", error)
        try:
            tk.keys.revoke(token_id, tenant=self._tenant, by=user_id)
        except NotFound:
            return _refused("permission_denied", "Only its owner or an administrator may revoke this token")
        except TokenryError as error:
            return _failed("permission_denied", error)
        return _done("Token revoked")

    def get_expiring_tokens(self, days_ahead: int = 7) -> list[ApiToken]:
        """Return the active tokens of all users that expire within so many days, the most urgent first."""
        found: list[ApiToken] = []
        cursor: str | None = None
        while True:
            page = self._engine().keys.expiring(within=timedelta(days=days_ahead), cursor=cursor, tenant=self._tenant)
            found += map(_token_of, page)
            cursor = page.next_cursor
            if cursor is None:
                return found

    def validate_scopes(self, scopes: str | None) -> ScopeReport:
        """Name the scopes that are not in the tenant's catalogue or, where it has none, not in `SCOPES`."""
        tk, asked = self._engine(), _listed(scopes)
        if tk.scopes.list(tenant=self._tenant):
            unknown = [*tk.scopes.check(asked, tenant=self._tenant).unknown]
        else:
            unknown = [scope for scope in asked if scope not in SCOPES]
        return {"valid": not unknown, "invalid": unknown}

    def check_token_rate_limit(self, token_id: str, max_requests_per_hour: int = 1000) -> RateLimitReport:
        """Count one request of a token, and tell whether it is within so many an hour, over all processes.

        The hour is one of the clock. Limits of the key itself count beside it, at each verification.
        """
        tk = self._engine()
        try:
            key = tk.keys.get(token_id, tenant=self._tenant)
        except NotFound:
            return {"allowed": False, "remaining": 0, "error": "token_not_found"}
        limit = Limit("hour", max_requests_per_hour, 3600)
        taken = tk.limits.take("api_token", key.id, limits=[limit], tenant=self._tenant)
        state = taken.limits[0]
        return {"allowed": taken.allowed, "remaining": state.remaining, "reset_at": _naive(state.reset_at)}

    def _engine(self) -> Tokenry:
        if self._tk is not None:
            return self._tk
        from tokenry.ext.flask import FlaskTokenry

        return FlaskTokenry().tk

    def _life(self, days: float | None) -> timedelta | NotGiven | None:
        if days is None:
            return None if self._engine().tenants.get(self._tenant).never_allowed else NOT_GIVEN
        try:
            return timedelta(days=days)
        except (TypeError, ValueError, OverflowError):
            message = f"must be a number of days, or None for a token that never expires, and not {shown(days)}"
            raise Invalid.one("expires_days", "bad_type", message) from None


def _listed(text: str | None) -> list[str]:
    """Return the parts of a comma-separated text, each once."""
    return list(dict.fromkeys(part.strip() for part in (text or "").split(",") if part.strip()))


def _token_of(key: Key, *, is_active: bool | None = None) -> ApiToken:
    return ApiToken(
        id=key.id,
        user_id=int(key.owner) if key.owner.isdecimal() and str(int(key.owner)) == key.owner else key.owner,
        name=key.name,
        description=key.description,
        token_prefix=key.secrets[0].kid if key.secrets else "",
        scopes=",".join(key.scopes),
        ip_whitelist=",".join(key.allowed_ips) or None,
        is_active=key.status in ("active", "expired") if is_active is None else is_active,
        created_at=_naive(key.created_at),
        expires_at=_naive(key.expires_at) if key.expires_at else None,
        last_used_at=_naive(key.last_used_at) if key.last_used_at else None,
        usage_count=key.use_count,
    )


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)


def _done(message: str) -> TokenResult:
    return {"success": True, "message": message}


def _refused(error: TokenError, message: str) -> TokenResult:
    return {"success": False, "message": message, "error": error}


def _failed(error: TokenError, raised: Exception) -> TokenResult:
    kinds: dict[type[Exception], TokenError] = {StoreUnavailable: "database_error", NotAllowed: "permission_denied"}
    return _refused(kinds.get(type(raised), error), str(raised))

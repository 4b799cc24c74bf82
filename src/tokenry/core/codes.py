"""The codes of refusals and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

VerifyCode: TypeAlias = Literal[
    "malformed",
    "not_found",
    "tenant_suspended",
    "revoked",
    "disabled",
    "not_yet_valid",
    "expired",
    "owner_disabled",
    "ip_not_allowed",
    "insufficient_scope",
    "rate_limited",
    "quota_exceeded",
]
"""The code of a refusal to verify, in the order of the checks."""

RefreshCode: TypeAlias = Literal[
    "malformed",
    "not_found",
    "tenant_suspended",
    "revoked",
    "expired",
    "owner_disabled",
    "reused",
    "too_early",
    "access_invalid",
    "insufficient_scope",
]
"""The code of a refusal to refresh a session, in the order of the checks."""

RefusalCode: TypeAlias = VerifyCode | RefreshCode | Literal["throttled"]
"""The code of any refusal. An address that guesses gets `throttled`."""

CHECKS: Final[tuple[VerifyCode, ...]] = get_args(VerifyCode)

CODES: Final[Mapping[str, str]] = {
    "malformed": "The credential is not one of ours: a typing error, a made-up key, or another kind of text.",
    "not_found": "The credential is unknown here.",
    "tenant_suspended": "The tenant of the credential is suspended.",
    "revoked": "The key was revoked, or the secret was replaced and its grace is over.",
    "disabled": "The key is switched off for now.",
    "not_yet_valid": "The key is not valid yet.",
    "expired": "The key has expired.",
    "owner_disabled": "The owner of the key is disabled.",
    "ip_not_allowed": "The key may not be used from this address, or the address is unknown and the key has a list.",
    "insufficient_scope": "The key does not hold the scopes that were asked for.",
    "rate_limited": "A limit (`limited_by`) of the key, owner or tenant is used up; wait `retry_after` seconds.",
    "quota_exceeded": "The key has too few credits left; with a refill, try again after `retry_after` seconds.",
}
"""Every code of a refusal, in the order of the checks, with what it means."""

REFRESH_CODES: Final[Mapping[str, str]] = {
    "malformed": "The refresh token is not one of ours.",
    "not_found": "The refresh token is unknown here.",
    "tenant_suspended": "The tenant of the session is suspended.",
    "revoked": "The session was ended.",
    "expired": "The session was not used for too long, or has reached its absolute end.",
    "owner_disabled": "The owner of the session is disabled.",
    "reused": "The refresh token was used before and its grace is over: it may be stolen, so the session was ended.",
    "too_early": "The access token has not expired yet, and `early_refresh` is 'refuse'.",
    "access_invalid": "The access token beside it is not one of ours, of another session, or missing.",
    "insufficient_scope": "More scopes were asked for than the session holds.",
}
"""Every code of a refusal to refresh, in the order of the checks, with what it means."""

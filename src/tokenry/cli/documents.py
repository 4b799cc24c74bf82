"""Records as JSON documents, and as what people read in a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tokenry.types import Credits, CreditState, Key, Limit, LimitState, Owner, Refused, Valid, counted

from .key_options import LISTS
from .lengths import length_text
from .output import document


def verdict_document(verdict: Valid | Refused) -> dict[str, Any]:
    """Return a verdict as JSON can hold it."""
    if not verdict:
        return {"valid": False, **document(verdict)}
    from tokenry.edge import parts_of

    key, session, _ = parts_of(verdict)
    return {
        "valid": True,
        "code": verdict.code,
        "kind": verdict.kind,
        "online": verdict.online,
        "tenant": verdict.tenant.slug,
        "owner": document(verdict.owner),
        "key": document(key),
        "session": document(session),
        "scopes": list(verdict.scopes),
        "limits": document(verdict.limits),
        "credits": document(verdict.credits),
    }


def day(at: datetime | None, none: str = "never") -> str:
    """Say a moment, in UTC and to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else none


def expiry(key: Key) -> str:
    """Say when a key expires, and in how long."""
    if key.expires_at is None:
        return "never"
    left = key.expires_at - datetime.now(UTC)
    if left > timedelta(days=1):
        left = timedelta(hours=round(left / timedelta(hours=1)))
    return f"{day(key.expires_at)} ({'in ' + length_text(left) if left > timedelta(0) else 'expired'})"


def key_pairs(key: Key) -> list[tuple[str, str]]:
    """Return everything of a key that people may want to see."""
    pairs = [
        ("id", key.id),
        ("name", key.name),
        ("description", key.description),
        ("tenant", key.tenant),
        ("owner", key.owner),
        ("status", key.status),
        ("decoy", "yes: its secret is refused, and its use is told of" if key.decoy else ""),
        ("environment", key.environment),
        *((field.replace("_", " "), ", ".join(map(listed, getattr(key, field)))) for field in LISTS),
        ("credits", listed_credits(key.credits)),
        ("created", day(key.created_at)),
        ("updated", day(key.updated_at, "")),
        ("not before", day(key.not_before, "")),
        ("expires", expiry(key)),
        ("disabled when unused", "" if key.max_idle is None else f"after {length_text(key.max_idle)}"),
        ("revoked", f"{day(key.revoked_at)} {key.revoke_reason}".strip() if key.revoked_at else ""),
        ("last used", " from ".join(filter(None, [day(key.last_used_at), key.last_used_ip]))),
        ("use count", str(key.use_count)),
        ("version", str(key.version)),
        ("metadata", ", ".join(f"{name}={value}" for name, value in key.metadata.items())),
    ]
    for info in key.secrets:
        until = f", ends {day(info.ends_at)}" if info.ends_at else ""
        pairs.append(("secret", f"{info.kid} of {day(info.created_at)}{until}, used {counted(info.use_count, 'time')}"))
    if key.rotation is not None:
        retire = "safe to retire" if key.rotation.safe_to_retire else "not safe to retire yet"
        pairs.append(("old secret", f"{retire}, last used {day(key.rotation.last_used_at)}"))
    return [pair for pair in pairs if pair[1]]


def listed(one: str | Limit) -> str:
    return f"{one.name}={one.limit}/{one.window_seconds}s" if isinstance(one, Limit) else one


def listed_credits(credits: Credits | None) -> str:
    """Say the credits of a key as options take them."""
    if credits is None:
        return ""
    period = {None: "", "daily": "/day", "monthly": f"/month:{credits.refill_day}"}[credits.refill]
    return f"{credits.amount}{period}{'+shared' if credits.shared else ''}"


KEY_COLUMNS = ("id", "name", "owner", "status", "expires", "last used")


def key_row(key: Key) -> tuple[str, ...]:
    """Return the line of a key in a table."""
    ends, used = (f"{at:%Y-%m-%d}" if at else "never" for at in (key.expires_at, key.last_used_at))
    return (key.id, key.name, key.owner, f"{key.status} decoy" if key.decoy else key.status, ends, used)


OWNER_COLUMNS = ("external id", "name", "email", "roles", "admin", "status")


def owner_row(owner: Owner) -> tuple[str, ...]:
    """Return the line of an owner in a table."""
    admin = "yes" if owner.admin else "no"
    roles = ",".join(owner.roles) or "-"
    return (owner.external_id, owner.name or "-", owner.email or "-", roles, admin, owner.status)


def credits_text(state: CreditState) -> str:
    """Format the remaining credits."""
    parts = [f"{state.remaining} of {state.amount} left"]
    if state.held:
        parts.append(f"{state.held} held")
    if state.reset_at is not None:
        parts.append(f"refilled {day(state.reset_at)}")
    return ", ".join(parts)


LIMIT_COLUMNS = ("limit", "counted for", "count", "window", "remaining", "resets at")


def limit_row(state: LimitState) -> tuple[str, ...]:
    """Return the line of a limit in a table."""
    window = length_text(timedelta(seconds=state.window_seconds))
    return (state.name, state.of, str(state.limit), window, str(state.remaining), day(state.reset_at))

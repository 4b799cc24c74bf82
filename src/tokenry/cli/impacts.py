"""The effects of revoking a key, in words."""

from __future__ import annotations

from tokenry.types import KeyImpact, counted

from .documents import day


def impact_line(found: KeyImpact) -> str:
    """Describe the effects of revoking a key in one line."""
    valid = found.valid_count
    calls = "" if valid is None else f"{counted(valid, 'valid call')} since {day(found.since)}, "
    ips = [one.ip for one in found.addresses if one.code == "valid" and one.at == found.last_used_at]
    last = " from ".join([day(found.last_used_at), *ips[:1]])
    ends = f"{counted(len(found.kids), 'secret')} and every token derived from it end"
    offline = f" (offline until {day(found.offline_until)})" if found.offline_until else ""
    return f"{found.name!r} of {found.owner!r}: {calls}last used {last}; {ends}{offline}"


def impact_pairs(found: KeyImpact) -> list[tuple[str, str]]:
    """Return everything that is known of the effects."""
    valid, refused, sessions = (
        "not shown: needs tokenry:usage:read" if found.valid_count is None else str(found.valid_count),
        "" if found.refused_count is None else str(found.refused_count),
        "none" if found.owner_session_count is None else f"none; {found.owner_session_count} of {found.owner!r} go on",
    )
    return [
        ("key", f"{found.name} ({found.key})"),
        ("owner", found.owner),
        ("status", found.status),
        ("calls since", day(found.since)),
        ("valid", valid),
        *([("refused", refused)] if refused else []),
        ("last used", day(found.last_used_at)),
        *[("address", f"{one.ip} {day(one.at)} {one.code}") for one in found.addresses],
        *[("secret ends", kid) for kid in found.kids],
        ("derived tokens", "all end" + (f"; offline until {day(found.offline_until)}" if found.offline_until else "")),
        *([("visits of the key page that end", str(found.visit_count))] if found.visit_count else []),
        ("sessions that end", sessions),
    ]

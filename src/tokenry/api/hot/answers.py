"""Verdicts as the bytes that go out. What does not change between two verifications of a key is encoded once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from tokenry.edge import (
    KIB,
    MIB,
    CountedLimit,
    Memo,
    credit_fields,
    encode,
    grant_of,
    parts_of,
    record_of,
    size_of_grant,
    taken_of,
    told_name,
)
from tokenry.types import Refused, Valid, Verdict

BYTES_MAX = 16 * MIB
"""How much is kept of verdicts: of the JSON of small keys, that of about 5,000."""

_NOTHING = b',"kind":null,"key":null,"session":null,"owner":null,"tenant":null,"scopes":[],"claims":{},"limits":'
_END = b'],"retry_after":null,"limited_by":null,"credits":%b}'
_END_WITHOUT_CREDITS = _END % b"null"
_PLAIN = re.compile(r"[A-Za-z0-9_.~:@*-]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Shown(NamedTuple):
    """One limit in one window, encoded around what remains of it."""

    limit: CountedLimit | None
    window: int
    before: bytes
    after: bytes
    left: bytes
    ends_at: int
    policy: bytes


_NOT_SHOWN = _Shown(None, 0, b"", b"", b"", 0, b"")


class _Kept:
    """What is known of one grant: the beginning of its JSON, its identity headers, and its limits in one window."""

    __slots__ = ("fields", "grant", "json", "limits")

    def __init__(self, verdict: Valid) -> None:
        self.grant = grant_of(verdict)
        self.json = b""
        self.fields = b""
        self.limits = [_NOT_SHOWN] * len(self.grant.limits)

    def show(self, place: int, limit: CountedLimit, window: int) -> _Shown:
        """Encode a limit for a window."""
        ends_at, comma, name = (window + 1) * limit.window_seconds, b"," * (place > 0), told_name(limit).encode()
        shown = self.limits[place] = _Shown(
            limit,
            window,
            b'%b{"name":"%b","limit":%d,"window_seconds":%d,"remaining":'
            % (comma, limit.name.encode(), limit.limit, limit.window_seconds),
            b',"reset_at":%b,"of":"%b"}' % (encode(_EPOCH + timedelta(seconds=ends_at)), limit.of.encode()),
            b'%b"%b";r=' % (comma, name),
            ends_at,
            b'%b"%b";q=%d;w=%d' % (comma, name, limit.limit, limit.window_seconds),
        )
        self.fields = b""
        return shown

    def name(self, verdict: Valid) -> bytes:
        """Encode the identity fields, and those of the limits up to what is left."""
        self.fields = _identity(verdict)
        if self.limits:
            self.fields += b"ratelimit-policy: %b\r\nratelimit: " % b"".join([shown.policy for shown in self.limits])
        return self.fields


class Answers:
    """Encodes verdicts, and keeps what it encoded for the grants that memory keeps, at most `bytes_max` of it."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._kept: Memo[str, _Kept] = Memo(_size, bytes_max=bytes_max, each_max=64 * KIB)

    def json(self, verdict: Verdict) -> bytes:
        """Return the JSON of a verdict."""
        if isinstance(verdict, Refused):
            return _refused(verdict)
        kept = self._of(verdict)
        begin = kept.json
        if not begin:
            begin = kept.json = _beginning(verdict)
        parts = [begin]
        for place, (limit, window, remaining) in enumerate(taken_of(verdict)):
            shown = kept.limits[place]
            if shown[0] is not limit or shown[1] != window:
                shown = kept.show(place, limit, window)
            parts += (shown[2], b"%d" % remaining, shown[3])
        credits = verdict.credits
        parts.append(_END_WITHOUT_CREDITS if credits is None else _END % encode(credits))
        return b"".join(parts)

    def fields(self, verdict: Valid, now: int) -> bytes:
        """Return the identity fields of a verdict, every one of them, and those of its limits, as lines.

        `now` is in microseconds; windows end at whole seconds.
        """
        kept, parts, seconds = self._of(verdict), [b""], now // 1_000_000
        for place, (limit, window, remaining) in enumerate(taken_of(verdict)):
            shown = kept.limits[place]
            if shown[0] is not limit or shown[1] != window:
                shown = kept.show(place, limit, window)
            parts.append(b"%b%d;t=%d" % (shown[4], remaining, max(0, shown[5] - seconds)))
        parts[0] = kept.fields or kept.name(verdict)
        parts.append(b"\r\n")
        told = b"".join(parts) if len(parts) > 2 else parts[0]
        if verdict.credits is not None:
            fields = credit_fields(verdict.credits, _EPOCH + timedelta(seconds=seconds))
            told += b"".join([b"%b: %b\r\n" % (name.lower().encode(), value.encode()) for name, value in fields])
        return told

    def _of(self, verdict: Valid) -> _Kept:
        grant = grant_of(verdict)
        kept = self._kept.get(grant.kid)
        if kept is not None and kept.grant is grant:
            return kept
        fresh = _Kept(verdict)
        if grant.proof:  # memory keeps it: it will come again
            self._kept.put(grant.kid, fresh)
        return fresh


def _size(kid: str, kept: _Kept) -> int:
    """Return how much the answers about a grant take, which repeat what the grant says."""
    return 3 * size_of_grant(kept.grant)


def _refused(verdict: Refused) -> bytes:
    known = _REFUSED.get(verdict.code)
    if known is None:
        known = _REFUSED[verdict.code] = b'{"valid":false,"code":%b%b' % (encode(verdict.code), _NOTHING)
    after = b"null" if verdict.retry_after is None else b"%d" % verdict.retry_after
    limits = encode(verdict.limits) if verdict.limits else b"[]"
    told = b'%b%b,"retry_after":%b,"limited_by":%b,"credits":%b}'
    return told % (known, limits, after, encode(verdict.limited_by), encode(verdict.credits))


_REFUSED: dict[str, bytes] = {}


def _beginning(verdict: Valid) -> bytes:
    """Return the JSON of a valid verdict up to its limits."""
    grant = grant_of(verdict)
    key, session, claims = map(encode, parts_of(verdict))
    owner = _remembered(_OWNERS, (grant.owner_record, grant.tenant, grant.owner_disabled), verdict)
    tenant = _remembered(_TENANTS, (grant.tenant_record, grant.tenant, grant.suspended), verdict)
    kind, scopes = verdict.kind.encode(), encode(verdict.scopes)
    return (
        b'{"valid":true,"code":"valid","kind":"%b","key":%b,"session":%b,"owner":%b,"tenant":%b,"scopes":%b,"claims":%b,'
        b'"limits":[' % (kind, key, session, owner, tenant, scopes, claims)
    )


def _remembered(known: Memo[Any, bytes], of: Any, verdict: Valid) -> bytes:
    """Return the JSON of an owner or a tenant, whom many keys share."""
    found = known.get(of)
    if found is None:
        found = known.put(of, encode(verdict.owner) if known is _OWNERS else encode(record_of(verdict.tenant)))
    return found


def _size_of_record(of: Any, told: bytes) -> int:
    return len(of[0]) + len(told)


_OWNERS: Memo[Any, bytes] = Memo(_size_of_record, bytes_max=4 * MIB, each_max=64 * KIB)
_TENANTS: Memo[Any, bytes] = Memo(_size_of_record, bytes_max=MIB)


def _identity(verdict: Valid) -> bytes:
    grant, of_session = grant_of(verdict), verdict.kind == "session"
    key, session = ("", grant.key_id) if of_session else (grant.key_id, "")  # what stands for the key of a session
    owner = grant.external_id
    if not _PLAIN.fullmatch(owner):
        owner = quote(owner, safe=":@*")
    return (  # of ids, slugs and scopes every character stands for itself
        f"x-auth-key-id: {key}\r\nx-auth-owner: {owner}\r\nx-auth-tenant: {grant.tenant}\r\n"
        f"x-auth-scopes: {' '.join(verdict.scopes)}\r\nx-auth-session: {session}\r\n"
    ).encode()

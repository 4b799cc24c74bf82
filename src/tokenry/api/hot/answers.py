"""Verdicts as bytes. The part that does not change between two verifications of a key is encoded once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from tokenry.edge import (
    KIB,
    MIB,
    CountedLimit,
    Grant,
    Memo,
    credit_fields,
    credits_of,
    encode,
    grant_of,
    limit_name,
    parts_of,
    record_of,
    taken_of,
)
from tokenry.types import KeyValid, Refused, Valid, Verdict

BYTES_EACH = 512
"""How many bytes of encoded verdicts are kept for each key that memory may hold."""

_ADMIT_ONE_OF = 8
"""Once more keys are in use than fit, one in this many answers is kept: keeping every answer costs more."""

_VALID = b'{"valid":true,"code":"valid","kind":"%b","key":%b'
_VALID_KEY = _VALID % (b"key", b"")
_NO_CLAIMS = b',"claims":{},"limits":['
_NOTHING = b',"kind":null,"key":null,"session":null,"owner":null,"tenant":null,"scopes":[],"claims":{},"limits":'
_END = b'],"retry_after":null,"limited_by":null,"credits":%b}'
_END_WITHOUT_CREDITS = _END % b"null"
_PLAIN = re.compile(r"[A-Za-z0-9_.~:@*-]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Shown(NamedTuple):
    """A limit in one window, encoded around its remaining units; `policy` and `left` are for the header fields."""

    before: bytes
    after: bytes
    left: bytes
    ends_at: int
    policy: bytes


class _Kept:
    """The encoded parts of one grant: its key, the part up to its limits, and its identity fields."""

    __slots__ = ("fields", "grant", "key", "limit", "rest", "shown", "window")

    def __init__(self, grant: Grant) -> None:
        self.grant = grant
        self.key = self.rest = self.fields = b""
        self.limit: CountedLimit | None = None
        self.window = 0
        self.shown: _Shown | None = None

    def show(self, limit: CountedLimit, window: int) -> _Shown:
        """Return a limit encoded for a window; the last one is kept."""
        shown = self.shown
        if shown is None or self.limit is not limit or self.window != window:
            shown = self.shown = _shown(limit, window)
            self.limit, self.window = limit, window
        return shown


class Answers:
    """Encodes verdicts, and keeps up to `bytes_max` of the encoded parts, for the grants that memory keeps."""

    def __init__(self, bytes_max: int) -> None:
        self._kept: Memo[str, _Kept] = Memo(_size, bytes_max=bytes_max, each_max=64 * KIB)
        self._new_count = 0

    def json(self, verdict: Verdict) -> bytes:
        """Return the JSON of a verdict."""
        if isinstance(verdict, Refused):
            return _refused(verdict)
        kept = self._of(verdict)
        if not kept.key:
            _tell(kept, verdict)
            self._keep(kept)
        taken, credits = taken_of(verdict), credits_of(verdict)
        ending = _END_WITHOUT_CREDITS if credits is None else _END % encode(credits)
        if len(taken) == 1:
            limit, window, remaining = taken[0]
            shown = kept.show(limit, window)
            return b"".join((kept.key, kept.rest, shown[0], b"%d" % remaining, shown[1], ending))
        parts = []
        for limit, window, remaining in taken:
            shown = _shown(limit, window)
            parts.append(b"%b%d%b" % (shown[0], remaining, shown[1]))
        return b"".join((kept.key, kept.rest, b",".join(parts), ending))

    def fields(self, verdict: Valid, now: int) -> bytes:
        """Return the identity fields of a verdict, every one of them, and those of its limits, as lines.

        `now` is in microseconds; windows end at whole seconds.
        """
        kept, seconds = self._of(verdict), now // 1_000_000
        result = kept.fields
        if not result:
            result = kept.fields = _identity(verdict)
            self._keep(kept)
        taken = taken_of(verdict)
        if len(taken) == 1:
            limit, window, remaining = taken[0]
            shown = kept.show(limit, window)
            result = b"%bratelimit-policy: %b\r\nratelimit: %b%d;t=%d\r\n" % (
                *(result, shown[4], shown[2], remaining),
                max(0, shown[3] - seconds),
            )
        elif taken:
            policies, left = [], []
            for limit, window, remaining in taken:
                shown = _shown(limit, window)
                policies.append(shown[4])
                left.append(b"%b%d;t=%d" % (shown[2], remaining, max(0, shown[3] - seconds)))
            result = b"%bratelimit-policy: %b\r\nratelimit: %b\r\n" % (result, b",".join(policies), b",".join(left))
        credits = credits_of(verdict)
        if credits is not None:
            fields = credit_fields(credits, _EPOCH + timedelta(seconds=seconds))
            result += b"".join([b"%b: %b\r\n" % (name.lower().encode(), value.encode()) for name, value in fields])
        return result

    def _of(self, verdict: Valid) -> _Kept:
        grant = grant_of(verdict)
        kept = self._kept.get(grant.kid)
        return kept if kept is not None and kept.grant is grant else _Kept(grant)

    def _keep(self, kept: _Kept) -> None:
        """Keep the encoded parts of a grant that memory keeps: its key is likely to be verified again."""
        kid = kept.grant.kid
        if kept.grant.proof:
            self._new_count += 1
            if not self._kept.is_full or self._new_count % _ADMIT_ONE_OF == 0 or self._kept.get(kid) is not None:
                self._kept.put(kid, kept)


def _size(kid: str, kept: _Kept) -> int:
    """Return the bytes that the answers about a grant take, without the grant itself and shared parts."""
    return 250 + len(kept.key) + len(kept.fields)


def _shown(limit: CountedLimit, window: int) -> _Shown:
    """Return a limit encoded for a window; keys with the same limit share the result."""
    place = (limit.name, limit.limit, limit.window_seconds, limit.of, window)
    return _SHOWN.get(place) or _SHOWN.put(place, _show(limit, window))


def _show(limit: CountedLimit, window: int) -> _Shown:
    ends_at, name = (window + 1) * limit.window_seconds, limit_name(limit).encode()
    return _Shown(
        b'{"name":"%b","limit":%d,"window_seconds":%d,"remaining":'
        % (limit.name.encode(), limit.limit, limit.window_seconds),
        b',"reset_at":%b,"of":"%b"}' % (encode(_EPOCH + timedelta(seconds=ends_at)), limit.of.encode()),
        b'"%b";r=' % name,
        ends_at,
        b'"%b";q=%d;w=%d' % (name, limit.limit, limit.window_seconds),
    )


_SHOWN: Memo[Any, _Shown] = Memo(lambda place, shown: 800, bytes_max=2 * MIB)


def _refused(verdict: Refused) -> bytes:
    known = _REFUSED.get(verdict.code)
    if known is None:
        known = _REFUSED[verdict.code] = b'{"valid":false,"code":%b%b' % (encode(verdict.code), _NOTHING)
    after = b"null" if verdict.retry_after is None else b"%d" % verdict.retry_after
    limits = encode(verdict.limits) if verdict.limits else b"[]"
    result = b'%b%b,"retry_after":%b,"limited_by":%b,"credits":%b}'
    return result % (known, limits, after, encode(verdict.limited_by), encode(verdict.credits))


_REFUSED: dict[str, bytes] = {}


def _tell(kept: _Kept, verdict: Valid) -> None:
    """Encode a valid verdict up to its limits."""
    kept.rest = _rest(kept.grant, verdict)
    if isinstance(verdict, KeyValid):
        kept.key = b"".join((_VALID_KEY, kept.grant.key_json(), b',"session":null'))
        return
    _, session, claims = map(encode, parts_of(verdict))
    key = b"null" if verdict.kind == "session" else kept.grant.key_json()
    kept.key = _VALID % (verdict.kind.encode(), key) + b',"session":' + session
    kept.rest = b"".join((kept.rest[: -len(_NO_CLAIMS)], b',"claims":', claims, b',"limits":['))


def _rest(grant: Grant, verdict: Valid) -> bytes:
    """Return the part between the key and its limits; keys of an owner with the same scopes share it."""
    of = (grant.owner_record, grant.tenant_record, grant.tenant, grant.owner_disabled, grant.suspended, grant.scopes)
    return _RESTS.get(of) or _RESTS.put(
        of,
        b',"owner":%b,"tenant":%b,"scopes":%b%b'
        % (encode(verdict.owner), encode(record_of(verdict.tenant)), encode(verdict.scopes), _NO_CLAIMS),
    )


def _size_of_rest(of: Any, rest: bytes) -> int:
    return len(of[0]) + len(of[1]) + len(rest)


_RESTS: Memo[Any, bytes] = Memo(_size_of_rest, bytes_max=4 * MIB, each_max=64 * KIB)


def _identity(verdict: Valid) -> bytes:
    grant, of_session = grant_of(verdict), verdict.kind == "session"
    key, session = ("", grant.key_id) if of_session else (grant.key_id, "")  # a session has no key
    owner = grant.external_id
    if not _PLAIN.fullmatch(owner):
        owner = quote(owner, safe=":@*")
    return (  # ids, slugs and scopes need no escaping
        f"x-auth-key-id: {key}\r\nx-auth-owner: {owner}\r\nx-auth-tenant: {grant.tenant}\r\n"
        f"x-auth-scopes: {' '.join(verdict.scopes)}\r\nx-auth-session: {session}\r\n"
    ).encode()

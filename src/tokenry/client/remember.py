"""Verdicts that a client may answer with again for a while, which is outside the promise of instant revocation."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ..core.errors import ConfigError
from ..core.memo import KIB, MIB, Memo
from ..core.verdict import AnyValid, SessionValid, TokenValid, Valid, Verdict

AGE_MAX = timedelta(seconds=60)
BYTES_MAX = 16 * MIB
_OBJECTS = 6
"""How much larger the records of a verdict are than their JSON."""


class Remembered:
    """Valid verdicts of keys without limits, never older than `age`. The text of a credential is not kept."""

    def __init__(self, age: timedelta) -> None:
        if not timedelta(0) <= age <= AGE_MAX:
            raise ConfigError(f"remember= is at most {AGE_MAX}: for so long a revoked key may work on")
        self._age = age.total_seconds()
        self._salt = os.urandom(32)
        self._known: Memo[bytes, tuple[float, AnyValid]] = Memo(_size, bytes_max=BYTES_MAX, each_max=64 * KIB)

    def get(self, asked: Mapping[str, Any]) -> AnyValid | None:
        """Return a remembered verdict for the same question."""
        if not self._age:
            return None
        until, verdict = self._known.get(self._name(asked)) or (0.0, None)
        return verdict if time.monotonic() < until else None

    def keep(self, asked: Mapping[str, Any], verdict: Verdict, asked_at: float) -> None:
        """Remember a verdict from the moment it was asked for, at most until the credential ends."""
        if not self._age or not isinstance(verdict, Valid) or verdict.limits or verdict.credits:
            return
        if isinstance(verdict, SessionValid):  # a sign-out has to count at once
            return
        ends = verdict.expires_at
        age = self._age if ends is None else min(self._age, (ends - datetime.now(UTC)).total_seconds())
        self._known.put(self._name(asked), (asked_at + age, verdict))

    def forget(self) -> None:
        """Forget everything."""
        self._known.clear()

    def _name(self, asked: Mapping[str, Any]) -> bytes:
        text = json.dumps(asked, sort_keys=True)
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._salt, digest_size=32).digest()


def _size(_: bytes, kept: tuple[float, AnyValid]) -> int:
    """Estimate the bytes of a verdict."""
    verdict = kept[1]
    claims = verdict.claims if isinstance(verdict, TokenValid) else None
    items = (getattr(verdict, "key", None), verdict.owner, verdict.tenant, verdict.scopes, claims)
    return _OBJECTS * len(msgspec.json.encode(items))

"""Verdicts that a client may answer with again for a while, which is outside the promise of instant revocation."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ..core.errors import ConfigError
from ..core.verdict import AnyValid, SessionValid, Valid, Verdict

AGE_MAX = timedelta(seconds=60)
_ENTRIES = 10_000


class Remembered:
    """Valid verdicts of keys without limits, never older than `age`. The text of a credential is not kept."""

    def __init__(self, age: timedelta) -> None:
        if not timedelta(0) <= age <= AGE_MAX:
            raise ConfigError(f"remember= is at most {AGE_MAX}: for so long a revoked key may work on")
        self._age = age.total_seconds()
        self._salt = os.urandom(32)
        self._known: OrderedDict[bytes, tuple[float, AnyValid]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, asked: Mapping[str, Any]) -> AnyValid | None:
        """Return a verdict that was given to the same question a moment ago."""
        if not self._age:
            return None
        name = self._name(asked)
        with self._lock:
            until, verdict = self._known.get(name, (0.0, None))
            if verdict is not None and time.monotonic() >= until:
                del self._known[name]
                return None
            return verdict

    def keep(self, asked: Mapping[str, Any], verdict: Verdict, asked_at: float) -> None:
        """Remember a verdict from the moment it was asked for, at most until the credential ends."""
        if not self._age or not isinstance(verdict, Valid) or verdict.limits:
            return
        if isinstance(verdict, SessionValid):  # a sign-out has to count at once
            return
        ends = verdict.expires_at
        age = self._age if ends is None else min(self._age, (ends - datetime.now(UTC)).total_seconds())
        with self._lock:
            self._known[self._name(asked)] = (asked_at + age, verdict)
            if len(self._known) > _ENTRIES:
                self._known.popitem(last=False)

    def forget(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()

    def _name(self, asked: Mapping[str, Any]) -> bytes:
        text = json.dumps(asked, sort_keys=True)
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._salt, digest_size=32).digest()

"""Grants that a process remembers, for as long as it has a reason to trust them.

A process that is alone on its database always has one. Every other asks its `Trust` before every remembered answer:
`watch.py` where processes share an SQLite file, `fence.py` on PostgreSQL. Without a reason the database is asked.
"""

from __future__ import annotations

import hashlib
import os
import threading
from hmac import compare_digest
from typing import Any, Final, Protocol

from tokenry.core.grant import Grant, size_of_grant
from tokenry.core.turns import Turn

BYTES_EACH = 1024
"""The bytes that a grant may take on average. Where large grants take more, fewer are remembered."""
_LASTS: Final = [chr(code) for code in range(128)]
"""The characters that a kid may end with. Each has a dictionary of its own: one that grows moves everything in it, and
with a million keys in one dictionary no thread would run for 50 ms."""


class Trust(Protocol):
    """Tells a process whether others may have changed rows that it remembers."""

    def holds(self) -> bool:
        """Tell whether what is remembered is true right now; first forget what others are known to have changed."""
        ...

    def moved(self, turn: Turn) -> None:
        """Take note of a change of our own, for which memory is corrected right now."""
        ...

    def forget(self) -> None:
        """Begin anew, as after a fork."""
        ...


class Memory:
    """At most `entries` grants by kid. A presented key must equal the text that was proved against its digest."""

    def __init__(self, entries: int, trust: Trust | None = None) -> None:
        self.entries = entries
        self._trust = trust
        self._holds = trust.holds if trust is not None else None
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a fork: with a new key and no grants."""
        if self._trust is not None:
            self._trust.forget()
        self._lock = threading.Lock()
        # The place in the ring where the last grant was dropped to make room for large ones.
        self._oldest = -1
        self._attic: list[dict[Any, Any] | list[str]] = []
        self._begin()
        # A random prefix is a safe key for BLAKE2, which has no length extension. `key=` would take a block of its own.
        self._keyed = hashlib.blake2b(os.urandom(32), digest_size=16)
        self.drops = 0
        self.clears = 0

    def _begin(self) -> None:
        """Hold nothing."""
        self._grants: dict[str, dict[str, Grant | None]] = {last: {} for last in _LASTS}
        """By kid. None: dropped, but its place in the ring is kept."""
        self._foreign: list[dict[tuple[str | None, bytes], Grant]] = [{} for _ in range(256)]
        """By tenant and proof."""
        self._ring: list[str] = []  # every kid of the grants, once
        self._hand = self._dropped = self._bytes = self._foreign_count = 0

    def watch(self, trust: Trust) -> None:
        """Trust memory from now on only as long as `trust` holds."""
        if self._trust is None:
            self._trust, self._holds = trust, trust.holds
            self.clear()

    def is_trusted(self) -> bool:
        """Tell whether what is remembered is true right now, after forgetting what others have changed."""
        return self._holds is None or self._holds()

    def recall(self, kid: str, text: str) -> Grant | None:
        """Return the grant of a key that was proved before, or None."""
        return self.proved(kid, text) if self._ring and self.is_trusted() else None

    def proved(self, kid: str, text: str) -> Grant | None:
        """Return the same for a caller who has just asked whether memory is trusted."""
        try:
            grant: Grant | None = self._grants[kid[-1]].get(kid)
        except LookupError:  # it is empty, or ends as no kid does
            return None
        if grant is None:
            return None
        keyed = self._keyed.copy()
        keyed.update(text.encode() if text.isascii() else text.encode("utf-8", "surrogatepass"))
        return grant if compare_digest(grant.proof, keyed.digest()) else None

    def foreign(self, tenant: str | None, text: str) -> Grant | None:
        """Return the grant of a foreign key, whose text holds no kid, as `proved` does for one of ours."""
        if not self._foreign_count:
            return None
        proof = self._proof(text)
        grant: Grant | None = self._foreign[proof[0]].get((tenant, proof))
        if grant is None or self._grants[grant.kid[-1]].get(grant.kid) is not grant:
            return None
        return grant

    def keep_foreign(self, tenant: str | None, grant: Grant) -> None:
        """Let a remembered grant be found by the text that proved it, for whoever asks about this tenant."""
        if self.keeps(grant):
            if self._foreign_count >= self.entries:
                self._attic += [each for each in self._foreign if each]
                self._foreign, self._foreign_count = [{} for _ in self._foreign], 0
            shard = self._foreign[grant.proof[0]]
            before = len(shard)
            shard[tenant, grant.proof] = grant
            self._foreign_count += len(shard) - before

    def keeps(self, grant: Grant) -> bool:
        """Tell whether a grant is still the remembered one: then an earlier proof of its key still holds.

        Ask first whether memory is trusted.
        """
        return self._grants[grant.kid[-1]].get(grant.kid) is grant

    def known(self, kid: str) -> Grant | None:
        """Return the grant of a kid, whoever asks: a token that hangs on it was proved by its signature."""
        if self._holds is not None and not self._holds():
            return None
        shard = self._grants.get(kid[-1:])
        return shard.get(kid) if shard is not None else None

    def remember(self, grant: Grant, text: str, drops: int) -> None:
        """Keep a grant that was looked up when the drop counter stood at `drops`; not if it has moved since."""
        if not self.entries or drops != self.drops:
            return
        grant.proof = self._proof(text)
        with self._lock:
            if drops != self.drops:  # dropped in between by another thread
                return
            shard = self._grants[grant.kid[-1]]
            if grant.kid not in shard:
                self._make_room(grant.kid)
            else:
                self._forget(grant.kid)
                self._dropped -= 1
            shard[grant.kid] = grant
            self._bytes += size_of_grant(grant)
            self._fit(grant)

    def _make_room(self, kid: str) -> None:
        if len(self._ring) < self.entries:
            self._ring.append(kid)
        else:
            oldest = self._ring[self._hand]
            self._forget(oldest)
            del self._grants[oldest[-1]][oldest]
            self._dropped -= 1
            self._ring[self._hand] = kid
            self._hand = (self._hand + 1) % self.entries

    def _forget(self, kid: str) -> None:
        """Forget a grant and keep its place, so that a key that changes often takes nobody else's."""
        shard = self._grants.get(kid[-1:])
        grant = shard.get(kid) if shard is not None else None
        if shard is not None and grant is not None:
            self._bytes -= size_of_grant(grant)
            shard[kid] = None
            self._dropped += 1

    def _fit(self, newest: Grant) -> None:
        """Forget the oldest grants while all together are too large."""
        for _ in range(len(self._ring)):
            if self._bytes <= BYTES_EACH * self.entries:
                break
            self._oldest = (self._oldest + 1) % len(self._ring)
            if self._ring[self._oldest] != newest.kid:
                self._forget(self._ring[self._oldest])

    def prepare(self) -> int:
        """Return the drop counter that a lookup must carry, after learning what others did."""
        if self._trust is not None:
            self._trust.holds()
        return self.drops

    def drop(self, kids: tuple[str, ...], turn: Turn | None = None) -> None:
        """Forget some grants. With a `turn` that is for a change of our own."""
        with self._lock:
            self.drops += 1
            if turn is not None and self._trust is not None:
                self._trust.moved(turn)
            for kid in kids:
                self._forget(kid)

    def close(self) -> None:
        """Forget everything and remember nothing any more."""
        self.entries = 0
        self.clear()

    def clear(self) -> None:
        """Forget all grants. A million of them are set free in slices, by `sweep`, and not in one long pause."""
        with self._lock:
            self.drops += 1
            self.clears += 1
            forgotten: list[dict[Any, Any] | list[str]] = [self._ring, *self._grants.values(), *self._foreign]
            self._begin()
        self._attic += [each for each in forgotten if each]

    def sweep(self, most: int = 2000) -> bool:
        """Set some of what was forgotten free; return whether there is more."""
        while most > 0:
            try:
                old = self._attic.pop()  # ours alone from here on, whoever else sweeps
            except IndexError:
                return False
            count = min(most, len(old))
            most -= count
            if isinstance(old, list):
                del old[len(old) - count :]
            else:
                for _ in range(count):
                    old.popitem()
            if old:
                self._attic.append(old)
        return bool(self._attic)

    def __len__(self) -> int:
        return len(self._ring) - self._dropped

    def _proof(self, text: str) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(text.encode("utf-8", "surrogatepass"))
        return keyed.digest()

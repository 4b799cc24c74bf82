"""The keys that sign access tokens: made at first use, encrypted at rest, rotated by command and by age.

Verification uses a key only as it was encrypted, so a key that somebody plants in the database verifies nothing.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Generic

import msgspec

from tokenry.core import jwt, signing
from tokenry.core.errors import Conflict, NotFound, StoreUnavailable, missing
from tokenry.core.keyring import Keyring
from tokenry.core.memo import MIB, Memo
from tokenry.core.model import NOT_GIVEN, NotGiven, SigningKey, Tenant, moment, moment_or_none
from tokenry.core.policy import TokenPolicy
from tokenry.core.ports import Store
from tokenry.core.secret import joined, make_kid
from tokenry.core.signing import RETIRING, SHARED, SigningRow

from .context import B, Change, Context
from .sealed_keys import NONCE, opened, seal

READ = "tokenry:signing_keys:read"
WRITE = "tokenry:signing_keys:write"
_BATCH = 100
_MAX_AGE = 5_000_000
_KEY_BYTES = 4000
_LOCKS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Ring:
    """The signing keys of one tenant as they were when they were read."""

    tenant_id: str
    slug: str
    rows: tuple[SigningRow, ...]
    keys: Mapping[str, jwt.JoseKey]
    mark: int
    read_at: int
    published: dict[tuple[str, ...], bytes] = field(default_factory=dict)

    def key_set(self, now: int) -> bytes:
        """Return the JWKS: the public keys that verifiers need now, as JSON."""
        kids = tuple([row.kid for row in self.rows if signing.is_shown(row, now)])
        found = self.published.get(kids)
        if found is None:
            keys = [self.keys[kid].public() for kid in kids]
            found = self.published[kids] = msgspec.json.encode({"keys": keys})
        return found


def _size(_: str, ring: Ring) -> int:
    return _KEY_BYTES * len(ring.rows) + 1000


@dataclass(frozen=True, slots=True)
class Signers:
    """The signing keys in one instance. They are read again when anything may have changed, and now and then.

    `is_trusted` tells whether anything that others have changed was noticed, and `mark` moves whenever that happens.
    """

    store: Store
    policy: TokenPolicy
    keyring: Callable[[], Keyring]
    now: Callable[[], int]
    mark: Callable[[], int]
    is_trusted: Callable[[], bool]
    on_one_loop: bool = False
    _rings: Memo[str, Ring] = field(default_factory=lambda: Memo(_size, bytes_max=16 * MIB, each_max=8 * MIB))
    _by_kid: Memo[str, Ring] = field(default_factory=lambda: Memo(_size, bytes_max=16 * MIB, each_max=8 * MIB))
    _locks: dict[str, threading.Lock] = field(default_factory=dict)
    _failures: dict[str, StoreUnavailable] = field(default_factory=dict)

    def signer(self, context: Context, slug: str) -> jwt.JoseKey:
        """Return the key that signs for a tenant, making it at first use. Call this outside of any transaction."""
        ring, row = self._signing_ring(context, slug)
        return ring.keys[row.kid]

    def key_set(self, context: Context, slug: str) -> bytes:
        """Return the JWKS of a tenant. The first key is made at first use: verifiers would remember an empty set."""
        return self._signing_ring(context, slug)[0].key_set(self.now())

    def recall_key_set(self, slug: str) -> bytes | None:
        """Return the JWKS of a tenant from memory alone; None when the keys must be read."""
        ring = self._rings.get(slug)
        if ring is None or not self.is_fresh(ring) or self.signing(ring.tenant_id, ring.rows) is None:
            return None
        return ring.key_set(self.now())

    def _signing_ring(self, context: Context, slug: str) -> tuple[Ring, SigningRow]:
        context.renew_keyring()  # or the keys of a newer generation cannot be opened, and others are made
        ring = self._rings.get(slug)
        if ring is None or context.store is not self.store or not self.is_fresh(ring):
            ring = self._read(context, slug)
        row = self.signing(ring.tenant_id, ring.rows)
        if row is None:
            mark = self.mark()
            ring = self._keep(context.store, mark, *_begin(context, slug, self))
            row = self.signing(ring.tenant_id, ring.rows)
        if row is None:
            raise Conflict(
                "the signing key of this tenant was removed or is spoiled: set another `shared_secret`",
                field="signing_key",
            )
        return ring, row

    def ring_of(self, kid: str) -> Ring | None:
        """Return the keys among which one is, from memory alone; None when they must be read."""
        ring = self._by_kid.get(kid)
        return ring if ring is not None and self.is_fresh(ring) else None

    def read_ring_of(self, kid: str, store: Store | None = None) -> Ring | None:
        """Read the keys among which one is; None when there is no such key. Many who want them read them once."""
        if store is not None and store is not self.store:
            return self._read_of(kid, store)
        # On one event loop, waiting for a lock would block the task that holds it.
        if self.on_one_loop:
            return self._read_of(kid, self.store)
        if len(self._locks) > _LOCKS_MAX:  # a thread that holds a lock keeps it; at worst a key is read twice
            self._locks.clear()
            self._failures.clear()
        failures = self._failures.get(kid)
        with self._locks.setdefault(kid, threading.Lock()):
            ring = self.ring_of(kid)
            if ring is not None:
                return ring
            if self._failures.get(kid) is not failures:  # the read that this one waited for: do not wait for another
                raise StoreUnavailable("the signing keys cannot be read right now; nothing was changed, try again")
            try:
                ring = self._read_of(kid, self.store)
            except StoreUnavailable as error:
                self._failures[kid] = error.with_traceback(None)
                raise
            self._failures.pop(kid, None)
            return ring

    def verifier(self, ring: Ring, kid: str) -> jwt.JoseKey | None:
        """Return a key whose tokens are good now."""
        row = next((row for row in ring.rows if row.kid == kid), None)
        return ring.keys.get(kid) if row is not None and signing.verifies(row, self.now()) else None

    def witness(self, ring: Ring, kid: str) -> jwt.JoseKey | None:
        """Return a key that has signed here: also one that time has removed, but none that somebody has."""
        row = next((row for row in ring.rows if row.kid == kid), None)
        return ring.keys.get(kid) if row is not None and not signing.was_removed(row) else None

    def is_fresh(self, ring: Ring) -> bool:
        """Tell whether what was read may still be believed."""
        return self.is_trusted() and ring.mark == self.mark() and 0 <= self.now() - ring.read_at < _MAX_AGE

    def forget(self) -> None:
        """Read everything again when it is needed."""
        self._rings.clear()
        self._by_kid.clear()
        self._failures.clear()
        self._locks.clear()  # a child of a fork inherits those that others held

    def expected_kid(self, tenant_id: str) -> str | None:
        """Return which key the configured shared secret is; None for key pairs, which are made here."""
        if self.policy.algorithm != SHARED:
            return None
        return make_kid(hmac.digest(self.policy.shared_secret, joined("kid", tenant_id), "sha256"))

    def signing(self, tenant_id: str, rows: Sequence[SigningRow]) -> SigningRow | None:
        """Return the key that signs now, by the algorithm and the secret that are configured."""
        expected = self.expected_kid(tenant_id)
        possible = [row for row in rows if expected in (None, row.kid)]
        return signing.signer(possible, self.policy.algorithm, self.now())

    def _read_of(self, kid: str, store: Store) -> Ring | None:
        mark = self.mark()
        with store.read() as rows:
            found = rows.signing_keys.of_kid(kid)
        return self._keep(store, mark, *found) if found else None

    def _read(self, context: Context, slug: str) -> Ring:
        mark = self.mark()
        with context.store.read() as rows:
            tenant = rows.tenants.get(slug)
            if tenant is None:
                raise missing("tenant", slug)
            listed = rows.signing_keys.list(tenant)
        return self._keep(context.store, mark, tenant, listed)

    def _keep(self, store: Store, mark: int, tenant: Tenant, rows: Sequence[SigningRow]) -> Ring:
        """Keep what was read when the mark stood at `mark`: a change since then must not be overlooked."""
        keys = opened(rows, self.keyring())
        good = tuple(row for row in rows if row.kid in keys)
        ring = Ring(tenant.id, tenant.slug, good, keys, mark, self.now())
        if store is self.store:  # inside a host's transaction nothing is certain yet
            self._rings.put(tenant.slug, ring)
            for kid in keys:
                self._by_kid.put(kid, ring)
        return ring


class SigningKeys(Generic[B]):
    """The keys that sign the access tokens of a tenant."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(self, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> tuple[SigningKey, ...]:
        """Return the keys of a tenant, the oldest first; a removed one stays in the list."""
        with self._context.reading(tenant, by) as scene:
            scene.actor.must(READ, "listing signing keys")
            rows = scene.rows.signing_keys.list(scene.tenant)
            return _public_keys(rows, scene.tenant, self._context)

    def rotate(self, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> SigningKey:
        """Let the next key sign from now on, and make another next key. Tokens of the last key stay valid.

        Raise Conflict for HS256, whose secret is configured.
        """
        with self._context.changing(tenant, by, alone=True) as change:
            change.actor.must(WRITE, "rotating signing keys")
            kid = rotate(change, _signers(self._context).policy.algorithm)
            rows = change.rows.signing_keys.list(change.tenant)
            return next(key for key in _public_keys(rows, change.tenant, self._context) if key.kid == kid)

    def remove(self, kid: str, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> SigningKey:
        """Remove a key that has become known: nothing that it signed is accepted any more. Another one signs.

        For HS256 that is one with another `shared_secret`: until it is set, nothing is signed.
        """
        with self._context.changing(tenant, by, alone=True) as change:
            change.actor.must(WRITE, "removing signing keys")
            found = [row for row in change.rows.signing_keys.list(change.tenant) if row.kid == kid]
            if not found:
                raise missing("signing key", kid, change.tenant.slug)
            remove(change, found[0])
            rows = change.rows.signing_keys.list(change.tenant)
            return next(key for key in _public_keys(rows, change.tenant, self._context) if key.kid == kid)


def jwks(context: Context, slug: str) -> dict[str, Any]:
    """Return the public keys of a tenant, as its JWKS endpoint shows them."""
    found: dict[str, Any] = msgspec.json.decode(_signers(context).key_set(context, context.slug_of(slug)))
    return found


def rotate(change: Change, algorithm: str) -> str:
    """Go over to the next key within a change; return its kid."""
    if algorithm == SHARED:
        raise Conflict("the secret of HS256 is configured: set another `shared_secret`", field="algorithm")
    now = change.context.clock()
    listed = change.rows.signing_keys.list(change.tenant)
    coming = signing.successor(listed, algorithm, now) or _made(change, algorithm, None)
    for row in listed:
        if row.algorithm == algorithm and signing.status(row, now) == "active":
            _retire(change, row, now)
    change.rows.signing_keys.update(coming.kid, {"active_at": now})
    change.record("signing_key.activated", coming.kid, None, {"algorithm": algorithm})
    _made(change, algorithm, None)
    change.invalidate_all()
    return coming.kid


def remove(change: Change, row: SigningRow) -> None:
    """Remove a key within a change; another one signs."""
    now = change.context.clock()
    status = signing.status(row, now)
    if status == "active" and row.algorithm != SHARED:
        rotate(change, row.algorithm)
    if status == "next":  # or the next rotation would sign with a key that nobody was shown before
        _made(change, row.algorithm, None)
    if status != "removed":
        change.rows.signing_keys.update(row.kid, {"removed_at": now, "retired_at": row.retired_at or now})
        change.record("signing_key.removed", row.kid)
    # Even a call that changes nothing must invalidate cached verdicts.
    change.invalidate_all()


def upkeep(context: Context) -> None:
    """Rotate the keys that have signed for long enough."""
    signers = _signers(context)
    before = context.now() - timedelta(microseconds=signers.policy.signing_key_life)
    with context.store.read() as rows:
        due = rows.signing_keys.older(before, _BATCH)
    for tenant, algorithm in due:
        with suppress(NotFound), context.changing(tenant.slug, NOT_GIVEN, alone=True) as change:
            listed = change.rows.signing_keys.list(change.tenant)
            active = signing.signer(listed, algorithm, context.clock())
            if active is not None and moment(active.active_at or 0) < before:  # nobody else was faster
                rotate(change, algorithm)


def _begin(context: Context, slug: str, signers: Signers) -> tuple[Tenant, Sequence[SigningRow]]:
    """Make the first keys of a tenant, unless somebody else has just done so."""
    done = None
    with context.spans.change(context.trace) as span:
        with context.store.change() as rows:
            tenant = rows.tenants.get(slug, lock="alone")
            if tenant is None:
                raise missing("tenant", slug)
            listed = rows.signing_keys.list(tenant)
            keys = opened(listed, context.keyring())
            expected = next((row for row in listed if row.kid == signers.expected_kid(tenant.id)), None)
            # A secret that has become known stays out.
            may_begin = expected is None or not signing.was_removed(expected)
            if may_begin and signers.signing(tenant.id, [row for row in listed if row.kid in keys]) is None:
                change = context.recording(rows, tenant)
                _begin_with(change, signers, listed)
                change.invalidate_all()
                done = change.finish()
                listed = rows.signing_keys.list(tenant)
        if done is not None:
            context.announce(done)
            span.done(done)
    return tenant, listed


def _begin_with(change: Change, signers: Signers, listed: Sequence[SigningRow]) -> None:
    now, algorithm = change.context.clock(), signers.policy.algorithm
    expected = signers.expected_kid(change.tenant.id)
    if expected is None:
        first = _made(change, algorithm, now)
        _made(change, algorithm, None)
        change.record("signing_key.activated", first.kid, None, {"algorithm": algorithm})
        return
    for row in listed:  # the secret that was configured before
        if row.algorithm == SHARED and signing.status(row, now) == "active":
            _retire(change, row, now)
    if any(row.kid == expected for row in listed):  # and now is again
        change.rows.signing_keys.update(expected, {"active_at": now, "retired_at": None, "removed_at": None})
    else:
        _write(change, jwt.shared(expected, signers.policy.shared_secret), now)
    change.record("signing_key.activated", expected, None, {"algorithm": SHARED})


def _made(change: Change, algorithm: str, active_at: int | None) -> SigningRow:
    return _write(change, jwt.generate(make_kid(change.context.entropy(16)), algorithm), active_at)


def _write(change: Change, key: jwt.JoseKey, active_at: int | None) -> SigningRow:
    context = change.context
    generation = context.keyring().signing(context.clock())
    row = SigningRow(change.tenant.id, key.kid, key.algorithm, b"", generation.id, context.clock(), active_at)
    row = replace(row, sealed=seal(generation, context.entropy(NONCE), key.private(), row))
    change.rows.signing_keys.insert(row)
    change.record("signing_key.created", key.kid, None, {"algorithm": key.algorithm})
    return row


def _retire(change: Change, row: SigningRow, now: int) -> None:
    change.rows.signing_keys.update(row.kid, {"retired_at": now, "removed_at": now + RETIRING})
    change.record("signing_key.retired", row.kid, None, {"algorithm": row.algorithm})


def _public_keys(rows: Sequence[SigningRow], tenant: Tenant, context: Context) -> tuple[SigningKey, ...]:
    now, keys = context.clock(), opened(rows, context.keyring())
    return tuple(
        SigningKey(
            kid=row.kid,
            tenant=tenant.slug,
            algorithm=row.algorithm,
            status=signing.status(row, now),
            created_at=moment(row.created_at),
            active_at=moment_or_none(row.active_at),
            retired_at=moment_or_none(row.retired_at),
            removed_at=moment_or_none(row.removed_at),
            jwk=keys[row.kid].public() if signing.is_shown(row, now) and row.kid in keys else None,
        )
        for row in rows
    )


def _signers(context: Context) -> Signers:
    assert context.signers is not None
    return context.signers

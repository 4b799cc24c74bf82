"""Verifying keys of other systems: found by a kid that follows from the whole text, or at first by a hint.

A key that is found by its kid is verified as every other key. The first time that a key is presented, its old hash is
tested and replaced by a digest of ours.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import msgspec

from tokenry.core.decide import Ask
from tokenry.core.errors import StoreUnavailable
from tokenry.core.foreign import ForeignRow, Form, ended_hint, forms_for, hints_of, kid_of
from tokenry.core.grant import Grant, Row
from tokenry.core.hashes import Recipe
from tokenry.core.keyring import Generation, Keyring
from tokenry.core.ports import Clash, Rows, SecretRow, Store
from tokenry.core.process_ports import Remembers
from tokenry.core.secret import digest_of, has_form, joined
from tokenry.core.verdict import Explanation, Refused, Verdict

from .old_hashes import matches
from .sealed_keys import NONCE
from .tokens import MALFORMED, NOT_FOUND
from .wishes import Find, Pooled, Wait

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from .context import Context
    from .verify import Verifying

Begin: TypeAlias = Callable[[object, Callable[[], bool], str, str | None], "Future[bool | Refused]"]
"""Begins a slow test of something, of a hint and for a client's address (`runtime.slow_checks`)."""


class Guessed(Protocol):
    """Counts the unknown keys of an address (`runtime.guesses`)."""

    def begin(self, ip: str | None) -> int | None: ...
    def found(self) -> None: ...
    def failed(self, ip: str | None) -> None: ...


class Learns(Protocol):
    """The old systems that are asked for unknown keys (`learning.Learning`)."""

    def of(self, text: str, tenant: str | None) -> Any: ...
    def steps(
        self, context: Context, lesson: Any, text: str, ip: str | None
    ) -> Generator[Any, Any, str | Refused | None]: ...


_log = logging.getLogger("tokenry.verify")
_TENANTS_MAX: Final = 4
"""Where nobody says which tenant is meant, a key is looked for in so many of those that have keys of its form."""
_STALE_SECONDS: Final = 5.0
"""How old the known forms may be in a process that has no memory it could trust."""


class Foreign:
    """The part of a verification that knows foreign keys. Without a form that fits, a text is no such key."""

    def __init__(
        self,
        verifying: Verifying,
        store: Store,
        memory: Remembers,
        keyring: Callable[[], Keyring],
        mark: Callable[[], int | None],
        begin: Begin,
        guesses: Guessed,
    ) -> None:
        self._verifying = verifying
        self._store = store
        self._memory = memory
        self._keyring = keyring
        self._memory_mark = mark
        self._begin = begin
        self._guesses = guesses
        self._context: Context | None = None
        self._learning: Learns | None = None
        self.forget()

    def use(self, context: Context, learning: Learns) -> None:
        """Set the context for changes, and the old systems to learn from."""
        self._context, self._learning = context, learning

    def forget(self) -> None:
        """Forget the forms, as after a fork."""
        self._forms: tuple[Form, ...] = ()
        self._mark = -1
        self._read_at = float("-inf")

    def forms(self) -> tuple[Form, ...] | None:
        """Return how foreign keys look; None when that has to be read."""
        # Ask for the mark first: that applies the changes of other processes.
        is_trusted = self._memory_mark() is not None
        if self._mark != self._memory.clears:
            return None
        return self._forms if is_trusted or time.monotonic() - self._read_at < _STALE_SECONDS else None

    def read_forms(self) -> tuple[Form, ...]:
        """Read how foreign keys look."""
        self._memory.prepare()
        mark, read_at = self._memory.clears, time.monotonic()
        with self._store.read() as rows:
            found = tuple(rows.foreign.forms())
        self._forms, self._mark, self._read_at = found, mark, read_at
        return found

    def may_be(self, text: str, tenant: str | None) -> bool:
        """Tell whether a text looks like a foreign key, reading how they look if that is not known."""
        if self._learning is not None and self._learning.of(text, tenant) is not None:
            return True
        known = self.forms()
        return bool(forms_for(self._forms_for(text) if known is None else known, text, tenant))

    def _forms_for(self, text: str) -> tuple[Form, ...]:
        """Read the forms. Without the database a mistyped key of ours is still told from a foreign one."""
        try:
            return self.read_forms()
        except StoreUnavailable:
            if has_form(text):
                return ()
            raise

    def answer_steps(self, text: str, ask: Ask) -> Generator[Any, Any, Verdict]:
        """Answer for a text that is none of our keys."""
        found = yield from self.steps(text, ask)
        if isinstance(found, Grant):
            return (yield from self._verifying.decide_steps(found, ask))
        self._verifying.count_unknown(found.code)
        return found

    def explain_steps(self, text: str, ask: Ask) -> Generator[Any, Any, Explanation]:
        """Evaluate every check for a text that is none of our keys."""
        found = yield from self.steps(text, ask)
        if isinstance(found, Grant):
            return (yield from self._verifying.explained(found, [], ask))
        return (yield from self._verifying.explained(None, ["malformed" if found is MALFORMED else "not_found"], ask))

    def meet(self, text: str, ip: str | None) -> None:
        """Replace the old hash of a key that is shown for another reason than to be let in."""
        self._verifying.run(self._imported(text, Ask(ip=ip)))

    def steps(self, text: str, ask: Ask) -> Generator[Any, Any, Grant | Refused]:
        """Return the grant of a foreign key, or why there is none."""
        found = yield from self._imported(text, ask)
        lesson = None if self._learning is None else self._learning.of(text, ask.tenant)
        if lesson is not None and not isinstance(found, Grant) and found.code != "throttled":
            found = yield from self._learned(lesson, text, ask)
        if not isinstance(found, Grant) and found is not MALFORMED:
            self._guesses.failed(ask.ip)
        return found

    def _learned(self, lesson: Any, text: str, ask: Ask) -> Generator[Any, Any, Grant | Refused]:
        """Return the grant of a key that the old system knows, or why there is none."""
        assert self._learning is not None and self._context is not None  # noqa: PT018 - both come with `use`
        kid = yield from self._learning.steps(self._context, lesson, text, ask.ip)
        if isinstance(kid, Refused):
            return kid
        grant = None if kid is None else (yield from self._found(kid, text, ask))
        return grant or NOT_FOUND

    def _imported(self, text: str, ask: Ask) -> Generator[Any, Any, Grant | Refused]:
        """Return the grant of a foreign key that was imported, or why there is none."""
        known = self.forms()
        if known is None:
            known = yield Wait(partial(self._forms_for, text))
        forms = forms_for(known, text, ask.tenant)
        if not forms:
            return MALFORMED
        forms = _bounded(forms)
        kids = [*self._kids(forms, text)]
        wait = self._guesses.begin(ask.ip)
        if wait is not None and not any(self._memory.recall(kid, text) for kid in kids):
            return Refused("throttled", wait)
        found: Grant | Refused | None = None
        for kid in kids:
            if found is None:
                found = yield from self._found(kid, text, ask)
        if found is None:
            found = yield from self._first_use(forms, text, ask)
        if isinstance(found, Grant):
            self._guesses.found()
        return found

    def _found(self, kid: str, text: str, ask: Ask) -> Generator[Any, Any, Grant | None]:
        grant = self._memory.recall(kid, text)
        if grant is None or self._verifying.is_old(grant):
            drops = self._memory.prepare()
            row: Row | None = yield Find(kid)
            grant = None if row is None else self._verifying.proved(row, text)
            if grant is None:
                return None
            self._memory.remember(grant, text, drops)
        self._memory.keep_foreign(ask.tenant, grant)
        return grant

    def _kids(self, forms: list[Form], text: str) -> Iterator[str]:
        for tenant_id in dict.fromkeys(form.tenant_id for form in forms):
            for generation in reversed(self._keyring().generations):
                yield kid_of(generation, tenant_id, text)

    def _first_use(self, forms: list[Form], text: str, ask: Ask) -> Generator[Any, Any, Grant | Refused]:
        """Test the old hashes that a text may have, the first of which that fits is replaced."""
        kid, rows = yield Wait(partial(self._candidates, forms, text))
        for row in rows:
            recipe = opened(row, self._keyring())
            if recipe is None:
                continue
            if recipe.is_slow:
                what = (row.kid, sha256(text.encode()).digest())
                test = partial(matches, recipe, text)
                fits: bool | Refused = yield Pooled(partial(self._begin, what, test, row.hint, ask.ip))
                if isinstance(fits, Refused):
                    return fits
            else:
                fits = matches(recipe, text)
            if fits:
                kid = yield Wait(partial(self._upgraded, row, text))
                break
        if isinstance(kid, str):
            kid = yield from self._found(kid, text, ask)
        return NOT_FOUND if kid is None else kid

    def _candidates(self, forms: list[Form], text: str) -> tuple[str | None, Sequence[ForeignRow]]:
        """Return the rows that a text may belong to; and its kid, if another process has just replaced its hash."""
        generations = self._keyring().generations
        hints = [hint for form in forms for hint in hints_of(form, text, generations)]
        if not hints:
            return None, ()
        ended = [ended_hint(kid) for kid in self._kids(forms, text)]
        with self._store.read() as rows:
            hinted = rows.foreign.hinted([*hints, *ended])
            # In these tenants the text was a key that has ended.
            over = {row.tenant_id for row in hinted if row.sealed is None}
            found = [row for row in hinted if row.tenant_id not in over]
            found.sort(key=lambda row: hints.index(row.hint or ""))
            # Look up kids after hints, so that a row replaced in between is found either way.
            kid = None if found else next((kid for kid in self._kids(forms, text) if rows.secrets.place(kid)), None)
        return kid, found

    def _upgraded(self, row: ForeignRow, text: str) -> str | Grant | None:
        """Give a key a digest of ours, and return its kid; where that cannot be written, return the grant itself."""
        assert self._context is not None
        context = self._context
        context.renew_keyring()
        now = context.now()
        generation = self._keyring().signing(context.clock())
        kid = kid_of(generation, row.tenant_id, text)
        digest = digest_of(generation.pepper, kid, row.tenant_id, row.key_id, text)
        secret = SecretRow(kid, row.key_id, digest, generation.id, generation.id, now)
        try:
            with context.store.change(durable=False) as rows:
                tenant = rows.tenants.by_id(row.tenant_id)
                key = rows.keys.get(tenant, row.key_id, now, lock=True) if tenant is not None else None
                if tenant is None or key is None:
                    return None
                change = context.recording(rows, tenant)
                was_there = rows.foreign.upgraded(row, kid, generation.id, now)
                if was_there and rows.secrets.upgrade(tenant, row.kid, secret):
                    change.tell("key.hash_upgraded", row.key_id, {"kid": kid}, owner=key.owner)
                done = change.finish()
        except Clash:  # another key of the tenant has the same text
            return kid
        except StoreUnavailable:
            found = self._store.find(row.kid)
            return None if found is None or found.key_id != row.key_id else self._verifying.granted(found)
        context.announce(done)
        return kid


def kids_of(rows: Rows, keyring: Keyring, text: str, tenant: str | None) -> list[str]:
    """Return the kids that a foreign key may have, if it was presented before: for who asks about it, not with it."""
    forms = _bounded(forms_for(rows.foreign.forms(), text, tenant))
    tenant_ids = dict.fromkeys(form.tenant_id for form in forms)
    return [kid_of(generation, id, text) for id in tenant_ids for generation in keyring.generations]


def _bounded(forms: list[Form]) -> list[Form]:
    tenants = list(dict.fromkeys(form.tenant_id for form in forms))[:_TENANTS_MAX]
    return [form for form in forms if form.tenant_id in tenants]


def cipher_of(generation: Generation) -> AESGCM:
    """Return the cipher that encrypts old hashes."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(generation.foreign_sealing_key)


def seal(cipher: AESGCM, nonce: bytes, recipe: Recipe, tenant_id: str, key_id: str, kid: str) -> bytes:
    """Return an old hash as it is stored: encrypted, and bound to its row and tenant."""
    bound = joined("tokenry/foreign-hash/1", tenant_id, key_id, kid)
    return nonce + cipher.encrypt(nonce, msgspec.msgpack.encode(recipe), bound)


def opened(row: ForeignRow, keyring: Keyring) -> Recipe | None:
    """Return the old hash of a row; None when the row is forged or moved, or was upgraded."""
    from cryptography.exceptions import InvalidTag

    generation = keyring.get(row.generation_id)
    if generation is None or row.sealed is None:
        return None
    bound = joined("tokenry/foreign-hash/1", row.tenant_id, row.key_id, row.kid)
    sealed = bytes(row.sealed)
    try:
        plain = cipher_of(generation).decrypt(sealed[:NONCE], sealed[NONCE:], bound)
        return msgspec.msgpack.decode(plain, type=Recipe)
    except (InvalidTag, ValueError):
        _log.error("the old hash of key %s is forged, and is ignored: somebody has changed its row", row.key_id)
        return None

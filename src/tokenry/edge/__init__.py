"""The parts of a verification on HTTP that `api/` and `ext/` share: the credential, the client, and the engine.

`edge.asgi` has the requests and answers of ASGI, `edge.problems` every refusal.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..core import mistakes
from ..core.addresses import Address
from ..core.addresses import read as read_address
from ..core.decide import OPERATOR_ENVIRONMENT, Ask, passes_until, read_ask, shared_ask
from ..core.errors import ERRORS_MAX, LIST_MAX, TokenryError, missing
from ..core.form import FORM
from ..core.grant import Grant, size_of_grant
from ..core.key_fields import CHECKS as KEY_CHECKS
from ..core.lengths import record_of, written
from ..core.limits import CountedLimit, limit_name
from ..core.media import is_json
from ..core.memo import ENTRY_BYTES, KIB, MIB, Memo, length, remembering
from ..core.presented import (
    Found,
    Presented,
    bounded,
    cookie_counts,
    is_cookie_name,
    is_foreign,
    is_origin,
    is_too_long,
    read_cookie,
    read_presented,
)
from ..core.proxies import Proxies
from ..core.redaction import HIDDEN, unrepeated
from ..core.scopes import granted
from ..core.statuses import challenge, credit_fields, limit_fields, status_of
from ..core.trace import Trace, read_trace
from ..core.turns import FenceState
from ..core.verdict import name_refusal, parts_of
from ..groups import Groups
from ..runtime.throttle import Throttle
from ..service.refreshing_together import Refreshing, Result
from ..service.refreshing_together import refresh_together as _refresh_together
from ..service.sessions import of_refresh
from ..service.spans import Spans
from ..service.verify import Find, Verifying, is_token
from ..store import open as stores
from .mail_links import end_mail, mail_counts, read_mail_link
from .pursuit import Lookup, Then, begin, may_be_direct

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator, Sequence

    from ..aio import AsyncTokenry
    from ..core.credits import CreditState
    from ..core.verdict import Taken, Valid, Verdict
    from ..tokenry import Tokenry


encode: Final = msgspec.json.Encoder().encode
"""Returns a value as JSON."""

SYSTEM: Final = "system"
"""The slug of the tenant whose keys operate the installation."""

# A kid is random, so no key ever gets this one.
_NOBODY = "0" * 16


class Engine:
    """Verification as an event loop drives it: at once where nothing has to wait, else awaited."""

    def __init__(self, tk: AsyncTokenry) -> None:
        self._tk = tk
        self._verifying: Verifying = tk._verifying
        self.sync = tk._sync
        self.now = tk._sync._now
        self.is_inline = tk._inline and not tk._inline_ticks and not tk._greenlets
        """Whether a lookup is so quick that the loop may wait for it."""
        self._leases = not (tk._sync._inline or tk._greenlets)
        self.is_traced = tk._sync.settings.tracing
        self.spans: Spans = tk._sync._spans
        self.gathers = tk._find is not None and not self.is_traced
        """Whether lookups of many callers are gathered into one, and wait without a task: a span needs a task."""

    def moment(self) -> int:
        """Return the time if memory is trusted right now, else -1: an immediate answer checks both in one call."""
        return self._verifying.moment()

    def recall(self, text: str, ask: Ask, now: int | None = None) -> Verdict | None:
        """Answer at once, or return None, having counted and taken nothing: then `answer` has to be awaited.

        `now` is what `moment` returned.
        """
        return self.recall_for(text, ask, ask.ip, ask.address, self.moment() if now is None else now)

    def recall_for(self, text: str, ask: Ask, ip: str | None, address: Address | None, now: int) -> Verdict | None:
        """Answer as `recall` does, for the address of a client; the one in `ask` is not read."""
        verdict = self._verifying.answer_at(text, ask, ip, address, now)
        if verdict is not None or not self.is_inline or (now >= 0 and self._verifying.recalled(text) is not None):
            return verdict
        return self._look_up(text, ask.at(ip, address))

    def recall_again(self, grant: Grant, ask: Ask, ip: str | None, address: Address | None, now: int) -> Verdict | None:
        """Answer at once for a text that proved this grant before, or return None: `recall_for` has to be asked."""
        return self._verifying.answer_again(grant, ask, ip, address, now) if now >= 0 else None

    def passes_again(self, grant: Grant, now: int, ip: str | None, ask: Ask) -> bool:
        """Count another use of a key that passed the same ask before; False where `recall` has to be asked.

        `now` is a `moment` before `passes_until`.
        """
        return self._verifying.passes_again(grant, now, ip, ask.requirement)

    def lease(self, text: str, ask: Ask) -> asyncio.Future[bool] | None:
        """Lease what `recall` lacks for a key that memory knows, together with others; None where it is not that.

        When the future ends with true, ask `recall` again.
        """
        wish = self._verifying.lacking(text, ask) if self._leases and self._verifying.is_direct else None
        if wish is None:
            return None
        self.sync._wake()
        return self._tk._lease(wish)

    def key_set(self, slug: str) -> bytes | None:
        """Return the JWKS of a tenant from memory alone; None when it may have to wait for the database."""
        return recall_key_set(self.sync, slug)

    async def answer(self, text: str, ask: Ask) -> Verdict:
        """Answer, waiting for the database if need be."""
        verdict: Verdict = await self._tk._drive(self._verifying.steps(text, ask))
        return verdict

    def look_ahead(self, text: str) -> Lookup | None:
        """Begin to look up what will be asked next, where lookups are gathered. Nothing is counted or taken by it."""
        parsed = self._verifying.parsed(text)
        if parsed is None:
            return None
        # Its row may be older than a later drop: then it is not remembered.
        lookup = Lookup((self.sync._memory.prepare(), parsed))
        with suppress(TokenryError):  # the instance was closed, which is said when this is asked for
            find: Any = self._tk._find
            find(parsed.kid, lookup)
            return lookup
        return None

    def pursue(self, text: str, ask: Ask, then: Then, lookup: Lookup | None = None) -> None:
        """Call `then` with the verdict, or an error, when it is there; `lookup` is what was begun ahead for this text.

        Only where lookups are gathered.
        """
        self.sync._wake()
        if lookup is None and may_be_direct(self._verifying, text):
            lookup = self.look_ahead(text)
        begin(self._tk, text, ask, then, lookup)

    def fence_state(self) -> FenceState | None:
        """Return how well this process hears of changes by others, where it has to hear of them (PostgreSQL)."""
        fence = self.sync._fence
        return fence.state() if fence is not None else None

    async def reach(self) -> None:
        """Look up a secret that nobody has, as a verification does; raise StoreUnavailable when that cannot be done."""
        if self._tk._find is not None:
            await self._tk._find(_NOBODY)
        else:
            self._verifying.store.find(_NOBODY)

    def _look_up(self, text: str, ask: Ask) -> Verdict | None:
        """Answer with a lookup inline. Work that writes first, such as the lease of a limit, is left to `answer`."""
        self._tk._sync._wake()
        if not is_token(text) and self._verifying.is_direct:
            return self._verifying.look_up(text, ask, waits=False)
        steps = self._verifying.steps(text, ask)
        try:
            wish = next(steps)
            while wish.__class__ is Find:
                try:
                    row = self._verifying.store.find(wish.kid)
                except Exception as error:
                    wish = steps.throw(error)
                else:
                    wish = steps.send(row)
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict
        steps.close()
        return None


def is_inline(tk: Tokenry) -> bool:
    """Tell whether reads are so quick that an event loop may wait for them."""
    return stores.finds_inline(tk._database)


def reads_at_once(tk: Tokenry) -> bool:
    """Tell whether an event loop may read now: reads are quick, and none has to wait for another one."""
    return stores.finds_inline(tk._database) and not stores.is_busy(tk._database)


def is_alone(tk: Tokenry) -> bool:
    """Tell whether no other process can write to the database."""
    return bool(tk._database.alone)


def commits_by_others(tk: Tokenry) -> Callable[[], object] | None:
    """Return a quick call whose answer changes when another process commits; None where nothing tells of that."""
    signal = stores.signal_of(tk._database)
    return None if signal is None else signal.version


def from_memory(tk: Tokenry, text: str, ask: Ask) -> Verdict | None:
    """Answer at once from memory, or return None, having counted and taken nothing."""
    return tk._verifying.answer(text, ask)


def meets(verdict: Valid, ask: Ask) -> bool:
    """Tell whether a credential that was verified before holds the scopes of another question."""
    return ask.requirement is None or granted(verdict.scopes).allows(ask.requirement)


def recalls(tk: Tokenry) -> Callable[[str, Ask], Verdict | None] | None:
    """Return a function that answers an `Ask` from memory; None where calls do the work of a worker."""
    return None if tk._inline else tk._verifying.answer


def key_set(tk: Tokenry, slug: str) -> bytes:
    """Return the JWKS of a tenant as JSON; raise NotFound."""
    return tk._signers.key_set(tk._context, slug)


def recall_key_set(tk: Tokenry, slug: str) -> bytes | None:
    """Return the JWKS of a tenant from memory alone; None when it may have to wait for the database."""
    return tk._signers.recall_key_set(slug) if is_inline(tk) else None


def exchanges_at_once(tk: Tokenry, text: str, slug: str) -> bool:
    """Tell whether a token is derived from a key without the database: memory knows the key and how a tenant signs."""
    grant = tk._memory.recall(text[-73:-57], text)
    # RS256 is too slow to sign on the event loop.
    if grant is None or grant.limits or grant.credits is not None or tk._signers.policy.algorithm == "RS256":
        return False
    return recall_key_set(tk, slug) is not None


def shares_changes(tk: Tokenry) -> bool:
    """Tell whether many changes can be made in one transaction."""
    return stores.shares_changes(tk._database)


@contextmanager
def changes_together(tk: Tokenry) -> Iterator[Groups]:
    """Offer the groups inside one transaction, which is committed at the end; a failed call leaves nothing of itself.

    Nothing is promised before that end. Only a database that `shares_changes` offers it.
    """
    database: Any = tk._database
    tk._renew_keyring()
    with database.change_together() as store:
        context, done = tk._context.together(store)
        yield Groups(context, tk._subscribers)
    tk._announce(*done)


def refresh_together(tk: Tokenry, asks: Sequence[Refreshing]) -> list[Result]:
    """Do many refreshes with one commit; return for each what `sessions.refresh` returns, or the error it raises."""
    tk._wake()
    return _refresh_together(tk._context, asks)


def session_of(tk: Tokenry | AsyncTokenry, refresh: str, tenant: str | None) -> Any:
    """Return the `Session` of a refresh token, or None; with an `AsyncTokenry` return an awaitable of it."""
    instance: Any = tk
    if hasattr(tk, "_sync"):
        return instance._run(of_refresh, instance._sync._context, refresh, tenant)
    return of_refresh(instance._context, refresh, tenant)


@remembering(length, each_max=ENTRY_BYTES + 128)
def address_of(host: str) -> str | None:
    """Return a peer's address; None for a peer without one, such as a unix socket."""
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def is_operators(text: str) -> bool:
    """Tell whether a text looks like the key of an operator."""
    return text.rpartition("_")[0].endswith(f"_{OPERATOR_ENVIRONMENT}")


def confined_to(grant: Grant) -> str | None:
    """Return the tenant that a caller is confined to; None for operators of the installation."""
    return None if grant.tenant == SYSTEM else grant.tenant


def grant_of(verdict: Valid) -> Grant:
    """Return the grant of a verdict, the same object as long as it is cached: its records cost nothing."""
    return verdict._grant


def credits_of(verdict: Valid) -> CreditState | None:
    """Return the credits of a key after a verification; None for a key without credits."""
    return verdict._credits


def taken_of(verdict: Valid) -> Taken:
    """Return the state of every limit: the limit, its window, and the remaining units."""
    return verdict._taken


__all__ = [
    "ENTRY_BYTES",
    "ERRORS_MAX",
    "FORM",
    "HIDDEN",
    "KEY_CHECKS",
    "KIB",
    "LIST_MAX",
    "MIB",
    "OPERATOR_ENVIRONMENT",
    "SYSTEM",
    "Address",
    "Ask",
    "CountedLimit",
    "Engine",
    "FenceState",
    "Found",
    "Grant",
    "Lookup",
    "Memo",
    "Presented",
    "Proxies",
    "Refreshing",
    "Result",
    "Throttle",
    "Trace",
    "address_of",
    "bounded",
    "challenge",
    "changes_together",
    "commits_by_others",
    "confined_to",
    "cookie_counts",
    "credit_fields",
    "credits_of",
    "encode",
    "end_mail",
    "exchanges_at_once",
    "from_memory",
    "grant_of",
    "is_alone",
    "is_cookie_name",
    "is_foreign",
    "is_inline",
    "is_json",
    "is_operators",
    "is_origin",
    "is_too_long",
    "key_set",
    "length",
    "limit_fields",
    "limit_name",
    "mail_counts",
    "missing",
    "mistakes",
    "name_refusal",
    "parts_of",
    "passes_until",
    "read_address",
    "read_ask",
    "read_cookie",
    "read_mail_link",
    "read_presented",
    "read_trace",
    "reads_at_once",
    "recall_key_set",
    "recalls",
    "record_of",
    "refresh_together",
    "remembering",
    "session_of",
    "shared_ask",
    "shares_changes",
    "size_of_grant",
    "status_of",
    "taken_of",
    "unrepeated",
    "written",
]

"""The background work of an instance: writing counts, returning shares, sealing the audit log, and upkeep."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from .core.breaker import NOT_ANSWERING, Breaker
from .core.errors import ConfigError, FieldError, StoreUnavailable, TokenryError
from .core.targets import Network, check_url, host_of, networks
from .mailing import Mailer
from .runtime.courier import Courier
from .runtime.github_keys import GithubKeys
from .service import canary, decoys, delivering, key_upkeep, purging, refusals, signing_keys, usage
from .service.webhooks import numeric_of
from .store import open as stores

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from .config import Settings
    from .core.ports import Spent
    from .core.webhook_ports import Claim
    from .keyring_source import KeyringSource
    from .runtime.fence import Fence
    from .runtime.leases import Leases
    from .runtime.memory import Memory
    from .runtime.posting import Poster
    from .runtime.tally import Tally
    from .runtime.worker import Worker
    from .service.context import Context

_log = logging.getLogger("tokenry")
T = TypeVar("T")
_UPKEEP_SECONDS = 60
_LOCKED_SECONDS = 0.5
_LOCKED_REST = 0.01
"""How long a flush tries again to write counts whose rows others have locked, and how long it waits before that."""
_SLICE = 200
"""So many counts are written at once. Preparing them keeps the interpreter for half a millisecond, and whoever needs a
lease waits about 3 ms for the lock."""
_SLOW_SECONDS = 0.1
_APART, _APART_SECONDS_MAX = 10, 10.0
_COUNTED_MAX = 50_000
"""A flush that took long is followed by a pause ten times as long, unless counts of so many keys are waiting: each key
costs a row in each flush, and a server with many keys would spend as much on them as on its answers."""


class WebhookJobs:
    """The interface of a courier's threads: pending deliveries, and sending them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tls: ssl.SSLContext | None = None
        self._posters: set[Poster] = set()

    def has_work(self) -> bool:
        """Tell whether there is something to send."""
        return delivering.has_work(self._context)

    def claim(self, holder: str, limit: int, *, healthy: bool) -> Sequence[Claim]:
        """Take endpoints for a while."""
        return delivering.claim(self._context, holder, limit, healthy=healthy)

    def work(self, claimed: Claim, is_over: Callable[[], bool]) -> int:
        """Send what is due at one endpoint; return the number of attempts."""
        # Imported late, since it loads TLS and HTTP.
        from .runtime.posting import Poster

        poster = Poster(self._context.networks, tls=self._tls_context)
        self._posters.add(poster)
        try:
            return delivering.work(
                self._context, claimed, lambda *request: delivering.Outcome(*poster(*request)), is_over
            )
        finally:
            self._posters.discard(poster)
            poster.close()

    def interrupt(self) -> None:
        """Give up every request that is under way."""
        for poster in list(self._posters):
            poster.interrupt()

    def _tls_context(self) -> ssl.SSLContext:
        import ssl

        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


class Ticking:
    """The part of `Tokenry` that runs about once a second: in a thread of its own, or within the calls."""

    settings: Settings
    _context: Context
    _database: Any
    _keyring: KeyringSource
    _leases: Leases
    _memory: Memory
    _now: Callable[[], int]
    _tally: Tally
    _flushing: threading.RLock
    _worker: Worker
    _courier: Courier
    _mailer: Mailer
    _github_keys: GithubKeys
    _fence: Fence | None
    _prepared: bool
    _leasing: Breaker
    _writing: Breaker
    _closed: bool
    _inline: bool
    _ticked_at: float
    audit: Any
    _upkept_at: float
    _write_at: float

    def flush(self) -> None:
        """Write everything that was counted."""
        raise NotImplementedError

    def _tick_journal(self) -> None:
        raise NotImplementedError

    def _follow_journal(self, *, start: bool = False) -> None:
        raise NotImplementedError

    def _write_counts(self, *, wait: bool) -> None:
        """Write what was counted. Without `wait`, what others have locked is tried for a moment, and kept."""
        with self._flushing:  # when this returns, the counts that another thread took are written as well
            spent, peppers = self._tally.drain()
            later: list[Spent] = []
            until = time.monotonic() + _LOCKED_SECONDS
            try:
                spent = usage.ordered(spent, self._worker.rest)
                while spent or peppers:
                    later += usage.write(self._context, spent[:_SLICE], peppers, wait=wait)
                    del spent[:_SLICE]
                    peppers = []
                    if not spent and later and time.monotonic() < until:
                        spent, later = later, []
                        time.sleep(_LOCKED_REST)
                    elif spent:
                        self._worker.rest()
            finally:
                self._tally.put_back(spent + later, peppers)

    def _write_counts_if_due(self) -> None:
        """Write what was counted, unless the last time took long and was a short while ago."""
        began = time.monotonic()
        if began < self._write_at and self._tally.size < _COUNTED_MAX:
            return
        self._write_counts(wait=False)
        seconds = time.monotonic() - began
        if seconds > _SLOW_SECONDS and not self._inline:
            self._write_at = began + seconds + min(_APART * seconds, _APART_SECONDS_MAX)

    def _tell_and_seal(self) -> None:
        """Write refusals, tell of decoys that were used and of documents that were forged, and seal the audit log."""
        tally, context = self._tally, self._context

        def write_refusals() -> None:
            with self._flushing:
                _write(context, refusals.write, tally.drain_refusals(), tally.put_back_refusals)

        self._each(
            write_refusals,
            lambda: _write(context, decoys.tell_used, tally.drain_missing(), tally.put_back_missing),
            lambda: _write(context, usage.tell_forged, tally.drain_forged(), tally.put_back_forged),
            self.audit.seal_all,
        )

    def _write_last(self) -> None:
        """Write what an instance has counted when it is closed, and give its shares back."""
        for last in (
            lambda: self._write_counts(wait=True),
            lambda: self._give_back(everything=True),
            self._upkeep,
            self._tell_and_seal,
        ):
            try:
                last()
            except TokenryError as error:
                _log.warning("what was counted last could not be written: %s", error)
                if isinstance(error, StoreUnavailable):  # every other write would wait as long
                    return

    def deliver(self) -> int:
        """Send every webhook and mail that is due, here and now; return the number of attempts.

        For programs without a worker, such as a task that runs every minute: `Settings(worker=True)`, the server and
        `tokenry worker` do it by themselves.
        """
        if stores.is_on_one_loop(self._database):
            raise ConfigError("an AsyncEngine belongs to its event loop: let `tokenry worker` send webhooks")
        jobs, count = WebhookJobs(self._context), 0
        while claimed := jobs.claim(f"deliver.{time.monotonic_ns()}", 1, healthy=False):
            count += sum(jobs.work(one, lambda: False) for one in claimed)
        return count + self._mailer.send()

    def _networks(self) -> tuple[Network, ...]:
        return networks(self.settings.webhook_networks)

    def _read_github_keys(self) -> GithubKeys:
        """Return where GitHub's public keys come from; raise ConfigError for a URL that may not be read."""
        source, networks, errors = self.settings.github_keys, self._networks(), list[FieldError]()
        if "://" in source:
            check_url(source, numeric_of(host_of(source)), networks, errors)
        if errors:
            raise ConfigError(f"github_keys is a file or a URL, which {errors[0].message}")
        return GithubKeys(source, networks)

    def _make_senders(self) -> None:
        self._courier = Courier(WebhookJobs(self._context))
        self._mailer = Mailer(self._context, self.settings)

    def _stop_senders(self) -> None:
        self._courier.stop()
        self._mailer.stop()

    def _start_senders(self) -> None:
        if self.settings.worker and self._prepared and not self._inline:
            self._courier.start()
            self._mailer.start()

    def _wake(self) -> None:
        if self._inline or not self._worker.is_running:
            # The question may need a generation of the keyring that came while this process was idle.
            self._renew_keyring()
        if not self._inline:
            self._worker.start()
            self._start_senders()
            if self._fence is not None and self._prepared:
                self._fence.start()

    def _renew_keyring(self) -> None:
        """Take a changed keyring file over. An unchanged one costs a look at the file and nothing else."""
        self._keyring.renew(lambda keyring: canary.check(self._database, keyring))

    def _is_due(self) -> bool:
        return time.monotonic() - self._ticked_at >= self.settings.flush_interval.total_seconds()

    def _tick_if_due(self) -> None:
        """Tick inside a call, which must not fail for it."""
        if not self._is_due() or self._closed:
            return
        began = self._ticked_at = time.monotonic()
        try:
            if self._writing.is_open:
                self._probe()
            with self._writing.attempt():
                self._tick()
        except Exception as error:
            if getattr(error, "details", {}).get("cause") != NOT_ANSWERING:
                _log.warning("work beside a call failed and will be tried again: %s", error)
            if self._writing.is_open:  # the call has waited long enough: it must not wait for a share as well
                self._leasing.open()
            # Calls spend at most a fifth of their time on work that fails.
            self._ticked_at = time.monotonic() + 4 * (time.monotonic() - began)

    def _probe(self) -> None:
        """Raise StoreUnavailable, soon, if the database still does not answer."""
        with self._writing.attempt() as seconds, self._database.change(durable=False, within=seconds):
            pass

    def _tick(self) -> None:
        """Do what must be done about once a second, and now and then what must be done about once a minute."""
        while self._memory.sweep():
            self._worker.rest()
        self._check_files()
        self._tick_journal()
        self._renew_keyring()
        self._give_back()
        self._write_counts_if_due()
        self._each(self._tell_and_seal, self._upkeep_if_due)

    def _each(self, *steps: Callable[[], object]) -> bool:
        """Run every step, even if an earlier one fails: a locked tenant must not stop the work for other tenants.

        Raise the first error at the end, or return whether any step returned a true value. Stop at the first error
        while the instance is being closed, or if the database does not answer: every other step would wait as long.
        """
        found, errors = False, list[Exception]()
        for step in steps:
            try:
                found |= bool(step())
            except Exception as error:
                errors.append(error)
                if self._closed or (isinstance(error, StoreUnavailable) and not self._answers()):
                    break
        if errors:
            raise errors[0]
        return found

    def _answers(self) -> bool:
        """Tell whether the database soon begins a change."""
        try:
            with self._database.change(durable=False, within=self._writing.probe_patience):
                return True
        except StoreUnavailable:
            return False

    def _upkeep_if_due(self) -> None:
        if time.monotonic() - self._upkept_at >= _UPKEEP_SECONDS:
            self._upkept_at = time.monotonic()
            if self._upkeep():
                self._upkept_at = 0.0

    def _check_files(self) -> None:
        """Forget everything when the files of the database are others: also a process that is alone must look then."""
        try:
            stores.check_files(self._database)
        except StoreUnavailable:
            self._memory.clear()
            raise

    def _upkeep(self) -> bool:
        """Do what time brings about; return whether the next tick must go on with it."""
        context, tally = self._context, self._tally
        self._follow_journal()  # before anything is removed that the journal lacks
        return self._each(
            lambda: usage.tell_expiring(context),
            lambda: signing_keys.upkeep(context),
            lambda: key_upkeep.look(context),
            lambda: purging.purge(context),
            lambda: _write(context, usage.tell_failed, tally.drain_failed(), tally.put_back_failed),
        )

    def _give_back(self, *, everything: bool = False) -> None:
        now = self._now()
        wants = self._leases.idle(now, everything=everything, rest=self._worker.rest)
        credits = self._leases.credits.idle(now, everything=everything)
        if wants or credits:
            usage.give_back(self._context, wants, credits, self._leases.credits.put_back)


def _write(context: Context, write: Callable[[Context, T], None], noted: T, put_back: Callable[[T], None]) -> None:
    """Write what was noted. When the database does not answer, the rest is kept for the next time.

    If the answer to a commit is lost, an entry may be written twice.
    """
    if not noted:
        return
    try:
        write(context, noted)
    except BaseException as error:
        if isinstance(error, Exception) and not isinstance(error, StoreUnavailable):
            raise  # the next time it would fail again
        put_back(noted)
        raise

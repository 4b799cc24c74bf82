"""The checks of an installation. `tk.doctor.examine` and `tokenry doctor` make these, in this order."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from .config import read_keyring_file
from .core.actors import SYSTEM
from .core.credits import zone_of
from .core.decide import OPERATOR_ENVIRONMENT
from .core.diagnosis import Diagnosis
from .core.errors import ConfigError, Conflict, NotFound, StoreUnavailable, TokenryError
from .core.form import FORM
from .core.keyring import Keyring
from .core.model import NOT_GIVEN
from .runtime.journal import JournalError
from .service import canary
from .store import migrate
from .store import open as stores
from .store.checking import check_documents

if TYPE_CHECKING:
    from .tokenry import Tokenry

_FIXED_SQLITE = (3, 51, 3)
_RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
_SEALED_WITHIN = timedelta(minutes=1)
_CLOCKS_APART = timedelta(seconds=5)
_EXPIRES_SOON = timedelta(days=14)
_SOME = 10_000
"""How many secrets, and how many entries of audit logs, are looked at unless all are asked for."""
_LEAST = 20
"""The least number of these entries that the log of one tenant counts as, so that many tenants are bounded, too."""
_SHOWN_FLAWS = 10
_KEYRING_FILE, _SEALING, _LOGS, _SIGNED = "keyring file", "audit sealing", "audit log", "signed keys"
_NEW_OPERATOR = ("Make a new one", "tokenry init --new-operator-key")


class Examiner:
    """Examines an open installation for one caller at a time."""

    def __init__(self, tk: Tokenry) -> None:
        self._tk = tk
        self.forget()

    def forget(self) -> None:
        """Begin anew in a forked child, where an examination of the parent never ends."""
        self._running = threading.Lock()

    def __call__(self) -> tuple[Diagnosis, ...]:
        """Return the results; raise Conflict while another caller waits for theirs."""
        if not self._running.acquire(blocking=False):
            raise Conflict("this process is being examined already: ask again in some seconds", field="doctor")
        try:
            return examine(self._tk)
        finally:
            self._running.release()


def examine(tk: Tokenry, *, all_keys: bool = False) -> tuple[Diagnosis, ...]:
    """Make every check, changing nothing but sealing what waits in the audit logs.

    10,000 secrets and 10,000 entries of audit logs are looked at, or all of them with `all_keys`.
    """
    path = getattr(tk._database, "path", "")
    found = list(files(tk._keyring.path, Path(path) if path else None))
    most = None if all_keys else _SOME
    try:
        with tk._database.read() as rows:
            current = migrate.revision(rows.core)
    except StoreUnavailable as error:
        return (*found, Diagnosis.failed("database", error.message, unreachable=True))
    found += tables(stores.shown_url(stores.url_of(tk._database)), current)
    if current == migrate.HEAD:
        for name, check in _CHECKS.items():
            found += _made(name, check(tk))
        found += _made(_LOGS, _audit(tk, most))
        found += _made(_SIGNED, _documents(tk, most))
    return tuple(found)


def _made(name: str, check: Iterator[Diagnosis]) -> Iterator[Diagnosis]:
    """Make a check. One that breaks is a failure of its own, and keeps none of the others from being made."""
    try:
        yield from check
    except ConfigError as error:
        yield Diagnosis.failed(name, error.message)
    except (TokenryError, OSError, ValueError) as error:
        yield Diagnosis(name, "failed", f"could not be checked: {error}", "Examine again, and read the log")


def files(keyring: Path | None, database: Path | None) -> Iterator[Diagnosis]:
    """Check what can be checked without a database: this program, and the files of the installation."""
    yield from _form()
    if database is not None:
        yield from _sqlite()
    if keyring is None:
        return
    try:
        read_keyring_file(keyring)
    except ConfigError as error:
        found = Diagnosis.failed(_KEYRING_FILE, error.message)
        # No command that makes a keyring: a database works with none but its own.
        yield found if found.command.startswith("chmod") else replace(found, command="")
        return
    yield Diagnosis(_KEYRING_FILE, "ok", f"{keyring} is there, and only its owner can read it")
    if database is not None and keyring.resolve().parent == database.resolve().parent:
        what = f"it lies beside the database in {database.parent}: a copy of that directory holds both"
        step = "Keep backups of the two apart, or move the keyring and name it with TOKENRY_KEYRING"
        yield Diagnosis("keyring place", "warning", what, step)


def tables(url: str, current: str | None, command: str | None = None) -> Iterator[Diagnosis]:
    """Compare the revision of a database that was reached with the one that this version works on.

    `command` is the command of a host application that makes and upgrades the tables.
    """
    yield Diagnosis("database", "ok", f"{url} can be reached")
    if current is None:
        yield Diagnosis(
            "revision", "failed", "there are no tables of Tokenry's", "Make them", command or "tokenry init"
        )
    elif current > migrate.HEAD:
        what = f"the database is at {current}, which is newer than this version ({migrate.HEAD})"
        yield Diagnosis("revision", "failed", what, "Upgrade Tokenry here", "pip install --upgrade tokenry")
    elif current < migrate.HEAD:
        what = f"the database is at {current}, this version needs {migrate.HEAD}"
        step = "Make a backup, then upgrade the database"
        yield Diagnosis("revision", "failed", what, step, command or "tokenry db upgrade")
    else:
        yield Diagnosis("revision", "ok", f"the tables are at {current}, as this version needs them")


def _form() -> Iterator[Diagnosis]:
    if FORM == "compiled":
        yield Diagnosis("form", "ok", "compiled: verifications run as machine code")
    else:
        yield Diagnosis("form", "ok", "pure Python: a wheel that `make wheel` builds from the sources verifies faster")


def _sqlite() -> Iterator[Diagnosis]:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info >= _FIXED_SQLITE:
        yield Diagnosis("sqlite", "ok", f"version {version}")
        return
    what = (
        f"version {version} can damage a file that several connections write to at one instant (fixed in 3.51.3). "
        "Tokenry serialises its own writes over all processes; an application that opens the same file with an "
        "engine of its own is not covered"
    )
    yield Diagnosis("sqlite", "warning", what, "Run Tokenry on a Python that brings SQLite 3.51.3 or a later one")


def _keyring(tk: Tokenry) -> Iterator[Diagnosis]:
    canary.check(tk._database, tk._keyring.get())
    yield Diagnosis("keyring", "ok", "it is the one that this database was made with")
    if tk._keyring.path is not None:
        with suppress(ConfigError):  # reported by `files`
            now = read_keyring_file(tk._keyring.path)
            yield from _made(_KEYRING_FILE, _is_confirmed(tk, now))


def _is_confirmed(tk: Tokenry, keyring: Keyring) -> Iterator[Diagnosis]:
    """Check the keyring in the file, which the next start reads."""
    with tk._database.read() as rows:
        canary.confirm(rows, keyring)
    yield from ()


def _operators(tk: Tokenry) -> Iterator[Diagnosis]:
    made = list(tk.keys.iterate(environment=OPERATOR_ENVIRONMENT, tenant=SYSTEM))
    owners = {key.owner for key in made}
    active = {name for name in owners if tk.owners.get(name, tenant=SYSTEM).status == "active"}
    living = [key for key in made if key.status == "active" and key.owner in active]
    if not made:
        what = "none was ever made, and an application needs none"
        yield Diagnosis("operator key", "ok", what, "For a server, make one", "tokenry init")
        return
    if not living:
        yield Diagnosis("operator key", "warning", "there is no operator's key that works", *_NEW_OPERATOR)
        return
    now = datetime.now(UTC)
    latest = max((key.expires_at for key in living if key.expires_at), default=None)
    forever = any(key.expires_at is None for key in living)
    if not forever and latest is not None and latest - now < _EXPIRES_SOON:
        yield Diagnosis("operator key", "warning", f"the last one expires on {latest:%Y-%m-%d}", *_NEW_OPERATOR)
    else:
        yield Diagnosis("operator key", "ok", f"active: {len(living)}")


def _sealing(tk: Tokenry) -> Iterator[Diagnosis]:
    since = _unsealed_since(tk)
    if since is None:
        yield Diagnosis(_SEALING, "ok", "nothing waits for longer than a minute")
        return
    what = f"entries have waited to be sealed since {since:%Y-%m-%d %H:%M:%S} UTC"
    tk.audit.seal_all()
    if _unsealed_since(tk) is None:
        step = "Keep a process running: the server, `tokenry worker`, or the application that uses Tokenry"
        yield Diagnosis(_SEALING, "warning", f"{what}: no process was running that seals. They are sealed now", step)
    else:
        step = "Look at the audit log below, and at the log of this process"
        yield Diagnosis(_SEALING, "failed", f"{what}, and sealing them fails", step)


def _unsealed_since(tk: Tokenry) -> datetime | None:
    """Return the time of the oldest entry that waits, if it has waited for too long."""
    with tk._database.read() as rows:
        oldest = [
            sealed.entry.at
            for tenant_id in rows.audit.unsealed_tenants()
            for sealed in rows.audit.unsealed(tenant_id, 1)
        ]
    since = min(oldest, default=None)
    return since if since is not None and datetime.now(UTC) - since > _SEALED_WITHIN else None


def _audit(tk: Tokenry, most: int | None) -> Iterator[Diagnosis]:
    count, left = 0, most
    for tenant in tk.tenants.iterate():
        if left is not None and left <= 0:
            break
        with suppress(NotFound):  # deleted meanwhile
            report = tk.audit._check(None, tenant.slug, NOT_GIVEN, left)
            count += report.entry_count
            left = None if left is None else left - max(report.entry_count, _LEAST)
            for problem in report.problems:
                step = "Find out who else can write to the database, and compare it with a backup"
                command = f"tokenry audit check --tenant {tenant.slug}"
                yield Diagnosis(_LOGS, "failed", f"tenant {tenant.slug}: {problem}", step, command)
            if report.problems:
                return
    if left is not None and left <= 0:
        what = f"entries as they were written: {count}, not all were looked at"
        yield Diagnosis(_LOGS, "ok", what, "Look at all of them now and then", "tokenry doctor --all-keys")
    else:
        yield Diagnosis(_LOGS, "ok", f"entries as they were written: {count}")


def _clock(tk: Tokenry) -> Iterator[Diagnosis]:
    now = datetime.now(UTC)
    newest = [entry.at for slug in ("default", SYSTEM) for entry in tk.audit.list(limit=1, tenant=slug)]
    if now < _RELEASED:
        what = f"it says {now:%Y-%m-%d}: keys would be valid that have expired"
        yield Diagnosis("clock", "failed", what, "Set it, and run NTP")
    elif newest and max(newest) - now > _CLOCKS_APART:
        what = f"the newest audit entry is of {max(newest):%Y-%m-%d %H:%M:%S} UTC, which is in the future"
        yield Diagnosis("clock", "warning", what, "Check the time of every machine that writes, and run NTP on it")
    elif abs(apart := _apart(tk)) > _CLOCKS_APART:
        what = f"it is {abs(apart).total_seconds():.0f} s off the database server's"
        yield Diagnosis("clock", "warning", what, "Run NTP on both")
    else:
        yield Diagnosis("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _apart(tk: Tokenry) -> timedelta:
    if tk._database.dialect != "postgresql":
        return timedelta(0)
    with tk._database.read() as rows:
        there: datetime = rows.core.execute(text("SELECT clock_timestamp()")).scalar_one()
    return datetime.now(UTC) - there


def _fence(tk: Tokenry) -> Iterator[Diagnosis]:
    store = stores.fence_of(tk._database)
    if store is None:
        return
    count, gone = store.nodes()
    what = f"processes that remember keys, and hear of changes: {count - gone}"
    if gone:
        what += f". Processes that do not answer: {gone}, for which a change may wait some seconds, once"
        yield Diagnosis("fence", "warning", what, "Look whether they hang, or cannot reach the database")
    else:
        yield Diagnosis("fence", "ok", what)


def _journal(tk: Tokenry) -> Iterator[Diagnosis]:
    journal, check = tk._journal, "revocation journal"
    if journal is None:
        what = "none is kept: a restored backup revives what was revoked after it"
        step = "Name a file with TOKENRY_JOURNAL, on a disk that is not restored together with the database"
        yield Diagnosis(check, "warning", what, step)
        return
    try:
        behind, damaged = tk._compare_journal(journal), journal.read().damaged
    except JournalError as error:
        yield Diagnosis.failed(check, f"{journal.path} cannot be read: {error}")
        return
    if behind is not None and behind.steps:
        yield Diagnosis.failed(check, behind.message(journal.path))
    elif journal.stamp() is None:
        what = f"{journal.path} is missing: the next start begins a new one"
        yield Diagnosis(check, "warning", what, "Put the file back, if it was moved")
    elif damaged:
        what = f"{journal.path} has damaged lines: {damaged}"
        yield Diagnosis(check, "warning", what, "Check the disk, and restore no older backup: it may miss revocations")
    else:
        yield Diagnosis(check, "ok", f"every revocation in {journal.path} holds in the database")


def _documents(tk: Tokenry, most: int | None) -> Iterator[Diagnosis]:
    check, count, flaws = _SIGNED, 0, 0
    shown: list[str] = []  # the first ones by their text, since a sample begins anywhere
    with tk._database.read() as rows:
        for flaw in check_documents(rows.connection, tk._database.seals, most):
            count += 1
            if flaw is not None:
                flaws += 1
                shown = sorted([*shown, flaw])[:_SHOWN_FLAWS]
    yield from [Diagnosis(check, "failed", flaw) for flaw in shown]
    if flaws:
        what = f"secrets whose rows are not as they were signed: {flaws}"
        yield Diagnosis(check, "failed", what, "Revoke these keys and issue others, and find out who wrote the rows")
    elif count == most:
        what = f"secrets whose rows are as they were signed: {count}, perhaps there are more"
        yield Diagnosis(check, "ok", what, "Look at all of them now and then", "tokenry doctor --all-keys")
    else:
        yield Diagnosis(check, "ok", f"secrets whose rows are as they were signed: {count}")


def _zones(tk: Tokenry) -> Iterator[Diagnosis]:
    for tenant in tk.tenants.iterate():
        if zone_of(tenant.time_zone) is None:
            what = (
                f"this machine does not know {tenant.time_zone!r} of tenant {tenant.slug}: its credits are refilled at "
                "midnight UTC"
            )
            yield Diagnosis("time zones", "warning", what, "Install the zones", "pip install tzdata")


_CHECKS: Final[dict[str, Callable[[Tokenry], Iterator[Diagnosis]]]] = {
    "keyring": _keyring,
    "operator key": _operators,
    _SEALING: _sealing,
    "clock": _clock,
    "fence": _fence,
    "time zones": _zones,
    "revocation journal": _journal,
}
"""The checks of an open installation that need no bound."""

"""Looking an installation over: what is well, what should be looked at, and what must be repaired."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import text

from .config import read_keyring_file
from .core.credits import zone_of
from .core.errors import ConfigError, StoreUnavailable
from .core.form import FORM
from .core.model import Tenant
from .installation import SYSTEM, Installation, host_command, operator_keys
from .runtime.journal import JournalError
from .store import open as stores
from .store.checking import check_documents
from .tokenry import Tokenry

_FIXED_SQLITE = (3, 51, 3)
_RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
_SEALED_WITHIN = timedelta(minutes=1)
_CLOCKS_APART = timedelta(seconds=5)
_SOME_KEYS = 10_000
_SHOWN_FLAWS = 10
_EXPIRES_SOON = timedelta(days=14)

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `unreachable` means that the database could not be asked."""

    check: str
    status: Status
    message: str
    unreachable: bool = False


def examine(installation: Installation, *, all_keys: bool = False) -> tuple[Finding, ...]:
    """Make every check that can be made, changing nothing but sealing what waits in the audit log.

    Of the keys 10,000 are looked at, unless `all_keys` is set.
    """
    findings = [_form(), *_sqlite(installation), *_keyring_file(installation)]
    try:
        revision = installation.revision()
        findings.append(Finding("database", "ok", f"{installation.shown_url()} can be reached"))
        if revision.current is None:
            what = f"there are no tables of Tokenry's: run `{host_command.get() or 'tokenry init'}`"
            return (*findings, Finding("revision", "failed", what))
        if not revision:
            what = (
                f"the database is at {revision.current}, this version needs {revision.head}: "
                f"run `{host_command.get() or 'tokenry db upgrade'}`"
            )
            return (*findings, Finding("revision", "failed", what))
        findings.append(Finding("revision", "ok", f"the tables are at {revision.head}, as this version needs them"))
        with installation.open_behind() as tk:
            findings.append(Finding("keyring", "ok", "it is the one that this database was made with"))
            for check in _CHECKS:
                findings.extend(check(tk))
            findings.extend(_documents(tk, None if all_keys else _SOME_KEYS))
    except StoreUnavailable as error:
        findings.append(Finding("database", "failed", error.message, unreachable=True))
    except ConfigError as error:
        findings.append(Finding("keyring", "failed", error.message))
    return tuple(findings)


def _form() -> Finding:
    if FORM == "compiled":
        return Finding("form", "ok", "compiled: verifications run as machine code")
    return Finding("form", "ok", "pure Python: a wheel that `make wheel` builds from the sources verifies faster")


def _keyring_file(installation: Installation) -> Iterator[Finding]:
    try:
        path, file = installation.keyring_file, installation.database_file
        if path is not None:
            read_keyring_file(path)
    except ConfigError as error:
        yield Finding("keyring file", "failed", error.message)
        return
    if path is None:
        if installation.keyring is None:
            yield Finding("keyring file", "failed", "none is configured: set TOKENRY_KEYRING to the path of one")
        return
    yield Finding("keyring file", "ok", f"{path} is there, and only its owner can read it")
    if file is not None and path.resolve().parent == file.resolve().parent:
        message = (
            f"it lies beside the database in {file.parent}: whoever copies that directory takes both. Keep backups of "
            "the two apart, or move the keyring and name it with TOKENRY_KEYRING"
        )
        yield Finding("keyring place", "warning", message)


def _sqlite(installation: Installation) -> Iterator[Finding]:
    if installation.database_file is None:
        return
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info >= _FIXED_SQLITE:
        yield Finding("sqlite", "ok", f"version {version}")
        return
    message = (
        f"version {version} can damage a file that several connections write to at one instant (fixed in 3.51.3). "
        "Tokenry serialises its own writes over all processes; an application that opens the same file with an "
        "engine of its own is not covered"
    )
    yield Finding("sqlite", "warning", message)


def _operators(tk: Tokenry) -> Iterator[Finding]:
    made = list(operator_keys(tk))
    living = [key for key in made if key.status == "active"]
    if not made:
        what = "none was ever made, and an application needs none: for a server `tokenry init` makes one"
        yield Finding("operator key", "ok", what)
        return
    if not living:
        what = "there is no operator's key that works: `tokenry init --new-operator-key` makes a new one"
        yield Finding("operator key", "warning", what)
        return
    now = datetime.now(UTC)
    latest = max((key.expires_at for key in living if key.expires_at), default=None)
    forever = any(key.expires_at is None for key in living)
    if not forever and latest is not None and latest - now < _EXPIRES_SOON:
        what = f"the last one expires on {latest:%Y-%m-%d}: `tokenry init --new-operator-key` makes a new one"
        yield Finding("operator key", "warning", what)
    else:
        yield Finding("operator key", "ok", f"{len(living)} can be used")


def _sealing(tk: Tokenry) -> Iterator[Finding]:
    now, waiting, oldest = datetime.now(UTC), 0, None
    with tk._database.read() as rows:
        for tenant_id in rows.audit.unsealed_tenants():
            entries = [sealed.entry.at for sealed in rows.audit.unsealed(tenant_id, 1000)]
            waiting += len(entries)
            oldest = min([*entries, oldest] if oldest else entries, default=oldest)
    if oldest is not None and now - oldest > _SEALED_WITHIN:
        what = (
            f"entries that wait to be sealed: {waiting}, since {oldest:%Y-%m-%d %H:%M:%S} UTC: no process "
            "was running that seals them. They are sealed now"
        )
        yield Finding("audit sealing", "warning", what)
    else:
        yield Finding("audit sealing", "ok", "nothing waits for longer than a minute")


def _audit(tk: Tokenry) -> Iterator[Finding]:
    count = 0
    for tenant in tenants(tk):
        report = tk.audit.check(tenant=tenant.slug)
        count += report.entry_count
        for problem in report.problems:
            yield Finding("audit log", "failed", f"tenant {tenant.slug}: {problem}")
        if report.problems:
            return
    yield Finding("audit log", "ok", f"entries as they were written: {count}")


def _clock(tk: Tokenry) -> Iterator[Finding]:
    now = datetime.now(UTC)
    newest = [entry.at for slug in ("default", SYSTEM) for entry in tk.audit.list(limit=1, tenant=slug)]
    if now < _RELEASED:
        yield Finding("clock", "failed", f"it says {now:%Y-%m-%d}: keys would be valid that have expired. Set it")
    elif newest and max(newest) - now > _CLOCKS_APART:
        what = (
            f"the newest audit entry is of {max(newest):%Y-%m-%d %H:%M:%S} UTC, which is in the future: check the time"
        )
        yield Finding("clock", "warning", what)
    elif abs(apart := _apart(tk)) > _CLOCKS_APART:
        what = f"it is {abs(apart).total_seconds():.0f} s off the database server's: run NTP on both"
        yield Finding("clock", "warning", what)
    else:
        yield Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _fence(tk: Tokenry) -> Iterator[Finding]:
    store = stores.fence_of(tk._database)
    if store is None:
        return
    count, gone = store.nodes()
    what = f"processes that remember keys, and hear of changes: {count - gone}"
    if gone:
        what += f". Processes that do not answer: {gone}, for which a change may wait some seconds, once"
    yield Finding("fence", "warning" if gone else "ok", what)


def _journal(tk: Tokenry) -> Iterator[Finding]:
    journal = tk._journal
    if journal is None:
        what = (
            "none is kept: a restored backup revives what was revoked after it. Name a file with TOKENRY_JOURNAL, on a "
            "disk that is not restored together with the database"
        )
        yield Finding("revocation journal", "warning", what)
        return
    try:
        behind, damaged = tk._compare_journal(journal), journal.read().damaged
    except JournalError as error:
        yield Finding("revocation journal", "failed", f"{journal.path} cannot be read: {error}")
        return
    if behind is not None and behind.steps:
        yield Finding("revocation journal", "failed", behind.message(journal.path))
    elif journal.stamp() is None:
        yield Finding("revocation journal", "warning", f"{journal.path} is missing: the next start begins a new one")
    elif damaged:
        yield Finding("revocation journal", "warning", f"{journal.path} has damaged lines: {damaged}")
    else:
        yield Finding("revocation journal", "ok", f"every revocation in {journal.path} holds in the database")


def _documents(tk: Tokenry, most: int | None) -> Iterator[Finding]:
    count = flaws = 0
    with tk._database.read() as rows:
        for flaw in check_documents(rows.connection, tk._database.seals, most):
            count += 1
            if flaw is not None:
                flaws += 1
                if flaws <= _SHOWN_FLAWS:
                    yield Finding("signed keys", "failed", flaw)
    if flaws:
        yield Finding("signed keys", "failed", f"secrets whose rows are not as they were signed: {flaws}")
    else:
        yield Finding("signed keys", "ok", f"secrets whose rows are as they were signed: {count}")


def _zones(tk: Tokenry) -> Iterator[Finding]:
    for tenant in tenants(tk):
        if zone_of(tenant.time_zone) is None:
            what = (
                f"this machine does not know {tenant.time_zone!r} of tenant {tenant.slug}: its credits are refilled at "
                "midnight UTC. Install tzdata"
            )
            yield Finding("time zones", "warning", what)


def _apart(tk: Tokenry) -> timedelta:
    if tk._database.dialect != "postgresql":
        return timedelta(0)
    with tk._database.read() as rows:
        there: datetime = rows.core.execute(text("SELECT clock_timestamp()")).scalar_one()
    return datetime.now(UTC) - there


def tenants(tk: Tokenry) -> Iterator[Tenant]:
    """Yield every tenant."""
    cursor: str | None = None
    while True:
        page = tk.tenants.list(limit=100, cursor=cursor)
        yield from page
        cursor = page.next_cursor
        if cursor is None:
            return


_CHECKS: tuple[Callable[[Tokenry], Iterator[Finding]], ...] = (
    *(_operators, _sealing, _audit, _clock, _fence, _zones),
    _journal,
)

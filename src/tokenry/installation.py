"""An installation as its keeper sees it: where it is, making it, opening it, upgrading it, renewing its keyring."""

from __future__ import annotations

import dataclasses
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import URL

from .config import Settings, keyring_source, load, read_keyring_file, write_keyring_file
from .core.actors import OPERATOR_SCOPES
from .core.decide import OPERATOR_ENVIRONMENT
from .core.errors import ConfigError, Conflict
from .core.keyring import Keyring, new_generation
from .core.model import NOT_GIVEN, Issued, Key, NotGiven, micros, moment
from .service import canary
from .service.restoring import Step
from .store import migrate
from .store import open as stores
from .tokenry import Tokenry

OPERATOR = "operator"
OPERATOR_KEY = "first operator key"
SYSTEM = "system"

host_command: ContextVar[str | None] = ContextVar("host_command", default=None)
"""The command of a host application that makes and upgrades Tokenry's tables in place of ours."""


@dataclass(frozen=True, slots=True)
class Revision:
    """Which revision a database is at (None: it has no tables of Tokenry's) and which one this version needs."""

    current: str | None
    head: str

    def __bool__(self) -> bool:
        return self.current == self.head


@dataclass(frozen=True, slots=True)
class GenerationInfo:
    """The public facts of a generation of the keyring."""

    id: str
    signs_from: datetime
    status: str


class _Uncompared(Tokenry):
    """An instance that does not compare its database with the journal: a replay is up to its user."""

    def _follow_journal(self, *, start: bool = False) -> None:
        return


@dataclass(frozen=True, slots=True)
class Installation:
    """A database and its keyring. Opening it here never makes or migrates a database unless `upgrade` is called."""

    database_url: str = field(repr=False)
    keyring: str | None = field(repr=False)
    settings: Settings

    @property
    def database_file(self) -> Path | None:
        """The file of an SQLite database."""
        parts = stores.read_url(self.database_url)
        if parts.get_backend_name() != "sqlite":
            return None
        if parts.database in (None, "", ":memory:"):
            raise ConfigError("a database in memory ends with the command: name a file, such as sqlite:///keys.db")
        return Path(str(parts.database)).absolute()

    @property
    def keyring_file(self) -> Path | None:
        """Where the keyring lies; None when it is given as text, or missing."""
        if self.keyring is not None:
            source = keyring_source(self.keyring)
            return source if isinstance(source, Path) else None
        file = self.database_file
        return file.with_name(file.name + ".keyring") if file else None

    def shown_url(self) -> str:
        """Return the database's URL without its password."""
        return stores.shown_url(stores.read_url(self.database_url))

    def revision(self) -> Revision:
        """Return the revision of the database, making and changing nothing."""
        file = self.database_file
        if file is not None and not file.exists():
            return Revision(None, migrate.HEAD)
        database = stores.database(
            self.database_url,
            None,
            exclusive=False,
            timeout=self.settings.store_timeout.total_seconds(),
        )
        try:
            with database.read() as rows:
                return Revision(migrate.revision(rows.core), migrate.HEAD)
        finally:
            database.close()

    def open(self, *, worker: bool = False, of: type[Tokenry] = Tokenry) -> Tokenry:
        """Open what is there, perhaps as a `worker`; raise ConfigError when nothing is, or it needs an upgrade."""
        revision = self.revision()
        of_host = host_command.get()
        if of_host is not None and not revision and (revision.current or "") < revision.head:
            raise ConfigError(
                f"the tables of Tokenry in {self.shown_url()} are missing or of an older version: run `{of_host}`"
            )
        if revision.current is None:
            raise ConfigError(
                f"there is no Tokenry in {self.shown_url()}: run `tokenry init` with the same --database, or correct it"
            )
        if not revision and revision.current < revision.head:
            raise ConfigError(
                f"the database is at revision {revision.current}, this version needs {revision.head}: "
                "make a backup, then run `tokenry db upgrade`"
            )
        return self._tokenry(migrates=False, worker=worker, of=of)

    def upgrade(self) -> Tokenry:
        """Open the database and bring it up to date, making it and its keyring where there are none."""
        file = self.database_file
        if file is not None and not file.parent.is_dir():
            raise ConfigError(f"the directory {file.parent} does not exist: make it, or correct --database")
        if self.keyring is None and self.keyring_file is None:  # before any table is made
            raise ConfigError(
                "this database needs a keyring: make one with `tokenry secrets new --out FILE`, then pass "
                "--keyring FILE or set TOKENRY_KEYRING"
            )
        return self._tokenry(migrates=True)

    def open_behind(self) -> Tokenry:
        """Open a database that may be behind its revocation journal, without comparing the two."""
        return self.open(of=_Uncompared)

    def replay_journal(self, *, dry_run: bool = False, forget: bool = False) -> tuple[Step, ...]:
        """Repeat the changes that a restored database has lost; return them. With `dry_run`, only return them.

        With `forget` nothing is done again, and what was lost stays so: the restored state is what you want.
        """
        with self.open_behind() as tk:
            journal = tk._journal
            if journal is None:
                raise ConfigError(
                    "this installation keeps no revocation journal: its keyring is no file, and TOKENRY_JOURNAL names "
                    "none"
                )
            behind = tk._compare_journal(journal)
            steps = () if behind is None else tuple(behind.steps)
            if dry_run:
                return steps
            if behind is not None and steps and not forget:
                steps = tuple(tk._replay(behind))
            tk._add_missing(journal)
            return () if forget else steps

    def generations(self) -> tuple[GenerationInfo, ...]:
        """Return the public facts of the keyring's generations, the oldest first."""
        with self.open() as tk:
            return _shown(tk._keyring.get(), _now(tk))

    def rotate_keyring(self, activate_after: timedelta) -> tuple[GenerationInfo, ...]:
        """Add a generation that verifies at once and signs after a while, when every process has read it."""
        with self.open() as tk, self._changing_keyring() as path:
            at = micros(_now(tk) + activate_after)
            grown = read_keyring_file(path).with_generation(new_generation(os.urandom(38), at))
            write_keyring_file(path, grown, replace=True)
            canary.check(tk._database, grown)
            return _shown(grown, _now(tk))

    def drop_generation(self, id: str) -> tuple[GenerationInfo, ...]:
        """Remove a generation; raise Conflict when it signs now, or when something that lives still needs it."""
        with self.open() as tk, self._changing_keyring() as path:
            keyring, now = read_keyring_file(path), _now(tk)
            if keyring.signing(micros(now)).id == id:
                message = f"generation {id} signs now: run `tokenry secrets rotate` and wait until the new one signs"
                raise Conflict(message, field="generation")
            smaller = canary.drop(tk._database, keyring, id, now)
            write_keyring_file(path, smaller, replace=True)
            return _shown(smaller, now)

    def _tokenry(self, *, migrates: bool, worker: bool = False, of: type[Tokenry] = Tokenry) -> Tokenry:
        settings = dataclasses.replace(
            self.settings, background=worker, worker=worker, exclusive=False, memory_entries=0, migrate=migrates
        )
        return of(self.database_url, keyring=self.keyring, settings=settings)

    @contextmanager
    def _changing_keyring(self) -> Iterator[Path]:
        """Keep everybody else from changing the keyring file at the same time, so that no generation gets lost."""
        path = self.keyring_file
        if path is None:
            raise ConfigError("the keyring is given as text, not as a file: rotate it where that text is kept")
        path = path.resolve()  # a link stays a link
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield path
        finally:
            os.close(folder)


def locate(
    database_url: str | None = None, keyring: str | None = None, *, data: Path, fallback: bool = False
) -> Installation:
    """Find the installation that is meant: what is given, else what is configured, else (`fallback`) that in `data`."""
    found = load()
    url = database_url or found.database_url
    embedded = data.absolute() / "tokenry.db"
    embedded_url = URL.create("sqlite", database=str(embedded)).render_as_string()
    if not url and not fallback:
        here = f"there is one in {data}: export TOKENRY_DATABASE_URL='{embedded_url}'"
        raise ConfigError(
            "say where the database is: --database sqlite:///keys.db, TOKENRY_DATABASE_URL, or database_url in "
            f"tokenry.toml; {here if embedded.exists() else '`tokenry init` makes one'}"
        )
    return Installation(url or embedded_url, keyring or found.keyring, found.settings)


def operator_keys(tk: Tokenry) -> list[Key]:
    """Return the operators' keys of the installation, in every state."""
    found: list[Key] = []
    cursor: str | None = None
    while True:
        page = tk.keys.list(environment=OPERATOR_ENVIRONMENT, tenant=SYSTEM, limit=100, cursor=cursor)
        found.extend(page)
        cursor = page.next_cursor
        if cursor is None:
            return found


def make_operator_key(
    tk: Tokenry, *, replace: bool = False, expires_in: timedelta | NotGiven | None = NOT_GIVEN
) -> Issued:
    """Make the operator and the first operator key; with `replace`, revoke the one there was and make it anew."""
    present = operator_keys(tk)
    if present and not replace:
        raise Conflict(
            "this installation is initialised already. If its operator key is lost, "
            "`tokenry init --new-operator-key` revokes it and makes a new one",
            field="operator_key",
        )
    tk.owners.put(OPERATOR, admin=True, tenant=SYSTEM)
    for key in present:
        if key.name == OPERATOR_KEY and key.owner == OPERATOR and key.status != "revoked":
            tk.keys.revoke(key.id, reason="replaced", tenant=SYSTEM)
    return tk.keys.issue(
        OPERATOR,
        name=OPERATOR_KEY,
        scopes=OPERATOR_SCOPES,
        expires_in=expires_in,
        environment=OPERATOR_ENVIRONMENT,
        tenant=SYSTEM,
    )


def _now(tk: Tokenry) -> datetime:
    return moment(tk._now())


def _shown(keyring: Keyring, now: datetime) -> tuple[GenerationInfo, ...]:
    signing = keyring.signing(micros(now)).id
    results = []
    for generation in keyring.generations:
        status = "signs" if generation.id == signing else "next" if generation.signs_from > micros(now) else "verifies"
        results.append(GenerationInfo(generation.id, moment(generation.signs_from), status))
    return tuple(results)


__all__ = [
    "Installation",
    "Revision",
    "locate",
    "make_operator_key",
    "operator_keys",
]

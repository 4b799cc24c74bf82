"""Examining an installation that may be too broken to be opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .core.diagnosis import Diagnosis
from .core.errors import ConfigError, StoreUnavailable
from .examining import examine as examine_opened
from .examining import files, tables
from .installation import Installation, host_command


def examine(installation: Installation, *, all_keys: bool = False) -> tuple[Diagnosis, ...]:
    """Make every check that can be made. An installation that opens is examined as `tk.doctor.examine` does it.

    10,000 secrets and 10,000 entries of audit logs are looked at, unless `all_keys` is set.
    """
    reached: list[Diagnosis] = []
    try:
        revision = installation.revision()
        reached += tables(installation.shown_url(), revision.current, host_command.get())
        if revision:
            with installation.open_behind() as tk:
                return examine_opened(tk, all_keys=all_keys)
    except StoreUnavailable as error:
        reached.append(Diagnosis.failed("database", error.message, unreachable=True))
    except ConfigError as error:
        reached.append(Diagnosis.failed("keyring", error.message))
    return (*_files(installation), *reached)


def _files(installation: Installation) -> Iterator[Diagnosis]:
    keyring: Path | None = None
    failure: Diagnosis | None = None
    try:
        keyring = installation.keyring_file
        if keyring is None and installation.keyring is None:
            step = "Set TOKENRY_KEYRING to the path of one"
            failure = Diagnosis("keyring file", "failed", "none is configured", step, "tokenry secrets new --out FILE")
    except ConfigError as error:
        failure = Diagnosis.failed("keyring file", error.message)
    yield from files(keyring, installation.database_file)
    if failure is not None:
        yield failure

"""Whether the keyring at hand is the one this database was made with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tokenry.core.chain import same
from tokenry.core.errors import ConfigError, Conflict, NotFound, shown
from tokenry.core.keyring import Keyring
from tokenry.core.model import micros
from tokenry.core.plurals import counted
from tokenry.core.ports import DROPPED, Clash, Rows, Store

from . import webhook_secrets
from .sealed_keys import reseal


def confirm(rows: Rows, keyring: Keyring) -> None:
    """Raise ConfigError for a wrong keyring."""
    _compare(rows.canaries.list(), keyring)


def check(store: Store, keyring: Keyring) -> None:
    """Raise ConfigError for a wrong keyring, damaging nothing; note generations that are new."""
    with store.read() as rows:
        known = rows.canaries.list()
    _compare(known, keyring)
    if all(generation.id in known for generation in keyring.generations):
        return
    try:
        with store.change() as rows:
            known = rows.canaries.list()
            _compare(known, keyring)
            for generation in keyring.generations:
                if generation.id not in known:
                    rows.canaries.insert(generation.id, generation.canary)
    except Clash:  # another process has noted one at this very moment: see whether it is the same
        check(store, keyring)


def drop(store: Store, keyring: Keyring, id: str, now: datetime) -> Keyring:
    """Return the keyring without a generation; raise Conflict when something that lives still needs it."""
    if keyring.get(id) is None:
        raise NotFound(f"the keyring has no generation {shown(id)}")
    with store.change() as rows:
        rows.canaries.delete(id)  # waits for changes under way that sign with it, so that they are seen below
        rows.canaries.insert(id, DROPPED)
        reseal(rows, keyring, id, micros(now))
        webhook_secrets.reseal(rows, keyring, id, micros(now))
        rows.secrets.sign_anew(id)
        needing = _needing(rows, id, now)
        if needing:
            raise Conflict(f"generation {id} is still needed by {needing}", field="generation")
    return keyring.without(id)


def _needing(rows: Rows, id: str, now: datetime) -> str:
    secrets, (entries, ends) = rows.secrets.needing(id, now), rows.audit.needing(id)
    sessions, sealed = rows.sessions.needing(id, now), len(rows.signing_keys.sealed_under(id))
    endpoints = len(rows.webhooks.sealed_under(id))
    parts = []
    if secrets:
        parts.append(f"{counted(secrets, 'living secret')} (rotate or revoke their keys)")
    if sealed:
        parts.append(f"{counted(sealed, 'signing key')} that cannot be decrypted (remove or restore them)")
    if endpoints:
        parts.append(f"{counted(endpoints, 'webhook')} that cannot be decrypted (delete them)")
    if sessions:
        parts.append(f"{counted(sessions, 'session')} (they move on when they are refreshed, or end)")
    if entries:
        parts.append(f"{counted(entries, 'audit entry')} (cut them with audit.cut once they are old)")
    elif ends:
        parts.append(f"the end of {counted(ends, 'audit log')} (sealed anew within a second: try again)")
    return " and ".join(parts)


def _compare(known: Mapping[str, str], keyring: Keyring) -> None:
    for id, canary in known.items():
        if canary == DROPPED:
            continue
        generation = keyring.get(id)
        if generation is None or not same(generation.canary, canary):
            raise ConfigError(
                f"this is not the keyring that the database was made with: its generation {id} is missing or another. "
                "Put the right keyring in its place (TOKENRY_KEYRING, keyring=, or the .keyring file beside an SQLite "
                "database); without it no key of this database can be verified"
            )

"""Moving a whole installation into another database: every row as it is, so that all keys verify there."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, Final

import msgspec

from tokenry.core.errors import ConfigError, shown
from tokenry.core.model import NOT_GIVEN

from . import sealed_stream
from .context import SYSTEM, Context

_BYTES: Final = "base64:"
_TEXT: Final = "text:"
_NO_EXPORT: Final = "this file holds no export of an installation"
_decode_row: Final = msgspec.json.Decoder(tuple[str, dict[str, Any]]).decode


class _Head(msgspec.Struct):
    """The first line: the version of the schema, and the generations of the keyring that keys need."""

    export: int
    revision: str
    generations: list[str]


def export(
    context: Context, stream: IO[bytes], *, passphrase: str | None, recipient: str | None, done: Callable[[int], object]
) -> int:
    """Write everything that an installation holds; return the number of rows."""
    count = 0
    with context.changing(SYSTEM, NOT_GIVEN) as change:
        change.record("tenant.exported", SYSTEM, None, {"whole": True, "encrypted": True})

    def lines(rows: Any) -> Iterator[bytes]:
        nonlocal count
        known = [id for id, canary in rows.canaries.list().items() if canary != "dropped"]
        yield msgspec.json.encode(_Head(1, rows.dump.revision(), known))
        for table, row in rows.dump.all():
            count += 1
            done(1)
            yield msgspec.json.encode([table, {name: _encoded(value) for name, value in row.items()}])

    with context.store.read() as rows:
        sealed_stream.write(lines(rows), stream, context.entropy, passphrase=passphrase, recipient=recipient)
    return count


def restore(
    context: Context, stream: IO[bytes], *, passphrase: str | None, identity: str | None, done: Callable[[int], object]
) -> int:
    """Put an export in the place of an empty installation, in one transaction; return the number of rows."""
    lines = sealed_stream.read(stream, passphrase=passphrase, identity=identity)
    try:
        head = msgspec.json.decode(next(lines, b""), type=_Head)
    except msgspec.MsgspecError:
        raise ConfigError(_NO_EXPORT) from None
    missing = [id for id in head.generations if context.keyring().get(id) is None]
    if missing:
        raise ConfigError(
            f"the keyring here lacks generation {', '.join(missing)}, without which no key of the export verifies: "
            "restore into another new database, and open it with a copy of the keyring of the installation that was "
            "exported (--keyring FILE)"
        )
    with context.store.change() as rows:
        if not rows.dump.is_empty():
            raise ConfigError(
                "an export goes into an installation that holds nothing yet, and here are owners, keys, roles, scopes, "
                "webhooks or tenants already: make a new database for it"
            )
        here, there = rows.dump.revision(), head.revision
        if there != here:
            raise ConfigError(
                f"the export has the schema {shown(there)}, this database has {here}: bring both installations to "
                "the same version of Tokenry first"
            )
        count = rows.dump.restore(_read(lines, done))
        rows.turn(None)
    return count


def _read(lines: Iterable[bytes], done: Callable[[int], object]) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        for line in lines:
            table, row = _decode_row(line)
            yield table, {name: _decoded(value) for name, value in row.items()}
            done(1)
    except (msgspec.MsgspecError, ValueError):
        raise ConfigError(_NO_EXPORT) from None


def _encoded(value: Any) -> Any:
    if isinstance(value, (bytes, memoryview)):
        return _BYTES + base64.b64encode(bytes(value)).decode()
    return _TEXT + value if isinstance(value, str) and value.startswith((_BYTES, _TEXT)) else value


def _decoded(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith((_BYTES, _TEXT)):
        return value
    return base64.b64decode(value.removeprefix(_BYTES)) if value.startswith(_BYTES) else value.removeprefix(_TEXT)

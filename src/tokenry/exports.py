"""Moving a whole installation: everything that it holds as one encrypted file, and back into an empty one.

An export holds digests, so it is always encrypted: for a passphrase, or for a recipient (X25519). It goes into a
new installation that was opened with the same keyring; then every key verifies there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import IO

from .service import moving, sealed_stream
from .tokenry import Tokenry

__all__ = ["is_export", "new_identity", "restore", "write"]


def new_identity() -> tuple[str, str]:
    """Return a secret identity (`tkident_…`) and its public recipient (`tkrcpt_…`)."""
    return sealed_stream.new_identity(os.urandom)


def write(
    tk: Tokenry,
    stream: IO[bytes],
    *,
    passphrase: str | None = None,
    recipient: str | None = None,
    done: Callable[[int], object] | None = None,
) -> int:
    """Write an export of an installation as it is at this moment; return the number of rows.

    `done` is called with 1 for each row, to show how far it is.
    """
    tk.flush()
    return moving.export(tk._context, stream, passphrase=passphrase, recipient=recipient, done=done or _nothing)


def restore(
    tk: Tokenry,
    stream: IO[bytes],
    *,
    passphrase: str | None = None,
    identity: str | None = None,
    done: Callable[[int], object] | None = None,
) -> int:
    """Put an export in the place of an empty installation; return the number of rows.

    All or nothing: repeat a call that was interrupted. End other processes that use the database before.
    `done` is called with 1 for each row.
    """
    count = moving.restore(tk._context, stream, passphrase=passphrase, identity=identity, done=done or _nothing)
    tk._memory.clear()
    return count


def _nothing(count: int) -> None:
    """Show nothing."""


def is_export(begin: bytes) -> bool:
    """Tell whether a file begins as an export does."""
    return begin.startswith(sealed_stream.MAGIC)

"""The I/O that a verification may need. A verification yields each wish, and its driver does it, inline or awaited."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from tokenry.core.counters import Want


class Find(msgspec.Struct, gc=False):
    """The wish for one row by its kid."""

    kid: str


class Lease(msgspec.Struct):
    """The wish for shares of limits; answered with False when the store is down and limits are open."""

    wants: list[Want]


class Pooled(msgspec.Struct):
    """The wish for what a thread of its own pool computes."""

    begin: Callable[[], Future[Any]]


class Wait(msgspec.Struct):
    """The wish for the answer of a call that may have to wait."""

    call: Callable[[], Any]

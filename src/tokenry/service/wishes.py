"""What a verification may have to wait for. It says so, and whoever drives it does it: at once, or awaited."""

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

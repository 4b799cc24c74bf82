"""The threads in which the server waits for a database, so that its event loop does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, Final, TypeVar

from tokenry.edge import from_memory, is_too_long, read_ask
from tokenry.tokenry import Tokenry
from tokenry.turning import without_blocking
from tokenry.types import Refused, Verdict

T = TypeVar("T")

THREADS: Final = 40
_pool: Final = ThreadPoolExecutor(THREADS, thread_name_prefix="request")


async def in_thread(call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run a call in one of the threads, with the context of this request, and return its result.

    A change that waits for other processes keeps no thread.
    """
    return await without_blocking(_run, call, *args, **kwargs)


async def _run(call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    inside = partial(copy_context().run, call, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_pool, inside)


async def verify(tk: Tokenry, text: str, **given: Any) -> Verdict:
    """Return the verdict of a text, from memory if possible; `given` are the arguments of `Tokenry.verify`."""
    if is_too_long(text):
        return Refused("malformed")
    ask: dict[str, Any] = {"scopes": None, "ip": None, "cost": 1, "tenant": None, "environment": None, "audience": None}
    ask |= given
    verdict = from_memory(tk, text, read_ask(**ask))
    return await in_thread(tk.verify, text, **ask) if verdict is None else verdict

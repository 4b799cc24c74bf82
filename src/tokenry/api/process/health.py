"""Liveness, readiness and metrics for the operators of a server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tokenry.aio import AsyncTokenry
from tokenry.edge import Engine, FenceState, encode
from tokenry.edge.asgi import Receive, Scope, Send, raw, respond
from tokenry.edge.problems import problem
from tokenry.types import TokenryError

from .logs import log

PATHS = ("/healthz", "/readyz", "/metrics")
_ANSWER_SECONDS = 2.0
_REMEMBER_SECONDS = 0.5
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Readiness:
    """Whether the database answers. Concurrent checks share one query."""

    def __init__(self, tk: AsyncTokenry, *, within: float = _ANSWER_SECONDS) -> None:
        self.draining = False
        self._tk = tk
        self._engine = Engine(tk)
        self._within = within
        self._asking: asyncio.Task[str] | None = None
        self._answer, self._answered_at = "", -1e9

    def fence(self) -> FenceState | None:
        """Return whether this process receives the changes of other processes; None if it has no need to."""
        return self._engine.fence_state()

    async def __call__(self) -> str:
        """Return an empty text when ready, else the reason."""
        if self.draining:
            return "shutting down"
        if time.monotonic() - self._answered_at < _REMEMBER_SECONDS:
            return self._answer
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        done, _ = await asyncio.wait({self._asking}, timeout=self._within)
        if not done:  # the check goes on: a thread that waits for a database cannot be cancelled
            return "the database does not answer"
        return self._asking.result()

    async def _ask(self) -> str:
        try:
            await self._engine.reach()  # not always on the same connection as the next query
            await self._tk.tenants.get("default")
            answer = ""
        except TokenryError:  # the log of `tokenry.store` holds the cause
            answer = "the database cannot be used"
        except Exception as error:
            log.error("readiness cannot be told", error=type(error).__name__)
            answer = "the database cannot be used"
        if bool(answer) != bool(self._answer):
            log.warning("not ready" if answer else "ready again", reason=answer)
        self._answer, self._answered_at = answer, time.monotonic()
        return answer


class Operations:
    """The ASGI application of `/healthz`, `/readyz` and `/metrics`, which need no credential and reveal no names."""

    def __init__(self, readiness: Readiness, metrics: Callable[[], Awaitable[bytes]]) -> None:
        self._readiness = readiness
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        if scope["method"] not in ("GET", "HEAD"):
            problem_answer = problem("method_not_allowed", headers=[("Allow", "GET, HEAD")])
            request_id = scope.get("state", {}).get("request_id", "")
            await respond(send, problem_answer.status, problem_answer.body(request_id), raw(problem_answer.fields()))
        elif path == "/healthz":
            await _answer(send, 200, b'{"status":"ok"}', "application/json")
        elif path == "/readyz":
            missing = await self._readiness()
            state: dict[str, object] = {"status": "unavailable", "reason": missing} if missing else {"status": "ready"}
            fence = self._readiness.fence()
            if fence is not None:  # a process that receives no changes is slow, but answers correctly
                state["fence"] = {"lag_seconds": round(fence.lag_seconds, 3), "distrusting": fence.distrusting}
            await _answer(send, 503 if missing else 200, encode(state), "application/json")
        elif path == "/metrics":
            await _answer(send, 200, await self._metrics(), _METRICS_TYPE)
        else:
            await _answer(send, 404, b"", "text/plain")


async def _answer(send: Send, status: int, body: bytes, kind: str) -> None:
    await respond(send, status, body, raw([("Content-Type", kind), ("Cache-Control", "no-store")]))

"""The ASGI application: the hot routes as they are, then operations, then management."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tokenry.aio import AsyncTokenry
from tokenry.edge import Engine, Proxies, Throttle
from tokenry.edge import failures as problems
from tokenry.edge.asgi import App, Message, Receive, Scope, Send, live, raw, respond
from tokenry.edge.problems import problem
from tokenry.tokenry import Tokenry

from .console import Console, is_of_console
from .github_reports import GithubReports
from .hot.answering import DefaultLines
from .hot.head_cache import Heads
from .hot.holding import Holding
from .hot.request import Answer, Does, Request, Step, Wish, own_query
from .hot.sending import Outbox
from .hot.turns import Turns
from .hot.verify import ADMITTED, Hot
from .management import Arrivals, Callers, Management
from .oauth.endpoints import OAuth
from .portal import Portal, is_of_portal
from .process.access_log import AccessLog
from .process.counters import Counters
from .process.logs import begin_request
from .process.settings import ServerSettings
from .reference.hot_routes import described as with_hot
from .reference.oauth_routes import described as with_oauth
from .routes import AUTH, BODY_MAX, GITHUB, SMALL_MAX, place_of
from .unsubscribing import PATH as UNSUBSCRIBE
from .unsubscribing import Unsubscribing

_PIECE_BYTES = 16 * 1024


@dataclass(slots=True)
class Served:
    """The objects that one process of the server holds."""

    tk: AsyncTokenry
    settings: ServerSettings
    counters: Counters = field(default_factory=Counters)
    outbox: Outbox = field(default_factory=Outbox)
    heads: Heads = field(default_factory=Heads)
    lines: DefaultLines = field(default_factory=DefaultLines)
    holding: Holding = field(default_factory=Holding)
    turns: Turns = field(default_factory=Turns)
    access: AccessLog = field(init=False)
    sync: Tokenry = field(init=False)
    engine: Engine = field(init=False)
    proxies: Proxies = field(init=False)
    throttle: Throttle = field(init=False)
    hot: Hot = field(init=False)
    arrivals: Arrivals = field(init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        self.access = AccessLog(settings.access_log_share)
        self.engine = Engine(self.tk)
        self.sync = self.engine.sync
        self.arrivals = Arrivals(self.sync)
        self.proxies = Proxies(settings.trusted_proxies)
        self.throttle = Throttle(self.engine.now, most=settings.failures_max, seconds=settings.failures_window_seconds)
        self.hot = Hot(self.engine, settings, self.counters, self.throttle)

    def begin(self, route: str, asked: Request) -> Step:
        """Answer a request within its trace, or return the wishes that have to be fulfilled first."""
        with self.within(asked):
            return self.hot.answer(route, asked)

    def within(self, asked: Request) -> AbstractContextManager[object]:
        """Let the spans of a block belong to the trace that a request names."""
        trace = asked.trace if self.engine.is_traced else None
        return self.engine.spans.within(trace)

    async def drive(self, does: Does, route: str, asked: Request, wishes: list[Wish] | None = None) -> Answer:
        """Handle a request of a route, and fulfil its wishes; pass `wishes` if the first ones are known already."""
        with self.within(asked):
            return await self._drive(does, route, asked, wishes)

    async def _drive(self, does: Does, route: str, asked: Request, wishes: list[Wish] | None) -> Answer:
        answer_to = self.engine.answer
        step: Step = does(asked, None) if wishes is None else wishes
        while not isinstance(step, tuple):
            try:
                if len(step) == 1:
                    verdicts = [await answer_to(*step[0])]
                else:
                    verdicts = await asyncio.gather(*[answer_to(*wish) for wish in step])
            except Exception as error:
                return self.hot.failing(route, error, asked)
            step = does(asked, verdicts)
        return step


def create_app(served: Served, operations: App | None = None) -> App:
    """Return the application of a server; `operations` answers `/healthz`, `/readyz` and `/metrics`, if given."""
    callers = Callers(served.sync)

    def add(document: dict[str, Any]) -> dict[str, Any]:
        return with_oauth(with_hot(document, operations=operations is not None))

    rest = Management(served.sync, callers, add, served.arrivals, console=served.settings.console)
    console = Console(served.sync, served.throttle, rest, served.engine.now) if served.settings.console else None
    oauth = OAuth(served.sync, callers.refresher, served.engine.now)
    return Application(served, rest, oauth, operations, console, Portal(served.sync, served.throttle))


class Application:
    """Gives every request an id and a client, bounds its body, and passes it to the application that answers it."""

    def __init__(
        self,
        served: Served,
        management: App,
        oauth: App,
        operations: App | None,
        console: App | None,
        portal: App,
    ) -> None:
        self._served = served
        self._hot = served.hot
        self._rest = management
        self._oauth = oauth
        self._console = console
        self._portal = portal
        self._others: dict[str, App] = {
            UNSUBSCRIBE: Unsubscribing(served.sync),
            GITHUB: GithubReports(served.sync),
        }
        if operations is not None:
            self._others |= dict.fromkeys(("/healthz", "/readyz", "/metrics"), operations)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await live(receive, send)
        elif scope["type"] == "http":
            route = self._hot.route(scope["path"])
            if route is not None:
                await self._answer_hot(route, scope, receive, send)
            else:
                await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _answer_hot(self, route: str, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        asked = self._request(scope)
        asked.tenant = self._hot.tenant_of(scope["path"])
        request_id, close = asked.request_id.decode(), False
        begin_request(request_id, asked.trace)
        try:
            answer, close = await self._begin_hot(route, asked, scope["method"], receive)
        except (Exception, asyncio.CancelledError) as error:
            answer = self._hot.failed(route, problems.of(error), asked)
        status, head, body = answer
        fields = [(name, value) for name, _, value in [line.partition(b": ") for line in head.split(b"\r\n")[:-1]]]
        if close:
            fields.append((b"connection", b"close"))
        await respond(send, status, body, fields)
        seconds = time.perf_counter() - began
        self._served.access(scope["method"], route, status, seconds, request_id, asked.client or "")

    async def _begin_hot(self, route: str, asked: Request, method: str, receive: Receive) -> tuple[Answer, bool]:
        """Return the answer to a request on a hot route, and whether the connection ends with it."""
        if route != AUTH and method != "POST":
            return self._hot.failed(route, problem("method_not_allowed", headers=[("Allow", "POST")]), asked), False
        if route != AUTH:  # `/v1/auth` ignores its body
            try:
                refusal = await self._read(route, asked, receive)
            except asyncio.CancelledError:  # the server is stopping, and the body has not arrived in time
                return self._hot.failed(route, problem("too_slow"), asked), True
            if refusal is not None:
                return refusal, True
        return await self._served.drive(partial(self._hot.answer, route), route, asked), False

    async def _read(self, route: str, asked: Request, receive: Receive) -> Answer | None:
        """Read the body of a request. Only an authenticated caller may send more than 64 KiB.

        Return None, or the answer that rejects the body. If the client has disconnected, keep the part that arrived.
        """
        parts: list[bytes] = []
        count, is_admitted = 0, False
        while True:
            size = max(count, int(asked.length or 0))
            if size > BODY_MAX:
                return self._hot.failed(route, problem("body_too_large"), asked)
            if size > SMALL_MAX and not is_admitted:
                refusal = await self._served.drive(partial(self._hot.admission, route), route, asked)
                if refusal != ADMITTED:
                    return refusal
                is_admitted = True
            message = await receive()
            parts.append(message.get("body", b""))
            count += len(parts[-1])
            if not message.get("more_body"):
                asked.body = b"".join(parts)
                return None

    def _request(self, scope: Scope) -> Request:
        peer = scope["client"][0] if scope.get("client") else None
        proxies = self._served.proxies
        query = own_query(scope.get("raw_path") or b"", scope["query_string"])
        asked = Request(query, scope["headers"], proxies.client(peer), proxies)
        asked.method = scope["method"].encode()
        return asked

    def _app_of(self, path: str) -> App:
        if path in self._others:
            return self._others[path]
        if self._console is not None and is_of_console(path):
            return self._console
        if is_of_portal(path):
            return self._portal
        return self._oauth if place_of(path) else self._rest

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let operations or management answer."""
        began = time.perf_counter()
        asked = self._request(scope)
        request_id = asked.request_id.decode()
        begin_request(request_id, asked.trace)
        state = scope.setdefault("state", {})
        state.update(request_id=request_id, client=asked.client, throttle=self._served.throttle)
        state["traceparent"] = asked.traceparent.decode("latin-1") if asked.traceparent is not None else None
        bounded = _Bounded(receive, send, asked)
        if asked.length is not None and int(asked.length) > BODY_MAX:
            await bounded.refuse()
        else:
            app = self._app_of(scope["path"])
            try:
                with self._served.within(asked):
                    await app(scope, bounded.receive, bounded.send)
            except asyncio.CancelledError:  # the server is stopping, and the outcome of the change is unknown
                if bounded.status:
                    raise
                await bounded.refuse("internal")
        seconds = time.perf_counter() - began
        self._served.access(scope["method"], scope["path"], bounded.status, seconds, request_id, asked.client or "")


class _Bounded:
    """Wraps `receive` and `send` of a request: counts its body, and adds the request id to the answer."""

    def __init__(self, receive: Receive, send: Send, asked: Request) -> None:
        self._receive = receive
        self._send = send
        self._asked = asked
        self._count = 0
        self._is_whole = False
        self._refused = False
        self.status = 0

    async def receive(self) -> Message:
        """Receive the next part of the body; stop when it is too large, or has not arrived when the server stops.

        The client gets an answer, and the application sees a disconnected client.
        """
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            if self.status or self._is_whole:
                raise
            await self.refuse("too_slow")
            return {"type": "http.disconnect"}
        self._is_whole = not message.get("more_body", False)
        self._count += len(message.get("body", b""))
        if self._count <= BODY_MAX:
            return message
        if not self.status:
            await self.refuse()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        if self._refused:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            fields = list(message.get("headers", ()))
            if not any(name.lower() == b"x-request-id" for name, _ in fields):
                fields.insert(0, (b"x-request-id", self._asked.request_id))
            message = {**message, "headers": fields}
        body = message.get("body", b"")
        if len(body) > _PIECE_BYTES:  # in pieces, so that a client that does not read keeps only one in memory
            for place in range(0, len(body), _PIECE_BYTES):
                is_last = place + _PIECE_BYTES >= len(body)
                piece = memoryview(body)[place : place + _PIECE_BYTES]
                await self._send(
                    {**message, "body": piece, "more_body": not is_last or message.get("more_body", False)}
                )
            return
        await self._send(message)

    async def refuse(self, code: str = "body_too_large") -> None:
        """Answer that the request is not read to its end."""
        problem_answer = problem(code)
        fields = raw([*problem_answer.fields(), ("Connection", "close")])
        await respond(self.send, problem_answer.status, problem_answer.body(self._asked.request_id.decode()), fields)
        self._refused = True

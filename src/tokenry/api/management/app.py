"""The ASGI application of `/v1`: authenticates the caller, reads the request, runs the operation, writes the answer."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar
from urllib.parse import quote

from tokenry.edge import credit_fields, encode, limit_fields
from tokenry.edge import failures as problems
from tokenry.edge.asgi import Fields, Receive, Scope, Send, live, raw, read_body, respond
from tokenry.edge.problems import MEDIA_TYPE, Problem
from tokenry.operations import OPERATIONS, Operation
from tokenry.tokenry import Tokenry
from tokenry.types import CreditState, Issued, Key, NotAllowed

from ..bodies import check_kind, decoded
from ..reference.openapi import document
from ..reference.site import LARGE, Page, Site
from ..routes import SMALL_MAX
from ..threads import in_thread
from .arrivals import Arrivals
from .callers import Call, Callers
from .exporting import Lines, wants_lines
from .following import Admit, Stream, long_poll, waits, wants_stream
from .performing import perform
from .reading import Reader, named_tenant, read_query
from .routing import Router, check_path

T = TypeVar("T")
Add: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]

_JSON: Final = b"application/json"
_NO_STORE: Final = (b"cache-control", b"no-store")


class Answered(NamedTuple):
    """One answer."""

    status: int
    kind: bytes
    body: bytes
    fields: Fields


class Management:
    """Answers `/v1`, `/docs` and `/openapi.json`, but for the hot routes."""

    def __init__(
        self,
        tk: Tokenry,
        callers: Callers,
        add: Add = lambda document: document,
        arrivals: Arrivals | None = None,
        *,
        console: bool = False,
    ) -> None:
        """Serve an installation; `add` puts the routes of others into the OpenAPI document.

        With `console` the page at `/` links to it.
        """
        self._add = add
        self._arrivals = arrivals or Arrivals(tk)
        self._callers = callers
        self._router = Router(OPERATIONS.values())
        self._readers = {one.id: Reader(one) for one in OPERATIONS.values()}
        self._site = Site(self.openapi, console=console)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await live(receive, send)
            return
        state = scope.setdefault("state", {})
        request_id = state.get("request_id") or uuid.uuid4().hex
        page = await self._page(scope["path"]) if scope["method"] in ("GET", "HEAD") else None
        if page is not None:
            answered = Answered(200, page.kind, page.body, list(page.fields))
        else:
            found = await self._answer(scope, receive, request_id)
            if isinstance(found, Stream):
                rule = OPERATIONS["events.list"].rule
                await found(send, request_id, partial(self._callers.admit, scope, rule, request_id))
                return
            if isinstance(found, Lines):
                await found(send, request_id)
                return
            answered = found
        await _send(send, answered, request_id, is_head=scope["method"] == "HEAD")

    async def _page(self, path: str) -> Page | None:
        """Return a page of the reference. The event loop goes on while a thread makes a large one, once."""
        if path in LARGE and not self._site.has(path):
            return await in_thread(self._site.find, path)
        return self._site.find(path)

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        return self._document

    @cached_property
    def _document(self) -> dict[str, Any]:
        return self._add(document())

    async def _answer(self, scope: Scope, receive: Receive, request_id: str) -> Answered | Stream | Lines:
        operation: Operation | None = None
        try:
            raw = scope.get("raw_path") or quote(scope["path"]).encode()
            path = raw.partition(b"?")[0].decode("latin-1")  # some servers leave the query at the end
            operation, in_path = self._router.find(scope["method"], path)
            call = await self._callers.admit(scope, operation.rule, request_id)
            headers: Fields = scope["headers"]
            about = dict(headers)
            body = await read_body(receive, about.get(b"content-length"), operation.body_max)
            if body:
                check_kind(about.get(b"content-type"))
            found = await _beside(len(body), decoded, body) if body else None
            check_path(operation, in_path)
            query = read_query(scope["query_string"])
            slug = call.tenant(named_tenant(query)) if operation.in_tenant else call.home
            given = await _beside(len(body), self._readers[operation.id].arguments, query, found, headers)
            if wants_lines(operation, headers):
                return await Lines.open(call, slug, given, receive)
            if waits(operation, given, headers):
                admit = partial(self._callers.admit, scope, operation.rule, request_id)
                result = await self._waited(call, slug, given, headers, receive, admit)
                if isinstance(result, Stream):
                    return result
            else:
                result = await perform(operation, call, slug, {**in_path, **given})
            answered = _written(operation, result)
        except Exception as error:
            name = operation.wire_name if operation is not None else str
            answered = _failed(problems.of(error, name), request_id)
        if operation is not None and operation.deprecated is not None:
            answered.fields.extend(operation.deprecated.fields)
        return answered

    async def _waited(
        self, call: Call, slug: str, given: dict[str, Any], headers: Fields, receive: Receive, admit: Admit
    ) -> Any:
        """Return the answer to a request that waits for events."""
        if wants_stream(headers):
            return await Stream.open(self._arrivals, call, slug, given, headers, receive)
        try:
            return await long_poll(self._arrivals, call, slug, given, receive)
        except NotAllowed:
            await admit()  # raises the reason if the key has ended meanwhile
            raise


def _written(operation: Operation, result: Any) -> Answered:
    if operation.status == 204:
        return Answered(204, b"", b"", [])
    fields: Fields = []
    key = result.key if isinstance(result, Issued) else result
    if isinstance(key, Key):
        fields.append((b"etag", b'"%d"' % key.version))
    limits = {"self.get": lambda: result["limits"], "keys.limits": lambda: result}.get(operation.id)
    if limits is not None:
        fields += raw(limit_fields(limits(), datetime.now(UTC)))
    if isinstance(result, CreditState):
        fields += raw(credit_fields(result, datetime.now(UTC)))
    return Answered(operation.status, _JSON, encode(operation.answer.write(result)), fields)


def _failed(problem_answer: Problem, request_id: str) -> Answered:
    return Answered(
        problem_answer.status, MEDIA_TYPE.encode(), problem_answer.body(request_id), raw(problem_answer.headers)
    )


async def _beside(size: int, work: Callable[..., T], *args: Any) -> T:
    """Return the result of work on a body of `size` bytes; work on a large body runs in a thread."""
    return work(*args) if size <= SMALL_MAX else await in_thread(work, *args)


async def _send(send: Send, answered: Answered, request_id: str, *, is_head: bool) -> None:
    status, kind, body, fields = answered
    head: Fields = [(b"x-request-id", request_id.encode()), *fields]
    if not any(name == b"cache-control" for name, _ in fields):
        head.append(_NO_STORE)
    if status != 204:
        head.append((b"content-type", kind))
    await respond(send, status, body, head, is_head=is_head)

"""A request on a hot route as its parser hands it over, and the types of its answers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from itertools import count
from typing import Any, Final, TypeAlias

from tokenry.edge import Address, Ask, Grant, Proxies, Trace, bounded, read_address, read_presented, read_trace
from tokenry.edge.asgi import texts
from tokenry.edge.problems import Failed, problem
from tokenry.types import Verdict

from .questions import Needs, Question, Required

_APPENDED = b"/v1/auth/for/"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

Wish: TypeAlias = tuple[str, Ask]
Answer: TypeAlias = tuple[int, bytes, bytes]
"""The status, header fields and body of an answer, without the status line, the length and fields of the protocol."""

Step: TypeAlias = Answer | list[Wish]
"""An answer, or wishes: once they are fulfilled, the same function is called again with the verdicts."""

Does: TypeAlias = "Callable[[Request, list[Verdict] | None], Step]"
"""A function of a hot route: takes a request, and the verdicts that the request waited for."""

_NO_PROXIES: Final = Proxies(())


class Request:
    """The parts of a request that a hot route reads."""

    __slots__ = (
        "_address",
        "about",
        "ahead",
        "ask",
        "body",
        "caller",
        "chunked",
        "client",
        "content_type",
        "credentials",
        "fields",
        "has_id",
        "key_set",
        "length",
        "method",
        "needs",
        "peer",
        "pending",
        "proved",
        "proved_caller",
        "proved_until",
        "query",
        "question",
        "request_id",
        "required",
        "tenant",
        "text",
        "traceparent",
    )

    def __init__(self, query: bytes, fields: list[tuple[bytes, bytes]], peer: str | None, proxies: Proxies) -> None:
        """Store the request. Field names are lower-case; `client` is None if unknown; `peer` is connected to us."""
        self.query = query
        self.fields = fields
        self.body: bytes | bytearray = b""
        self.key_set: bytes | None = None
        self.peer = peer
        self.credentials: list[tuple[bytes, bytes]] = []
        self.about: Wish | None = None
        self.proved: Grant | None = None  # the valid verdict of the credential in this very head
        self.proved_caller: tuple[str | None, bool] | None = None  # the `caller` that this verdict proves
        self.proved_until = 0
        self.caller: tuple[str | None, bool] | None = None  # set once the caller is authenticated, or found unknown
        self.pending: Any = None  # the parsed body, while a part of the answer is waited for
        self.needs: Needs | None = None  # the requirement of a proxy, as sent
        self.required: Required | None = None  # the same requirement, parsed
        self.text: str | None = None  # the credential, once parsed
        self.ask: Ask | None = None  # the ask of a proxy about the credential, without the address of the client
        self._address: Address | None = None
        self.ahead = ""  # the credential to look up as soon as the caller is known
        self.question: Question | None = None
        self.content_type = self.length = self.chunked = None
        self.method = b""
        self.tenant: str | None = None  # the tenant in the path, if there is one
        self.traceparent: bytes | None = None
        forwarded, request_id = None, None
        for field in fields:
            match field[0]:
                case b"authorization" | b"x-api-key" | b"x-api-token":
                    self.credentials.append(field)
                case b"content-type":
                    self.content_type = field[1]
                case b"content-length":
                    self.length = field[1]
                case b"transfer-encoding":
                    self.chunked = field[1]
                case b"x-forwarded-for":
                    forwarded = [*(forwarded or ()), field[1].decode("latin-1")]
                case b"x-request-id":
                    request_id = field[1]
                case b"traceparent":  # two values are ambiguous
                    self.traceparent = field[1] if self.traceparent is None else b""
        self.client = peer if forwarded is None else proxies.client(peer, forwarded)
        self.has_id = False
        if request_id is not None and _REQUEST_ID.fullmatch(request_id):
            self.has_id, self.request_id = True, request_id
        else:
            self.request_id = new_request_id()

    def again(self, body: bytes) -> None:
        """Reuse this object for the next identical head; everything parsed from the head stays valid."""
        self.body = body
        self.question = self.caller = self.pending = None
        if not self.has_id:
            self.request_id = new_request_id()

    @property
    def address(self) -> Address | None:
        """The address of the client, read."""
        if self._address is None and self.client is not None:
            self._address = read_address(self.client)
        return self._address

    def present(self, credential: str) -> None:
        """Reuse this object for a request with another credential."""
        self.text = credential
        self.about = self.proved = None

    def came_from(self, client: tuple[str, Address] | None) -> None:
        """Reuse this object for a request of another client; None is an unknown client."""
        self.client, self._address = (None, None) if client is None else client

    def twin(self) -> Request:
        """Return a new request with the same head and no body."""
        twin = Request(self.query, [], self.peer, _NO_PROXIES)  # not `__new__`: a compiled class has none of its own
        twin.fields, twin.credentials, twin.about = self.fields, self.credentials, self.about
        twin.client, twin.method, twin.tenant = self.client, self.method, self.tenant
        twin.content_type, twin.length, twin.chunked = self.content_type, self.length, self.chunked
        twin.has_id, twin.request_id, twin.ahead, twin.proved = self.has_id, self.request_id, "", self.proved
        twin.traceparent, twin.needs, twin.required, twin.text = self.traceparent, None, self.required, self.text
        twin.ask, twin._address = self.ask, self._address
        twin.again(b"")
        return twin

    @property
    def trace(self) -> Trace | None:
        """The trace that the request belongs to."""
        return None if self.traceparent is None else read_trace(self.traceparent.decode("latin-1"))

    def presented(self) -> str | None:
        """Return the credential of a request; raise Failed for two different ones."""
        if self.text is None:
            self.text = self._presented()
        return self.text

    def _presented(self) -> str | None:
        if len(self.credentials) == 1:
            value = self.credentials[0][1]
            if value.startswith(b"Bearer ") and len(value) > 7 and value[7] > 32 and value[-1] > 32:
                return bounded(value[7:].decode("latin-1"))
        found = read_presented(texts(self.credentials))
        if found == "ambiguous":
            raise Failed(problem("credential_ambiguous"))
        return bounded(found.text) if found is not None else None


_LOW: Final = [b"%02x" % number for number in range(256)]


class _Ids:
    """Ids of requests: random for the process, then counted."""

    def __init__(self) -> None:
        self.begin = os.urandom(6).hex().encode()
        self.next = count(1).__next__
        self.high = -1, b""
        """The upper digits of a number, and an id as far as they go. One tuple, so that no thread mixes two numbers."""


def own_query(path: bytes, query: bytes) -> bytes:
    """Return the part of a query that is addressed to this server.

    After `/v1/auth/for` a proxy appends the path and the query of the API, which hold no requirement.
    """
    return b"" if path.startswith(_APPENDED) else query


def new_request_id() -> bytes:
    """Return an id that no other request of the installation has."""
    number = _ids.next()
    high, begin = _ids.high
    if number >> 8 != high:
        begin = b"%b-%06x" % (_ids.begin, number >> 8)
        _ids.high = number >> 8, begin
    return begin + _LOW[number & 0xFF]


_ids = _Ids()


def _begin_anew() -> None:
    global _ids  # calling `__init__` again does nothing in the compiled form
    _ids = _Ids()


os.register_at_fork(after_in_child=_begin_anew)

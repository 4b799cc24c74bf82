"""Requests to servers outside, to no address that may not be reached and for no longer than 15 seconds each.

Python's HTTP client does not resolve, connect or follow anything here: it writes and reads on a connection that was
made to an address after all addresses of the name were checked. Proxies of the environment are ignored.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tokenry.core.redaction import without_secrets
from tokenry.core.targets import Network, Target, is_allowed, parse
from tokenry.core.webhook_ports import Interrupted
from tokenry.core.webhooks import Attempt, read_retry_after

SECONDS: Final = 15.0
"""For resolving, connecting, TLS, sending and reading together."""
_CONNECT_SECONDS: Final = 5.0
_READ_MAX: Final = 4096
_EXCERPT_MAX: Final = 1024
_AGENT: Final = "Tokenry-Webhooks"
_READER_AGENT: Final = "Tokenry"
_QUICKACK: Final = getattr(socket, "TCP_QUICKACK", 12)

Resolve = Callable[[str, int], Sequence[tuple[int, Any]]]
"""Returns the family and the socket address of each address that a name has."""


class Denied(OSError):
    """The name has an address that may not be connected to."""


def resolve(host: str, port: int) -> Sequence[tuple[int, Any]]:
    """Return all addresses of a host, as the system finds them."""
    return [(found[0], found[4]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Poster:
    """Sends requests of one thread. It keeps the connection to its last endpoint while that answers.

    `tls` returns the context of TLS: reading the authorities takes some 20 ms, so it is made once.
    """

    def __init__(
        self,
        networks: Sequence[Network] = (),
        *,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        resolve: Resolve = resolve,
        seconds: float = SECONDS,
    ) -> None:
        self._networks = networks
        self._resolve = resolve
        self._tls = tls
        self._seconds = seconds
        self._kept: tuple[Target, _Connection] | None = None
        self._socket: socket.socket | None = None
        self._is_interrupted = False

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes, at: datetime) -> tuple[Attempt, int | None]:
        """Post a body; return the attempt, and the seconds that the endpoint asked to be left alone for."""
        if self._is_interrupted:
            raise Interrupted
        began = time.monotonic()
        status: int | None = None
        error, excerpt, retry_after = "", "", None
        try:
            status, excerpt, field = self._post(url, headers, body, began + self._seconds)
            retry_after = read_retry_after(field, at)
            error = "redirects are not followed" if 300 <= status < 400 else ""
        except Denied as denied:
            error = str(denied)
        except TimeoutError:
            error = f"no answer within {self._seconds:g} seconds"
        except (OSError, http.client.HTTPException, UnicodeError) as failure:
            error = _failure_text(failure)
        if self._is_interrupted and status is None:
            raise Interrupted
        return Attempt(at, round((time.monotonic() - began) * 1000), status, error, excerpt), retry_after

    def read(self, url: str, bytes_max: int) -> bytes:
        """Return the document at a URL; raise OSError that says why there is none of at most `bytes_max` bytes."""
        until, target = time.monotonic() + self._seconds, parse(url)
        fields = {"Host": target.authority, "User-Agent": _READER_AGENT, "Accept": "application/json"}
        try:
            connection = _Connection(self._connect(target, until))
            try:
                response = connection.exchange(target.path, {**fields, "Connection": "close"}, b"", until, "GET")
                body = response.read(bytes_max + 1)
            finally:
                connection.close()
        except Denied:
            raise
        except TimeoutError:
            raise OSError(f"no answer within {self._seconds:g} seconds") from None
        except (OSError, http.client.HTTPException, UnicodeError) as failure:
            raise OSError(_failure_text(failure)) from None
        if response.status != 200:
            raise OSError(f"the answer has the status {response.status}")
        if len(body) > bytes_max:
            raise OSError(f"the answer has more than {bytes_max} bytes")
        return body

    def interrupt(self) -> None:
        """Give up the request that is under way, from another thread: it and every later one raise Interrupted."""
        self._is_interrupted = True
        opened = self._socket
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection that is kept."""
        if self._kept is not None:
            self._kept[1].close()
            self._kept = None

    def _post(self, url: str, headers: Mapping[str, str], body: bytes, until: float) -> tuple[int, str, str | None]:
        target = parse(url)
        connection, is_kept = self._connection(target, until)
        fields = {"Host": target.authority, "User-Agent": _AGENT, "Content-Type": "application/json", **headers}
        try:
            try:
                response = connection.exchange(target.path, fields, body, until)
            except (ConnectionError, http.client.BadStatusLine):
                if not is_kept:
                    raise
                self.close()  # the other side has closed it meanwhile: once more on a new one
                connection, _ = self._connection(target, until)
                response = connection.exchange(target.path, fields, body, until)
            excerpt = _excerpt(response)
        except BaseException:
            self.close()
            connection.close()
            raise
        if response.isclosed() and not response.will_close:
            self._kept = (target, connection)
        else:
            self._kept = None
            connection.close()
        return response.status, excerpt, response.getheader("Retry-After")

    def _connection(self, target: Target, until: float) -> tuple[_Connection, bool]:
        if self._kept is not None:
            known, connection = self._kept
            if known[:3] == target[:3]:
                return connection, True
            self.close()
        return _Connection(self._connect(target, until)), False

    def _connect(self, target: Target, until: float) -> socket.socket:
        """Connect to the first address that answers, once all of them are known to be allowed."""
        addresses = _within(until, self._resolve, target.host, target.port)
        if not addresses:
            raise OSError("the name has no address")
        for _, address in addresses:
            self._must_be_allowed(target, str(address[0]))
        last: OSError | None = None
        for family, address in addresses:
            opened = self._socket = socket.socket(family, socket.SOCK_STREAM)
            try:
                opened.settimeout(min(_CONNECT_SECONDS, _left(until)))
                opened.connect(address)
                self._must_be_allowed(target, str(opened.getpeername()[0]))
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                opened.settimeout(_left(until))
                if target.is_tls:
                    opened = self._socket = self._tls().wrap_socket(opened, server_hostname=target.host)
                return opened
            except Denied:
                opened.close()
                raise
            except OSError as error:
                opened.close()
                last = error
        assert last is not None
        raise last

    def _must_be_allowed(self, target: Target, address: str) -> None:
        if not is_allowed(address, self._networks):
            raise Denied(f"{target.host} has the address {address}, which requests may not go to (webhook_networks)")


class _Connection:
    """A connection that was made, and the requests on it.

    Every operation ends at one moment: a time limit of a socket is for each piece by itself.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._until = 0.0

    def exchange(
        self, path: str, fields: Mapping[str, str], body: bytes, until: float, method: str = "POST"
    ) -> http.client.HTTPResponse:
        """Send a request and read the head of its answer."""
        self._until = until
        if method == "POST":
            fields = {**fields, "Content-Length": str(len(body))}
        head = "".join([f"{name}: {value}\r\n" for name, value in fields.items()])
        self._socket.settimeout(_left(until))
        self._socket.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body)
        response = http.client.HTTPResponse(self, method=method)  # type: ignore[arg-type]
        response.begin()
        return response

    def receive(self, buffer: Any) -> int:
        """Read what has come, in the time that is left."""
        self._socket.settimeout(_left(self._until))
        # Or a receiver that writes head and body apart waits 40 ms for our acknowledgement before the body.
        self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        return self._socket.recv_into(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return the reader that a response asks for."""
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


class _Reader(io.RawIOBase):
    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._connection.receive(buffer)


def _excerpt(response: http.client.HTTPResponse) -> str:
    """Read at most 4 KiB of the body; return the beginning as a text that can be shown."""
    parts, size = [], 0
    try:
        while size < _READ_MAX and (part := response.read1(_READ_MAX - size)):
            parts.append(part)
            size += len(part)
        if response.length == 0:
            response.close()
    except (OSError, http.client.HTTPException):  # the status is known, and says what became of the request
        response.will_close = True
        response.close()
    text = b"".join(parts)[:_EXCERPT_MAX].decode("utf-8", "replace")
    return without_secrets("".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text))


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _within(until: float, call: Resolve, host: str, port: int) -> Sequence[tuple[int, Any]]:
    """Resolve a name in a thread of its own: the system's resolver knows no time limit."""
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def resolving() -> None:
        try:
            answers.put(call(host, port))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=resolving, name="resolving", daemon=True).start()
    try:
        found = answers.get(timeout=_left(until))
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(found, BaseException):
        raise found
    answer: Sequence[tuple[int, Any]] = found
    return answer


def _failure_text(failure: BaseException) -> str:
    """Return why a request failed, without anything that the other side has written."""
    if isinstance(failure, ssl.SSLCertVerificationError):
        return f"TLS: {failure.verify_message}"[:200]
    if isinstance(failure, socket.gaierror):
        return f"the name was not found: {failure.strerror}"[:200]
    if isinstance(failure, OSError):
        return f"{type(failure).__name__}: {failure.strerror or failure.args[0] if failure.args else ''}"[:200]
    return f"the answer is not HTTP: {type(failure).__name__}"

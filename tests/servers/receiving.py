"""A receiver of webhooks: answers as it is told to, and remembers what came."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOOPBACK = "127.0.0.0/8, ::1/128"


@dataclass
class Receiver:
    """`answer` returns the status, or status and header fields, for the number of a request and its body."""

    url: str = ""
    answer: Callable[[int, bytes], Any] = lambda number, body: 200
    requests: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.requests]

    def take(self, headers: Mapping[str, str], body: bytes) -> Any:
        with self.lock:
            self.requests.append((headers, body))
            number = len(self.requests)
        return self.answer(number, body)


@contextmanager
def receiving(answer: Callable[[int, bytes], Any] = lambda number, body: 200) -> Iterator[Receiver]:
    """Run a receiver on a port of loopback."""
    receiver = Receiver(answer=answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
            status, fields = answer if isinstance(answer, tuple) else (answer, {})
            self.send_response(status)
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""A constant answer by the server's own means, uvicorn and httptools, inside the parser: `constant.py PORT BODY`.

It parses every request, collects its headers and writes the same bytes. A hot route that costs
more spends the rest on its own work.
"""

import sys
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

_HEAD = b"content-type: application/json\r\ncache-control: no-store\r\nx-request-id: 0123456789abcdef\r\n"
_BODY = sys.argv[2].encode()
_ANSWER = b"%bcontent-length: %d\r\n\r\n%b" % (_HEAD, len(_BODY), _BODY)


class Constant(HttpToolsProtocol):
    """Answers every request of a connection."""

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_headers_complete(self) -> None:
        """Do nothing."""

    def on_body(self, body: bytes) -> None:
        """Do nothing."""

    def on_message_complete(self) -> None:
        """Answer."""
        self.server_state.total_requests += 1
        lines = b"".join([b"%b: %b\r\n" % field for field in self.server_state.default_headers])
        self.transport.write(STATUS_LINE[200] + lines + _ANSWER)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer nothing: no request comes here."""


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), http=Constant, log_level="error", access_log=False, server_header=False)

"""What GitHub does with the reports of its secret scanning: publish its keys, and sign what it has found."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

# The sample that GitHub has published with its public key.
SAMPLE = b'[{"token":"some_token","type":"some_type","url":"some_url"}]'
SAMPLE_ID = "90a421169f0a406205f1563a953312f0be898d3c7b6c06b681aa86a874555f4a"
SAMPLE_SIGNATURE = "MEUCIQDKZokqnCjrRtw0tni+2Ltvl/uiMJ1EGumEsp1BsNr32AIgQY1YXD2nlj+XNfGK4rBfkMJ1JDOQcYXxa2sY8FNkrKc="
SAMPLE_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9MJJHnMfn2+H4xL4YaPDA4RpJqUq
kCmRCBnYERxZanmcpzQSXs1X/AljlKkbJ8qpVIW4clayyef9gWhFbNHWAA==
-----END PUBLIC KEY-----
"""
OURS = ec.generate_private_key(ec.SECP256R1())
PEM = OURS.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def document(*keys: tuple[str, str]) -> Any:
    """Return the document of some public keys."""
    return {"public_keys": [{"key_identifier": id, "key": pem, "is_current": True} for id, pem in keys]}


def signed(body: bytes) -> str:
    """Return the signature of a body by our key."""
    return b64encode(OURS.sign(body, ec.ECDSA(SHA256()))).decode()


@dataclass
class Publisher:
    """Answers every GET with `status` and `body`, and counts them."""

    url: str = ""
    status: int = 200
    body: bytes = b""
    count: int = 0

    def publish(self, *keys: tuple[str, str]) -> None:
        """Answer with the document of these keys from now on."""
        self.status, self.body = 200, json.dumps(document(*keys)).encode()


@contextmanager
def publishing(*keys: tuple[str, str]) -> Iterator[Publisher]:
    """Publish keys on a port of loopback."""
    publisher = Publisher()
    publisher.publish(*keys)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            publisher.count += 1
            self.send_response(publisher.status)
            self.send_header("Content-Length", str(len(publisher.body)))
            if publisher.status == 302:
                self.send_header("Location", publisher.url)
            self.end_headers()
            self.wfile.write(publisher.body)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    publisher.url = f"http://127.0.0.1:{server.server_port}/meta/public_keys"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield publisher
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

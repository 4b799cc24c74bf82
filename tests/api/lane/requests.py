"""Requests as bytes."""

import json
from typing import Any


def request(
    method: str, target: str, *fields: str, body: bytes = b"", version: str = "1.1", length: bool = True
) -> bytes:
    """Return a request; with a body it says its length."""
    head = [f"{method} {target} HTTP/{version}", "Host: keys.example", *fields]
    if body and length:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def verify(caller: str, question: Any, *fields: str, target: str = "/v1/verify", version: str = "1.1") -> bytes:
    """Return a question of a caller."""
    body = question if isinstance(question, bytes) else json.dumps(question).encode()
    about = ["Content-Type: application/json", *fields]
    if caller:
        about.insert(0, f"Authorization: Bearer {caller}")
    return request("POST", target, *about, body=body, version=version)


def auth(key: str, *fields: str, target: str = "/v1/auth", method: str = "GET", version: str = "1.1") -> bytes:
    """Return what a proxy asks about a request with this key."""
    return request(method, target, f"Authorization: Bearer {key}", *fields, version=version)


def chunked(head: bytes, body: bytes, size: int) -> bytes:
    """Return the same request with its body in chunks."""
    begin = head.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    parts = [body[place : place + size] for place in range(0, len(body), size)]
    return begin + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"

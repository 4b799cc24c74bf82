"""The sockets that a server listens on: taking an address, and turning newcomers away before giving it up."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import ssl
import stat
import struct
from collections.abc import Sequence
from pathlib import Path

from tokenry.types import ConfigError

from .settings import ServerSettings

_SO_ATTACH_FILTER = 26  # which the module socket does not name
_TCP_FLAGS, _SYN, _SYN_OR_ACK = 13, 0x02, 0x12
_LOAD_BYTE, _AND, _JUMP_IF_EQUAL, _RETURN = 0x30, 0x54, 0x15, 0x06
_NO_SYN = b"".join(
    struct.pack("=HBBI", *instruction)
    for instruction in (
        (_LOAD_BYTE, 0, 0, _TCP_FLAGS),
        (_AND, 0, 0, _SYN_OR_ACK),
        (_JUMP_IF_EQUAL, 0, 1, _SYN),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, 0xFFFFFFFF),
    )
)
"""A socket filter that drops the first packet of every new connection, and lets those that are being made finish."""


def listen(settings: ServerSettings) -> list[socket.socket]:
    """Take the address, so that nobody else can; connections are accepted when there is something to answer them."""
    if settings.unix_socket is not None:
        return [_unix_socket(settings.unix_socket)]
    try:
        found = socket.getaddrinfo(
            settings.host or None, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        why = f"cannot listen on {settings.host}:{settings.port}: {error.strerror}"
        raise ConfigError(f"{why}. Choose another address with --host and --port") from None
    return [listener]


def turn_away(listeners: Sequence[socket.socket]) -> None:
    """Let no new connection begin, while those that have begun still arrive.

    A client whose first packet is dropped sends it again after a second: by then it is refused, or the next server is
    there. Where there are no such filters, or no packets, nothing happens.
    """
    program = ctypes.create_string_buffer(_NO_SYN, len(_NO_SYN))
    filter = struct.pack("HP", len(_NO_SYN) // 8, ctypes.addressof(program))
    for listener in listeners:
        if listener.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError):
                listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter)


def load_certificate(settings: ServerSettings, context: ssl.SSLContext | None = None) -> None:
    """Load certificate and key into a context; raise OSError for a pair that cannot be used, and leave it as it was.

    Loading is what checks a pair, and one that does not belong together leaves a context with the half of it. So it is
    done in a context of its own first.
    """
    for into in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), context):
        if into is not None and settings.tls_certificate is not None:
            into.load_cert_chain(settings.tls_certificate, settings.tls_key, _no_password)


def _no_password() -> bytes:
    """Stand for a question on a terminal, where nobody may be, and which would stop everything until it is answered."""
    raise OSError("the key is encrypted: decrypt it into a file of mode 0600")


def _unix_socket(path: Path) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise ConfigError(f"{path} is there already and is no socket")
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(path))
            raise ConfigError(f"another server listens on {path}")
        path.unlink()  # left over by a server that was killed
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(0o660)
    except OSError as error:
        raise ConfigError(f"cannot listen on {path}: {error.strerror}") from None
    return listener

"""The sockets that a server listens on: taking an address, and turning newcomers away before giving it up."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import ssl
import stat
import struct
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
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

    Loading is what checks a pair, and a bad one leaves a context with half of it. So it is loaded into a context of its
    own first, and both times from copies in memory: the files may be replaced between the two.
    """
    if settings.tls_certificate is None:
        return
    key = settings.tls_key
    with _copied(settings.tls_certificate) as chain, _copied(key) if key else contextlib.nullcontext() as private:
        if context is not None:
            _check_time(chain)
        for into in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), context):
            if into is not None:
                into.load_cert_chain(chain, private, _no_password)


def expired_at(chain: Path) -> datetime | None:
    """Return when a certificate expired; None for one that has not."""
    from cryptography.x509 import load_pem_x509_certificates

    end = load_pem_x509_certificates(chain.read_bytes())[0].not_valid_after_utc
    return end if end <= datetime.now(UTC) else None


def _check_time(chain: Path) -> None:
    """Raise OSError for a renewed certificate that has expired: clients would refuse it, and may accept the old one."""
    try:
        end = expired_at(chain)
    except ValueError:
        return  # loading it says what is wrong
    if end is not None:
        raise OSError(f"the certificate expired at {end.isoformat()}")


@contextlib.contextmanager
def _copied(path: Path) -> Iterator[Path]:
    """Copy a file into memory, where OpenSSL can read it by a path and nothing else changes it."""
    with os.fdopen(os.memfd_create("tls"), "wb") as copy:
        copy.write(path.read_bytes())
        copy.flush()
        yield Path(f"/proc/self/fd/{copy.fileno()}")


def _no_password() -> bytes:
    """Stand for a question on a terminal, where nobody may be, and which would stop everything until it is answered."""
    raise OSError("the key is encrypted: decrypt it into a file of mode 0600")


def _unix_socket(path: Path) -> socket.socket:
    """Take the path of a socket. It listens at once: a second server sees it, and does not take it for a leftover."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            _lock(folder)
            _remove_leftover(path)
            listener.bind(str(path))
            path.chmod(0o660)
            listener.listen()
        finally:
            os.close(folder)
    except BaseException as error:
        listener.close()
        if isinstance(error, OSError):
            raise ConfigError(f"cannot listen on {path}: {error.strerror or error}") from None
        raise
    return listener


def _lock(folder: int) -> None:
    """Keep out a server that starts at the same time: it would remove our socket before we listen on it."""
    for _ in range(100):
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(0.05)
    raise OSError("its directory is locked by another program")


def _remove_leftover(path: Path) -> None:
    """Remove the socket of a server that was killed, and nothing that anybody may still use."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ConfigError(f"{path} is there already and is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        except BlockingIOError:  # its queue is full
            raise ConfigError(f"another server listens on {path}") from None
        else:
            raise ConfigError(f"another server listens on {path}")

"""The sockets that a server listens on: binding an address, and refusing new connections before closing it."""

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

_SO_ATTACH_FILTER = 26  # the module socket has no such constant
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
"""A socket filter that drops the first packet of every new connection, and lets handshakes under way finish."""


def listen(settings: ServerSettings) -> list[socket.socket]:
    """Bind the address, so that no other process can; connections are accepted once the application is ready."""
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
    """Let no new connection begin; connections under way still arrive.

    A client repeats a dropped first packet after a second. By then the connection is refused, or a new server answers.
    On systems without such filters, and on Unix sockets, this does nothing.
    """
    program = ctypes.create_string_buffer(_NO_SYN, len(_NO_SYN))
    filter = struct.pack("HP", len(_NO_SYN) // 8, ctypes.addressof(program))
    for listener in listeners:
        if listener.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError):
                listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter)


def load_certificate(settings: ServerSettings, context: ssl.SSLContext | None = None) -> None:
    """Load certificate and key into a context; for an unusable pair raise OSError and leave the context unchanged.

    Only loading checks a pair, and a bad pair leaves a context half changed. So the pair is loaded into a separate
    context first, both times from copies in memory: the files may be replaced between the two loads.
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
    """Return when a certificate expired; None for a valid one."""
    from cryptography.x509 import load_pem_x509_certificates

    end = load_pem_x509_certificates(chain.read_bytes())[0].not_valid_after_utc
    return end if end <= datetime.now(UTC) else None


def _check_time(chain: Path) -> None:
    """Raise OSError for a renewed certificate that has expired: clients would refuse it, and may accept the old one."""
    try:
        end = expired_at(chain)
    except ValueError:
        return  # loading the file raises the error
    if end is not None:
        raise OSError(f"the certificate expired at {end.isoformat()}")


@contextlib.contextmanager
def _copied(path: Path) -> Iterator[Path]:
    """Copy a file into memory, where OpenSSL can read the copy by a path and no other process changes it."""
    with os.fdopen(os.memfd_create("tls"), "wb") as copy:
        copy.write(path.read_bytes())
        copy.flush()
        yield Path(f"/proc/self/fd/{copy.fileno()}")


def _no_password() -> bytes:
    """Replace OpenSSL's password prompt, which would block the process until somebody answers."""
    raise OSError("the key is encrypted: decrypt it into a file of mode 0600")


def _unix_socket(path: Path) -> socket.socket:
    """Bind the path of a Unix socket, and listen at once, so that a second server does not remove the socket."""
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
    """Keep out a server that starts at the same time, which would remove our socket before we listen on it."""
    for _ in range(100):
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(0.05)
    raise OSError("its directory is locked by another program")


def _remove_leftover(path: Path) -> None:
    """Remove the socket of a killed server; leave a socket that may still be in use."""
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
        except BlockingIOError:  # a live server with a full queue
            raise ConfigError(f"another server listens on {path}") from None
        else:
            raise ConfigError(f"another server listens on {path}")

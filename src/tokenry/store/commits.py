"""Whether anybody has committed to an SQLite file, for the price of reading 48 bytes.

Every commit to a file in WAL mode rewrites the header of its index, in memory that all its connections share. SQLite's
own way to hear of commits (`PRAGMA data_version`) compares that header too, at fifty times the price. The memory is
mapped through a descriptor that SQLite has open already: to open the file and to close it again would drop the locks
that SQLite holds on it.
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
import struct
from collections.abc import Callable
from mmap import MAP_SHARED, PROT_READ
from typing import Any

# The version of the format of the index. There is no other.
_VERSION = 3_007_000
_LENGTH = 4096
_FAILED = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None)
_map: Any = _libc.mmap
_map.restype = ctypes.c_void_p
_map.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_unmap: Any = _libc.munmap
_unmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


class _Header(ctypes.Array):  # type: ignore[type-arg]
    """The header in place. Code that still holds the header keeps it mapped."""

    _type_ = ctypes.c_ubyte
    _length_ = 48

    def __del__(self, unmap: Any = _unmap) -> None:
        unmap(ctypes.addressof(self), _LENGTH)


def commits(path: str, connection: sqlite3.Connection) -> Callable[[], bytes] | None:
    """Return a call whose answer differs from the one before when somebody has committed in between.

    It may be called for as long as the connection is open: then the file is neither cut nor replaced. None where there
    is no such index, as for a file that is not in WAL mode.
    """
    connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()  # opens the index
    descriptor = _descriptor(path + "-shm")
    if descriptor is None:
        return None
    address = _map(None, _LENGTH, PROT_READ, MAP_SHARED, descriptor, 0)
    if address == _FAILED:
        return None
    read = memoryview(_Header.from_address(address)).cast("B").tobytes
    version, _, _, is_made = struct.unpack_from("=IIIB", read())
    return read if (version, is_made) == (_VERSION, 1) else None


def is_open(path: str) -> bool:
    """Tell whether this process has a file open, and not another one of its name; True where nothing tells of that."""
    return not os.path.isdir("/dev/fd") or _descriptor(path) is not None


def _descriptor(path: str) -> int | None:
    """Return the descriptor under which this process has a file open."""
    try:
        wanted = os.stat(path)
        opened = os.listdir("/dev/fd")
    except OSError:
        return None
    for name in opened:
        try:
            found = os.fstat(int(name))
        except OSError:
            continue  # that of the list itself
        if os.path.samestat(found, wanted) and found.st_size >= _LENGTH:
            return int(name)
    return None

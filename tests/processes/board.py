"""Numbers that threads and processes share without waiting for each other: each is written by one of them only."""

import mmap
import struct
import time
from pathlib import Path

_NUMBER = struct.Struct("q")
_SECONDS_MAX = 60


class Board:
    """Numbers in a file that everybody maps. A write is there for all at once, and never torn."""

    def __init__(self, path: Path | str, size: int = 64) -> None:
        self.path = str(path)
        file = Path(path)
        if not file.exists():
            file.write_bytes(bytes(size * _NUMBER.size))
        with file.open("r+b") as stream:
            self._memory = memoryview(mmap.mmap(stream.fileno(), 0)).cast("q")

    def __getitem__(self, place: int) -> int:
        return self._memory[place]

    def __setitem__(self, place: int, number: int) -> None:
        self._memory[place] = number

    def wait(self, place: int, number: int) -> None:
        """Spin until a number has come so far."""
        deadline = time.monotonic() + _SECONDS_MAX
        while self._memory[place] < number:
            if time.monotonic() > deadline:
                raise TimeoutError(f"place {place} stands at {self._memory[place]}, not yet at {number}")
            time.sleep(0)

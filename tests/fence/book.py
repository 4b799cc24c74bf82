"""A ledger in shared memory: when each process last began a verification that was answered `valid`, for each key."""

import mmap
from pathlib import Path

BYTES = 8


class Book:
    """Times of CLOCK_MONOTONIC, which is the same for all processes. Each cell is written by one of them."""

    def __init__(self, path: Path, keys: int, columns: int) -> None:
        self.keys, self.columns = keys, columns
        if not path.exists():
            path.write_bytes(bytes(BYTES * (keys * columns + 2)))
        with path.open("r+b") as file:
            self._cells = memoryview(mmap.mmap(file.fileno(), 0)).cast("d")

    def valid_at(self, column: int, key: int) -> float:
        return self._cells[2 + column * self.keys + key]

    def was_valid(self, column: int, key: int, began: float) -> None:
        place = 2 + column * self.keys + key
        self._cells[place] = max(began, self._cells[place])

    @property
    def key(self) -> int:
        """Which key is ended next."""
        return int(self._cells[0])

    @key.setter
    def key(self, number: int) -> None:
        self._cells[0] = number

    @property
    def is_over(self) -> bool:
        return bool(self._cells[1])

    def end(self) -> None:
        self._cells[1] = 1

"""A fuzzer of our own: it changes seeds at random, and keeps what led to an outcome that was not seen before."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

CORPUS = Path(__file__).parent / "corpus"
SIZE_MAX = 16 * 1024
"""No head is longer, and what is quadratic takes seconds for so much."""
_POOL_MAX = 2000
_SHORTEN_SECONDS = 10.0
_EDGES = b"\0\t\n\r \"%&'()*+,-./:;<=>?@[\\]^_`{|}~\x7f\x80\x85\xa0\xc3\xe9\xff"


class Target(NamedTuple):
    """A parser under test: `check` fails for a wrong answer and returns an outcome for a right one."""

    check: Callable[[bytes], Hashable]
    words: Sequence[bytes] = ()
    made: Sequence[bytes] = ()
    """Seeds that have to be made, as a key with its checksum has; the others are in the corpus."""
    cpu_seconds: float = 0.5
    """How long one input may keep the processor busy. What is linear needs a hundredth of it."""


class Found(AssertionError):
    """An input that a target fails for, as a line for its corpus."""


def seeds(name: str) -> list[bytes]:
    """Return the corpus of a target: one input a line, with Python's escapes."""
    lines = (CORPUS / f"{name}.txt").read_text(encoding="ascii").splitlines()
    return [line.encode().decode("unicode_escape").encode("latin-1") for line in lines]


def as_line(data: bytes) -> str:
    """Return an input as its line in a corpus."""
    return data.decode("latin-1").encode("unicode_escape").decode()


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """Fail what keeps the processor busy for too long, however many share the machine."""

    def over(*_: object) -> None:
        raise TimeoutError(f"it took more than {seconds} s of the processor")

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def outcome(target: Target, data: bytes) -> Hashable:
    """Return what a target makes of an input; raise what is wrong with that."""
    with in_time(target.cpu_seconds):
        return target.check(data)


def fuzz(target: Target, begin: Sequence[bytes], seed: int, *, rounds: int = 0, seconds: float = 0.0) -> int:
    """Try so many inputs, or for so long; return how many. Raise Found, which shows a short input that fails."""
    chance, pool = random.Random(seed), list(begin)
    seen, count, until = {outcome(target, one) for one in begin}, 0, time.monotonic() + seconds
    while count < rounds or time.monotonic() < until:
        data = changed(chance, pool, target.words)
        count += 1
        try:
            result = outcome(target, data)
        except Exception as error:
            short = shortened(target, data, type(error))
            raise Found(f"seed {seed}, input {count}: {error!r:.500} for\n{as_line(short)}") from error
        if result not in seen and len(pool) < _POOL_MAX:
            seen.add(result)
            pool.append(data)
    return count


def changed(chance: random.Random, pool: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """Return one of the pool after one to eight changes."""
    data = bytearray(chance.choice(pool))
    for _ in range(1 << chance.randrange(4)):
        chance.choice(_CHANGES)(chance, data, pool, words)
    return bytes(data[:SIZE_MAX])


def _flip(chance: random.Random, data: bytearray, pool: Sequence[bytes], words: Sequence[bytes]) -> None:
    if data:
        data[_place(chance, data)] ^= 1 << chance.randrange(8)


def _put(chance: random.Random, data: bytearray, pool: Sequence[bytes], words: Sequence[bytes]) -> None:
    if data:
        data[_place(chance, data)] = chance.choice(_EDGES)


def _move(chance: random.Random, data: bytearray, pool: Sequence[bytes], words: Sequence[bytes]) -> None:
    """Put a byte of the input elsewhere, too: it stays within its alphabet."""
    if data:
        data[_place(chance, data)] = chance.choice(data)


def _insert(chance: random.Random, data: bytearray, pool: Sequence[bytes], words: Sequence[bytes]) -> None:
    place = chance.randrange(len(data) + 1)
    data[place:place] = _unit(chance, words)


def _noise(chance: random.Random, data: bytearray, pool: Sequence[bytes], words: Sequence[bytes]) -> None:
    place = chance.randrange(len(data) + 1)
    data[place:place] = chance.randbytes(chance.randrange(1, 9))


def _delete(chance: random.Random, data: bytearray, pool: Sequence[bytes], words: Sequence[bytes]) -> None:
    begin, end = _slice(chance, data)
    del data[begin:end]


def _double(chance: random.Random, data: bytearray, pool: Sequence[bytes], words: Sequence[bytes]) -> None:
    begin, end = _slice(chance, data)
    data[end:end] = data[begin:end]


def _repeat(chance: random.Random, data: bytearray, pool: Sequence[bytes], words: Sequence[bytes]) -> None:
    """Repeat a little up to the largest size: this is what finds quadratic time and depth without a bound."""
    begin, end = _slice(chance, data)
    unit = bytes(data[begin : min(end, begin + 12)]) if chance.random() < 0.5 else _unit(chance, words)
    if unit and chance.random() < 0.3:
        data[begin:begin] = unit * (chance.choice((16, 256, SIZE_MAX)) // len(unit))


def _splice(chance: random.Random, data: bytearray, pool: Sequence[bytes], words: Sequence[bytes]) -> None:
    other = chance.choice(pool)
    begin, end = _slice(chance, other)
    place = chance.randrange(len(data) + 1)
    data[place:place] = other[begin:end]


def _unit(chance: random.Random, words: Sequence[bytes]) -> bytes:
    return chance.choice(words) if words and chance.random() < 0.7 else bytes([chance.choice(_EDGES)])


def _place(chance: random.Random, data: Sequence[int]) -> int:
    """Return a place, often the last one: what is last is often read in a way of its own."""
    return len(data) - 1 if chance.random() < 0.2 else chance.randrange(len(data))


def _slice(chance: random.Random, data: Sequence[int]) -> tuple[int, int]:
    ends = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return ends[0], ends[1]


_CHANGES = (_flip, _put, _move, _insert, _insert, _noise, _delete, _double, _repeat, _splice)


def shortened(target: Target, data: bytes, error: type[Exception]) -> bytes:
    """Return a part of an input that fails in the same way, as short as is found in a while."""
    size, until = len(data) // 2, time.monotonic() + _SHORTEN_SECONDS
    while size and time.monotonic() < until:
        place = 0
        while place < len(data) and time.monotonic() < until:
            shorter = data[:place] + data[place + size :]
            if _fails(target, shorter, error):
                data = shorter
            else:
                place += size
        size //= 2
    return data


def _fails(target: Target, data: bytes, error: type[Exception]) -> bool:
    try:
        outcome(target, data)
    except Exception as found:
        return type(found) is error
    return False

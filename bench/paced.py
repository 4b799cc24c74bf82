"""An open loop: requests are sent when they are due, whether or not earlier ones were answered.

The moments are those of independent clients (a Poisson process). A latency begins when its request was due, so a stall
counts for every request that it delays. wrk cannot measure that: it sends nothing while it waits.
"""

import gc
import multiprocessing
import random
import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple

CONNECTIONS = 256
_PAUSE = 0.0001


class Felt(NamedTuple):
    """How long requests took, in milliseconds, and how many were answered wrongly."""

    p50: float
    p99: float
    p999: float
    longest: float
    wrong: int
    late: float
    """By how much the sender itself was late at p99, which is contained in the others."""


def paced(port: int, requests: Sequence[tuple[bytes, bool]], rate: float, *, check: bool = True) -> Felt:
    """Send requests at a rate from a process of its own; each says whether it must be let in."""
    ours, theirs = multiprocessing.Pipe()
    sender = multiprocessing.Process(target=_send_all, args=(port, requests, rate, check, theirs))
    sender.start()
    theirs.close()
    found: Felt = ours.recv()
    sender.join()
    return found


def _send_all(port: int, requests: Sequence[tuple[bytes, bool]], rate: float, check: bool, pipe: Connection) -> None:
    gc.disable()
    due, at = [], 0.0
    chance = random.Random(3)
    for _ in requests:
        due.append(at)
        at += chance.expovariate(rate)
    poll, talks = select.epoll(), {}
    for _ in range(CONNECTIONS):
        talk = socket.create_connection(("127.0.0.1", port))
        talk.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talks[talk.fileno()] = talk
        poll.register(talk.fileno(), select.EPOLLIN)
    for (request, _), talk in zip(requests, talks.values(), strict=False):  # the first on a connection is no part of it
        talk.send(request)
        _answer(talk)
    free = deque(talks)
    took, late, wrong = _loop(requests, due, poll, talks, free)
    took.sort()
    late.sort()

    def share(of: list[float], part: float) -> float:
        return of[min(len(of) - 1, int(len(of) * part))] * 1000

    parts = [share(took, part) for part in (0.5, 0.99, 0.999, 1)]
    pipe.send(Felt(*parts, wrong if check else 0, share(late, 0.99)))


def _loop(
    requests: Sequence[tuple[bytes, bool]],
    due: list[float],
    poll: select.epoll,
    talks: dict[int, socket.socket],
    free: deque[int],
) -> tuple[list[float], list[float], int]:
    clock, sent, count, wrong = time.perf_counter, 0, len(requests), 0
    waiting: dict[int, tuple[float, bool]] = {}
    took: list[float] = []
    late: list[float] = []
    began = clock() + 0.05
    while len(took) < count:
        now = clock() - began
        while sent < count and due[sent] <= now and free:
            talk = free.popleft()  # the one that has been free longest: connections take turns
            request, good = requests[sent]
            waiting[talk] = (due[sent], good)
            talks[talk].send(request)
            late.append(now - due[sent])
            sent += 1
        ready = poll.poll(0)
        if not ready and (sent == count or due[sent] - (clock() - began) > _PAUSE):
            time.sleep(_PAUSE / 2)  # or the sender would keep a whole processor busy, which the server may need
        for talk, _ in ready:
            answer = _answer(talks[talk])
            at, good = waiting.pop(talk)
            took.append(clock() - began - at)
            wrong += (b" 200 " in answer[:16] and b'"valid":false' not in answer) is not good
            free.append(talk)
    return took, late, wrong


def _answer(talk: socket.socket) -> bytes:
    answer = talk.recv(65536)
    while not _is_whole(answer):
        answer += talk.recv(65536)
    return answer


def _is_whole(answer: bytes) -> bool:
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        if not answer:
            raise ConnectionError("the server closed the connection")
        return False
    head = answer[:end].lower()
    place = head.find(b"content-length: ")
    return place >= 0 and len(answer) >= end + 4 + int(head[place + 16 :].partition(b"\r\n")[0])

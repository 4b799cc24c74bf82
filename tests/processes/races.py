"""Races: everybody waits at a barrier, nobody sleeps, nobody tries again."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

from tests.processes.board import Board
from tokenry import AsyncTokenry, Tokenry

TRIALS = 200
RACER = "racer"
REVOKED, WATCHED = 0, 1  # places on the board of a witness


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make all calls at the same moment, a thread for each; return answers or errors in their order."""
    barrier = threading.Barrier(len(calls))
    answers: list[Any] = [None] * len(calls)

    def run(place: int, fn: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            answers[place] = fn()
        except Exception as error:
            answers[place] = error

    threads = [threading.Thread(target=run, args=(place, fn), name=RACER) for place, fn in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def witness(tk: Tokenry, board: Board, secrets: Sequence[str], **asked: Any) -> list[Any]:
    """Verify one secret after the other until it is refused; report every `valid` that began after its end was told.

    Whoever ends the secrets writes the number of the one it has ended to `REVOKED`, after the call has returned.
    """
    late, codes = [], set()
    for number, secret in enumerate(secrets, 1):
        if not tk.verify(secret, **asked):
            late.append(f"{number} was refused too early")
        while True:
            ended = board[REVOKED]  # read before the verification begins
            verdict = tk.verify(secret, **asked)
            board[WATCHED] = number
            if not verdict:
                codes.add(verdict.code)
                break
            if ended >= number:
                late.append(f"{number} was valid after its end")
                break
    return [late, sorted(codes)]


async def witness_async(url: str, keyring: str | None, board: Board, secrets: Sequence[str]) -> list[Any]:
    """Do the same by the asynchronous face, with several callers at once."""
    late, codes = [], set()
    async with AsyncTokenry(url, keyring=keyring) as tk:
        for number, secret in enumerate(secrets, 1):
            while True:
                ended = board[REVOKED]
                verdicts = await asyncio.gather(*[tk.verify(secret) for _ in range(4)])
                board[WATCHED] = number
                if ended >= number and any(verdicts):
                    late.append(f"{number} was valid after its end")
                if not all(verdicts):
                    codes |= {verdict.code for verdict in verdicts if not verdict}
                    break
                await asyncio.sleep(0)
    return [late, sorted(codes)]


def end_in_turn(board: Board, ends: Sequence[Callable[[], Any]]) -> None:
    """End one secret after the other, each once the witness has it in memory."""
    for number, end in enumerate(ends, 1):
        board.wait(WATCHED, number)
        end()
        board[REVOKED] = number

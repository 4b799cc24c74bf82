"""What a process of the crew can do. Started as a program; see `crew`."""

import asyncio
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.processes import races
from tests.processes.board import Board
from tokenry import Limit, Settings, Tokenry, TokenryError

_instance: Tokenry | None = None


def tk() -> Tokenry:
    assert _instance is not None
    return _instance


def open(url: str, keyring: str | None = None, **settings: Any) -> None:
    global _instance
    close()
    if "flush_interval" in settings:
        settings["flush_interval"] = timedelta(seconds=settings["flush_interval"])
    _instance = Tokenry(url, keyring=keyring, settings=Settings(**settings))


def close() -> None:
    global _instance
    if _instance is not None:
        _instance.close()
    _instance = None


def verify(secret: str, **asked: Any) -> str:
    return tk().verify(secret, **asked).code


def is_trusting() -> bool:
    fence = tk()._fence
    return fence is not None and fence.holds()


def verify_often(secrets: list[str], count: int, threads: int) -> dict[str, int]:
    """Verify `count` times in every thread, over all secrets in turn; return how often each code was answered."""
    codes: Counter[str] = Counter()

    def run(number: int) -> None:
        mine = Counter(tk().verify(secrets[(number + turn) % len(secrets)]).code for turn in range(count))
        with lock:
            codes.update(mine)

    lock = threading.Lock()
    races.at_once([lambda number=number: run(number) for number in range(threads)])
    return dict(codes)


def call(group: str, method: str, /, *args: Any, **options: Any) -> Any:
    """Call a method of a group and return what of the answer is worth telling."""
    if "grace" in options:
        options["grace"] = timedelta(seconds=options["grace"])
    answer = getattr(getattr(tk(), group), method)(*args, **options)
    if hasattr(answer, "secret"):
        return [answer.key.id, str(answer.secret)]
    return getattr(answer, "id", None)


def commit_and_hang(group: str, method: str, /, *args: Any) -> None:
    """Make a change, and stop when it is committed and no other process has been told to hear of it."""
    tk()._wait_for = lambda all_done: threading.Event().wait()  # type: ignore[method-assign, assignment]
    call(group, method, *args)


def race(board: str, place: int, group: str, method: str, calls: list[tuple[list[Any], dict[str, Any]]]) -> list[Any]:
    """Make calls one after the other, each when everybody has come so far; return each one's answer or error."""
    shared, answers = Board(board), []
    for number, (args, options) in enumerate(calls, 1):
        shared[place] = number
        for other in range(shared[0]):
            shared.wait(1 + other, number)
        try:
            answers.append(call(group, method, *args, **options))
        except TokenryError as error:
            answers.append(type(error).__name__)
    return answers


def refresh_at_once(board: str, place: int, tokens: list[str], threads: int) -> list[list[str]]:
    """Present each token in turn, in all threads at once, when everybody has come so far; return what each one got."""
    shared, answers = Board(board), []
    for number, token in enumerate(tokens, 1):

        def refresh(token: str = token) -> str:
            answer = tk().sessions.refresh(token)
            return str(answer.refresh) if answer else answer.code

        shared[place] = number
        for other in range(shared[0]):
            shared.wait(1 + other, number)
        answers.append([str(answer) for answer in races.at_once([refresh] * threads)])
    return answers


def refresh_until_ended(board: str, place: int, tokens: list[str]) -> list[list[str]]:
    """Refresh each session until that is refused; return the code, the last refresh token and all access tokens."""
    shared, seen = Board(board), []
    for number, token in enumerate(tokens, 1):
        shared[place] = number
        got, code = [], ""
        while not code:
            answer = tk().sessions.refresh(token)
            if answer:
                token = str(answer.refresh)
                got.append(str(answer.access))
            else:
                code = answer.code
        seen.append([code, token, *got])
    return seen


def revoke_each(board: str, watched: int, ids: list[str]) -> list[float]:
    """End one session after the other while somebody is busy refreshing it."""
    shared = Board(board)
    for number, id in enumerate(ids, 1):
        shared.wait(watched, number)
        tk().sessions.revoke(id)
    return []


def witness(board: str, secrets: list[str], **asked: Any) -> list[Any]:
    return races.witness(tk(), Board(board), secrets, **asked)


def witness_async(url: str, keyring: str | None, board: str, secrets: list[str]) -> list[Any]:
    return asyncio.run(races.witness_async(url, keyring, Board(board), secrets))


def verify_while(board: str, place: int, published: str) -> list[str]:
    """Verify all secrets of a file that grows, until the first number on the board is not 0; return the refusals."""
    shared, refused, secrets = Board(board), [], []
    with Path(published).open() as file:
        rest = ""
        while not shared[0]:
            # A line that is being written is read in two parts where it crosses a page of the file.
            *whole, rest = (rest + file.read()).split("\n")
            secrets += whole
            verdicts = [tk().verify(secret) for secret in secrets]
            refused += [verdict.code for verdict in verdicts if not verdict]
            shared[place] += len(verdicts)
    return refused


def drain(secret: str, most: int) -> int:
    """Verify until refused; return how often it was admitted."""
    admitted = 0
    while admitted < most and tk().verify(secret):
        admitted += 1
    return admitted


def take(name: str, subject: str, limit: int, window_seconds: int) -> int:
    """Take from the limit of a subject until refused; return how often that worked."""
    limits, count = [Limit("only", limit, window_seconds)], 0
    while tk().limits.take(name, subject, limits=limits):
        count += 1
    return count


def drain_and_tell(secret: str, board: str, place: int) -> None:
    """Verify until killed; count successes on the board, and all tries eight places further on."""
    shared = Board(board)
    while True:
        if tk().verify(secret):
            shared[place] += 1
        shared[place + 8] += 1


def flush() -> None:
    tk().flush()


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def _main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.setswitchinterval(0.0005)
    for line in sys.stdin:
        name, args, options = json.loads(line)
        task: Callable[..., Any] = globals()[name]
        try:
            answer = ["done", task(*args, **options)]
        except Exception as error:
            answer = ["failed", f"{type(error).__name__}: {error}"]
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    # `open` instances are closed by the interpreter's end, as in any program


if __name__ == "__main__":
    _main()

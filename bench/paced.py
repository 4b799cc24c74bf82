"""An open loop: requests are sent when they are due, whether or not earlier ones were answered.

The moments are those of independent clients (a Poisson process). A latency begins when its request was due, so a stall
counts for every request that it delays. wrk cannot measure that: it sends nothing while it waits.
"""

import random
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

CONNECTIONS = 256
_OUTCOME = struct.Struct("IIdd")


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
    parts, at, chance = [struct.pack("III", port, CONNECTIONS, len(requests))], 0.0, random.Random(3)
    for request, _ in requests:
        parts += (struct.pack("=dI", at, len(request)), request)
        at += chance.expovariate(rate)
    done = subprocess.run([_sender()], input=b"".join(parts), stdout=subprocess.PIPE, check=True)
    outcomes = list(_OUTCOME.iter_unpack(done.stdout))
    wrong = sum(bool(good) is not requests[number][1] for number, good, _, _ in outcomes)
    took, late = sorted(one[2] for one in outcomes), sorted(one[3] for one in outcomes)

    def share(of: list[float], part: float) -> float:
        return of[min(len(of) - 1, int(len(of) * part))] * 1000

    parts_of = [share(took, part) for part in (0.5, 0.99, 0.999, 1)]
    return Felt(*parts_of, wrong if check else 0, share(late, 0.99))


@cache
def _sender() -> str:
    """Compile the sender, and return the path of the program."""
    program = Path(tempfile.mkdtemp(prefix="tokenry-bench-"), "paced")
    command = ["cc", "-O2", "-o", str(program), str(Path(__file__).with_suffix(".c"))]
    subprocess.run(command, check=True)
    return str(program)

"""Ids of requests: no two of them are the same, whoever counts."""

import os
import subprocess
import sys

from tokenry.api.hot.request import new_request_id

FORKED = """
import os, warnings
from tokenry.api.hot.request import new_request_id

warnings.simplefilter("ignore", DeprecationWarning)
print(new_request_id().decode())
for _ in range(2):
    if os.fork() == 0:
        os.write(1, new_request_id() + b"\\n")
        os._exit(0)
    os.wait()
print(new_request_id().decode())
"""


def test_ids_are_counted_over_every_carry() -> None:
    begin, _, first = new_request_id().partition(b"-")
    ids = [new_request_id() for _ in range(70_000)]
    assert ids == [b"%b-%08x" % (begin, int(first, 16) + number) for number in range(1, 70_001)]


def test_a_forked_process_begins_anew() -> None:
    run = subprocess.run(
        [sys.executable, "-u", "-c", FORKED], capture_output=True, text=True, check=True, env=os.environ
    )
    ids = run.stdout.split()
    assert len(ids) == 4
    assert len({id.partition("-")[0] for id in ids}) == 3, "the parent's, and one for each child"
    assert len(set(ids)) == 4

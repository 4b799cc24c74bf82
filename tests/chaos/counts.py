"""How often a fault is tried."""

import os

LONG = bool(os.environ.get("TOKENRY_CHAOS"))


def times(short: int, long: int) -> int:
    return long if LONG else short

"""Requests over HTTP that wait for as long as a busy machine may take: a test fails for an answer, not for its time."""

from functools import partial

import httpx2

SECONDS = 60
get = partial(httpx2.get, timeout=SECONDS)
post = partial(httpx2.post, timeout=SECONDS)

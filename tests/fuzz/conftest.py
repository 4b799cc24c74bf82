"""A server's engine in memory, and the two ways by which requests reach it."""

from tests.api.lane.conftest import lane, loop, place, plain

__all__ = ["lane", "loop", "place", "plain"]

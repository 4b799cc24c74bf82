"""The counters of a process for its hot routes, in plain numbers. Only the thread of the event loop writes them."""

from __future__ import annotations


class Counters:
    """Since the process began: answers by route and status, verdicts by code, and which way requests took."""

    __slots__ = (
        "answers",
        "handed_over_count",
        "lane_count",
        "parsed_count",
        "refused_count",
        "verdicts",
        "waited_count",
    )

    def __init__(self) -> None:
        self.answers: dict[tuple[str, int], int] = {}
        self.verdicts: dict[str, int] = {}
        self.lane_count = 0
        """Requests that the fast lane answered itself."""
        self.parsed_count = 0
        """Requests that the fast lane took from the parser. The other requests repeated a head and were not parsed."""
        self.waited_count = 0
        """Requests in the fast lane that had to wait for the database."""
        self.handed_over_count = 0
        """Requests on hot routes that the lane handed to the ordinary application."""
        self.refused_count = 0
        """Requests that were refused before any application saw them: unreadable, too large or too slow."""

    def answered(self, route: str, status: int) -> None:
        """Count an answer."""
        place = (route, status)
        self.answers[place] = self.answers.get(place, 0) + 1

    def count_verdict(self, code: str) -> None:
        """Count a verdict."""
        self.verdicts[code] = self.verdicts.get(code, 0) + 1

"""Counts the events of failing endpoints and of mail that the worker of this process caused, for the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from tokenry.edge import mail_counts
from tokenry.tokenry import Tokenry
from tokenry.types import Event


class Deliveries:
    """Counts since the process began. Only the process that sends webhooks and mail has any."""

    def __init__(self, tk: Tokenry) -> None:
        self._tk = tk
        self._warnings: Counter[tuple[str, str]] = Counter()
        self._pauses: Counter[tuple[str, str]] = Counter()
        tk.events.subscribe(self._count, types=["webhook.failing", "webhook.paused"])

    def __call__(self) -> Iterator[tuple[str, str, Mapping[tuple[str, str], int]]]:
        """Yield the name of each metric, its description, and its counts by a label."""
        yield "webhook_warnings", "Endpoints that have failed for 1, 24 or 72 hours.", self._warnings
        yield "webhook_pauses", "Endpoints that were paused, by the worker or by somebody.", self._pauses
        mails = {("outcome", status): count for status, count in mail_counts(self._tk).items()}
        yield "mails", "Mails that were tried, by what became of them.", mails

    def _count(self, event: Event) -> None:
        """Count an event; called in the thread of the commit."""
        if event.type == "webhook.failing":
            self._warnings["hours", str(event.data["hours"])] += 1
        else:
            self._pauses["by", "somebody" if event.actor else "worker"] += 1

"""The interfaces that mail needs: a store, and a sender."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol

from .mail import Mail, MailStatus, Stop


class MailRows(Protocol):
    def insert(self, mails: Sequence[Mail]) -> None: ...
    def any_due(self, now: int) -> bool: ...
    def claim(self, holder: str, now: int, seconds: int, limit: int) -> Sequence[Mail]: ...
    def hand_over(self, mail: Mail, holder: str, now: int) -> bool: ...
    def end(self, mail: Mail, holder: str, status: MailStatus, note: str) -> None: ...
    def wait(self, mail: Mail, holder: str, due_at: int, note: str) -> None: ...
    def stop(self, stop: Stop, now: int) -> None: ...
    def is_stopped(self, stop: Stop) -> bool: ...


class HandedOver(NamedTuple):
    """The outcome of one mail: `later` when no server has accepted it, `unclear` when that is not known."""

    outcome: Literal["sent", "later", "refused", "unclear", "lost"]
    note: str = ""


class Carrier(Protocol):
    """Hands mail to a server; `begin` is called when everything but the text itself was accepted."""

    def __call__(self, sender: str, to: str, message: bytes, begin: Callable[[], bool]) -> HandedOver: ...

"""Links that end mail of one kind to one address, and the outcomes of mails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.mail import read_stop_token
from ..service import mailing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..tokenry import Tokenry


def read_mail_link(tk: Tokenry, token: str) -> str:
    """Return the type of event whose mail a signed link ends; an empty text for a link that is none of ours."""
    found = read_stop_token(tk._keyring.get(), token)
    return found.type if found is not None else ""


def end_mail(tk: Tokenry, token: str) -> str:
    """End mail of one kind to one address, and return the type as `read_mail_link` does."""
    found = mailing.stop(tk._context, token)
    return found.type if found is not None else ""


def mail_counts(tk: Tokenry) -> Mapping[str, int]:
    """Return how many mails this process has tried to send, by status."""
    return {str(status): count for status, count in tk._mailer.counts.items()}

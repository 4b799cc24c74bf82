"""Reports of leaked credentials: reading them, and answering them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from .errors import FieldError
from .redaction import cut, unrepeated

ON_LEAK: Final = ("revoke", "flag")
"""The possible policies of a tenant: `revoke` ends the key at once, `flag` only records and announces the leak."""

LeakLabel: TypeAlias = Literal["true_positive", "false_positive"]
LeakAction: TypeAlias = Literal["revoked", "flagged", "ended", "expires", "none"]

_FOUND_AT_MAX = 500
_LONGEST = 4096
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakReport:
    """The result of a leak report. Truthy when the credential is one of this installation (`true_positive`).

    `action` is the state after the report: the key or session is `revoked`; the key is `flagged`; the secret
    has `ended` and opens nothing, while its key goes on; a derived token `expires` by itself; `none` for
    a credential that is unknown here.
    """

    label: LeakLabel
    action: LeakAction
    kind: Literal["key", "session", "token"] | None = None
    tenant: str | None = None
    subject: str | None = None
    """The id of the key or session."""

    def __bool__(self) -> bool:
        return self.label == "true_positive"


UNKNOWN_LEAK: Final = LeakReport(label="false_positive", action="none")


def read_source(source: Any, errors: list[FieldError]) -> str:
    """Return the name of what has found a credential."""
    if not isinstance(source, str) or not _SOURCE.fullmatch(source):
        errors.append(FieldError("source", "bad_source", "must be 1 to 64 of [A-Za-z0-9_.:/-], such as 'github'"))
        return ""
    return source


def read_found_at(url: Any, errors: list[FieldError]) -> str:
    """Return the place where a credential was found, as it may be kept and shown.

    The text comes from strangers. User names, passwords and the query of a URL are left out, and so are control
    characters and credentials: the place may be the credential's own URL.
    """
    if not isinstance(url, str):
        errors.append(FieldError("url", "not_a_text", "must be a text: a URL, or a path with a line"))
        return ""
    text = "".join(filter(str.isprintable, url[:_LONGEST])).strip()
    try:
        parts = urlsplit(text)
        if parts.netloc:
            text = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", parts.fragment))
    except ValueError:
        text = text.partition("?")[0]
    return cut(unrepeated(text), _FOUND_AT_MAX)

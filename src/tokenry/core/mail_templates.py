"""The texts of mail: a subject and a body for each type of event, as plain text and as HTML.

`$name` is replaced by a value. Values are put on one line and shortened; in HTML they are escaped.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Final

from .errors import ConfigError, shown

NAMES: Final = (
    *("tenant", "tenant_name", "owner", "owner_name", "subject", "key_name", "at", "days", "hours", "reason"),
    *("url", "source", "outcome", "disables_at", "unsubscribe"),
)
"""The names that may follow a `$` in a template."""
_VALUE_MAX: Final = 300
_FOOT: Final = "\n\nThis mail is about $tenant_name ($tenant)."
_STOP: Final = "\nTo get no more mail of this kind: $unsubscribe"

DEFAULTS: Final[dict[str, str]] = {
    "key.expiring": """\
The key "$key_name" expires within $days days

The key "$key_name" ($subject) of $owner expires within $days days.

What uses it stops working then. Rotate it, give it a later expiry, or let it expire if nothing needs it any more.""",
    "key.idle": """\
The key "$key_name" is about to be disabled

The key "$key_name" ($subject) of $owner was not used for a long time.

It is disabled at $disables_at unless it is used before.

Use it once if it is still needed. If not, revoke it.""",
    "key.leaked": """\
The key "$key_name" has leaked

A secret of the key "$key_name" ($subject) of $owner was reported as leaked at $at. $outcome

Reported by: $source
Found at: $url

Replace it where it is used, and look at what it was used for.""",
    "session.leaked": """\
A sign-in of $owner has leaked

A token of the session $subject of $owner was reported as leaked at $at. The session was ended.

Reported by: $source
Found at: $url

Sign in again. If you do not know how the token got there, change your password.""",
    "session.reuse_detected": """\
A sign-in of $owner may have been stolen

An old token of the session $subject of $owner was presented at $at. It may be stolen, so the session was ended.

Sign in again. If this happens more than once, look for malware and change your password.""",
    "webhook.failing": """\
A webhook endpoint has failed for $hours hours

Deliveries to $url ($subject) have failed for $hours hours. What it misses is kept and sent when it answers again.

`tokenry webhooks deliveries $subject` shows what it answered.""",
    "webhook.paused": """\
A webhook endpoint was paused

Deliveries to $url ($subject) are paused: $reason

What it misses is kept. `tokenry webhooks resume $subject` sends it.""",
}
"""The text of each type: the subject, an empty line, and the body."""


@dataclass(frozen=True, slots=True)
class Written:
    """The texts of one mail."""

    subject: str
    text: str
    html: str


class Templates:
    """The texts of every type of event; `given` are those of a host, by the names of their files."""

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        given = given or {}
        known = {f"{type}.{end}" for type in DEFAULTS for end in ("txt", "html")}
        if unknown := sorted(given.keys() - known):
            raise ConfigError(f"{shown(unknown[0])} is no template of a mail: they are {', '.join(sorted(known))}")
        self._texts = {type: _parsed(f"{type}.txt", given.get(f"{type}.txt", text)) for type, text in DEFAULTS.items()}
        self._pages = {name[:-5]: _checked(name, text) for name, text in given.items() if name.endswith(".html")}

    def write(self, type: str, values: Mapping[str, object]) -> Written:
        """Return the mail about an event."""
        plain = {name: _flat(values.get(name, "")) for name in NAMES}
        escaped = {name: html.escape(value) for name, value in plain.items()}
        subject, body = self._texts[type]
        body = f"{body}{_FOOT}{_STOP if plain['unsubscribe'] else ''}"
        page = self._pages.get(type) or _page(body)
        return Written(
            Template(subject).substitute(plain), Template(body).substitute(plain), Template(page).substitute(escaped)
        )


def _flat(value: object) -> str:
    """Return a value on one line, with nothing that could begin another field of a head."""
    text = "".join([part if part.isprintable() else " " for part in str(value)])
    return text if len(text) <= _VALUE_MAX or text.startswith("https://") else f"{text[: _VALUE_MAX - 1]}…"


def _parsed(name: str, text: str) -> tuple[str, str]:
    subject, _, body = _checked(name, text).strip().partition("\n")
    if not body.strip() or "\r" in text:
        raise ConfigError(f"{name} must have the subject in its first line, and the text behind an empty line")
    return subject.strip(), body.strip()


def _checked(name: str, text: str) -> str:
    template = Template(text)
    unknown = sorted(set(template.get_identifiers()) - set(NAMES))
    if unknown or not template.is_valid():
        what = f"${unknown[0]}" if unknown else "a $ with no name behind it (write $$ for a dollar)"
        raise ConfigError(f"{name} holds {what}. Known are: {', '.join(f'${one}' for one in NAMES)}")
    return text


def _page(body: str) -> str:
    """Make HTML of a text: a paragraph for each, and a link where mail can be ended."""
    parts = [html.escape(part, quote=False).replace("\n", "<br>\n") for part in body.split("\n\n")]
    paragraphs = "\n".join([f"<p>{part}</p>" for part in parts])
    linked = paragraphs.replace("$unsubscribe", '<a href="$unsubscribe">unsubscribe</a>')
    return f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><body>\n{linked}\n</body></html>\n'

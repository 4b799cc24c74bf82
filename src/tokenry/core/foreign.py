"""Keys of other systems: the row in which one comes, and how a presented one is found.

A foreign key has no `kid` in its text. Ours is computed from the whole text with the keyring. Until a key was presented
for the first time only its old hash is known: then it is found by a hint, which is stored keyed, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec

from .base62 import encode
from .errors import FieldError, StoreUnavailable
from .hashes import Hash, Recipe, plain_digest
from .keyring import Generation
from .secret import KID, joined, keyed_digest

TEXT_MIN, TEXT_MAX = 8, 512
"""How long a foreign key may be."""
FIRST_MIN, FIRST_MAX = 4, 64
HINTED_MAX: Final = 4
"""So many keys may share a hint: a wrong key costs at most as many tests."""
FORMS_MAX: Final = 32
"""So many forms of foreign keys may a tenant have."""


class Hint(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """The means to find a presented key while only its old hash is known.

    Give either the `first` 4 to 64 characters of the key, or the unsalted digest of it in hexadecimal digits as
    `sha256`. A hash that is such a digest itself needs neither. `prefix` is how every key of the old system begins,
    such as "tt_": a key that begins otherwise is refused without a look into the database.
    """

    first: str = ""
    sha256: str = ""
    prefix: str = ""

    def __repr__(self) -> str:
        """Show what may be logged: the beginning of a key is not."""
        return f"Hint(prefix={self.prefix!r})"


class ImportRow(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, frozen=True):
    """One key of another system: one line of the NDJSON that `tokenry import` reads.

    `id` is what the old system calls the key; a row whose id was imported before changes nothing. `owner` is created if
    the tenant does not have it. Times have a time zone; without `expires_at` the key never expires.
    """

    id: str
    owner: str
    hash: Hash
    hint: Hint = Hint()
    name: str = ""
    description: str = ""
    owner_name: str = ""
    owner_email: str | None = None
    scopes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    allowed_ips: tuple[str, ...] = ()
    limits: tuple[dict[str, Any], ...] = ()
    credits: Any = None
    environment: str = "live"
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    created_at: datetime | None = None
    expires_at: datetime | None = None
    not_before: datetime | None = None
    last_used_at: datetime | None = None
    disabled: bool = False

    def __repr__(self) -> str:
        """Show what may be logged: no part of the key is."""
        return f"ImportRow(id={self.id!r}, owner={self.owner!r})"


Outcome = Literal["imported", "exists", "refused"]


class ImportResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of one row: `key` is the id of the key, `errors` say why it was refused, `notes` are warnings."""

    id: str
    status: Outcome
    key: str | None = None
    errors: tuple[FieldError, ...] = ()
    notes: tuple[str, ...] = ()


class ImportSummary(msgspec.Struct, frozen=True):
    """The result of an import. `refused` holds the results of the first 1,000 refused rows.

    `results` holds the results of all rows, where a server has imported them.
    """

    imported_count: int
    existing_count: int
    refused_count: int
    refused: tuple[ImportResult, ...]
    dry_run: bool
    results: tuple[ImportResult, ...] = ()


class LearningStatus(msgspec.Struct, frozen=True):
    """The keys learned by this process from an old system. It can be turned off when no more are learned."""

    name: str
    learned_count: int
    refused_count: int
    last_learned_at: datetime | None


AGAIN: Final = "again"
"""Stands for what another caller or process asks an old system: look again for what it was told."""


class Form(NamedTuple):
    """How foreign keys of a tenant look, and by which kind of hint they are found ("whole": by their text alone)."""

    tenant_id: str
    tenant: str
    prefix: str
    kind: str
    size: int


def form_of(tenant_id: str, tenant: str, hint: Hint, recipe: Recipe | None) -> tuple[Form, str]:
    """Return the form that a row belongs to, and the value of its hint."""
    if recipe is None:
        return Form(tenant_id, tenant, hint.prefix, "whole", 0), ""
    if hint.first:
        return Form(tenant_id, tenant, hint.prefix, "first", len(hint.first)), hint.first
    if hint.sha256:
        return Form(tenant_id, tenant, hint.prefix, "sha256", 0), hint.sha256.lower()
    return Form(tenant_id, tenant, hint.prefix, recipe.scheme, 0), recipe.digest.hex()


def check_hint(hint: Hint, recipe: Recipe | None, raw: str | None, errors: list[FieldError]) -> None:
    """Add every mistake of a hint to `errors`."""
    if recipe is not None and not hint.first and not hint.sha256 and not recipe.is_plain:
        message = "a lookup hint is needed: the first characters of the key, or its unsalted SHA-256"
        errors.append(FieldError("hint", "missing", message))
    if recipe is not None and recipe.skip > len(hint.first):
        message = f"must hold the {recipe.skip} characters that the hash leaves out, or any would do there"
        errors.append(FieldError("hint.first", "too_short", message))
    if hint.first and not FIRST_MIN <= len(hint.first) <= FIRST_MAX:
        errors.append(FieldError("hint.first", "out_of_range", f"has {FIRST_MIN} to {FIRST_MAX} characters"))
    if hint.sha256 and not (len(hint.sha256) == 64 and hint.sha256.isalnum() and is_hex(hint.sha256)):
        errors.append(FieldError("hint.sha256", "bad_hash", "has 64 hexadecimal digits"))
    if len(hint.prefix) > FIRST_MAX or not (hint.prefix.isascii() and hint.prefix.isprintable()):
        errors.append(FieldError("hint.prefix", "out_of_range", f"has at most {FIRST_MAX} printable characters"))
    for name, begins in (("hint.first", hint.first), ("hash.value", raw or "")):
        if begins and not begins.startswith(hint.prefix):
            errors.append(FieldError(name, "other_prefix", "does not begin with hint.prefix"))
    if raw is not None and not is_text(raw):
        message = f"a key has {TEXT_MIN} to {TEXT_MAX} printable ASCII characters and no blanks"
        errors.append(FieldError("hash.value", "bad_key", message))
    elif raw is not None and raw.startswith("eyJ") and "." in raw:
        message = "is taken for an access token wherever it is shown, and would never verify: issue a new key"
        errors.append(FieldError("hash.value", "bad_key", message))


def is_hex(text: str) -> bool:
    """Tell whether a text is made of hexadecimal digits."""
    try:
        bytes.fromhex(text)
    except ValueError:
        return False
    return True


def is_text(text: str) -> bool:
    """Tell whether a text can be a foreign key."""
    return TEXT_MIN <= len(text) <= TEXT_MAX and text.isascii() and text.isprintable() and " " not in text


def forms_for(forms: Iterable[Form], text: str, tenant: str | None) -> list[Form]:
    """Return the forms that a presented text has, in the tenant that is asked for."""
    if not is_text(text):
        return []
    return [form for form in forms if (tenant is None or form.tenant == tenant) and text.startswith(form.prefix)]


def hints_of(form: Form, text: str, generations: Sequence[Generation]) -> list[str]:
    """Return the hints that can find a text in a form, one for each generation of the keyring."""
    if form.kind == "whole" or len(text) < form.size:
        return []
    value = text[: form.size] if form.kind == "first" else plain_digest(form.kind, text)
    return [hint_of(generation, form, value) for generation in generations]


def hint_of(generation: Generation, form: Form, value: str) -> str:
    """Return a hint as it is stored: worthless without the keyring."""
    bound = joined("tokenry/foreign-hint/1", form.tenant_id, form.kind, str(form.size), value)
    return keyed_digest(generation.foreign_key, bound)[:16].hex()


def kid_of(generation: Generation, tenant_id: str, text: str) -> str:
    """Return the kid of a foreign key: it follows from the whole text, for holders of the keyring alone."""
    bound = joined("tokenry/foreign-kid/1", tenant_id, text)
    return encode(int.from_bytes(keyed_digest(generation.foreign_key, bound)[:16], "big") % 62**KID, KID)


def ended_hint(kid: str) -> str:
    """Return the hint of a foreign key that was used and then removed here."""
    return f"-{kid}"


class Question(NamedTuple):
    """A question about a key to an old system, and the process that asks. No other process asks before the answer."""

    tenant_id: str
    id: str
    holder: str


def question_of(generation: Generation, tenant_id: str, source: str, text: str) -> str:
    """Return the id of the question whether an old system knows a key."""
    bound = joined("tokenry/foreign-question/1", tenant_id, source, text)
    return keyed_digest(generation.foreign_key, bound)[:16].hex()


def unanswered(name: str) -> StoreUnavailable:
    """Return the error for a key of which an old system says nothing now."""
    return StoreUnavailable(f"the old system {name} does not answer, so nothing can be said of this key: try again")


class ForeignRow(NamedTuple):
    """The old hash of a key at rest, until the key was presented for the first time.

    The row outlives the key, so that no other import revives the key. Of a used row only `ended_hint` is left then.
    """

    tenant_id: str
    key_id: str
    source: str
    source_id: str
    kid: str
    hint: str | None
    sealed: bytes | None
    generation_id: str
    hint_place: int | None = None
    """Which of the rows with its hint this is, from 0."""

    def __repr__(self) -> str:
        return f"ForeignRow(key_id={self.key_id!r})"

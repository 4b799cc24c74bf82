"""What can go wrong, in seven words. An expected refusal of a credential is a `Refused` value, never one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .verdict import Refused


def shown(value: object) -> str:
    """Return how an error names a value that it refuses: shortened, and nothing that hides itself from `repr`."""
    return repr(value[:80] if isinstance(value, str) else value)[:200]


class FieldError(NamedTuple):
    """One thing that is wrong with one field: where, a stable code, and a sentence that says what to do."""

    field: str
    code: str
    message: str


class TokenryError(Exception):
    """The parent of every error that Tokenry raises on purpose."""

    code = "error"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class NotFound(TokenryError):
    """An unknown id, or one that the caller may not see: the two are never told apart."""

    code = "not_found"


class Conflict(TokenryError):
    """The state, a taken name (`details["field"] == "name"`), the version or an idempotency key stands in the way."""

    code = "conflict"


class Invalid(TokenryError):
    """Values that cannot be accepted; `errors` names every one of them and nothing was stored."""

    code = "invalid"

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{e.field}: {e.message}" for e in self.errors))

    @classmethod
    def one(cls, field: str, code: str, message: str) -> Invalid:
        """Return an error about a single field."""
        return cls([FieldError(field, code, message)])


class NotAllowed(TokenryError):
    """The caller tried to grant, or to change, more than it holds."""

    code = "not_allowed"


class Denied(TokenryError):
    """What `require` raises in place of a refusal; `verdict` holds it."""

    code = "denied"

    def __init__(self, verdict: Refused) -> None:
        super().__init__(f"the credential was refused: {verdict.code}", code=verdict.code)
        self.verdict = verdict


class StoreUnavailable(TokenryError):
    """The database cannot be reached or written: nothing was changed, and nothing is verified on a guess."""

    code = "store_unavailable"


class ConfigError(TokenryError):
    """The installation is set up wrongly; the message says what to do."""

    code = "config"

"""The errors that Tokenry raises on purpose. The refusal of a credential is a `Refused` value, never one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypeAlias

from .redaction import cut, unrepeated, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .verdict import Refused

# A credential that begins within this length and ends behind it is recognised before the text is shortened.
_READ_MAX = 1024

ERRORS_MAX = 100
_ERRORS_TEXT_MAX = 16 * 1024
"""How many mistakes an error names, and how much text: a small request may hold a hundred thousand mistakes."""

LIST_MAX = 1000
"""How many items a list of scopes, roles or addresses may have: a longer one is refused before its items are read."""


def shown(value: object) -> str:
    """Return how an error names a value that it refuses: as `repr` writes it, short, and without any secret in it.

    Every message that repeats a value from outside names it with this function; a test of the house says so.
    """
    if isinstance(value, str):
        return repr(without_secrets(cut(value, _READ_MAX))[:80])
    try:
        text = repr(value)
    # The class is the caller's. A faulty `__repr__` must not hide the error that is being reported.
    except Exception:
        text = f"<{type(value).__name__}>"
    return without_secrets(cut(text, _READ_MAX))[:200]


def _clean(value: Any) -> Any:
    """Return a detail of an error without credentials."""
    if isinstance(value, str):
        return unrepeated(value)
    return [_clean(one) for one in value] if isinstance(value, list) else value


ErrorCode: TypeAlias = Literal[
    "error",
    "not_found",
    "conflict",
    "version_mismatch",
    "invalid",
    "not_allowed",
    "denied",
    "caller_refused",
    "store_unavailable",
    "closed",
    "nested_call",
    "config",
]
"""The `code` of an error: one for each class."""


class FieldError(NamedTuple):
    """One thing that is wrong with one field: where, a stable code, and a sentence that says what to do."""

    field: str
    code: str
    message: str


class TokenryError(Exception):
    """The parent of every error that Tokenry raises on purpose. Its message and details never hold a credential."""

    code: ClassVar[ErrorCode] = "error"

    def __init__(self, message: str, **details: object) -> None:
        message = unrepeated(cut(message, 2 * _ERRORS_TEXT_MAX))
        super().__init__(message)
        self.message = message
        self.details = {name: _clean(value) for name, value in details.items()}


class NotFound(TokenryError):
    """An unknown id, or one that the caller may not see: the two are never told apart."""

    code = "not_found"


def missing(what: str, id: object, tenant: str | None = None) -> NotFound:
    """Return the error for something that does not exist, or that the caller may not see."""
    where = "" if tenant is None else f" in the tenant {shown(tenant)}"
    return NotFound(f"{what} {shown(id)} does not exist{where}")


class Conflict(TokenryError):
    """The state stands in the way: `field` names the part of it, such as `name` for a name that is taken."""

    code: ClassVar[ErrorCode] = "conflict"

    @property
    def field(self) -> str:
        """The field that stands in the way: `name`, `status`, `owner`, `version`, `idempotency_key` and so on."""
        return str(self.details.get("field", ""))


class VersionConflict(Conflict):
    """The record has changed since it was read: read it again and decide anew."""

    code = "version_mismatch"

    def __init__(self, message: str) -> None:
        super().__init__(message, field="version")


class Invalid(TokenryError):
    """Values that cannot be accepted; nothing was stored. `count` is the number of mistakes, `errors` names the first.

    At most 100 of them are named, in at most 16 KiB of text.
    """

    code = "invalid"

    def __init__(self, errors: Iterable[FieldError]) -> None:
        found = list(errors)
        named: list[FieldError] = []
        self.count, size = len(found), 0
        for error in found[:ERRORS_MAX]:
            size += len(error.field) + len(error.message)
            if named and size > _ERRORS_TEXT_MAX:
                break
            field, message = cut(error.field, _READ_MAX), cut(error.message, _READ_MAX)
            named.append(FieldError(without_secrets(field), error.code, unrepeated(message)))
        self.errors = tuple(named)
        more = f"; and {self.count - len(named)} more" if self.count > len(named) else ""
        super().__init__("; ".join(f"{e.field}: {e.message}" for e in named) + more)

    @classmethod
    def one(cls, field: str, code: str, message: str) -> Invalid:
        """Return an error about a single field."""
        return cls([FieldError(field, code, message)])


class NotAllowed(TokenryError):
    """The caller tried to grant, or to change, more than it holds."""

    code = "not_allowed"


class Denied(TokenryError):
    """The error that `require` raises for a refusal; `verdict` holds the refusal."""

    code = "denied"

    def __init__(self, verdict: Refused) -> None:
        super().__init__(f"the credential was refused: {verdict.code}", code=verdict.code)
        self.verdict = verdict


class CallerRefused(TokenryError):
    """A server refused the key of the client itself, not the credential that it was asked about. `verdict` says why."""

    code = "caller_refused"

    def __init__(self, message: str, verdict: Refused) -> None:
        super().__init__(message, code=verdict.code)
        self.verdict = verdict


class StoreUnavailable(TokenryError):
    """The database cannot be reached or written: nothing was changed, and nothing is verified on a guess."""

    code = "store_unavailable"


class Closed(TokenryError):
    """The call comes too late: its instance was closed, or its `using` block or the host's transaction is over."""

    code = "closed"


class NestedCall(TokenryError):
    """The call was made inside another one: by an owner loader, or by two threads in one transaction of the host."""

    code = "nested_call"


class ConfigError(TokenryError):
    """The installation is set up wrongly; the message says what to do."""

    code = "config"

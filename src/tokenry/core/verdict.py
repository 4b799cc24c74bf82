"""The answer to a verification: `Valid` or `Refused`. A refusal is a value, falsy, with a code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol, TypeAlias

from .codes import RefusalCode, VerifyCode
from .credits import CreditState
from .grant import Grant
from .limits import CountedLimit, LimitState, state
from .model import Key, Owner, Session, Tenant

if TYPE_CHECKING:
    from .token import Checked

Kind: TypeAlias = Literal["key", "session", "token"]
"""The kind of a credential: a key, the access token of a session, or a token that was derived from a key."""

Taken: TypeAlias = tuple[tuple[CountedLimit, int, int], ...]
"""The state of every limit: the limit, its window, and the remaining units."""


class Valid:
    """A credential that holds, and its owner. Truthy; its `code` is `valid`.

    Every verdict is a `KeyValid`, a `SessionValid`, a `TokenValid` or, of a token that was verified offline, an
    `OfflineValid`. This class holds what they share.
    """

    __slots__ = ("_credits", "_grant", "_taken")

    code: Final = "valid"
    online: ClassVar[bool] = True

    def __init__(self, grant: Grant, taken: Taken = (), credits: CreditState | None = None) -> None:
        self._grant = grant
        self._taken = taken
        self._credits = credits

    def __bool__(self) -> Literal[True]:
        return True

    def __repr__(self) -> str:
        named = f"owner={self.owner.external_id!r}, tenant={self.tenant.slug!r}"
        return f"{type(self).__name__}({self.kind}={self._id!r}, {named})"

    @property
    def kind(self) -> Kind:
        """The kind of the credential: `key`, `session` or `token`."""
        raise NotImplementedError

    @property
    def expires_at(self) -> datetime | None:
        """When the credential ends: the earliest end of its key, secret, session and token. None for never."""
        return min((end for end in self._ends() if end is not None), default=None)

    @property
    def owner(self) -> Owner:
        """The owner of the credential."""
        return self._grant.owner()

    @property
    def tenant(self) -> Tenant:
        """The tenant of the credential."""
        return self._grant.tenant_of()

    @property
    def scopes(self) -> tuple[str, ...]:
        """All scopes the credential holds: its own and those of its roles."""
        return self._grant.scopes.scopes

    @property
    def limits(self) -> tuple[LimitState, ...]:
        """How the limits stand after this verification."""
        return states_of(self._taken)

    @property
    def credits(self) -> CreditState | None:
        """The credits of the key after this verification; None for a key without credits."""
        return self._credits

    @property
    def _id(self) -> str | None:
        raise NotImplementedError

    def _ends(self) -> Iterable[datetime | None]:
        raise NotImplementedError


class KeyValid(Valid):
    """A key that holds."""

    __slots__ = ()
    kind: Final[Literal["key"]] = "key"

    @property
    def key(self) -> Key:
        """The key as it was when the verdict's grant was read."""
        return self._grant.key("active")

    @property
    def _id(self) -> str:
        return self._grant.key_id

    def _ends(self) -> Iterable[datetime | None]:
        return _ends_of(self.key)


class SessionValid(Valid):
    """The access token of a session that holds."""

    __slots__ = ("_token",)
    kind: Final[Literal["session"]] = "session"

    def __init__(self, token: Checked, grant: Grant, taken: Taken = (), credits: CreditState | None = None) -> None:
        super().__init__(grant, taken, credits)
        self._token = token

    @property
    def session(self) -> Session:
        """The session of the token as it was when its grant was read."""
        return self._grant.session()

    @property
    def claims(self) -> Mapping[str, Any]:
        """Everything that the token says."""
        return self._token.read_claims()

    @property
    def _id(self) -> str:
        return self.session.id

    def _ends(self) -> Iterable[datetime | None]:
        return (self.session.expires_at, end_of(self.claims))


class TokenValid(Valid):
    """A token that was derived from a key, and holds."""

    __slots__ = ("_token",)
    kind: Final[Literal["token"]] = "token"

    def __init__(self, token: Checked, grant: Grant, taken: Taken = (), credits: CreditState | None = None) -> None:
        super().__init__(grant, taken, credits)
        self._token = token

    @property
    def key(self) -> Key:
        """The key that the token was derived from, with the key's own times."""
        return self._grant.key("active")

    @property
    def claims(self) -> Mapping[str, Any]:
        """Everything that the token says."""
        return self._token.read_claims()

    @property
    def _id(self) -> str:
        return self.key.id

    def _ends(self) -> Iterable[datetime | None]:
        return (*_ends_of(self.key), end_of(self.claims))


class Noted(Protocol):
    """A refusal that is written later, with the id of the request that it answered."""

    request_id: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal. Falsy; `code` says why, `retry_after` (whole seconds) when it is worth trying again.

    A cost beyond the limit itself never passes: then there is no `retry_after`. `limited_by` is the limit that refuses
    a verification as `rate_limited`; of several, the one that refuses the longest. `credits` are
    those of the key when too few are left.
    """

    code: RefusalCode
    retry_after: int | None = None
    limits: tuple[LimitState, ...] = ()
    limited_by: LimitState | None = None
    credits: CreditState | None = None
    _noted: Noted | None = field(default=None, repr=False, compare=False)

    def __bool__(self) -> Literal[False]:
        return False


def name_refusal(verdict: Refused, request_id: bytes | str) -> None:
    """Set the id of the request that a refusal answers; without effect for a refusal that was not noted."""
    if verdict._noted is not None:
        verdict._noted.request_id = request_id if isinstance(request_id, str) else request_id.decode()


AnyValid: TypeAlias = KeyValid | SessionValid | TokenValid
"""The results of a successful verification. `kind`, or `isinstance`, tells them apart."""

Verdict: TypeAlias = AnyValid | Refused


@dataclass(frozen=True, slots=True)
class Check:
    """One check of an explanation. `passed` is None when it could not be made, since the credential is unknown.

    `detail` says more of a failure that has several causes, such as a token for another audience.
    """

    code: VerifyCode
    passed: bool | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All checks in their order. `str()` lists the codes; the first failure is the verdict's code."""

    code: VerifyCode | Literal["valid"]
    checks: tuple[Check, ...]

    def __bool__(self) -> bool:
        return self.code == "valid"

    def __str__(self) -> str:
        marks = {True: "ok", False: "failed", None: "not checked"}
        lines = []
        for check in self.checks:
            detail = f" ({check.detail})" if check.detail else ""
            lines.append(f"{check.code}: {marks[check.passed]}{detail}{'  <- the verdict' * (check.code == self.code)}")
        return "\n".join(lines)


def states_of(taken: Taken) -> tuple[LimitState, ...]:
    """Return how limits stand."""
    return tuple(state(*one) for one in taken)


def lacking(limits: Iterable[LimitState], credits: CreditState | None, cost: int) -> Iterator[VerifyCode]:
    """Yield the code of what does not cover a cost."""
    if any(limit.remaining < cost for limit in limits):
        yield "rate_limited"
    if credits is not None and credits.remaining < cost:
        yield "quota_exceeded"


def parts_of(verdict: Valid) -> tuple[Key | None, Session | None, Mapping[str, Any]]:
    """Return the key, the session and the claims of a verdict as JSON tells them: null or empty where there is none."""
    return getattr(verdict, "key", None), getattr(verdict, "session", None), getattr(verdict, "claims", {})


def end_of(claims: Mapping[str, Any]) -> datetime | None:
    """Return when a token ends by its claims."""
    return datetime.fromtimestamp(claims["exp"], UTC) if "exp" in claims else None


def _ends_of(key: Key) -> tuple[datetime | None, ...]:
    return (key.expires_at, *(secret.ends_at for secret in key.secrets))

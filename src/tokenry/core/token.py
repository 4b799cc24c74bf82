"""A verified access token joined with what it hangs on: a session, or the secret that it was derived from.

The grant of a token is that of its parent as it is now, narrowed to what the token says. So everything that ends the
parent ends the token, and one decision serves keys, sessions and derived tokens alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import msgspec

from .credits import Credits
from .decide import OPERATOR_ENVIRONMENT, Ask, failure
from .grant import Grant
from .jwt import Claims, all_claims
from .model import Key, KeyStatus, Owner, Tenant, moment
from .policy import SECOND
from .scopes import Granted, granted, is_operator, narrowed
from .verdict import Refused, Valid, end_of


class Checked(msgspec.Struct, gc=False):
    """A token whose signature holds. `last` is the grant that it hung on last, and the join of both."""

    claims: Claims
    payload: bytes
    kid: str
    scopes: Granted
    audience: tuple[str, ...]
    last: tuple[Grant, Grant] | None = None

    @property
    def parent_id(self) -> str:
        """The parent of the token: the id of a session, or the kid of a secret."""
        return self.claims.sid or self.claims.key or ""

    @property
    def kind(self) -> Literal["session", "token"]:
        """`session`, or `token` for one that was derived from a key."""
        return "session" if self.claims.sid is not None else "token"

    def read_claims(self) -> Mapping[str, Any]:
        """Return everything that the token says."""
        return all_claims(self.payload)

    def __repr__(self) -> str:
        return f"Checked({self.parent_id!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show the same in a console or a traceback that asks for it."""
        return [("parent_id", self.parent_id)]


class Joined(Grant, gc=False):
    """The grant of a token: that of its parent, narrowed. The records are still those of the parent."""

    parent: Grant | None = None
    credits: Credits | None = None  # type: ignore[misc]

    def key(self, status: KeyStatus) -> Key:
        """Build the public record of the parent, with the parent's own times."""
        assert self.parent is not None
        return self.parent.key(status)

    def key_json(self) -> bytes:
        """Return the same as JSON, of an active key."""
        assert self.parent is not None
        return self.parent.key_json()


class OfflineValid(Valid):
    """A token that holds by its signature and its times. Its owner and tenant are what it says of them.

    Nobody was asked for its key or session: their ids are `claims["client_id"]` and `claims["sid"]`.
    """

    __slots__ = ("_token",)
    online = False

    def __init__(self, token: Checked, grant: Grant) -> None:
        super().__init__(grant)
        self._token = token

    @property
    def kind(self) -> Literal["session", "token"]:
        """`session`, or `token` for one that was derived from a key."""
        return self._token.kind

    @property
    def claims(self) -> Mapping[str, Any]:
        """Everything that the token says."""
        return self._token.read_claims()

    @property
    def owner(self) -> Owner:
        """The owner as the token tells of it, without an id."""
        claims = self._token.claims
        return Owner(
            id="",
            tenant=claims.tid,
            external_id=claims.sub,
            name="",
            email=None,
            roles=claims.roles,
            admin=False,
            status="active",
            created_at=moment(0),
        )

    @property
    def tenant(self) -> Tenant:
        """The tenant as the token tells of it, without an id."""
        slug = self._token.claims.tid
        return Tenant(
            id="",
            slug=slug,
            name=slug,
            prefix="",
            status="active",
            expires_in_default=timedelta(0),
            expires_in_max=timedelta(0),
            never_allowed=False,
            self_rotation_allowed=False,
            created_at=moment(0),
        )

    @property
    def _id(self) -> str | None:
        return self._token.claims.sid or self._token.claims.client_id

    def _ends(self) -> Iterable[datetime | None]:
        return (end_of(self.claims),)


OfflineVerdict: TypeAlias = OfflineValid | Refused


def checked(claims: Claims, payload: bytes, kid: str) -> Checked | None:
    """Return a token whose signature holds; None when it does not say, or says twice, what it hangs on."""
    if (claims.sid is None) == (claims.key is None):
        return None
    audience = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
    return Checked(claims, payload, kid, granted(tuple(claims.scope.split())), audience)


def joined(token: Checked, parent: Grant) -> Grant:
    """Return the grant of a token: its parent's, narrowed. The last join is kept, since tokens come again and again."""
    last = token.last
    if last is not None and last[0] is parent:
        return last[1]
    ends, begins = token.claims.exp * SECOND, token.claims.iat * SECOND
    narrower = {
        "scopes": narrowed(token.scopes, parent.scopes),
        "expires_at": ends if parent.expires_at is None else min(ends, parent.expires_at),
        "not_before": begins if parent.not_before is None else max(begins, parent.not_before),
        "counters": None,
        "parent": parent,
        "credits": parent.credits,
    }
    grant = Joined(**{name: getattr(parent, name) for name in Grant.__struct_fields__} | narrower)
    token.last = (parent, grant)  # at once: another thread may be joining it with another parent
    return grant


def alone(token: Checked) -> Grant:
    """Return the grant of a token of which nothing is known but what it says itself."""
    claims = token.claims
    operates = any(is_operator(scope) for scope in token.scopes.scopes)
    return Grant(
        kid=token.parent_id,
        tenant=claims.tid,
        environment=OPERATOR_ENVIRONMENT if operates else "",
        suspended=False,
        revoked=False,
        ends_at=None,
        disabled=False,
        not_before=claims.iat * SECOND,
        expires_at=claims.exp * SECOND,
        owner_disabled=False,
        scopes=token.scopes,
        own_scopes=token.scopes.scopes,
        addresses=None,
        limits=(),
        key_record=b"",
        owner_record=b"",
        tenant_record=b"",
    )


def is_meant(token: Checked, ask: Ask) -> bool:
    """Tell whether a token was made for the audience that was asked for."""
    return ask.audience is None or ask.audience in token.audience


def offline(token: Checked, ask: Ask, now: int) -> OfflineVerdict:
    """Answer by the times and claims of a token whose signature holds: nothing else is asked."""
    if not is_meant(token, ask):
        return Refused("not_found")
    grant = alone(token)
    code = failure(grant, ask, ask.address, now)
    if code is not None:
        return Refused(code)
    return OfflineValid(token, grant)

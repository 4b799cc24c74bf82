"""Admission of requests, the same in every framework: reads a request and judges its verdict. Nothing here waits.

text = guard.presented(facts)        # a credential, None for none, or a Problem
verdict = tk.verify(text, ip=guard.client(facts), **need.ask)
guard.decide(verdict, facts, need)   # the verdict, or a Problem
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypedDict, Unpack

from tokenry.edge import (
    ENTRY_BYTES,
    Ask,
    Found,
    Memo,
    Proxies,
    Throttle,
    bounded,
    cookie_counts,
    is_foreign,
    read_ask,
    read_cookie,
    read_presented,
)
from tokenry.edge.problems import Problem, refused
from tokenry.types import AnyValid, Kind, Refused, ScopesAsked, StoreUnavailable, Valid, Verdict

from .answers import problem
from .facts import Facts, Seen
from .options import Options

KEYS: Final[tuple[Kind, ...]] = ("key", "token")
SESSIONS: Final[tuple[Kind, ...]] = ("session",)
ALL: Final[tuple[Kind, ...]] = ("key", "token", "session")
Recall: TypeAlias = Callable[[str, Ask], Verdict | None]
"""Gives the verdict of a text if nothing has to be waited for, else None."""

_ASKS_BYTES_MAX = 128 * 1024
"""How much one route remembers of the addresses that ask: about 500 of them."""


class Asked(TypedDict, total=False):
    """The requirements for a credential besides its scopes; see `Tokenry.verify`."""

    cost: int
    tenant: str | None
    environment: str | None
    audience: str | None


class Need:
    """The requirement of one route, checked when the route is made."""

    __slots__ = ("_asks", "_facts", "asked", "kinds", "scopes")
    asked: dict[str, Any]

    def __init__(
        self,
        scopes: ScopesAsked | None = None,
        *,
        kinds: tuple[Kind, ...] = KEYS,
        cost: int = 1,
        tenant: str | None = None,
        environment: str | None = None,
        audience: str | None = None,
    ) -> None:
        """Store the arguments of `verify` and the accepted kinds; raise Invalid for a malformed demand."""
        read_ask(scopes, None, cost, tenant, environment, audience)
        self._facts = scopes, cost, tenant, environment, audience
        self._asks: Memo[str | None, Ask] = Memo(_size, bytes_max=_ASKS_BYTES_MAX, each_max=ENTRY_BYTES + 128)
        self.kinds = kinds
        self.scopes = _named(scopes)
        given = {"scopes": scopes, "tenant": tenant, "environment": environment, "audience": audience}
        self.asked = {name: value for name, value in given.items() if value is not None}
        if cost != 1:
            self.asked["cost"] = cost

    def ask(self, ip: str | None) -> Ask:
        """Return the question about a credential that a client at `ip` presents."""
        found = self._asks.get(ip)
        if found is None:
            scopes, cost, tenant, environment, audience = self._facts
            found = self._asks.put(ip, read_ask(scopes, ip, cost, tenant, environment, audience))
        return found

    def accepts(self, verdict: Valid) -> bool:
        """Tell whether a credential is of a kind that will do."""
        return verdict.kind in self.kinds


def _size(ip: str | None, ask: object) -> int:
    return 2 * len(ip or "")


def _named(scopes: Any) -> tuple[str, ...]:
    """Return the scopes that a challenge may name: those that are needed for sure."""
    if isinstance(scopes, str):
        return (scopes,)
    if isinstance(scopes, (list, tuple)):
        return tuple(scope for scope in scopes if isinstance(scope, str))
    return ()


class Demand:
    """The requirement of a decorator before its application is known: a mistake shows when the module is loaded."""

    def __init__(self, scopes: ScopesAsked | None, kinds: tuple[Kind, ...], asked: Asked) -> None:
        Need(scopes, kinds=kinds, **asked)
        self._given = scopes, kinds, asked
        self._needs: dict[Guard, Need] = {}

    def at(self, guard: Guard) -> Need:
        """Return the demand with what an application says for all its routes."""
        need = self._needs.get(guard)
        if need is None:
            scopes, kinds, asked = self._given
            need = self._needs[guard] = guard.need(scopes, kinds, **asked)
        return need


class Guard:
    """Reads credentials and judges verdicts for one application."""

    def __init__(self, options: Options) -> None:
        self.options = options
        trusted = options.trusted_proxies
        self._proxies = Proxies(trusted) if trusted is not None else None
        self._throttle = Throttle(
            lambda: time.monotonic_ns() // 1000,
            most=options.failures_max,
            seconds=int(options.failures_window.total_seconds()),
        )

    def need(self, scopes: ScopesAsked | None, kinds: tuple[Kind, ...], **asked: Unpack[Asked]) -> Need:
        """Return the requirement of a route: its own, and the options for all routes."""
        options = self.options
        values: Asked = {"tenant": options.tenant, "audience": options.audience}
        if kinds != SESSIONS:  # a session is of no environment: only keys are
            values["environment"] = options.environment
        return Need(scopes, kinds=kinds, **(values | asked))

    def presented(self, facts: Facts) -> str | Problem | None:
        """Return the credential of a request, None for none, or why it cannot be read."""
        return self._text(
            read_presented(facts.credentials, read_cookie(facts.cookies, self.options.access_name)), facts
        )

    def to_refresh(self, facts: Facts) -> str | Problem | None:
        """Return the refresh token in the cookies of a request, None for none, or why it does not count."""
        return self._text(read_cookie(facts.cookies, self.options.refresh_name), facts.changing())

    def beside(self, facts: Facts, *, by_cookie: bool) -> str | Problem | None:
        """Return the access token that comes along with a refresh token: in `Authorization`, or else in its cookie."""
        bearers = [pair for pair in facts.credentials if pair[0] == "authorization"]
        cookie = read_cookie(facts.cookies, self.options.access_name) if by_cookie else None
        return self._text(read_presented(bearers, cookie), facts.changing())

    def is_foreign(self, facts: Facts) -> bool:
        """Tell whether the browser says that another site caused a request whose answer sets cookies.

        Such a request may come without any cookie, and a browser still keeps the cookies of the answer.
        """
        options = self.options
        return is_foreign(facts.method, facts.fetch_site, facts.origin, options.allowed_origins, facts.own_origins())

    def may_clear(self, facts: Facts) -> bool:
        """Tell whether an answer may take the cookies of the browser away.

        Not for another site, and not where a cookie of a sibling subdomain stands beside one of ours.
        """
        names = (self.options.access_name, self.options.refresh_name)
        clear = not any(read_cookie(facts.cookies, name) == "ambiguous" for name in names)
        return clear and not self.is_foreign(facts.changing())

    def _text(self, found: Found, facts: Facts) -> str | Problem | None:
        """Return the text of a credential if it counts."""
        if found is None:
            return None
        if isinstance(found, str):
            return problem("credential_ambiguous")
        if found.by_cookie and not self.trusts_cookie(facts):
            return problem("cross_site")
        return bounded(found.text)

    def trusts_cookie(self, facts: Facts) -> bool:
        """Tell whether a cookie of a request speaks for its sender."""
        options = self.options
        return cookie_counts(facts.method, facts.fetch_site, facts.origin, options.allowed_origins, facts.own_origins())

    def client(self, facts: Facts) -> str | None:
        """Return the client's address: from the server, or from trusted proxies."""
        return facts.peer if self._proxies is None else self._proxies.client(facts.peer, facts.forwarded)

    def recalled(self, recall: Recall, seen: Seen | None, need: Need) -> AnyValid | Problem | None:
        """Judge a request by what can be said at once of its one key; None where it has to be read in full."""
        if seen is None:
            return None
        text, peer, forwarded = seen
        client = peer if self._proxies is None else self._proxies.client(peer, forwarded)
        try:
            verdict = recall(text, need.ask(client))
        except StoreUnavailable:
            return problem("store_unavailable")
        return None if verdict is None else self._decide(verdict, client or peer, need)

    def decide(self, verdict: Verdict, facts: Facts, need: Need) -> AnyValid | Problem:
        """Return the verdict if it will do, or the problem that it is."""
        return self._decide(verdict, self.client(facts) or facts.peer, need)

    def _decide(self, verdict: Verdict, client: str | None, need: Need) -> AnyValid | Problem:
        if isinstance(verdict, Refused):
            return refused(self._throttle.apply(verdict, client), need.scopes)
        return verdict if need.accepts(verdict) else problem("wrong_kind")

    def throttled(self, verdict: Refused, facts: Facts) -> Refused:
        """Count a guess; beyond so many of an address they are `throttled`, whatever they were."""
        return self._throttle.apply(verdict, self.client(facts) or facts.peer)

"""The client whose calls wait."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Never, Unpack, overload

from ..core.decide import ClientAddress, Question
from ..core.errors import ConfigError, Denied
from ..core.model import NOT_GIVEN, Jwks, NotGiven, Token
from ..core.scopes import ScopesAsked
from ..core.secret import Secret
from ..core.token import OfflineValid, OfflineVerdict
from ..core.verdict import AnyValid, Explanation, Verdict
from ..core.walking import walk
from ..operations import answers
from . import groups, oauth, records
from .calls import question, slug
from .connections import address, answered, httpx2, request
from .offline import KeySets
from .remember import Remembered
from .tracing import Tracing, is_on
from .wire import Answer, Pause, Sending, Steps, steps

if TYPE_CHECKING:
    from ..service.advice import Advices
    from ..service.audit import Audit
    from ..service.doctor import Doctor
    from ..service.events import Events
    from ..service.exporting import Exports
    from ..service.imports import Imports
    from ..service.key_credits import KeyCredits
    from ..service.key_page import KeyPages
    from ..service.keys import Keys
    from ..service.leaks import Leaks
    from ..service.limits import Limits
    from ..service.owners import Owners
    from ..service.portal import Portal
    from ..service.refusals import Refusals
    from ..service.roles import Roles, Scopes
    from ..service.sessions import Sessions
    from ..service.signing_keys import SigningKeys
    from ..service.tenants import Tenants
    from ..service.usage import Usage
    from ..service.webhooks import Webhooks


class Client:
    """The library's calls, made over HTTP. One instance serves all threads, and forked children too."""

    tenants: Tenants[Never]
    owners: Owners[Never]
    roles: Roles[Never]
    scopes: Scopes[Never]
    keys: Keys[Never]
    imports: Imports[Never]
    exports: Exports[Never]
    limits: Limits[Never]
    credits: KeyCredits[Never]
    sessions: Sessions[Never]
    key_page: KeyPages[Never]
    portal: Portal[Never]
    signing_keys: SigningKeys[Never]
    events: Events[Never]
    audit: Audit[Never]
    usage: Usage[Never]
    refusals: Refusals[Never]
    webhooks: Webhooks[Never]
    leaks: Leaks[Never]
    advice: Advices[Never]
    doctor: Doctor[Never]
    me: groups.Own
    _walk: Callable[..., Any] = staticmethod(walk)

    def __init__(
        self,
        server: str | None = None,
        key: str | Secret | None = None,
        *,
        tenant: str | NotGiven = NOT_GIVEN,
        timeout: timedelta = timedelta(seconds=5),
        retries: int = 2,
        remember: timedelta = timedelta(0),
        transport: object = None,
        tracing: bool | None = None,
    ) -> None:
        """Talk to a server as the holder of a key; without them as `TOKENRY_SERVER` and `TOKENRY_KEY` say.

        `tenant` is the default of all management calls. Only reads, and what carries an idempotency key, are sent again
        (`retries` times). `remember` lets `verify` give the same verdict again for so long, up to 60 s: a revoked key
        may work on for that time, so it is off unless it is asked for. `transport` is one of httpx2. With `tracing`, or
        `TOKENRY_TRACING`, each request is a span of OpenTelemetry, whose trace the server names in its audit log.
        """
        self._server = address(server or os.environ.get("TOKENRY_SERVER"))
        self._key = str(key or os.environ.get("TOKENRY_KEY") or "").strip()
        if not (self._key.isascii() and self._key.isprintable()):
            raise ConfigError("the key of the client holds characters that no key has: is it the right file?")
        self._timeout = timeout.total_seconds()
        self._retries = retries
        self._remembered = Remembered(remember)
        self._sets = KeySets()
        self._transport = transport
        self._pool: tuple[int, Any] | None = None
        self._tracing = Tracing(is_on(tracing, os.environ.get("TOKENRY_TRACING")), self._server)
        self._traceparent: str | None = None
        self._bind(tenant)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._server}>"

    @overload
    def verify(
        self, presented: str | Secret, *, offline: Literal[False] = False, **asked: Unpack[Question]
    ) -> Verdict: ...

    @overload
    def verify(
        self, presented: str | Secret, *, offline: Literal[True], **asked: Unpack[Question]
    ) -> OfflineVerdict: ...
    @overload
    def verify(
        self, presented: str | Secret, *, offline: bool, **asked: Unpack[Question]
    ) -> Verdict | OfflineVerdict: ...

    def verify(
        self,
        presented: str | Secret,
        *,
        scopes: ScopesAsked | None = None,
        ip: ClientAddress = None,
        cost: int = 1,
        tenant: str | None = None,
        environment: str | None = None,
        audience: str | None = None,
        offline: bool = False,
    ) -> Verdict | OfflineVerdict:
        """Answer whether a credential holds: a `Valid` that says who it is, or a falsy `Refused` with a code.

        `offline` checks an access token here, by its signature and claims alone, so what was revoked still holds; the
        server is asked for the public keys of `tenant` (by default of this client's) every five minutes. Raise
        StoreUnavailable when the server cannot say, CallerRefused when it refuses the key of this client.
        """
        asked = (presented, scopes, ip, cost, tenant, environment, audience)
        verdict: Verdict | OfflineVerdict = self._drive(self._verifying(asked, offline))
        return verdict

    @overload
    def require(
        self, presented: str | Secret, *, offline: Literal[False] = False, **asked: Unpack[Question]
    ) -> AnyValid: ...

    @overload
    def require(
        self, presented: str | Secret, *, offline: Literal[True], **asked: Unpack[Question]
    ) -> OfflineValid: ...
    @overload
    def require(
        self, presented: str | Secret, *, offline: bool, **asked: Unpack[Question]
    ) -> AnyValid | OfflineValid: ...

    def require(
        self,
        presented: str | Secret,
        *,
        scopes: ScopesAsked | None = None,
        ip: ClientAddress = None,
        cost: int = 1,
        tenant: str | None = None,
        environment: str | None = None,
        audience: str | None = None,
        offline: bool = False,
    ) -> AnyValid | OfflineValid:
        """Verify, and raise Denied in place of a refusal, CallerRefused when the key of this client is refused."""
        asked = (presented, scopes, ip, cost, tenant, environment, audience)
        valid: AnyValid | OfflineValid = self._drive(self._requiring(asked, offline))
        return valid

    def explain(
        self,
        presented: str | Secret,
        *,
        scopes: ScopesAsked | None = None,
        ip: ClientAddress = None,
        cost: int = 1,
        tenant: str | None = None,
        environment: str | None = None,
        audience: str | None = None,
    ) -> Explanation:
        """Evaluate every check, take nothing, and mark the first failure; `str()` lists the codes."""
        asked = question(presented, scopes, ip, cost, tenant, environment, audience)
        explanation: Explanation = self._send(Sending("POST", "/v1/explain", body=asked, read=answers.EXPLANATION.read))
        return explanation

    def exchange(
        self,
        secret: str | Secret,
        *,
        scopes: Sequence[str] | None = None,
        audience: str | Sequence[str] | None = None,
        expires_in: timedelta | NotGiven = NOT_GIVEN,
        tenant: str | None = None,
    ) -> Token:
        """Derive a short-lived access token from a key, which does at most what the key does and ends with its secret.

        The key is looked for in the tenant of this client, or in `default`; the address that counts is this client's.
        Raise Denied for a bad key, NotAllowed for more than it holds.
        """
        asked = {"scopes": scopes, "audience": audience, "expires_in": expires_in}
        token: Token = self._send(oauth.exchange(str(secret), tenant or self._slug, asked))
        return token

    def jwks(self, *, tenant: str | None = None) -> Jwks:
        """Return the public keys that a tenant's access tokens are verified with, as a JWKS."""
        found: Jwks = self._send(oauth.jwks(tenant or self._slug))
        return found

    def ready(self) -> Mapping[str, object]:
        """Return the server's description of itself; raise StoreUnavailable when the server is not ready."""
        found: Mapping[str, object] = self._send(Sending("GET", "/readyz"))
        return found

    def scoped(self, *, tenant: str | NotGiven = NOT_GIVEN, traceparent: str | None = None) -> Client:
        """Return the same client with another default tenant, or for one trace; the two share their connections.

        Each request carries `traceparent` (W3C; a malformed one is ignored). With `tracing` it is a span of that trace.
        """
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _pool=(os.getpid(), self._http()))
        other._traceparent = self._traceparent if traceparent is None else traceparent
        other._bind(self._tenant if isinstance(tenant, NotGiven) else tenant)
        return other

    def forget(self) -> None:
        """Forget every remembered verdict and key set."""
        self._remembered.forget()
        self._sets.forget()

    def close(self) -> None:
        """Close the connections."""
        pool, self._pool = self._pool, None
        if pool is not None and pool[0] == os.getpid():
            pool[1].close()

    def _bind(self, tenant: str | NotGiven) -> None:
        self._tenant = tenant
        self._slug = "default" if isinstance(tenant, NotGiven) else slug(tenant)
        for name, group in groups.GROUPS.items():
            setattr(self, name, group(self._send, tenant, self._walk))

    def _verifying(self, given: tuple[Any, ...], offline: bool) -> Steps:
        if offline:
            from ..core.decide import read_ask
            from ..service.verify import text_of

            text, ask = text_of(given[0]), read_ask(*given[1:])
            return (yield from self._sets.verifying(text, ask, self._slug, self._retries))
        asked = question(*given)
        verdict: Verdict | None = self._remembered.get(asked)
        if verdict is None:
            asked_at = time.monotonic()
            verdict = yield from steps(Sending("POST", "/v1/verify", {}, asked, read=records.verdict), self._retries)
            self._remembered.keep(asked, verdict, asked_at)
        return verdict

    def _requiring(self, given: tuple[Any, ...], offline: bool) -> Steps:
        verdict: Verdict = yield from self._verifying(given, offline)
        if not verdict:
            raise Denied(verdict)
        return verdict

    def _send(self, sending: Sending) -> Any:
        return self._drive(steps(sending, self._retries))

    def _drive(self, doing: Steps) -> Any:
        answer = None
        try:
            while True:
                wish = doing.send(answer)
                if isinstance(wish, Pause):
                    time.sleep(wish.seconds)
                    answer = None
                else:
                    answer = self._once(wish)
        except StopIteration as end:
            return end.value

    def _once(self, sending: Sending) -> Any:
        http, request_error = self._http(), httpx2().RequestError
        with self._tracing.sent(sending, self._traceparent) as outgoing:
            try:
                answer = answered(http.request(**request(sending, outgoing.headers, self._timeout)))
            except request_error as error:
                answer = Answer(failure=type(error).__name__)
            outgoing.answered(answer.status, answer.failure)
        return answer

    def _http(self) -> Any:
        """Return the connections of this process: those that a child inherits belong to its parent."""
        if self._pool is None or self._pool[0] != os.getpid():
            self._pool = (os.getpid(), self._opened())
        return self._pool[1]

    def _opened(self) -> Any:
        return httpx2().Client(**self._options())

    def _options(self) -> dict[str, Any]:
        from .. import __version__

        headers = {"User-Agent": f"tokenry/{__version__}", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return {
            "base_url": self._server,
            "headers": headers,
            "timeout": self._timeout,
            "transport": self._transport,
        }

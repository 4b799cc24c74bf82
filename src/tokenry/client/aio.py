"""The client whose calls are awaited."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Never, Unpack, overload

from ..awaited import awaited
from ..core.decide import Question
from ..core.model import NOT_GIVEN, NotGiven
from ..core.secret import Secret
from ..core.token import OfflineValid, OfflineVerdict
from ..core.verdict import AnyValid, Verdict
from ..core.walking import walk_awaited
from . import groups
from .connections import answered, httpx2, request
from .sync import Client
from .wire import Answer, Pause, Sending, Steps

if TYPE_CHECKING:
    from .. import async_groups as aio


class _Later(Client):
    """A client whose calls are coroutines."""

    _walk = staticmethod(walk_awaited)

    def _opened(self) -> Any:
        return httpx2().AsyncClient(**self._options())

    async def _drive(self, doing: Steps) -> Any:
        answer = None
        try:
            while True:
                wish = doing.send(answer)
                if isinstance(wish, Pause):
                    await asyncio.sleep(wish.seconds)
                    answer = None
                else:
                    answer = await self._once(wish)
        except StopIteration as end:
            return end.value

    async def _once(self, sending: Sending) -> Any:
        http, request_error = self._http(), httpx2().RequestError
        with self._tracing.sent(sending, self._traceparent) as outgoing:
            try:
                answer = answered(await http.request(**request(sending, outgoing.headers, self._timeout)))
            except request_error as error:
                answer = Answer(failure=type(error).__name__)
            outgoing.answered(answer.status, answer.failure)
        return answer


class AsyncOwn:
    """`Own` with coroutines."""

    get = awaited(groups.Own.get)
    rotate = awaited(groups.Own.rotate)
    revoke = awaited(groups.Own.revoke)


class AsyncClient:
    """The same calls as coroutines."""

    tenants: aio.AsyncTenants[Never]
    owners: aio.AsyncOwners[Never]
    roles: aio.AsyncRoles[Never]
    scopes: aio.AsyncScopes[Never]
    keys: aio.AsyncKeys[Never]
    imports: aio.AsyncImports[Never]
    exports: aio.AsyncExports[Never]
    limits: aio.AsyncLimits[Never]
    credits: aio.AsyncKeyCredits[Never]
    sessions: aio.AsyncSessions[Never]
    key_page: aio.AsyncKeyPages[Never]
    portal: aio.AsyncPortal[Never]
    signing_keys: aio.AsyncSigningKeys[Never]
    events: aio.AsyncEvents[Never]
    audit: aio.AsyncAudit[Never]
    usage: aio.AsyncUsage[Never]
    refusals: aio.AsyncRefusals[Never]
    webhooks: aio.AsyncWebhooks[Never]
    leaks: aio.AsyncLeaks[Never]
    advice: aio.AsyncAdvices[Never]
    doctor: aio.AsyncDoctor[Never]
    me: AsyncOwn
    explain = awaited(Client.explain)
    exchange = awaited(Client.exchange)
    jwks = awaited(Client.jwks)
    ready = awaited(Client.ready)

    if TYPE_CHECKING:  # the bridge cannot express this signature

        @overload
        async def verify(
            self, presented: str | Secret, *, offline: Literal[False] = False, **asked: Unpack[Question]
        ) -> Verdict: ...

        @overload
        async def verify(
            self, presented: str | Secret, *, offline: Literal[True], **asked: Unpack[Question]
        ) -> OfflineVerdict: ...
        @overload
        async def verify(
            self, presented: str | Secret, *, offline: bool, **asked: Unpack[Question]
        ) -> Verdict | OfflineVerdict: ...

        async def verify(
            self, presented: str | Secret, *, offline: bool = False, **asked: Unpack[Question]
        ) -> Verdict | OfflineVerdict: ...

        @overload
        async def require(
            self, presented: str | Secret, *, offline: Literal[False] = False, **asked: Unpack[Question]
        ) -> AnyValid: ...

        @overload
        async def require(
            self, presented: str | Secret, *, offline: Literal[True], **asked: Unpack[Question]
        ) -> OfflineValid: ...
        @overload
        async def require(
            self, presented: str | Secret, *, offline: bool, **asked: Unpack[Question]
        ) -> AnyValid | OfflineValid: ...

        async def require(
            self, presented: str | Secret, *, offline: bool = False, **asked: Unpack[Question]
        ) -> AnyValid | OfflineValid: ...

    else:
        verify = awaited(Client.verify)
        require = awaited(Client.require)

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
        """Talk to a server, as `Client` does."""
        options: dict[str, Any] = {"timeout": timeout, "retries": retries, "remember": remember}
        self._take(_Later(server, key, tenant=tenant, transport=transport, tracing=tracing, **options))

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return repr(self._sync).replace("_Later", "AsyncClient")

    def scoped(self, *, tenant: str | NotGiven = NOT_GIVEN, traceparent: str | None = None) -> AsyncClient:
        """Return the same client with another default tenant, or for one trace, as `Client` does."""
        other = object.__new__(AsyncClient)
        other._take(self._sync.scoped(tenant=tenant, traceparent=traceparent))
        return other

    def forget(self) -> None:
        """Forget every remembered verdict."""
        self._sync.forget()

    async def close(self) -> None:
        """Close the connections."""
        pool, self._sync._pool = self._sync._pool, None
        if pool is not None and pool[0] == os.getpid():
            await pool[1].aclose()

    def _take(self, sync: _Later) -> None:
        """Wrap the groups of a client as coroutines; only their types differ."""
        self._sync: Any = sync
        for name in groups.GROUPS:
            setattr(self, name, getattr(sync, name))

    @staticmethod
    def _run(call: Any, *args: Any, **kwargs: Any) -> Any:
        return call(*args, **kwargs)

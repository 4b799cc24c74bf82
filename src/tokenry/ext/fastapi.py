"""FastAPI: dependencies that let keys and sessions in, and stand in OpenAPI as security schemes.

app = FastAPI()
auth = FastAPITokenry(app, AsyncTokenry("sqlite:///keys.db"))

@app.get("/projects")
async def projects(credential: Annotated[KeyValid | TokenValid, Depends(auth.key_required("read:projects"))]):
    return {"owner": credential.owner.external_id}
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from inspect import Parameter, Signature, isawaitable
from typing import Annotated, Any, Generic, Literal, TypeVar, Unpack, cast, overload

from .extras import missing

try:
    from fastapi import APIRouter, Depends, FastAPI, Request, Response, WebSocketException
    from fastapi.openapi.models import APIKey, APIKeyIn, HTTPBearer
    from fastapi.security.base import SecurityBase
    from starlette.exceptions import HTTPException
    from starlette.requests import HTTPConnection
except ModuleNotFoundError as error:
    raise missing(error, "tokenry[fastapi]") from None

from tokenry import AsyncTokenry
from tokenry.edge import is_json
from tokenry.edge.asgi import POLICY_VIOLATION
from tokenry.edge.problems import Problem
from tokenry.key_page import BODY_MAX, Answer, Fragment, KeyPageGiven
from tokenry.types import AnyValid, ConfigError, KeyValid, Kind, ScopesAsked, SessionTokens, SessionValid, TokenValid

from . import cookies, steps
from .answers import limits_of
from .facts import of_scope, seen_in_scope, token_of
from .guard import ALL, KEYS, SESSIONS, Asked, Guard
from .hooks import Hooks
from .host import Answered, Host, OwnerId, Starting
from .key_page import METHODS, HostedPage
from .openapi import BEARER, OPTIONAL, REFRESH, SESSION, described
from .options import OptionsGiven, read_options

V = TypeVar("V", covariant=True)
_BEARER = HTTPBearer(description="An API key, or the access token of a session.")


class Refusal(HTTPException):
    """Raised in place of an answer: `problem` says why, and `response` is what the caller gets."""

    def __init__(self, problem: Problem | None, response: Response) -> None:
        status, detail = (problem.status, problem.detail) if problem else (response.status_code, None)
        super().__init__(status, detail, dict(problem.headers) if problem else None)
        self.problem = problem
        self.response = response


class FastAPITokenry(Hooks):
    """Tokenry in a FastAPI application. Hooks may be asynchronous."""

    def __init__(self, app: FastAPI | None, tk: AsyncTokenry, **options: Unpack[OptionsGiven]) -> None:
        """Take the application (None: call `init_app` later), the engine and the options of `docs/fastapi.md`."""
        super().__init__()
        if not isinstance(tk, AsyncTokenry):
            raise ConfigError("FastAPITokenry takes an AsyncTokenry, which never blocks the event loop")
        self.tk = tk
        self.recall, self.verify = steps.recalling(tk), steps.when_known(tk)
        self.guard = Guard(read_options(options))
        self._host = Host(tk, self.guard, self, _respond)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: FastAPI) -> None:
        """Let an application answer refusals as problems, and name them in its OpenAPI document."""
        app.add_exception_handler(Refusal, _response_of)
        document = app.openapi
        app.openapi = lambda: described(document())  # type: ignore[method-assign]

    def key_required(
        self, scopes: ScopesAsked | None = None, **asked: Unpack[Asked]
    ) -> Required[KeyValid | TokenValid]:
        """Return a dependency that lets in callers with a key, or a token derived from one, with these scopes."""
        return Required(self, scopes, KEYS, asked)

    def session_required(self, scopes: ScopesAsked | None = None, **asked: Unpack[Asked]) -> Required[SessionValid]:
        """Return a dependency that lets in users who are signed in."""
        return Required(self, scopes, SESSIONS, asked)

    @overload
    def credential_required(
        self, scopes: ScopesAsked | None = None, *, optional: Literal[False] = False, **asked: Unpack[Asked]
    ) -> Required[AnyValid]: ...
    @overload
    def credential_required(
        self, scopes: ScopesAsked | None = None, *, optional: bool, **asked: Unpack[Asked]
    ) -> Required[AnyValid | None]: ...
    def credential_required(
        self, scopes: ScopesAsked | None = None, *, optional: bool = False, **asked: Unpack[Asked]
    ) -> Any:
        """Return a dependency that lets in callers with a key and users who are signed in.

        With `optional` a request without a credential is let in, too; never one with a bad credential.
        """
        return Required(self, scopes, ALL, asked, optional=optional)

    async def sign_in(
        self,
        request: Request,
        response: Response,
        owner: OwnerId,
        claims: Mapping[str, object] | None = None,
        **asked: Unpack[Starting],
    ) -> SessionTokens:
        """Start a session for an owner (made if there is none), put its cookies on a response and return its tokens.

        `asked` holds the arguments of `sessions.start`. Raise Conflict for a disabled owner.
        """
        facts = of_scope(request.scope)
        found = await steps.run_async(self._host.start(facts, owner, {"claims": claims, **asked}))
        if isinstance(found, Answered):
            raise _refusal(request, found)
        self._host.hand_out(response, found, facts)
        return found

    async def sign_out(self, request: Request, response: Response, *, everywhere: bool = False) -> None:
        """End the session of a request, or all sessions of its owner, and take the cookies back."""
        token, facts = await _token_of_body(request), of_scope(request.scope)
        found = await steps.run_async(self._host.sign_out(facts, token, everywhere=everywhere))
        if found is not None:
            raise _refusal(request, found)
        self._host.take_back(response, facts)

    async def refresh_session(self, request: Request, response: Response) -> SessionTokens:
        """Refresh the session of a request and put the new cookies on the response; a dependency, too."""
        token, facts = await _token_of_body(request), of_scope(request.scope)
        found = await steps.run_async(self._host.refresh(facts, token))
        if isinstance(found, Answered):
            raise _refusal(request, found)
        self._host.hand_out(response, found, facts, by_cookie=token is None)
        return found

    def router(self, prefix: str = "/auth") -> APIRouter:
        """Return `POST …/refresh`, `POST …/sign-out` and `POST …/sign-out/everywhere`; see `refresh_path`."""
        cookie = _Cookie(REFRESH, self.guard.options.refresh_name)
        room = APIRouter(prefix=prefix, tags=["sessions"], dependencies=[Depends(cookie)])
        refreshed = Depends(self.refresh_session)

        @room.post("/refresh")
        async def refresh(request: Request, tokens: SessionTokens = refreshed) -> dict[str, Any]:
            return cookies.session_document(tokens, with_secrets=await _token_of_body(request) is not None)

        @room.post("/sign-out", status_code=204)
        async def sign_out(request: Request, response: Response) -> None:
            await self.sign_out(request, response)

        @room.post("/sign-out/everywhere", status_code=204)
        async def sign_out_everywhere(request: Request, response: Response) -> None:
            await self.sign_out(request, response, everywhere=True)

        return room

    def key_page(
        self,
        prefix: str = "/keys",
        *,
        owner: Callable[..., OwnerId | Awaitable[OwnerId | None] | None] | None = None,
        render: Callable[[Request, Fragment], Response | Awaitable[Response]] | None = None,
        sign_in: str | None = None,
        **options: Unpack[KeyPageGiven],
    ) -> APIRouter:
        """Return the page on which your users manage their own keys; see `docs/key-page.md`.

        `owner` is a dependency that returns the external id of the user who is signed in, None for nobody: then the
        page redirects to the path `sign_in`. Without `owner` it is the owner of the session that `auth.sign_in`
        started. `render` puts the page into a template of yours. Raise ConfigError for a bad option.
        """
        page = HostedPage(options, sign_in, by_session=owner is None)
        room = APIRouter(prefix=prefix, include_in_schema=False)

        async def by_session(request: Request) -> Any:
            need, facts = page.demand.at(self.guard), of_scope(request.scope)
            return await steps.run_async(steps.admit(self.verify, self.guard, facts, need))

        signed_in = Depends(owner or by_session)

        @room.api_route("/{path:path}", methods=[*METHODS])
        async def keys(request: Request, path: str, who: Any = signed_in) -> Any:
            facts = of_scope(request.scope)
            visitor = page.visitor(facts, path, request.headers.items(), request.url.query, self.guard)
            visitor = visitor._replace(body=await _body(request))
            answering = page.answer(self._host, facts, visitor, lambda: who, request.url.path)
            found = await steps.run_async(answering)
            if not isinstance(found, Fragment):
                return _sent(found)
            if render is None:
                return _sent(page.document(visitor))
            shown = render(request, found)
            return await shown if isawaitable(shown) else shown

        return room


class Required(SecurityBase, Generic[V]):
    """A dependency: the verdict of the credential that a request or a WebSocket presents."""

    def __init__(
        self,
        auth: FastAPITokenry,
        scopes: ScopesAsked | None,
        kinds: tuple[Kind, ...],
        asked: Asked,
        *,
        optional: bool = False,
    ) -> None:
        self.model = _BEARER
        suffix = OPTIONAL if optional else ""
        self.scheme_name = BEARER + suffix
        self._auth = auth
        self._need = auth.guard.need(scopes, kinds, **asked)
        self._optional = optional
        name = auth.guard.options.access_name
        self.__signature__ = _signature(_Cookie(SESSION + suffix, name) if "session" in kinds else None)

    async def __call__(self, connection: HTTPConnection, response: Response, cookie: None = None) -> V:
        auth = self._auth
        scope, guard, need = connection.scope, auth.guard, self._need
        found = guard.recalled(auth.recall, seen_in_scope(scope), need)
        if found is None:
            admitting = steps.admit(auth.verify, guard, of_scope(scope), need, optional=self._optional)
            found = await steps.run_async(admitting)
        if isinstance(found, Problem):
            if scope["type"] == "websocket":
                raise WebSocketException(POLICY_VIOLATION, found.code)
            raise _refusal(connection, await steps.run_async(auth._host.refuse(found)))
        for name, value in limits_of(found) if found is not None else ():
            response.headers[name] = value
        return cast("V", found)


class _Cookie(SecurityBase):
    """Stands in OpenAPI for a cookie of a signed-in user; the call that needs it reads it itself."""

    def __init__(self, scheme_name: str, name: str) -> None:
        self.model = APIKey(**{"in": APIKeyIn.cookie, "name": name, "description": "Set by signing in."})  # type: ignore[arg-type]
        self.scheme_name = scheme_name

    async def __call__(self) -> None:
        return None


def _signature(cookie: _Cookie | None) -> Signature:
    """Return FastAPI's arguments for a dependency: the scheme of the session cookie, only if sessions are let in."""
    kind = Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        Parameter("connection", kind, annotation=HTTPConnection),
        Parameter("response", kind, annotation=Response),
    ]
    if cookie is not None:
        parameters.append(Parameter("cookie", kind, annotation=Annotated[None, Depends(cookie)]))
    return Signature(parameters)


async def _body(request: Request) -> bytes:
    """Return the body of a call of the key page, or of a longer one as much as shows that it is too long."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_MAX:
            break
    return body


def _sent(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers = [*answer.fields, (b"content-length", b"%d" % len(answer.body))]
    return response


def _respond(found: Any) -> Any:
    return Response(found.body(), found.status, dict(found.fields())) if isinstance(found, Problem) else found


def _refusal(connection: HTTPConnection, found: Answered) -> Refusal:
    """Return the exception for a response, and register its handler in the application that serves this request.

    That may be a mounted one that `init_app` never saw.
    """
    handlers = connection.scope.get("starlette.exception_handlers")
    if handlers is not None:
        handlers[0].setdefault(Refusal, _response_of)
    return Refusal(found.problem, found.response)


async def _response_of(request: Request, refusal: Any) -> Any:
    return refusal.response


async def _token_of_body(request: Request) -> str | None:
    return token_of(await request.body()) if is_json(request.headers.get("content-type")) else None

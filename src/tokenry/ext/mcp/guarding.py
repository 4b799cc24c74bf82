"""The ASGI application around an MCP server: a credential for every request, and the metadata of RFC 9728."""

from __future__ import annotations

from typing import Any, Final

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp_types import INVALID_REQUEST
from starlette.authentication import AuthCredentials

from tokenry.edge import encode
from tokenry.edge.asgi import App, Receive, Scope, Send, raw, respond
from tokenry.edge.problems import Problem
from tokenry.types import AnyValid, SessionValid

from .. import steps
from ..answers import problem
from ..asgi import telling
from ..facts import of_scope, seen_in_scope
from ..guard import Guard, Need, Recall
from .challenges import Challenges

_WELL_KNOWN: Final = "/.well-known/"
_JSON: Final = (b"content-type", b"application/json")
_NO_STORE: Final = (b"cache-control", b"no-store")
_SHARED: Final = [
    _JSON,
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-headers", b"*"),
]
"""Clients in a browser read the metadata from another origin."""


class Guarded:
    """Lets a request in whose credential will do, and tells the SDK who sent it."""

    def __init__(
        self,
        app: App,
        *,
        guard: Guard,
        need: Need,
        recall: Recall,
        verify: steps.Verify,
        challenges: Challenges,
        public: frozenset[str],
    ) -> None:
        self._open = app
        self._app: Any = AuthContextMiddleware(app)
        self._guard, self._need = guard, need
        self._recall, self._verify = recall, verify
        self._challenges = challenges
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"] in self._public:
            return await self._open(scope, receive, send)
        if scope["type"] != "http":  # a WebSocket of the host's, whose credential would not be checked
            return await send({"type": "websocket.close", "code": 1008})
        if scope["path"].startswith(_WELL_KNOWN):
            return await self._well_known(scope, send)
        found = self._guard.recalled(self._recall, seen_in_scope(scope), self._need)
        if found is None:
            found = await steps.run_async(steps.admit(self._verify, self._guard, of_scope(scope), self._need))
        if found is None or isinstance(found, Problem):
            result = self._challenges.put_on(found or problem("credential_missing"), self._need.scopes)
            return await respond(send, result.status, _error(result), [_JSON, _NO_STORE, *raw(result.headers)])
        token = access_token(found)
        # The SDK ties a session to this user: another key cannot take the session over.
        scope.update(tokenry=found, user=AuthenticatedUser(token), auth=AuthCredentials(token.scopes))
        await self._app(scope, receive, telling(send, found))
        return None

    async def _well_known(self, scope: Scope, send: Send) -> None:
        """Serve the metadata. Without OAuth the answer is 404 in JSON, which tells a client that there is none."""
        metadata = self._challenges.metadata
        if metadata is not None and scope["path"] == self._challenges.path:
            return await respond(send, 200, metadata, [*_SHARED], is_head=scope["method"] == "HEAD")
        absent = problem("not_found", "There is no such document: this server takes a key.")
        return await respond(send, absent.status, absent.body(), raw(absent.fields()))


def _error(problem_answer: Problem) -> bytes:
    """Return a refusal as a JSON-RPC error: of any other body MCP clients show nothing to their users."""
    error = {"code": INVALID_REQUEST, "message": problem_answer.detail, "data": problem_answer.document()}
    return encode({"jsonrpc": "2.0", "id": None, "error": error})


def access_token(verdict: AnyValid) -> AccessToken:
    """Return a verdict as the SDK knows it. Its `token` is empty: nothing may pass the credential on."""
    ends = verdict.expires_at
    return AccessToken(
        token="",
        client_id=verdict.session.id if isinstance(verdict, SessionValid) else verdict.key.id,
        scopes=list(verdict.scopes),
        expires_at=None if ends is None else int(ends.timestamp()),
        subject=verdict.owner.external_id,
        claims={"tenant": verdict.tenant.slug},
    )

"""The ASGI application of `/console`: its pages, signing in and out, and `/v1` for signed-in operators."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

from tokenry.edge import Throttle, encode
from tokenry.edge import failures as problems
from tokenry.edge.asgi import App, Fields, Receive, Scope, Send, raw, read_body, respond
from tokenry.edge.problems import Failed, Problem, problem
from tokenry.tokenry import Tokenry
from tokenry.types import TokenValid

from ..bodies import check_kind, decoded
from ..management import SignedIn
from . import signing_in
from .files import Files

_ROOT: Final = "/console"
_SESSION: Final = "/console/session"
_API: Final = "/console/v1/"
_BODY_MAX: Final = 4096
_JSON: Final = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))


def is_of_console(path: str) -> bool:
    """Tell whether a path belongs to the console."""
    return path == _ROOT or path.startswith(_ROOT + "/")


class Console:
    """Serves the console. Its pages only call `/v1`, which `management` answers."""

    def __init__(self, tk: Tokenry, throttle: Throttle, management: App, now: Callable[[], int]) -> None:
        """Serve an installation; `now` returns the time in microseconds."""
        self._tk = tk
        self._now = now
        self._throttle = throttle
        self._management = management
        self._files = Files()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        state = scope.setdefault("state", {})
        request_id = state.setdefault("request_id", uuid.uuid4().hex)
        try:
            if scope["path"].startswith(_API):
                await self._management(await self._signed_in(scope), receive, send)
                return
            if scope["path"] == _SESSION:
                status, body, fields = await self._session(scope, receive)
            elif scope["method"] in ("GET", "HEAD"):
                status, body, fields = self._files.answer(scope["path"], scope["headers"])
            else:
                raise Failed(problem("method_not_allowed", headers=[("Allow", "GET, HEAD")]))
        except Exception as error:
            status, body, fields = _failed(problems.of(error), request_id)
        await respond(send, status, body, fields, is_head=scope["method"] == "HEAD")

    async def _signed_in(self, scope: Scope) -> Scope:
        """Translate a request of a page into its request of `/v1`."""
        verdict, token = await self._operator(scope)
        is_fresh = self._now() <= signing_in.fresh_until(verdict).timestamp() * 1_000_000
        found = SignedIn(token, signing_in.AUDIENCE, is_fresh)
        path, raw_path = scope["path"].removeprefix(_ROOT), scope.get("raw_path") or scope["path"].encode()
        state = {**scope["state"], "signed_in": found}
        return {**scope, "path": path, "raw_path": raw_path.removeprefix(_ROOT.encode()), "state": state}

    async def _session(self, scope: Scope, receive: Receive) -> tuple[int, bytes, Fields]:
        method, headers = scope["method"], scope["headers"]
        if method == "POST":
            signing_in.check_origin(headers)
            about = dict(headers)
            check_kind(about.get(b"content-type"))
            asked = decoded(await read_body(receive, about.get(b"content-length"), _BODY_MAX))
            key = asked.get("key") if isinstance(asked, dict) else None
            origin = about.get(b"origin", b"").decode("latin-1")
            cookie = await signing_in.sign_in(self._tk, self._throttle, key, self._ip(scope), origin)
            return 204, b"", [(b"set-cookie", cookie.encode()), (b"cache-control", b"no-store")]
        if method == "DELETE":
            signing_in.check_origin(headers)
            return 204, b"", signing_in.signed_out()
        if method != "GET":
            raise Failed(problem("method_not_allowed", headers=[("Allow", "DELETE, GET, POST")]))
        verdict, _ = await self._operator(scope)
        return 200, encode(_operator_document(verdict)), list(_JSON)

    async def _operator(self, scope: Scope) -> tuple[TokenValid, str]:
        signing_in.check_origin(scope["headers"])
        token = signing_in.token_of(scope["headers"])
        return await signing_in.operator(self._tk, self._throttle, token, self._ip(scope)), token

    def _ip(self, scope: Scope) -> str | None:
        return scope["state"].get("client")  # type: ignore[no-any-return]


def _operator_document(verdict: TokenValid) -> dict[str, Any]:
    """Return the facts about the sign-in that a page may show."""
    return {
        "key_id": verdict.key.id,
        "name": verdict.key.name,
        "tenant": verdict.tenant.slug,
        "scopes": verdict.scopes,
        "fresh_until": signing_in.fresh_until(verdict),
        "ends_at": verdict.expires_at,
    }


def _failed(failure: Problem, request_id: str) -> tuple[int, bytes, Fields]:
    return failure.status, failure.body(request_id), raw(failure.fields())

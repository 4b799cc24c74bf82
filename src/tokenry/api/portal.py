"""The key page of the server at `/keys/`, for owners with a link of `POST /v1/portal/sessions`."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from tokenry.edge import Presented, Throttle, encode, read_cookie
from tokenry.edge import failures as problems
from tokenry.edge.asgi import Fields, Receive, Scope, Send, raw, read_body, respond
from tokenry.edge.portal import Ended, Visiting, enter, resume
from tokenry.edge.problems import Failed, Problem, problem, refused
from tokenry.key_page import BODY_MAX, Answer, KeyPage, Link, Visit, Visitor
from tokenry.tokenry import Tokenry
from tokenry.types import Refused

from .bodies import decoded
from .threads import in_thread

ROOT: Final = "/keys"
SECURE_COOKIE: Final = "__Host-tokenry_keys"
PLAIN_COOKIE: Final = "tokenry_keys"
"""The name over plain http, where not every browser keeps a cookie that is `Secure`. Only this machine may use it."""

_ENTER: Final = "api/enter"
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_INSECURE: Final = "The key page needs https: over plain http it can be used on the machine of the server alone."


def is_of_portal(path: str) -> bool:
    """Tell whether a path belongs to the key page."""
    return path == ROOT or path.startswith(ROOT + "/")


class _Over(Exception):
    """Raised when there is no visit, or none any more."""

    def __init__(self, why: Ended) -> None:
        super().__init__(why.code)
        self.why = why


class Portal:
    """Serves the key page. A link is exchanged once for a cookie, and each call looks up the visit of its cookie."""

    def __init__(self, tk: Tokenry, throttle: Throttle) -> None:
        self._tk = tk
        self._throttle = throttle
        self._page = KeyPage({"sessions": False}, by_link=True)
        url = urlsplit(tk.settings.public_url)
        self._origins = (f"{url.scheme}://{url.netloc}",) if url.netloc else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request_id = scope.setdefault("state", {}).setdefault("request_id", uuid.uuid4().hex)
        try:
            status, body, fields = await self._answer(scope, receive)
        except _Over as over:
            status, body, fields = self._over(over.why, scope["state"].get("client"), request_id)
        except Exception as error:
            status, body, fields = _failed(problems.of(error), request_id)
        await respond(send, status, body, fields, is_head=scope["method"] == "HEAD")

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes, Fields]:
        if scope["path"] == ROOT:
            return 308, b"", raw([("Location", f"{ROOT}/"), ("Cache-Control", "no-store")])
        path, query = scope["path"].removeprefix(f"{ROOT}/"), scope["query_string"].decode("latin-1")
        visitor = Visitor(scope["method"], path, scope["headers"], query, b"", self._origins)
        file = self._page.file(visitor)
        if file is not None:
            return file
        length = dict(scope["headers"]).get(b"content-length")
        visitor = visitor._replace(body=await read_body(receive, length, BODY_MAX))
        barred = self._page.refuse(visitor)
        if barred is not None:
            return barred
        ip, request_id = scope["state"].get("client"), scope["state"]["request_id"]
        if path == _ENTER and visitor.method == "POST":
            return await self._enter(visitor, ip, request_id)
        return await in_thread(self._call, visitor, ip, request_id)

    async def _enter(self, visitor: Visitor, ip: str | None, request_id: str) -> tuple[int, bytes, Fields]:
        origin = visitor.header("origin") or ""
        is_secure = origin.startswith("https://")
        if not is_secure and not _is_loopback(origin):
            raise Failed(problem("not_allowed", _INSECURE))
        asked = decoded(visitor.body)
        code = asked.get("code") if isinstance(asked, dict) else None
        found = await in_thread(enter, self._tk, code, ip, request_id)
        if isinstance(found, Ended):
            raise _Over(found)
        visiting, cookie = found
        seconds = max(0, visiting.visit.ends_at // 1_000_000 - self._tk._now() // 1_000_000)
        name, secure = (SECURE_COOKIE, "; Secure") if is_secure else (PLAIN_COOKIE, "")
        line = f"{name}={cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}"
        return 204, b"", raw([("Set-Cookie", line), ("Cache-Control", "no-store")])

    def _call(self, visitor: Visitor, ip: str | None, request_id: str) -> Answer:
        visiting = resume(self._tk, _cookie(visitor))
        if isinstance(visiting, Ended):
            raise _Over(visiting)
        return self._page.call(visitor, self._visit(visiting, ip, request_id))

    def _visit(self, visiting: Visiting, ip: str | None, request_id: str) -> Visit:
        visit = visiting.visit
        options = replace(self._page.options, tenant=visiting.tenant.slug)
        link = Link(visit.id, visit.grants, visit.return_to)
        owner = visiting.owner.external_id
        return Visit(self._tk, owner, options, visit.scopes, ip=ip, request_id=request_id, link=link)

    def _over(self, why: Ended, ip: str | None, request_id: str) -> tuple[int, bytes, Fields]:
        """Return the answer to a call without a visit. Guesses count as failures of their address."""
        verdict = Refused(why.code)
        found = refused(self._throttle.apply(verdict, ip) if why.code == "not_found" else verdict)
        body = found.document(request_id) | {"refresh_url": why.refresh_url}
        return found.status, encode(body), raw(found.fields())


def _cookie(visitor: Visitor) -> str:
    cookies = [value.decode("latin-1") for name, value in visitor.headers if name == b"cookie"]
    found = read_cookie("; ".join(cookies), SECURE_COOKIE)
    if found is None and _is_loopback(f"//{visitor.header('host')}"):
        found = read_cookie("; ".join(cookies), PLAIN_COOKIE)
    if not isinstance(found, Presented):
        raise Failed(problem("credential_missing", "Open the key page by a link."))
    return found.text


def _is_loopback(origin: str) -> bool:
    try:
        return urlsplit(origin).hostname in _LOOPBACK
    except ValueError:
        return False


def _failed(failure: Problem, request_id: str) -> tuple[int, bytes, Any]:
    return failure.status, failure.body(request_id), raw(failure.fields())

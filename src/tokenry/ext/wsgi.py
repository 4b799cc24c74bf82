"""Any WSGI application behind keys and sessions.

    app = TokenryMiddleware(app, Tokenry("sqlite:///keys.db"), scopes="read:projects")

An admitted request has its verdict in `environ["tokenry.credential"]`.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Unpack
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from tokenry import Tokenry
from tokenry.edge.problems import Problem
from tokenry.types import Kind, ScopesAsked

from . import steps
from .answers import limits_of
from .facts import of_environ, seen_in_environ
from .guard import ALL, Asked, Guard
from .options import OptionsGiven, read_options


class TokenryMiddleware:
    """Lets requests in whose credential will do."""

    def __init__(
        self,
        app: WSGIApplication,
        tk: Tokenry,
        *,
        scopes: ScopesAsked | None = None,
        kinds: tuple[Kind, ...] = ALL,
        optional: bool = False,
        options: OptionsGiven | None = None,
        **asked: Unpack[Asked],
    ) -> None:
        """Store the requirement; `optional` admits a request without a credential, with None as its verdict."""
        self._app = app
        self._recall, self._verify = steps.recalling(tk), steps.at_once(tk)
        self._guard = Guard(read_options(options or {}))
        self._need = self._guard.need(scopes, kinds, **asked)
        self._optional = optional

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        guard, need = self._guard, self._need
        found = guard.recalled(self._recall, seen_in_environ(environ), need)
        if found is None:
            found = steps.run(steps.admit(self._verify, guard, of_environ(environ), need, optional=self._optional))
        if isinstance(found, Problem):
            body = found.body()
            fields = [*found.fields(), ("Content-Length", str(len(body)))]
            start_response(f"{found.status} {HTTPStatus(found.status).phrase}", fields)
            return [b"" if environ.get("REQUEST_METHOD") == "HEAD" else body]
        environ["tokenry.credential"] = found
        fields = limits_of(found) if found is not None else []
        if not fields:
            return self._app(environ, start_response)

        def send_with_fields(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start_response(status, [*headers, *fields], *error)

        return self._app(environ, send_with_fields)

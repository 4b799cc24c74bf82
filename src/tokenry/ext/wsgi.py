"""Any WSGI application behind keys and sessions.

    app = TokenryMiddleware(app, Tokenry("sqlite:///keys.db"), scopes="read:projects")

What it lets in finds its verdict in `environ["tokenry.credential"]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from tokenry import Tokenry
from tokenry.edge.problems import Problem

from . import steps
from .answers import limits_of
from .facts import of_environ
from .guard import ALL, Guard, Kind
from .options import read_options


class TokenryMiddleware:
    """Lets requests in whose credential will do."""

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        tk: Tokenry,
        *,
        scopes: Any = None,
        kinds: tuple[Kind, ...] = ALL,
        optional: bool = False,
        options: dict[str, Any] | None = None,
        **asked: Any,
    ) -> None:
        """Take what every request needs; with `optional` who brings nothing is let in with None as the verdict."""
        self._app = app
        self._verify = steps.at_once(tk)
        self._guard = Guard(read_options(options or {}))
        self._need = self._guard.need(scopes, kinds, **asked)
        self._optional = optional

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        admitting = steps.admit(self._verify, self._guard, of_environ(environ), self._need, optional=self._optional)
        found = steps.run(admitting)
        if isinstance(found, Problem):
            body = found.body()
            fields = [*found.fields(), ("Content-Length", str(len(body)))]
            start_response(f"{found.status} {HTTPStatus(found.status).phrase}", fields)
            return [b"" if environ.get("REQUEST_METHOD") == "HEAD" else body]
        environ["tokenry.credential"] = found
        fields = limits_of(found) if found is not None else []
        if not fields:
            return self._app(environ, start_response)

        def told(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start_response(status, [*headers, *fields], *error)

        return self._app(environ, told)

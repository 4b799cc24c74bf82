"""GitHub's reports of leaked keys. The signature of the body is the credential.

One thread at a time reads the public keys: anybody can trigger a read, and a source can be slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from tokenry.edge import encode
from tokenry.edge import failures as problems
from tokenry.edge.asgi import Receive, Scope, Send, raw, read_body, respond
from tokenry.edge.github import github_keys
from tokenry.edge.problems import Failed, problem, refused
from tokenry.tokenry import Tokenry
from tokenry.types import ConfigError, NotAllowed, Refused

from .routes import BODY_MAX, GITHUB, ROUTES
from .threads import in_thread

_IDENTIFIER: Final = b"github-public-key-identifier"
_SIGNATURE: Final = b"github-public-key-signature"
_FIELDS: Final = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
_NOT_SET: Final = (
    "This server takes no reports of GitHub. Set TOKENRY_GITHUB_KEYS (or github_keys in tokenry.toml) to"
    " https://api.github.com/meta/public_keys/secret_scanning, or to a file with that document, and start it again."
)


class GithubReports:
    """Answers `POST /v1/leaks/github`."""

    def __init__(self, tk: Tokenry) -> None:
        self._tk = tk
        self._keys = github_keys(tk)
        self._reading: asyncio.Task[Mapping[str, Any]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        dated, state = ROUTES[GITHUB].fields, scope.get("state") or {}
        try:
            body = encode(await self._report(scope, state, receive))
        except Exception as error:
            problem_answer = problems.of(_counted(error, scope, state))
            await respond(
                send,
                problem_answer.status,
                problem_answer.body(state.get("request_id", "")),
                [*raw(problem_answer.fields()), *dated],
            )
        else:
            await respond(send, 200, body, [*raw(_FIELDS), *dated])

    async def _report(self, scope: Scope, state: Mapping[str, Any], receive: Receive) -> list[dict[str, str]]:
        if scope["method"] != "POST":
            raise Failed(problem("method_not_allowed", headers=[("Allow", "POST")]))
        if not self._keys.source:
            raise Failed(problem("not_found", _NOT_SET))
        fields = dict(scope["headers"])
        identifier, signature = (fields.get(name, b"").decode("latin-1") for name in (_IDENTIFIER, _SIGNATURE))
        if not identifier or not signature:
            raise NotAllowed("a report needs Github-Public-Key-Identifier and Github-Public-Key-Signature")
        public_keys = await self._public_keys(identifier)
        body = await read_body(receive, fields.get(b"content-length"), BODY_MAX)
        leaks = self._tk.scoped(
            ip=state.get("client"), request_id=state.get("request_id"), traceparent=state.get("traceparent")
        ).leaks
        return await in_thread(
            leaks.report_github, body, identifier=identifier, signature=signature, public_keys=public_keys
        )

    async def _public_keys(self, identifier: str) -> Mapping[str, Any]:
        try:
            while (found := self._keys.recall(identifier)) is None:
                reading = self._reading
                if reading is None or reading.done():
                    reading = self._reading = asyncio.create_task(in_thread(self._keys.document, identifier))
                with suppress(NotAllowed):  # the failure concerns only the key that this read was started for
                    await asyncio.shield(reading)
        except ConfigError:
            raise Failed(problem("keys_unavailable", headers=[("Retry-After", "60")])) from None
        return found


def _counted(error: Exception, scope: Scope, state: Mapping[str, Any]) -> Exception:
    """Count a report without GitHub's signature as a failure of its address; failures per address are limited."""
    throttle, peer = state.get("throttle"), scope.get("client")
    if not isinstance(error, NotAllowed) or throttle is None:
        return error
    result = throttle.apply(Refused("not_found"), state.get("client") or (peer[0] if peer else None))
    return Failed(refused(result)) if result.code == "throttled" else error

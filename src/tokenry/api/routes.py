"""What happens around every endpoint: the caller is let in, then the request is read, then the answer is sealed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Coroutine
from typing import Any, Final, cast
from urllib.parse import unquote_to_bytes

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from tokenry.types import FieldError, Invalid

from . import problems, replies
from .bodies import BoundedRequest
from .policy import POLICY
from .problems import Failed, problem
from .schemas import Checks

_REPEATED: Final = frozenset(("types",))
"""The parameters that are lists: given once for every item."""

_CODES: Final = {"extra_forbidden": ("unknown_field", "is not a field of this request"), "missing": ("missing", "")}


class Route(APIRoute):
    """A route that lets nobody in but whom the policy names, before anything of the request is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of a request."""
        handle, rule, reads = super().get_route_handler(), POLICY[str(self.operation_id)], self.body_field is not None
        body = self.body_field.field_info.annotation if self.body_field is not None else None
        checks: Checks = getattr(body, "checks", {})
        known = frozenset(parameter.alias for parameter in self._query())
        heeds_match = any(parameter.alias == "If-Match" for parameter in self.dependant.header_params)

        async def handler(request: Request) -> Response:
            request_id = request_id_of(request)
            try:
                bounded = BoundedRequest(request.scope, request.receive)
                bounded.state.call = await request.app.state.callers.admit(request, rule, request_id)
                await bounded.load()
                _check_encoding(request)
                wrong = _query_errors(request, known) + _head_errors(request, heeds_match)
                wrong += [] if reads else bounded.stray()
                if wrong:
                    raise Invalid([*wrong, *_named(self._unread(bounded), checks)])
                response = await handle(bounded)
            except Exception as error:
                response = replies.failure(problems.of(_read_error(error, checks)), request_id)
            response.headers["X-Request-Id"] = request_id
            return response

        return handler

    def _unread(self, request: BoundedRequest) -> RequestValidationError:
        """Say what else is wrong with a request that is refused before it is read."""
        errors: list[Any] = []
        for parameter in self._query():
            given = request.query_params.getlist(parameter.alias)
            if given:
                value = given if parameter.alias in _REPEATED else given[-1]
                errors += parameter.validate(value, loc=("query", parameter.alias))[1]
        body = request.told
        if self.body_field is not None and body is not None:
            errors += self.body_field.validate(body, loc=("body",))[1]
        elif self.body_field is not None and self.body_field.field_info.is_required():
            errors.append({"type": "missing", "loc": ("body",), "msg": "Field required"})
        return RequestValidationError(errors, body=body)

    def _query(self) -> list[Any]:
        waiting, found = [self.dependant], []
        while waiting:
            dependant = waiting.pop()
            found += dependant.query_params
            waiting += dependant.dependencies
        return found


def request_id_of(request: Request) -> str:
    """Return the id that the outer application gave a request, or a new one."""
    state = request.scope.setdefault("state", {})
    if not state.get("request_id"):
        state["request_id"] = uuid.uuid4().hex
    return cast("str", state["request_id"])


def _check_encoding(request: Request) -> None:
    """Raise Failed for a URL that is no UTF-8: two that differ would be read as the same."""
    for part in (request.scope.get("raw_path") or b"", request.scope["query_string"]):
        try:
            unquote_to_bytes(part).decode()
        except UnicodeDecodeError:
            raise Failed(problem("bad_request", "What stands in the URL behind % is not UTF-8.")) from None


def _head_errors(request: Request, heeds_match: bool) -> list[FieldError]:
    """Name what is given twice, and a condition that is not heeded: what it was to prevent would happen."""
    errors = [
        FieldError(name, "duplicate", "is given more than once")
        for name in ("Idempotency-Key", "If-Match")
        if len(request.headers.getlist(name)) > 1
    ]
    if "If-Match" in request.headers and not heeds_match and request.method != "GET":
        errors.append(FieldError("If-Match", "unknown_field", "is heeded by PATCH of a key alone"))
    return errors


def _query_errors(request: Request, known: frozenset[str]) -> list[FieldError]:
    """Name parameters that are unknown or given twice: a filter that is not heeded answers too much."""
    errors, seen = [], set()
    for name, _ in request.query_params.multi_items():
        if name not in known:
            errors.append(FieldError(name[:100], "unknown_field", "is not a parameter of this request"))
        elif name in seen and name not in _REPEATED:
            errors.append(FieldError(name, "duplicate", "is given more than once"))
        seen.add(name)
    return errors


def _read_error(error: Exception, checks: Checks) -> Exception:
    """Return an error in the words of the wire."""
    return Invalid(_named(error, checks)) if isinstance(error, RequestValidationError) else error


def _named(error: RequestValidationError, checks: Checks) -> list[FieldError]:
    """Name every mistake of a request; a body of another form is told what else is wrong with its values."""
    found = [_field_error(one) for one in error.errors()]
    if isinstance(error.body, dict):
        wrong = {one.field.partition(".")[0] for one in found}
        for name in [name for name in checks if name in error.body and name not in wrong]:
            checks[name](name, error.body[name], found)
    return found


def _field_error(error: Any) -> FieldError:
    where = [str(part)[:100] for part in error["loc"]]
    field = ".".join(where[1:] or where)
    code, message = _CODES.get(error["type"], (error["type"], ""))
    return FieldError(field, code, message or error["msg"])

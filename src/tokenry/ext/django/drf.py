"""Django REST framework: an authentication class, a permission, and problems as answers.

class Projects(APIView):
    authentication_classes = [TokenryAuthentication]
    permission_classes = [CredentialRequired]
    required_scopes = {"GET": ["read:projects"], "POST": ["write:projects"]}
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.http import HttpResponse

from ..extras import missing

try:
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.exceptions import APIException
    from rest_framework.permissions import BasePermission
    from rest_framework.request import Request
    from rest_framework.views import APIView
    from rest_framework.views import exception_handler as drf_exception_handler
except ModuleNotFoundError as error:
    raise missing(error, "djangorestframework") from None

from tokenry.edge.problems import Problem
from tokenry.types import AnyValid, Valid

from ..answers import problem
from ..guard import ALL, Need
from .admitting import Refusal, admitted, answer
from .engine import guard, user_loader

_UNSAID = object()


class Refused(APIException):
    """A credential that was refused, as DRF can answer it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail, problem.code)
        self.status_code = problem.status
        self.problem = problem
        self.wait = problem.retry_after
        self.auth_header = dict(problem.headers).get("WWW-Authenticate")


class Holder:
    """The user of a request if the project loads no users: only the owner of the credential."""

    is_authenticated = is_active = True
    is_anonymous = is_staff = is_superuser = False

    def __init__(self, credential: Valid) -> None:
        self.pk = self.id = self.username = credential.owner.external_id

    def __str__(self) -> str:
        return self.username


class TokenryAuthentication(BaseAuthentication):
    """Verifies the credential of a request, with the scopes that its view names.

    A view sets `required_scopes`, for all methods or as a mapping by method, and `credential_kinds` (`("key",)`, …).
    `request.user` is the user that the project loads, else a `Holder`; `request.auth` is the verdict.
    """

    def authenticate(self, request: Request) -> tuple[object, AnyValid] | None:
        """Return the user and the verdict, None when no credential came; raise Refused."""
        wanted = _need_of((request.parser_context or {}).get("view"), request.method)
        try:
            found = admitted(request._request, wanted, optional=True)
        except Refusal as refusal:
            raise Refused(refusal.problem) from None
        if found is None:
            return None
        # Never the user of Django's own session, who may differ from the credential's owner.
        return (Holder(found) if user_loader() is None else request._request.user), found

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge to a request without a credential."""
        return "Bearer"


class CredentialRequired(BasePermission):
    """Lets in requests with a verified credential, and no request that is authenticated in another way."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return whether the request carries a verdict; raise Refused for a request without a credential."""
        if isinstance(request.auth, Valid):
            return True
        if not request.successful_authenticator:
            raise Refused(problem("credential_missing"))
        return False


def exception_handler(error: Exception, context: dict[str, object]) -> HttpResponse | None:
    """Answer refusals as problems and with their hooks; for `EXCEPTION_HANDLER` of `REST_FRAMEWORK`."""
    if isinstance(error, Refused):
        response: HttpResponse = answer(error.problem)
        return response
    handled: HttpResponse | None = drf_exception_handler(error, context)
    return handled


def _need_of(view: Any, method: str) -> Need:
    """Return the requirement of a view. A mapping without the method refuses the request."""
    scopes = getattr(view, "required_scopes", None)
    if isinstance(scopes, dict) and "any" not in scopes and "all" not in scopes:
        scopes = scopes.get("GET" if method in ("HEAD", "OPTIONS") and method not in scopes else method, _UNSAID)
        if scopes is _UNSAID:
            raise Refused(problem("wrong_kind"))
    return guard().need(scopes, getattr(view, "credential_kinds", ALL))


# drf-spectacular only finds extensions that are imported before it makes a schema.
with suppress(ModuleNotFoundError):
    from . import spectacular  # noqa: F401

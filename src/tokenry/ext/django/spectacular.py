"""drf-spectacular: the schemes of `TokenryAuthentication`, and how operations with a credential refuse."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from ..openapi import BEARER, SESSION, described
from .engine import guard


class TokenryScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes a credential in a header, and the access cookie of a session."""

    target_class = "tokenry.ext.django.drf.TokenryAuthentication"
    name = [BEARER, SESSION]  # noqa: RUF012 - as the extension wants it

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """Declare that either scheme is enough."""
        return [{BEARER: []}, {SESSION: []}]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """Return both schemes."""
        about = "An API key, or the access token of a session."
        cookie = {"type": "apiKey", "in": "cookie", "name": guard().options.access_name}
        return [{"type": "http", "scheme": "bearer", "description": about}, cookie]


def with_refusals(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Describe the answers 401, 403 and 429; for `POSTPROCESSING_HOOKS` of `SPECTACULAR_SETTINGS`."""
    return described(result)

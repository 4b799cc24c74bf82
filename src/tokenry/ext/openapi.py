"""Describes routes that need a credential in the OpenAPI document of an application."""

from __future__ import annotations

from typing import Any, Final

from tokenry.edge.problems import MEDIA_TYPE

BEARER: Final = "Bearer"
SESSION: Final = "Session"
REFRESH: Final = "Refresh"
"""The names of the security schemes: a credential in a header, the access cookie, and the refresh cookie."""

OPTIONAL: Final = "Optional"
"""Follows the name of a scheme where a request without a credential is answered, too. `described` takes it away."""

_SCHEMES: Final = frozenset((BEARER, SESSION, REFRESH))
_OPTIONALS: Final = frozenset((BEARER + OPTIONAL, SESSION + OPTIONAL))
_TEXTS: Final = ("type", "title", "detail", "code")
_PROBLEM: Final[dict[str, Any]] = {
    "title": "TokenryProblem",
    "description": "A refusal (RFC 9457). `code` says why.",
    "type": "object",
    "required": [*_TEXTS, "status"],
    "properties": {**{name: {"type": "string"} for name in _TEXTS}, "status": {"type": "integer"}},
}
_CONTENT: Final = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/TokenryProblem"}}}
_REFUSALS: Final = {
    "401": {"description": "The credential is missing, unknown, expired or revoked.", "content": _CONTENT},
    "403": {"description": "The credential is good, but does not suffice for this request.", "content": _CONTENT},
    "429": {"description": "A limit is used up: wait for the seconds in `Retry-After`.", "content": _CONTENT},
}


def described(document: dict[str, Any]) -> dict[str, Any]:
    """Say in a document which operations need no credential, and how those that take one refuse.

    The operation's own entries stay.
    """
    schemes = document.get("components", {}).get("securitySchemes", {})
    for name in (BEARER, SESSION):
        if name + OPTIONAL in schemes:
            schemes[name] = schemes.pop(name + OPTIONAL)
    for path in document.get("paths", {}).values():
        for operation in path.values():
            if "security" in operation:
                operation["security"] = _needs(operation["security"])
            if any(_SCHEMES & need.keys() for need in operation.get("security", ())):
                operation["responses"] = {**_REFUSALS, **operation["responses"]}
                document["components"].setdefault("schemas", {}).setdefault("TokenryProblem", _PROBLEM)
    return document


def _needs(security: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the requirements of an operation, with an empty one at the end if all of them are optional."""
    needs: list[dict[str, Any]] = []
    for one in security:
        need = {name.removesuffix(OPTIONAL) if name in _OPTIONALS else name: value for name, value in one.items()}
        if need not in needs:
            needs.append(need)
    return [*needs, {}] if security and all(_OPTIONALS & one.keys() for one in security) else needs

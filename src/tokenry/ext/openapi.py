"""What the OpenAPI document of an application says of routes that need a credential."""

from __future__ import annotations

from typing import Any, Final

from tokenry.edge.problems import MEDIA_TYPE

BEARER: Final = "Bearer"
SESSION: Final = "Session"
REFRESH: Final = "Refresh"
"""The names of the security schemes: a credential in a header, the access cookie, and the refresh cookie."""

_SCHEMES: Final = frozenset((BEARER, SESSION, REFRESH))
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


def with_refusals(document: dict[str, Any]) -> dict[str, Any]:
    """Add the refusals to the operations of a document that need a credential; what an operation says stays."""
    for path in document.get("paths", {}).values():
        for operation in path.values():
            if any(_SCHEMES & need.keys() for need in operation.get("security", ())):
                operation["responses"] = {**_REFUSALS, **operation["responses"]}
                document["components"].setdefault("schemas", {}).setdefault("TokenryProblem", _PROBLEM)
    return document

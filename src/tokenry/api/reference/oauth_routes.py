"""What the OpenAPI document says of the OAuth endpoints, which their standards describe better."""

from __future__ import annotations

from typing import Any, Final

_TEXT: Final = {"type": "string"}
_MANY: Final = {"type": "array", "items": _TEXT}
_SECONDS: Final = {"type": "integer", "minimum": 0}
_ERROR: Final = {
    "type": "object",
    "required": ["error", "error_description"],
    "properties": {"error": _TEXT, "error_description": _TEXT},
}
_TOKENS: Final = {
    "type": "object",
    "required": ["access_token", "token_type", "expires_in", "scope"],
    "properties": {
        "access_token": _TEXT,
        "token_type": {"type": "string", "enum": ["Bearer"]},
        "expires_in": _SECONDS,
        "scope": _TEXT,
        "refresh_token": {**_TEXT, "description": "Of a refresh."},
        "issued_token_type": {**_TEXT, "description": "Of an exchange."},
    },
}
_INTROSPECTION: Final = {
    "type": "object",
    "required": ["active"],
    "properties": {"active": {"type": "boolean"}, "scope": _TEXT, "client_id": _TEXT, "sub": _TEXT, "exp": _SECONDS},
}
_METADATA: Final = {"type": "object", "required": ["issuer", "token_endpoint", "jwks_uri"]}
_JWKS: Final = {"type": "object", "required": ["keys"], "properties": {"keys": {"type": "array"}}}
_CLIENT: Final = {"client_id": _TEXT, "client_secret": _TEXT}
_EITHER: Final[list[dict[str, Any]]] = [{}, {"client": []}, {"bearer": []}]


def described(document: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI document with the OAuth endpoints of the tenant `default` in it."""
    document["components"]["securitySchemes"]["client"] = {
        "type": "http",
        "scheme": "basic",
        "description": "`client_secret_basic`: the id of a key, and its secret.",
    }
    document["tags"] = [
        *document.get("tags", ()),
        {"name": "oauth", "description": "Of the tenant `default`; below `/t/{slug}` those of any tenant."},
    ]
    token = {
        **dict.fromkeys(("grant_type", "refresh_token", "scope", "subject_token", "subject_token_type"), _TEXT),
        "audience": _MANY,
        "resource": _MANY,
        "requested_token_type": _TEXT,
        "expires_in": _SECONDS,
    }
    one = {"token": _TEXT, "token_type_hint": _TEXT}
    document["paths"] |= {
        "/oauth/token": _post("token", "Get tokens for a refresh token, or for a key.", token, ["grant_type"], _TOKENS),
        "/oauth/introspect": _post("introspect", "Tell what a token is.", one, ["token"], _INTROSPECTION, _EITHER[1:]),
        "/oauth/revoke": _post("revoke", "End the session of a token.", one, ["token"], {"type": "object"}),
        "/.well-known/jwks.json": _get("jwks", "The public keys of the issuer.", "application/jwk-set+json", _JWKS),
        "/.well-known/oauth-authorization-server": _get(
            "metadata", "Where the endpoints of the issuer are.", "application/json", _METADATA
        ),
    }
    return document


def _post(
    id: str,
    summary: str,
    fields: dict[str, Any],
    needed: list[str],
    answer: dict[str, Any],
    security: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    form = {"type": "object", "required": needed, "properties": {**fields, **_CLIENT}}
    told = _operation(id, summary, "application/json", answer, _EITHER if security is None else security)
    told["requestBody"] = {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}}
    for status, about in (
        (400, "RFC 6749, 5.2."),
        (401, "The client."),
        (403, "Its scopes."),
        (429, "Later."),
        (503, "Down."),
    ):
        told["responses"][str(status)] = {
            "description": about,
            "content": {"application/json": {"schema": _ERROR}},
        }
    return {"post": told}


def _get(id: str, summary: str, kind: str, answer: dict[str, Any]) -> dict[str, Any]:
    told = _operation(id, summary, kind, answer, [])
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    told["responses"] |= {str(status): {"description": "A problem.", "content": problem} for status in (404, 503)}
    return {"get": told}


def _operation(
    id: str, summary: str, kind: str, answer: dict[str, Any], security: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "tags": ["oauth"],
        "operationId": f"oauth.{id}",
        "summary": summary,
        "description": summary,
        "security": security,
        "responses": {"200": {"description": "The answer.", "content": {kind: {"schema": answer}}}},
    }

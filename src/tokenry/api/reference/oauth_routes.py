"""The requests and answers of OAuth in the OpenAPI document; the RFCs describe them in full."""

from __future__ import annotations

from typing import Any, Final

from ..routes import INTROSPECT, JWKS, METADATA, REVOKE, ROUTES, TOKEN
from .openapi import dated

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
_ISSUER: Final = "https://keys.example.com/t/default"
_TOKEN_EXAMPLE: Final = {
    "access_token": "eyJhbGciOiJFUzI1NiJ9…",
    "token_type": "Bearer",
    "expires_in": 300,
    "refresh_token": "tk_rt_1…",
    "scope": "read:projects",
}
_INTROSPECTION_EXAMPLE: Final = {
    "active": True,
    "token_type": "Bearer",
    "scope": "read:projects",
    "iss": _ISSUER,
    "sub": "user-42",
    "client_id": "key_01k9v5m0q2x8r7c4t6y3w1",
    "tid": "default",
    "iat": 1798761600,
    "exp": 1801353600,
}
_KEY_EXAMPLE: Final = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "kid": "4Zq0v1nUeXk2TtSb",
    "use": "sig",
    "alg": "ES256",
}
_METADATA_EXAMPLE: Final = {
    "issuer": _ISSUER,
    "token_endpoint": f"{_ISSUER}/oauth/token",
    "introspection_endpoint": f"{_ISSUER}/oauth/introspect",
    "revocation_endpoint": f"{_ISSUER}/oauth/revoke",
    "jwks_uri": f"{_ISSUER}/.well-known/jwks.json",
    "response_types_supported": [],
    "grant_types_supported": ["refresh_token", "urn:ietf:params:oauth:grant-type:token-exchange"],
    "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
    "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
    "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
}
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
    paths = document["paths"]
    paths[TOKEN] = _post(TOKEN, token, _TOKENS, {"grant_type": "refresh_token", "refresh_token": "tk_rt_1…"})
    paths[INTROSPECT] = _post(INTROSPECT, one, _INTROSPECTION, {"token": "tk_live_1…"}, _EITHER[1:])
    paths[REVOKE] = _post(REVOKE, one, {"type": "object"}, {"token": "tk_rt_1…"})
    paths[JWKS] = _get(JWKS, "application/jwk-set+json", _JWKS)
    paths[METADATA] = _get(METADATA, "application/json", _METADATA)
    return document


def _post(
    path: str,
    fields: dict[str, Any],
    answer: dict[str, Any],
    sample: dict[str, str],
    security: list[dict[str, Any]] = _EITHER,
) -> dict[str, Any]:
    """Return an endpoint that takes a form; the first field of the example is required."""
    form = {"type": "object", "required": [next(iter(sample))], "properties": {**fields, **_CLIENT}}
    result = _operation(path, "application/json", answer, security)
    content = {"schema": form, "example": sample}
    result["requestBody"] = {"required": True, "content": {"application/x-www-form-urlencoded": content}}
    for status, about in (
        (400, "RFC 6749, 5.2."),
        (401, "The client."),
        (403, "Its scopes."),
        (429, "Later."),
        (503, "Down."),
    ):
        result["responses"][str(status)] = {
            "description": about,
            "content": {"application/json": {"schema": _ERROR}},
        }
    return {"post": result}


def _get(path: str, kind: str, answer: dict[str, Any]) -> dict[str, Any]:
    result = _operation(path, kind, answer, [])
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    result["responses"] |= {str(status): {"description": "A problem.", "content": problem} for status in (404, 503)}
    return {"get": result}


def _operation(path: str, kind: str, answer: dict[str, Any], security: list[dict[str, Any]]) -> dict[str, Any]:
    route, (description, sample) = ROUTES[path], _TOLD[path]
    content = {kind: {"schema": answer, "example": sample}}
    return {
        "tags": ["oauth"],
        "operationId": route.id,
        "summary": route.about,
        **dated(route.deprecated, description),
        "security": security,
        "responses": {"200": {"description": "The answer.", "content": content}},
    }


_TOLD: Final[dict[str, tuple[str, Any]]] = {
    TOKEN: (
        "A refresh (RFC 6749) answers with the next pair of tokens, a token exchange (RFC 8693) with an access token.",
        _TOKEN_EXAMPLE,
    ),
    INTROSPECT: (
        'RFC 7662, for callers with a key that holds `tokenry:verify`. What is not valid is `{"active": false}`.',
        _INTROSPECTION_EXAMPLE,
    ),
    REVOKE: (
        "RFC 7009, by the refresh or the access token. An unknown token has nothing to be ended, which is no error.",
        {},
    ),
    JWKS: (
        "RFC 7517. Verifiers keep them for a minute, and ask again for a `kid` that they do not know.",
        {"keys": [_KEY_EXAMPLE]},
    ),
    METADATA: (
        "RFC 8414. It needs an issuer that is a URL.",
        _METADATA_EXAMPLE,
    ),
}
"""The description and an example of the answer of each endpoint."""

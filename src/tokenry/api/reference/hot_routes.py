"""What the OpenAPI document says of the hot routes and of operations, which the table does not hold."""

from __future__ import annotations

from typing import Any, Final

from ..hot.questions import BATCH_MAX

_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
_TEXT: Final = {"type": "string"}
_MAYBE: Final = {"anyOf": [_TEXT, {"type": "null"}]}
_SCOPES: Final = {
    "description": 'A scope, a list (all of them), or `{"any": […]}` and `{"all": […]}`, nested.',
    "examples": [["read:projects"]],
}
_QUESTION: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["credential"],
    "properties": {
        "credential": {**_TEXT, "description": "A key or an access token."},
        "scopes": _SCOPES,
        "ip": {**_MAYBE, "description": "The address of the client.", "examples": ["203.0.113.7"]},
        "tenant": {**_MAYBE, "description": "Refuse credentials of any other tenant."},
        "environment": {**_MAYBE, "description": "Refuse credentials of any other environment."},
        "cost": {"type": "integer", "minimum": 0, "maximum": 10**9, "description": "1 by default; 0 takes nothing."},
        "audience": {**_MAYBE, "description": "Refuse tokens that were made for another audience."},
    },
}
_YES_OR_NO: Final = {"type": "boolean"}
_SECONDS: Final = {"type": "integer", "description": "In whole seconds."}
_TENANT: Final = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("id", "slug", "name", "prefix"), _TEXT),
        "status": {"type": "string", "enum": ["active", "suspended"]},
        **dict.fromkeys(("expires_in_default_seconds", "expires_in_max_seconds"), _SECONDS),
        **dict.fromkeys(("never_allowed", "self_rotation_allowed"), _YES_OR_NO),
        "created_at": {"type": "string", "format": "date-time"},
    },
}
_TENANT["required"] = list(_TENANT["properties"])
_VERDICT: Final = {
    "type": "object",
    "properties": {
        "valid": _YES_OR_NO,
        "code": {**_TEXT, "description": "`valid`, or why not."},
        "kind": {"anyOf": [{"type": "string", "enum": ["key", "session", "token"]}, {"type": "null"}]},
        "key": {"anyOf": [{"$ref": "#/components/schemas/Key"}, {"type": "null"}]},
        "session": {"anyOf": [{"$ref": "#/components/schemas/Session"}, {"type": "null"}]},
        "owner": {"anyOf": [{"$ref": "#/components/schemas/Owner"}, {"type": "null"}]},
        "tenant": {"anyOf": [{"$ref": "#/components/schemas/VerdictTenant"}, {"type": "null"}]},
        "scopes": {"type": "array", "items": _TEXT},
        "claims": {"type": "object", "description": "What an access token says; of a key, and in a refusal, nothing."},
        "limits": {"type": "array", "items": {"$ref": "#/components/schemas/LimitState"}},
        "retry_after": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    },
}
_VERDICT["required"] = list(_VERDICT["properties"])


def described(document: dict[str, Any], *, operations: bool) -> dict[str, Any]:
    """Return an OpenAPI document with the hot routes in it, and with operations where they are served."""
    refused = {401: "The caller, or with `?status=http` the credential.", 403: "The same.", 429: "The same."}
    failed = {
        400: "No JSON.",
        413: "Too large.",
        415: "Not said to be JSON.",
        422: "A malformed question.",
        503: "Down.",
    }
    of_body = {**refused, **failed}
    verdicts = {"type": "object", "required": ["verdicts"], "properties": {"verdicts": _list(_ref("Verdict"))}}
    questions = {"type": "object", "additionalProperties": False, "required": ["questions"], "properties": {}}
    questions["properties"] = {"questions": _list(_ref("VerifyQuestion"), minItems=1, maxItems=BATCH_MAX)}
    status = {"name": "status", "in": "query", "required": False, "schema": {"type": "string", "enum": ["http"]}}
    document["components"]["schemas"] |= {"VerifyQuestion": _QUESTION, "Verdict": _VERDICT, "VerdictTenant": _TENANT}
    document["tags"] = [{"name": "verify", "description": "Whether a credential holds."}, *document.get("tags", ())]
    if operations:
        document["tags"].append({"name": "operations", "description": "For who runs the server; without a credential."})
        document["paths"] |= _OPERATIONS
    document["paths"] |= {
        "/v1/verify": {
            "post": {
                **_operation("verify", "Answer whether a credential holds.", of_body, _ref("Verdict")),
                "parameters": [{**status, "description": "Answer a refusal with 401, 403 or 429 in place of 200."}],
                "requestBody": _body(_ref("VerifyQuestion")),
            }
        },
        "/v1/verify/batch": {
            "post": {
                **_operation("verify.batch", "Answer several questions in their order.", of_body, verdicts),
                "requestBody": _body(questions),
            }
        },
        "/v1/auth": {"get": _auth(refused)},
    }
    return document


def _asked(id: str, summary: str, answers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    told = {"tags": ["operations"], "operationId": id, "summary": summary, "security": [], "responses": answers}
    return {"get": told}


def _status(about: str, *values: str) -> dict[str, Any]:
    fields = {"status": {"type": "string", "enum": list(values)}, "reason": _TEXT}
    schema = {"type": "object", "required": ["status"], "properties": fields}
    return {"description": about, "content": {"application/json": {"schema": schema}}}


_OPERATIONS: Final = {
    "/healthz": _asked("healthz", "Tell that the process answers.", {"200": _status("It does.", "ok")}),
    "/readyz": _asked(
        "readyz",
        "Tell whether the database answers, too.",
        {"200": _status("It does.", "ready"), "503": _status("Send requests elsewhere.", "unavailable")},
    ),
    "/metrics": _asked(
        "metrics",
        "Tell what was counted, in the text format of Prometheus.",
        {"200": {"description": "The numbers.", "content": {"text/plain": {"schema": _TEXT}}}},
    ),
}


def _auth(refused: dict[int, str]) -> dict[str, Any]:
    names = ("Key-Id", "Owner", "Tenant", "Scopes", "Session")
    places = (
        ("scopes", "query", "Scopes that have to be held, separated by spaces or commas."),
        ("environment", "query", "The environment of the key."),
        ("X-Auth-Require-Scopes", "header", "As `scopes`. Everything that is found has to be met."),
        ("X-Auth-Require-Environment", "header", "As `environment`."),
    )
    told = {
        **_operation("auth", "Answer a proxy that asks about a request, by any method and on any path below.", refused),
        "description": "An unknown parameter is refused, so that a mistyped requirement lets nobody in. Below "
        "`/v1/auth/for/` the query belongs to the API: it is not read.",
        "parameters": [
            {"name": name, "in": place, "required": False, "schema": _TEXT, "description": about}
            for name, place, about in places
        ],
    }
    told["responses"] |= {str(code): {"description": "A problem.", "content": _PROBLEM} for code in (400, 422, 503)}
    told["responses"]["200"] |= {"headers": {f"X-Auth-{name}": {"schema": _TEXT} for name in names}}
    return told


def _operation(id: str, summary: str, problems: dict[int, str], answer: dict[str, Any] | None = None) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "The answer."}
    if answer is not None:
        good["content"] = {"application/json": {"schema": answer}}
    responses = {"200": good}
    for code, about in problems.items():
        responses[str(code)] = {"description": about, "content": {**_PROBLEM, **good.get("content", {})}}
    security: list[dict[str, Any]] = [{"bearer": []}, {"header": []}]
    return {
        "tags": ["verify"],
        "operationId": id,
        "summary": summary,
        "description": summary,
        "security": security,
        "responses": responses,
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(items: dict[str, Any], **bounds: int) -> dict[str, Any]:
    return {"type": "array", "items": items, **bounds}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}

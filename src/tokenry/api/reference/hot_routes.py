"""The hot routes, GitHub's reports, and operations in the OpenAPI document."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

from ..hot.questions import BATCH_MAX
from ..routes import AUTH, BATCH, GITHUB, ROUTES, VERIFY
from .examples import example
from .openapi import dated

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
        "credential": {**_TEXT, "description": "A key or an access token.", "examples": ["tk_live_1…"]},
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
_OPTIONAL: Final = ("default_limits", "shared_limits")
_ADDED: Final = (*_OPTIONAL, "time_zone", "on_leak", "max_idle_seconds", "contact")
_TENANT: Final = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("id", "slug", "name", "prefix"), _TEXT),
        "status": {"type": "string", "enum": ["active", "suspended"]},
        **dict.fromkeys(("expires_in_default_seconds", "expires_in_max_seconds"), _SECONDS),
        **dict.fromkeys(("never_allowed", "self_rotation_allowed"), _YES_OR_NO),
        "created_at": {"type": "string", "format": "date-time"},
        **{name: {"type": "array", "items": {"$ref": "#/components/schemas/Limit"}} for name in _OPTIONAL},
        "time_zone": {**_TEXT, "description": "Credits are refilled at midnight there."},
        "on_leak": {**_TEXT, "enum": ["revoke", "flag"], "description": "The effect of a leak report on a key."},
        "max_idle_seconds": {
            "type": ["integer", "null"],
            "description": "Keys that are unused for so long are disabled.",
        },
        "contact": {"type": ["string", "null"], "description": "The mail address for notices."},
    },
}
_TENANT["required"] = [name for name in _TENANT["properties"] if name not in _ADDED]
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
        "claims": {"type": "object", "description": "The claims of an access token; empty for keys and refusals."},
        "limits": {"type": "array", "items": {"$ref": "#/components/schemas/LimitState"}},
        "retry_after": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "limited_by": {
            "anyOf": [{"$ref": "#/components/schemas/LimitState"}, {"type": "null"}],
            "description": "The limit that refuses, of `rate_limited`.",
        },
        "credits": {"anyOf": [{"$ref": "#/components/schemas/CreditState"}, {"type": "null"}]},
    },
}
_VERDICT["required"] = list(_VERDICT["properties"])
_REFUSED: Final = {401: "revoked", 403: "insufficient_scope", 429: "rate_limited"}
"""A code for each status that `?status=http` has for refusals."""

_REFUSAL: Final[dict[str, Any]] = {
    **dict.fromkeys(_VERDICT["properties"]),
    "valid": False,
    "scopes": [],
    "claims": {},
    "limits": [],
}
_ASKED: Final = {"credential": "tk_live_1…", "scopes": ["read:projects"], "ip": "203.0.113.7"}
_MATCH: Final = {
    "token": "tk_live_1…",
    "type": "tokenry_key",
    "url": "https://github.com/octocat/hello/blob/1a2b3c/settings.py",
    "source": "content",
}
_ABOUT: Final = {
    VERIFY: "A refusal is 200, too, with `valid` false and the reason as `code`, unless `?status=http` is asked.",
    BATCH: f"At most {BATCH_MAX} questions, of which each takes from limits as one verification does.",
    AUTH: "Any method, and any path below. An unknown parameter is refused, so that a mistyped requirement lets "
    "nobody in. Below `/v1/auth/for/` the query belongs to the API: it is not read.",
    GITHUB: "The body is signed by GitHub, which needs no key. It has at most 1,000 matches. The setting `github_keys` "
    "says where GitHub's public keys are; without it the answer is 404.",
}


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
    verdict = _verdict(document["components"]["schemas"])
    verify = _operation(VERIFY, of_body, _ref("Verdict"), verdict)
    for code, why in _REFUSED.items():
        field_values = {"schema": _ref("Verdict"), "example": {**_REFUSAL, "code": why}}
        verify["responses"][str(code)]["content"]["application/json"] = field_values
    document["paths"] |= {
        VERIFY: {
            "post": {
                **verify,
                "parameters": [{**status, "description": "Answer a refusal with 401, 403 or 429 in place of 200."}],
                "requestBody": _body(_ref("VerifyQuestion"), _ASKED),
            }
        },
        BATCH: {
            "post": {
                **_operation(BATCH, of_body, verdicts, {"verdicts": [verdict]}),
                "requestBody": _body(questions, {"questions": [_ASKED]}),
            }
        },
        AUTH: {"get": _auth(refused)},
        GITHUB: {"post": _github()},
    }
    return document


def _asked(id: str, summary: str, answers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    field_values = {"tags": ["operations"], "operationId": id, "summary": summary, "security": [], "responses": answers}
    return {"get": field_values}


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
    names = {
        "Key-Id": "key_01k9v5m0q2x8r7c4t6y3w1",
        "Owner": "user-42",
        "Tenant": "default",
        "Scopes": "read:projects",
        "Session": "",
    }
    places = (
        ("scopes", "query", "Scopes that have to be held, separated by spaces or commas.", "read:projects"),
        ("environment", "query", "The environment of the key.", "live"),
        (
            "X-Auth-Require-Scopes",
            "header",
            "As `scopes`. Everything that is found has to be met.",
            "read:projects",
        ),
        ("X-Auth-Require-Environment", "header", "As `environment`.", "live"),
    )
    field_values = {
        **_operation(AUTH, refused),
        "parameters": [
            {"name": name, "in": place, "required": False, "schema": _TEXT, "description": about, "example": sample}
            for name, place, about, sample in places
        ],
    }
    field_values["responses"] |= {
        str(code): {"description": "A problem.", "content": _PROBLEM} for code in (400, 422, 503)
    }
    field_values["responses"]["200"] |= {
        "headers": {f"X-Auth-{name}": {"schema": _TEXT, "example": sample} for name, sample in names.items()}
    }
    return field_values


def _github() -> dict[str, Any]:
    """Return the route of GitHub's reports, whose form GitHub has defined."""
    found = {"type": "object", "required": ["token"], "properties": dict.fromkeys(_MATCH, _TEXT)}
    label = {**_TEXT, "enum": ["true_positive", "false_positive"]}
    answer = {"type": "object", "properties": {"token_hash": _TEXT, "token_type": _TEXT, "label": label}}
    field_values = {
        "token_hash": sha256(b"tk_live_1").hexdigest(),
        "token_type": _MATCH["type"],
        "label": "true_positive",
    }
    failed = {
        403: "GitHub has not signed it.",
        404: "No `github_keys`.",
        413: "Too large.",
        422: "Malformed.",
        429: "Later.",
        503: "The keys, or the database.",
    }
    return {
        **_operation(GITHUB, failed, _list(answer), [field_values]),
        "tags": ["leaks"],
        "security": [],
        "parameters": [
            {
                "name": f"Github-Public-Key-{name}",
                "in": "header",
                "required": True,
                "schema": _TEXT,
                "description": about,
            }
            for name, about in (("Identifier", "Which key has signed."), ("Signature", "ECDSA P-256, as base64."))
        ],
        "requestBody": _body(_list(found), [_MATCH]),
    }


def _verdict(components: dict[str, Any]) -> dict[str, Any]:
    """Return the verdict of a valid key."""
    found = example(_VERDICT, components)
    del found["key"]["max_idle_seconds"]  # only management returns these fields
    return {**found, "kind": "key", "session": None, "claims": {}}


def _operation(
    path: str, problems: dict[int, str], answer: dict[str, Any] | None = None, sample: Any = None
) -> dict[str, Any]:
    route = ROUTES[path]
    good: dict[str, Any] = {"description": "The answer."}
    if answer is not None:
        good["content"] = {"application/json": {"schema": answer, "example": sample}}
    responses = {"200": good}
    for code, about in problems.items():
        responses[str(code)] = {"description": about, "content": dict(_PROBLEM)}
    security: list[dict[str, Any]] = [{"bearer": []}, {"api_key": []}]
    return {
        "tags": ["verify"],
        "operationId": route.id,
        "summary": route.about,
        **dated(route.deprecated, _ABOUT[path]),
        "security": security,
        "responses": responses,
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(items: dict[str, Any], **bounds: int) -> dict[str, Any]:
    return {"type": "array", "items": items, **bounds}


def _body(schema: dict[str, Any], sample: Any) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema, "example": sample}}}

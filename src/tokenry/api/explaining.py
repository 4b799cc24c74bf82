"""`/v1/explain`: why a credential is, or is not, accepted. Takes nothing and counts nothing."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from pydantic import Field, JsonValue
from starlette.responses import Response

from tokenry.types import Explanation

from . import replies
from .documents import ExplanationDocument
from .rooms import Caller, Here, Room
from .schemas import ENVIRONMENT, SCOPE, Body, Credential, KeyId, Slug, Whole

Scope = Annotated[str, Field(min_length=1, max_length=64, pattern=SCOPE, examples=["read:projects"])]

room = Room("explain", "Why a credential is, or is not, accepted.")


class Question(Body):
    """What a verifier would ask."""

    scopes: Annotated[
        Scope | list[Scope] | dict[str, JsonValue] | None,
        Field(description='One scope, a list (all of), or nested `{"all": […]}` and `{"any": […]}`.'),
    ] = None
    ip: Annotated[str | None, Field(min_length=1, max_length=64, examples=["203.0.113.7"])] = None
    cost: Annotated[Whole, Field(ge=0, le=10**9)] = 1


class CredentialQuestion(Question):
    """What a verifier would ask about a credential that it was presented."""

    credential: Credential
    tenant: Annotated[Slug | None, Field(description="By default any that the caller operates.")] = None
    environment: Annotated[str | None, Field(pattern=ENVIRONMENT)] = None
    audience: Annotated[str | None, Field(min_length=1, max_length=255)] = None


@room.post("/v1/explain", "explain", tells=ExplanationDocument, may=(413, 415))
def explain(call: Caller, body: CredentialQuestion) -> Response:
    """Evaluate every check for a credential and mark the first failure."""
    tenant = body.tenant if call.everywhere else call.tenant(body.tenant)
    asked = {**body.given(), "tenant": tenant}
    explanation = call.tk.explain(asked.pop("credential"), **asked)
    return _told(explanation if call.everywhere else _confined(explanation))


@room.post("/v1/keys/{id}/explain", "keys.explain", tells=ExplanationDocument, may=(413, 415))
def explain_key(here: Here, id: KeyId, body: Question | None = None) -> Response:
    """Tell what a verifier would say to a key's current secret, check by check."""
    return _told(here.keys.explain(id, **(body.given() if body else {})))


def _confined(explanation: Explanation) -> Explanation:
    """Return what an operator of a tenant may know: of a credential that is not found, nothing more."""
    if explanation.code != "not_found":
        return explanation
    found = ("malformed", "not_found")
    checks = [one if one.code in found else dataclasses.replace(one, passed=None) for one in explanation.checks]
    return dataclasses.replace(explanation, checks=tuple(checks))


def _told(explanation: Explanation) -> Response:
    checks = explanation.checks
    return replies.reply({"valid": bool(explanation), "code": explanation.code, "checks": checks})

"""The views of the project that tests run."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.response import Response
from rest_framework.views import APIView

from tokenry.ext.django import credential_required, key_required, refresh_session, session_required, sign_in, sign_out
from tokenry.ext.django.drf import CredentialRequired, TokenryAuthentication


@key_required("read:projects")
def projects(request: Any) -> JsonResponse:
    return JsonResponse({"owner": request.credential.owner.external_id})


@key_required({"any": ["read:projects", "admin:all"]})
async def projects_async(request: Any) -> JsonResponse:
    return JsonResponse({"owner": request.credential.owner.external_id})


@session_required
def signed_in(request: Any) -> JsonResponse:
    return JsonResponse({"owner": request.credential.owner.external_id})


@credential_required(optional=True)
def anybody(request: Any) -> JsonResponse:
    return JsonResponse({"owner": request.credential.owner.external_id if request.credential else None})


def undecorated(request: Any) -> JsonResponse:
    return JsonResponse({"owner": request.credential.owner.external_id if request.credential else None})


async def undecorated_async(request: Any) -> JsonResponse:
    credential = await request.acredential()
    return JsonResponse({"owner": credential.owner.external_id if credential else None})


@csrf_exempt  # a real page of theirs has a form, with Django's token in it
def sign_in_view(request: HttpRequest) -> Any:
    return sign_in(request, JsonResponse({}), request.headers["X-Demo-User"], {"theme": "dark"})


def sign_out_view(request: HttpRequest) -> Any:
    return sign_out(request, HttpResponse(status=204))


@refresh_session
def own_refresh(request: HttpRequest, tokens: Any) -> JsonResponse:
    return JsonResponse({"session": tokens.session.id})


class Projects(APIView):
    authentication_classes = (TokenryAuthentication,)
    permission_classes = (CredentialRequired,)
    required_scopes = {"GET": ["read:projects"], "POST": ["write:projects"]}  # noqa: RUF012

    def get(self, request: Any) -> Response:
        return Response({"owner": request.user.username, "kind": type(request.user).__name__})

    def post(self, request: Any) -> Response:
        return Response({"owner": request.user.username}, status=201)

    def delete(self, request: Any) -> Response:
        raise AssertionError("nobody may")


urlpatterns = [
    path("projects", projects),
    path("projects-async", projects_async),
    path("signed-in", signed_in),
    path("anybody", anybody),
    path("undecorated", undecorated),
    path("undecorated-async", undecorated_async),
    path("sign-in", sign_in_view),
    path("leave", sign_out_view),
    path("auth/own", own_refresh),
    path("auth/", include("tokenry.ext.django.urls")),
    path("drf/projects", Projects.as_view()),
]

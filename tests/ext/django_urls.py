"""The views of the project that tests run."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.response import Response
from rest_framework.views import APIView

from tokenry.ext.django import (
    credential_required,
    key_page,
    key_required,
    refresh_session,
    session_required,
    sign_in,
    sign_out,
)
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


def insert_row() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO host_row VALUES ('row')")


def end_as_asked(request: HttpRequest) -> None:
    if "fail" in request.GET:
        raise ZeroDivisionError


@key_required
def writes(request: Any) -> JsonResponse:
    insert_row()
    end_as_asked(request)
    return JsonResponse({"in_atomic_block": connection.in_atomic_block})


@transaction.non_atomic_requests
@key_required
def writes_alone(request: Any) -> JsonResponse:
    insert_row()
    return JsonResponse({"in_atomic_block": connection.in_atomic_block})


@csrf_exempt
def writes_and_signs_in(request: HttpRequest) -> Any:
    insert_row()
    answer = sign_in(request, JsonResponse({}), "ada")
    end_as_asked(request)
    return answer


@refresh_session
def refreshes_and_writes(request: HttpRequest, tokens: Any) -> JsonResponse:
    insert_row()
    end_as_asked(request)
    return JsonResponse({})


@csrf_exempt
def writes_and_signs_out(request: HttpRequest) -> Any:
    insert_row()
    answer = sign_out(request, HttpResponse(status=204))
    end_as_asked(request)
    return answer


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
    path("keys/", key_page(scopes=["read:projects"], sign_in="/sign-in")),
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
    path("writes", writes),
    path("writes-alone", writes_alone),
    path("writes-and-signs-in", writes_and_signs_in),
    path("auth/refreshes-and-writes", refreshes_and_writes),
    path("auth/writes-and-signs-out", writes_and_signs_out),
    path("drf/projects", Projects.as_view()),
]

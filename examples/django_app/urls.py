"""The views of a project whose people sign in and make keys, and whose programs use them."""

import json

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.http import HttpResponse, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from tokenry import Conflict, Invalid, NotFound
from tokenry.ext.django import credential_required, get_tokenry, session_required, sign_in


def load_user(external_id):
    """Return the user that a credential belongs to; None refuses it."""
    return User.objects.filter(username=external_id, is_active=True).first()


@csrf_exempt
@require_POST
def signing_up(request):
    """Make a user and its owner in one transaction: both come to be, or neither."""
    given = json.loads(request.body)
    with transaction.atomic(), get_tokenry().using(connection) as joined:
        user = User.objects.create_user(given["user"], password=given["password"])
        joined.owners.put(user.username)
    return JsonResponse({"user": user.username}, status=201)


@csrf_exempt
@require_POST
def signing_in(request):
    given = json.loads(request.body)
    user = authenticate(request, username=given["user"], password=given["password"])
    if user is None:
        return JsonResponse({"error": "unknown user or wrong password"}, status=401)
    agent = request.headers.get("User-Agent", "")[:200]
    return sign_in(request, JsonResponse({"user": user.username}), user.username, device={"agent": agent})


@session_required
def me(request):
    sessions = get_tokenry().sessions.list(by=request.credential)
    return JsonResponse({"user": request.user.username, "sessions": [session.device for session in sessions]})


@require_http_methods(["GET", "POST"])
@session_required
def my_keys(request):
    if request.method == "GET":
        keys = get_tokenry().keys.list(by=request.credential)
        return JsonResponse([{"id": key.id, "name": key.name, "status": key.status} for key in keys], safe=False)
    given = json.loads(request.body)
    try:
        issued = get_tokenry().keys.issue(request.user.username, name=given["name"], scopes=given.get("scopes", []))
    except Invalid as error:
        return JsonResponse({"errors": [e._asdict() for e in error.errors]}, status=422)
    except Conflict as error:
        return JsonResponse({"error": error.message}, status=409)
    answer = JsonResponse({"id": issued.key.id, "secret": str(issued.secret)}, status=201)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@require_http_methods(["DELETE"])
@session_required
def one_key(request, id):
    try:
        get_tokenry().keys.revoke(id, by=request.credential)  # somebody else's key is NotFound
    except NotFound:
        return HttpResponse(status=404)
    return HttpResponse(status=204)


@credential_required("read:projects")
def projects(request):
    return JsonResponse({"owner": request.user.username, "projects": ["one", "two"]})


urlpatterns = [
    path("sign-up", signing_up),
    path("sign-in", signing_in),
    path("me", me),
    path("me/keys", my_keys),
    path("me/keys/<id>", one_key),
    path("api/projects", projects),
    path("auth/", include("tokenry.ext.django.urls")),
]

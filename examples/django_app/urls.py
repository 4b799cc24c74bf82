"""The views of a project whose people sign in and make keys, and whose programs use them."""

import json
from pathlib import Path

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.http import HttpResponse, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from tokenry import Conflict, Invalid, NotAllowed, NotFound
from tokenry.ext.django import credential_required, get_tokenry, key_page, session_required, sign_in

SHARED = Path(__file__).resolve().parents[1]
PAGE = (SHARED / "page.html").read_text().replace("STYLE", (SHARED / "page.css").read_text())


def load_user(external_id):
    """Return the user that a credential belongs to; None refuses it."""
    return User.objects.filter(username=external_id, is_active=True).first()


def make_user(name, password):
    """Make a user and its owner in one transaction: both rows are written, or neither is."""
    with transaction.atomic(), get_tokenry().using(connection) as joined:
        user = User.objects.create_user(name, password=password)
        joined.owners.put(user.username, roles=["member"])
    return user


def home(request):
    return HttpResponse(PAGE.replace("FRAMEWORK", "Django"))


@csrf_exempt
@require_POST
def signing_up(request):
    given = json.loads(request.body)
    if User.objects.filter(username=given["user"]).exists():
        return JsonResponse({"error": "this name is taken"}, status=409)
    return JsonResponse({"user": make_user(given["user"], given["password"]).username}, status=201)


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
    keys, me = get_tokenry().keys, request.credential
    if request.method == "GET":
        found = [{"id": key.id, "name": key.name, "status": key.status} for key in keys.list(by=me)]
        return JsonResponse(found, safe=False)
    given = json.loads(request.body)
    try:
        issued = keys.issue(me.owner, name=given["name"], scopes=given.get("scopes", []), by=me)
    except (Invalid, Conflict, NotAllowed) as error:
        status = {"not_allowed": 403, "conflict": 409}.get(error.code, 422)
        return JsonResponse({"error": error.message}, status=status)
    answer = JsonResponse({"id": issued.key.id, "secret": str(issued.secret)}, status=201)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@require_http_methods(["DELETE"])
@session_required
def one_key(request, id):
    try:
        get_tokenry().keys.revoke(id, by=request.credential)
    except NotFound:
        # The key does not exist, or it is another user's.
        return HttpResponse(status=404)
    return HttpResponse(status=204)


@credential_required("read:projects")
def projects(request):
    return JsonResponse({"owner": request.user.username, "projects": ["one", "two"]})


urlpatterns = [
    path("", home),
    path("keys/", key_page(sign_in="/")),
    path("sign-up", signing_up),
    path("sign-in", signing_in),
    path("me", me),
    path("me/keys", my_keys),
    path("me/keys/<id>", one_key),
    path("api/projects", projects),
    path("auth/", include("tokenry.ext.django.urls")),
]

"""Keys in Django's admin: list, search, revoke, rotate. Every change goes through the engine, never through rows."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from tokenry.edge import OPERATOR_ENVIRONMENT, SYSTEM
from tokenry.types import KEY_STATUSES, Key, NotFound, Page, TokenryError

from . import models
from .admitting import facts_of
from .engine import get_tokenry, guard

_GRACES = {"0": "ends at once", "3600": "works for one more hour", "86400": "works for one more day"}
_FILTERS = ("text", "owner", "status", "cursor")


@admin.register(models.Key)
class KeyAdmin(admin.ModelAdmin):
    """The pages of keys."""

    def get_urls(self) -> list[URLPattern]:
        """Return the pages, without Django's own pages, which would edit rows."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="tokenry_key_changelist"),
            path("<str:object_id>/", view(self.change_view), name="tokenry_key_change"),
            path("<str:object_id>/revoke/", view(self.revoke_view), name="tokenry_key_revoke"),
            path("<str:object_id>/rotate/", view(self.rotate_view), name="tokenry_key_rotate"),
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: the application issues keys, since only the application knows their owner."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse: a key is revoked instead, and stays visible."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """List one page of the keys of a tenant."""
        self._must(request, "view")
        asked = {name: request.GET[name] for name in _FILTERS if request.GET.get(name)}
        try:
            found = self._groups(request).keys.list(**asked)
        except TokenryError as error:
            messages.error(request, error.message)
            found = Page(())
        asked.pop("cursor", None)
        values = {"found": found, "asked": asked, "statuses": KEY_STATUSES, "tenants": self._tenants()}
        return self._answer(request, "keys", "API keys", **values, **(extra_context or {}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one key."""
        self._must(request, "view")
        key = self._key(request, object_id)
        may_change = self.has_change_permission(request)
        return self._answer(
            request, "key", key.name, key=key, may_change=may_change, may_rotate=may_change and not _is_operators(key)
        )

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then revoke a key for good."""
        self._must(request, "change")
        key = self._key(request, object_id)
        if request.method != "POST":
            return self._answer(request, "revoke", f"Revoke {key.name}", key=key)
        if self._does(request, lambda tk: tk.keys.revoke(key.id, reason=request.POST.get("reason", ""))):
            self._note(request, key, "Revoked.")
            messages.success(request, f"{key.name} is revoked and is refused from now on.")
        return self._to_key(request, key)

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then give a key a new secret; only this response shows the secret."""
        self._must(request, "change")
        key = self._key(request, object_id)
        if _is_operators(key):  # its secret lets its holder do more than any permission of Django's says
            raise PermissionDenied
        if request.method != "POST":
            values = {"graces": _GRACES, "once": secrets.token_urlsafe(16)}
            return self._answer(request, "rotate", f"Rotate {key.name}", key=key, **values)
        grace = request.POST.get("grace", "")
        if grace not in _GRACES:
            messages.error(request, "Choose how long the old secret works.")
            return self._to_key(request, key)
        # A form that is sent twice must not rotate twice: the first new secret would end at once.
        wanted = {"grace": timedelta(seconds=int(grace)), "idempotency_key": request.POST.get("once") or None}
        issued = self._does(request, lambda tk: tk.keys.rotate(key.id, **wanted))
        if issued is None:
            return self._to_key(request, key)
        self._note(request, key, "Rotated.")
        answer = self._answer(request, "secret", f"The new secret of {key.name}", key=key, secret=str(issued.secret))
        answer["Cache-Control"] = "no-store"
        return answer

    def _must(self, request: HttpRequest, what: str) -> None:
        if not getattr(self, f"has_{what}_permission")(request):
            raise PermissionDenied

    def _groups(self, request: HttpRequest) -> Any:
        """Return the engine in the tenant that the page is about; the audit log gets the address of the request.

        The tenant of the settings is the only one. The operators' tenant is never shown: its keys manage Tokenry.
        """
        tenant = guard().options.tenant or request.GET.get("tenant") or "default"
        if tenant == SYSTEM:
            raise Http404
        return get_tokenry().scoped(tenant=tenant, ip=guard().client(facts_of(request)))

    def _tenants(self) -> list[str]:
        """Return the tenants to choose from; none where the settings name the only one."""
        if guard().options.tenant:
            return []
        return [tenant.slug for tenant in get_tokenry().tenants.list(limit=100).items if tenant.slug != SYSTEM]

    def _key(self, request: HttpRequest, id: str) -> Key:
        try:
            found: Key = self._groups(request).keys.get(id)
        except NotFound:
            raise Http404 from None
        return found

    def _does(self, request: HttpRequest, change: Any) -> Any:
        """Return the result of a change; None for a refused change, with the reason on the page."""
        try:
            return change(self._groups(request))
        except TokenryError as error:
            messages.error(request, error.message)
            return None

    def _note(self, request: HttpRequest, key: Key, done: str) -> None:
        """Record the acting user in Django's history: the engine's audit log names only the program."""
        self.log_change(request, models.Key(id=key.id), f"{done} {key.name} of {key.owner} in {key.tenant}")

    def _to_key(self, request: HttpRequest, key: Key) -> HttpResponse:
        place = reverse(f"{self.admin_site.name}:tokenry_key_change", args=[key.id])
        return HttpResponseRedirect(f"{place}?tenant={key.tenant}")

    def _answer(self, request: HttpRequest, page: str, title: str, **result: Any) -> HttpResponse:
        result["tenant"] = request.GET.get("tenant", "")
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **result}
        return TemplateResponse(request, f"tokenry/admin/{page}.html", context)


def _is_operators(key: Key) -> bool:
    """Tell whether a key is that of an operator, with which Tokenry itself is managed."""
    return key.environment == OPERATOR_ENVIRONMENT

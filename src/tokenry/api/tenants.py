"""`/v1/tenants`: the customers of the installation."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from starlette.responses import Response

from . import replies
from .documents import PageOf, TenantDocument
from .rooms import Caller, Room
from .schemas import Body, Cursor, Days, Limit, Name, Slug, Slugged, days

room = Room("tenants", "The customers of the installation; everything belongs to exactly one.")

_PREFIX = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"


class TenantFields(Body):
    """What can be said of a tenant."""

    name: Name = ""
    prefix: Annotated[str, Field(max_length=19, pattern=_PREFIX, examples=["acme"])] = "tk"
    expires_in_default_days: Days = 90
    expires_in_max_days: Days = 3650
    never_allowed: bool = False
    self_rotation_allowed: bool = False

    def given(self) -> dict[str, Any]:
        """Return the fields that the request has, as arguments of the library."""
        given = super().given()
        for name in ("expires_in_default", "expires_in_max"):
            if f"{name}_days" in given:
                given[name] = days(given.pop(f"{name}_days"))
        return given


class NewTenant(TenantFields):
    """A tenant to create; its name is its slug unless given."""

    slug: Slug


@room.get("/v1/tenants", "tenants.list", tells=PageOf[TenantDocument])
def list_tenants(call: Caller, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """List tenants, by slug."""
    return replies.tenants(call.groups(call.home).tenants.list(limit=limit, cursor=cursor))


@room.post("/v1/tenants", "tenants.create", tells=TenantDocument, status=201)
def create(call: Caller, body: NewTenant) -> Response:
    """Create a tenant."""
    return replies.tenant(call.groups(call.home).tenants.create(**body.given()), 201)


@room.get("/v1/tenants/{slug}", "tenants.get", tells=TenantDocument)
def get(call: Caller, slug: Slugged) -> Response:
    """Return a tenant."""
    return replies.tenant(call.groups(call.home).tenants.get(call.tenant(slug)))


@room.patch("/v1/tenants/{slug}", "tenants.update", tells=TenantDocument)
def update(call: Caller, slug: Slugged, body: TenantFields) -> Response:
    """Change what is given. Keys that exist keep their prefix and their expiry."""
    return replies.tenant(call.groups(call.home).tenants.update(slug, **body.given()))


@room.post("/v1/tenants/{slug}/suspend", "tenants.suspend", tells=TenantDocument)
def suspend(call: Caller, slug: Slugged) -> Response:
    """Suspend a tenant: from now on none of its credentials is valid."""
    return replies.tenant(call.groups(call.home).tenants.suspend(slug))


@room.post("/v1/tenants/{slug}/resume", "tenants.resume", tells=TenantDocument)
def resume(call: Caller, slug: Slugged) -> Response:
    """Make a suspended tenant active again."""
    return replies.tenant(call.groups(call.home).tenants.resume(slug))


@room.delete("/v1/tenants/{slug}", "tenants.delete")
def delete(call: Caller, slug: Slugged) -> Response:
    """Remove a tenant that is suspended and has no owners left; its audit log stays."""
    call.groups(call.home).tenants.delete(slug)
    return replies.nothing()

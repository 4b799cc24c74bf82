"""The settings of a tenant's key page: its look, its texts, and the permissions of owners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic

import msgspec

from tokenry.core import fields
from tokenry.core.errors import FieldError
from tokenry.core.key_page import PERMISSIONS, KeyPageSettings, read_settings
from tokenry.core.model import NOT_GIVEN, NotGiven, Tenant
from tokenry.core.ports import Rows

from .context import B, Context

READ, WRITE = "tokenry:tenants:read", "tokenry:tenants:write"


class KeyPages(Generic[B]):
    """The settings of the key page, one set for each tenant."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def get(self, *, tenant: str | NotGiven = NOT_GIVEN, by: B | NotGiven = NOT_GIVEN) -> KeyPageSettings:
        """Return the settings of the key page; those of a new tenant are the defaults."""
        with self._context.reading(tenant, by) as scene:
            scene.actor.must(READ, "reading the settings of the key page")
            return settings_of(scene.rows, scene.tenant)

    def put(
        self,
        *,
        title: str = "",
        logo: str | None = None,
        colours: Sequence[str] | None = None,
        language: str | None = None,
        texts: Mapping[str, Mapping[str, str]] | None = None,
        permissions: Sequence[str] = PERMISSIONS,
        keys_max: int = 100,
        tenant: str | NotGiven = NOT_GIVEN,
        by: B | NotGiven = NOT_GIVEN,
    ) -> KeyPageSettings:
        """Replace the settings of the key page; omitted settings get their defaults.

        `colours` are the colour of the light page and that of the dark page. Raise Invalid for an unreadable colour.
        """
        errors: list[FieldError] = []
        given = {"title": title, "logo": logo, "colours": colours, "language": language, "texts": texts or {}}
        values = read_settings({**given, "permissions": permissions, "keys_max": keys_max}, errors)
        fields.refuse(errors)
        with self._context.changing(tenant, by, alone=True) as change:
            change.actor.must(WRITE, "changing the settings of the key page")
            before = settings_of(change.rows, change.tenant)
            after = KeyPageSettings(tenant=change.tenant.slug, updated_at=change.now, **values)
            if before.updated_at is not None and _values(before) == _values(after):
                return before
            change.rows.portal.put_settings(change.tenant, msgspec.json.encode(after).decode())
            change.record("key_page.updated", change.tenant.slug, _values(before), _values(after))
            return after


def settings_of(rows: Rows, tenant: Tenant) -> KeyPageSettings:
    """Return the settings of a tenant's key page."""
    stored = rows.portal.settings(tenant)
    if stored is None:
        return KeyPageSettings(tenant=tenant.slug, texts={})
    return msgspec.json.decode(stored, type=KeyPageSettings)


def _values(settings: KeyPageSettings) -> dict[str, Any]:
    names = ("title", "logo", "colours", "language", "texts", "permissions", "keys_max")
    return {name: getattr(settings, name) for name in names}
